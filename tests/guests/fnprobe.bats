#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fnprobe in a guest: another kernel, a real virtiofs.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests
	mkdir -p "$GUESTS/share"
	guest_need
	guest_start g "$GUESTS/share"
}

teardown_file() {
	guests_cleanup
}

@test "what the guest's kernel offers, and what its share can do" {
	run -0 guest g <<-'EOF'
		fnprobe kernel --require init_ext,virtiofs,handle_open,watch_inotify --require-not fsnotify_rfc_v1 || exit 2
		fnprobe mount /mnt/share --require fuse_mount,answers,hard_links,watch_inotify || exit 3
		fnprobe mount /mnt/share --shell -o name >/tmp/mount || exit 4
		. /tmp/mount
		echo "$FN_FSTYPE $FN_SOURCE $FN_REMOTE_WATCH"
	EOF
	[ "$output" = "virtiofs share no" ]
	[ -z "$(ls -A "$GUESTS/share")" ]
}

# Kernels show tags since 6.9; before that it is not known, and that is said.
@test "the tag of the share, or why it cannot be told" {
	run -0 guest g <<-'EOF'
		fnprobe tags -o name,state,value,reason
		echo "status $?"
		[ ! -d /sys/fs/virtiofs ] || fnprobe tags --wait share -t 5s --require tags || exit 2
		true
	EOF
	[[ $output == *"share"*"status 0"* || $output == *"since 6.9"*"status 3"* ]]
}

@test "what is done on the share in the guest raises exact events there" {
	run -0 guest g <<-'EOF'
		fnprobe events /mnt/share --shell | grep -c "^FN_INOTIFY_[A-Z_]*='exact'"
	EOF
	[ "$output" = 17 ]
	[ -z "$(ls -A "$GUESTS/share")" ]
}
