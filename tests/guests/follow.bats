#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Host underlay: fnmount below a stock virtiofsd; in the guest fnsend --follow takes the events out
# of the share itself and nudges them there.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests
	mkdir -p "$GUESTS/src/sub" "$GUESTS/export"
	guest_need
	need_fuse
	echo one >"$GUESTS/src/f"
	echo two >"$GUESTS/src/sub/g"
	fnmount -f "$GUESTS/src" "$GUESTS/export" >"$GUESTS/fnmount.log" 2>&1 3>&- &
	echo $! >"$GUESTS/fnmount.pid"
	wait_for 5 test -e "$GUESTS/export/.fsnotify"
	guest_start g "$GUESTS/export"
}

teardown_file() {
	guests_cleanup
	umount -l "$GUESTS/export" 2>/dev/null || :
	kill "$(<"$GUESTS/fnmount.pid")" 2>/dev/null || :
}

@test "what happens on the host is nudged in the guest, and its echo is not" {
	guest g <<-'EOF'
		inotifywait -q -m -r --exclude fsnotify -e modify -e attrib -e close_write --format '%e %w%f' -o /tmp/events /mnt/share >/tmp/log 2>&1 &
		until grep -q inotify /proc/$!/fdinfo/3 2>/dev/null; do usleep 20000; done
		fnsend --follow --via=nudge --degrade=attrib -v /mnt/share >/tmp/follow.out 2>/tmp/follow.err &
		echo $! >/tmp/follow.pid
		until grep -q 'works on any mount' /tmp/follow.err; do usleep 20000; done
	EOF
	local round
	for round in 1 2 3; do
		echo "$round" >>"$GUESTS/src/f"
		chmod "60$round" "$GUESTS/src/sub/g"
		guest g <<-EOF >"$GUESTS/said"
			until [ "\$(grep -c 'MODIFY /mnt/share/f' /tmp/events)" -ge $round ]; do usleep 20000; done
			tail -n 1 /mnt/share/f
		EOF
		[ "$(<"$GUESTS/said")" = "$round" ]
	done
	: >"$GUESTS/src/new"
	run -0 guest g <<-'EOF'
		until grep -q 'ATTRIB /mnt/share/new' /tmp/events; do usleep 20000; done
		kill $(cat /tmp/follow.pid)
		wait $(cat /tmp/follow.pid) 2>/dev/null
		grep -c 'MODIFY /mnt/share/f' /tmp/events
	EOF
	[ "$output" -le 6 ]
}

@test "when the host's server ends, it says so: status 5" {
	guest g <<-'EOF'
		(fnsend --follow --via=nudge -v /mnt/share 2>/tmp/end.err; echo $? >/tmp/end.status) &
		until grep -q 'works on any mount' /tmp/end.err; do usleep 20000; done
	EOF
	kill "$(<"$GUESTS/fnmount.pid")"
	run -0 guest g <<-'EOF'
		until [ -s /tmp/end.status ]; do usleep 20000; done
		cat /tmp/end.status
	EOF
	[ "$output" = 5 ]
}
