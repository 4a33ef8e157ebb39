#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
load helpers

EXAMPLES=/usr/share/doc/libfuse3-dev/examples
VIRTIOFSD=/usr/lib/qemu/virtiofsd

setup_file() {
	export EX="$BATS_FILE_TMPDIR/examples"
	mkdir -p "$EX"
	[ -d $EXAMPLES ] || return 0
	local e
	for e in printcap hello hello_ll passthrough_ll; do
		# shellcheck disable=SC2046
		cc -w -o "$EX/$e" $EXAMPLES/$e.c $(pkg-config --cflags --libs fuse3)
	done
}
setup() {
	T=$BATS_TEST_TMPDIR
	mkdir -p "$T/src" "$T/mnt"
}
teardown() { cleanup; }

need_examples() { [ -x "$EX/hello_ll" ] || missing "needs libfuse's examples"; }
need_virtiofsd() { [ -x $VIRTIOFSD ] || missing "needs the C virtiofsd"; }
# state NAME, value NAME: of the JSON in $output
state() { jq -r --arg n "$1" '.facts[] | select(.name == $n) | .state' <<<"$output"; }
value() { jq -r --arg n "$1" '.facts[] | select(.name == $n) | .value' <<<"$output"; }
reason() { jq -r --arg n "$1" '.facts[] | select(.name == $n) | .reason' <<<"$output"; }
fact() { # NAME STATE [VALUE]
	[ "$(state "$1")" = "$2" ] || { echo "$1 is $(state "$1"), not $2: $(reason "$1")"; return 1; }
	[ $# -lt 3 ] || [ "$(value "$1")" = "$3" ] || { echo "$1 has $(value "$1"), not $3"; return 1; }
}
probe() { run --separate-stderr fnprobe --json "$@"; }
# running PROGRAM…: is one of these, by its file, alive?
running() {
	local p exe
	for p in /proc/[0-9]*; do
		exe=$(readlink "$p/exe") || continue
		[[ " $* " == *" $exe "* ]] && return 0
	done
	return 1
}
none_running() { ! running "$@"; }
mount_passthrough() { # [OPTION…]
	start server "$EX/passthrough_ll" -f -o source="$T/src" "$@" "$T/mnt"
	wait_for 5 mounted "$T/mnt"
}
start_virtiofsd() {
	start virtiofsd $VIRTIOFSD --socket-path="$T/sock" -o source="$T/src" -f
	wait_for 5 test -S "$T/sock"
}

@test "kernel: version and all 64 flags are those of an independent raw INIT" {
	need_root
	need_fuse
	read -r version flags length readahead < <(rawinit)
	probe kernel
	[ "$status" -eq 0 ]
	fact protocol yes "$version"
	fact init_flags yes "$flags"
	fact init_size yes "$length"
	fact max_readahead yes "$readahead"
	local bit name all=0
	while read -r bit name; do
		all=$((all | 1 << bit))
		[ "$(state "$name")" = offered ]
	done < <(jq -r '.facts[] | select(.group == "init" and .state == "offered") |
		(.value | sub("bit "; "")) + " " + .name' <<<"$output")
	[ "$(printf 0x%016x $all)" = "$flags" ]
}

@test "kernel: what libfuse's printcap sees is offered, and what it does not see is not" {
	need_root
	need_fuse
	need_examples
	"$EX/printcap" >"$T/caps"
	probe kernel
	grep -qx "Protocol version: $(value protocol)" "$T/caps"
	local cap name want
	# libfuse's own names for three flags
	for cap in $(grep -o 'FUSE_CAP_[A-Z_0-9]*' $EXAMPLES/printcap.c | sort -u); do
		case ${cap#FUSE_CAP_} in
		IOCTL_DIR) name=has_ioctl_dir ;;
		READDIRPLUS) name=do_readdirplus ;;
		EXPIRE_ONLY) name=has_expire_only ;;
		*) name=$(tr A-Z a-z <<<"${cap#FUSE_CAP_}") ;;
		esac
		want=no
		grep -qw "$cap" "$T/caps" && want=offered
		fact "$name" $want
	done
}

@test "kernel: the RFC's numbers are never yes" {
	need_root
	need_fuse
	probe kernel
	fact init_ext offered
	fact fsnotify_rfc_v1 no
	[ "$(reason fsnotify_rfc_v1)" = "bit 30 is INIT_EXT since 7.36" ]
	[ "$(reason fsnotify_rfc_v2)" = "bit 34 is CREATE_SUPP_GROUP since 7.38" ]
	run fnprobe kernel --require fsnotify-rfc-v1
	[ "$status" -eq 1 ]
	[ -z "$output" ]
}

# A process with a second thread, such as ThreadSanitizer's, cannot enter a user namespace.
need_one_thread() { [ "${SAN-}" != thread ] || skip "not under ThreadSanitizer"; }

@test "kernel: an ordinary user is told what could not be seen, and never 'no'" {
	need_root
	need_one_thread
	need_command setpriv
	cp "$FN_BUILD/fnprobe" "/tmp/fnprobe.$$"
	local none="mknod /tmp/fuse.$$ c 10 229; chmod 600 /tmp/fuse.$$; mount --bind /tmp/fuse.$$ /dev/fuse"
	run --separate-stderr unshare -m sh -c "$none; rm /tmp/fuse.$$
		exec setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/fnprobe.$$ --json kernel"
	rm -f "/tmp/fnprobe.$$"
	[ "$status" -eq 3 ]
	fact fuse unknown
	fact passthrough unknown
	[ "$(reason passthrough)" = "/dev/fuse: Permission denied" ]
	fact fanotify yes
	fact fanotify_mark_fs unknown
	[[ $stderr == *"/dev/fuse: Permission denied"* ]]
	[ "$(jq '[.facts[] | select(.reason == "Operation not permitted" and .holds == false)] | length' <<<"$output")" = 0 ]
}

@test "kernel: an ordinary user with /dev/fuse gets the flags from a user namespace" {
	need_root
	need_one_thread
	need_command setpriv
	[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || missing "needs user namespaces"
	read -r version flags length readahead < <(rawinit)
	cp "$FN_BUILD/fnprobe" "/tmp/fnprobe.$$"
	local node="mknod /tmp/fuse.$$ c 10 229; chmod 666 /tmp/fuse.$$; mount --bind /tmp/fuse.$$ /dev/fuse"
	run --separate-stderr unshare -m sh -c "$node; rm /tmp/fuse.$$
		exec setpriv --reuid 65534 --regid 65534 --clear-groups /tmp/fnprobe.$$ --json kernel"
	rm -f "/tmp/fnprobe.$$"
	[ "$status" -eq 0 ]
	fact init_flags yes "$flags"
	fact handle yes
}

@test "renderings: JSON, shell, macros, columns, list" {
	need_root
	need_fuse
	probe kernel
	[ "$(jq -r '.schema, .probe' <<<"$output" | xargs)" = "1 kernel" ]
	[ "$(jq -r '.facts[] | keys_unsorted | join(",")' <<<"$output" | sort -u)" = \
		name,group,state,holds,value,reason,how ]
	jq -r '.facts[].name' <<<"$output" >"$T/names"
	fnprobe kernel --json | jq -r '.facts[].name' | diff - "$T/names"
	# every fact that is found is in the list, and every one in the list is found
	fnprobe --list kernel | awk '{print $1}' | sort >"$T/list"
	sort "$T/names" | diff - "$T/list"

	eval "$(fnprobe kernel --shell --prefix K_)"
	[ "$K_PROTOCOL" = "$(value protocol)" ]
	[ "$K_PASSTHROUGH" = "$(state passthrough)" ]

	fnprobe kernel --macros --prefix T_ >"$T/probe.h"
	printf '#include "probe.h"\n#if !T_HAVE_INIT_EXT || T_INIT_SIZE < 56 || defined(T_HAVE_FSNOTIFY_RFC_V1)\n#error wrong\n#endif\n' >"$T/probe.c"
	cc -I"$T" -fsyntax-only -Wall -Werror "$T/probe.c"

	run fnprobe kernel -o state,name
	[ "${lines[0]}" = "STATE    NAME" ]
	run fnprobe kernel -o bogus
	[ "$status" -eq 2 ]
}

@test "require, require-not and wait give 0, 1, 2, 3 and 4, and print nothing" {
	need_root
	need_fuse
	run fnprobe kernel --require INIT_EXT,fuse_big-writes --require-not file_ops,bit_50
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run fnprobe kernel --require file_ops
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	run fnprobe kernel --require-not init_ext
	[ "$status" -eq 1 ]
	run fnprobe kernel --require no_such_fact
	[ "$status" -eq 2 ]
	run fnprobe mount "$T" --passive --require xattr
	[ "$status" -eq 3 ]
	[ -z "$output" ]
	run fnprobe kernel --require file_ops --wait 0.2
	[ "$status" -eq 4 ]
	run fnprobe kernel --require init_ext --wait 5
	[ "$status" -eq 0 ]
	local bad
	for bad in "" bogus "kernel x" mount "kernel --as 7.31" "server --as 8.1 -- true" \
		"events / --backing / --remote x" "kernel --prefix a-b" "kernel --wait x"; do
		# shellcheck disable=SC2086
		run fnprobe $bad
		[ "$status" -eq 2 ] || { echo "'$bad' gave $status"; false; }
	done
}

@test "a full disk is an error, a closed pipe is not" {
	run --separate-stderr bash -c 'fnprobe kernel >/dev/full'
	[ "$status" -eq 1 ]
	[[ $stderr == "fnprobe: standard output: "* ]]
	run bash -c 'set -o pipefail; fnprobe kernel | true'
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ]
}

# speaks SERVER: the protocol version of the libfuse that it uses.
speaks() { "$1" --version | sed -n 's/.*interface version //p'; }

@test "server: what libfuse's examples negotiate and implement; nothing is changed" {
	need_examples
	echo data >"$T/src/file"
	local spoken
	spoken=$(speaks "$EX/passthrough_ll")
	find "$T/src" -printf '%p %m %s %T@ %C@ %n\n' >"$T/before"
	probe server -- "$EX/passthrough_ll" -f -o source="$T/src"
	[ "$status" -eq 0 ]
	fact protocol yes "$spoken"
	fact async_dio negotiated
	fact passthrough offered
	fact splice_read no
	fact op_mkdir yes "File exists"
	fact op_read yes ok
	fact op_setxattr no
	fact op_forget unknown
	fact fsnotify_rfc_v1 no
	find "$T/src" -printf '%p %m %s %T@ %C@ %n\n' | diff - "$T/before"
	probe server -- "$EX/hello" -f
	fact op_read yes ok
	fact op_write no
	# a server that goes to the background, and a place for the mount point
	probe server -- "$EX/hello_ll" {} -f
	fact protocol yes "$spoken"
	probe server -- "$EX/hello_ll"
	fact protocol yes "$spoken"
}

@test "server: --as another kernel" {
	need_examples
	probe server --as 7.19 -- "$EX/passthrough_ll" -f -o source="$T/src"
	fact protocol_peer yes 7.19
	fact async_dio wanted
	fact do_readdirplus wanted
	fact async_read negotiated
	fact op_lseek unknown
	# no dialect of a server that does not speak it
	probe server --as rfc-v2 -- "$EX/hello_ll" -f
	fact protocol_peer yes 7.38
	fact fsnotify_rfc_v2 no
	probe server --as rfc-v2 -- nonsense rfc-v2 1
	fact fsnotify_rfc_v2 yes
	fact fsnotify_rfc_v1 no
	# bit 34 taken as CREATE_SUPP_GROUP, opcode 51 as TMPFILE
	probe server --as rfc-v2 -- nonsense tmpfile 1
	fact fsnotify_rfc_v2 unknown
	probe server -- nonsense rfc-v2 1
	fact create_supp_group negotiated
	fact fsnotify_rfc_v2 no
}

@test "server: what fnprobe says is what fndump decodes from the same bytes" {
	need_examples
	need_command strace
	[ -x "$FN_BUILD/fndump" ] || missing "needs fndump"
	probe server -- strace -f -o "$T/trace" -tt -s 4096 -xx -e trace=read,readv,write,writev \
		"$EX/passthrough_ll" -f -o source="$T/src"
	[ "$status" -eq 0 ]
	local flags spoken
	spoken=$(speaks "$EX/passthrough_ll")
	flags=$(value init_flags)
	probe --from-trace "$T/trace"
	[ "$status" -eq 0 ]
	fact init_flags yes "$flags"
	fact protocol yes "$spoken"
	fact async_dio negotiated
	fndump --json "$T/trace" >"$T/dump"
	jq -r --arg f "$flags" '.facts[] | select(.group == "init" and .state == "negotiated") | .name' \
		<<<"$output" | sort >"$T/ours"
	jq -r 'select(.kind == "reply" and .op == "INIT") |
		(.body.flags_names + .body.flags2_names)[] | sub("FUSE_"; "")' "$T/dump" |
		tr A-Z a-z | sort | diff - "$T/ours"
}

@test "server: one that fails says why; one that hangs or talks nonsense costs its time only" {
	need_examples
	run --separate-stderr fnprobe server -- "$EX/hello_ll" -f --bogus
	[ "$status" -eq 3 ]
	[[ $stderr == *"ended with status 1"*bogus* ]]
	run --separate-stderr fnprobe server -- /nonexistent
	[ "$status" -eq 3 ]
	local mode seed start
	for mode in silent mute-after garbage flood short long error dies all-flags mutate; do
		for seed in 1 2; do
			start=${EPOCHREALTIME/./}
			run --separate-stderr fnprobe server -t 100ms -- nonsense $mode $seed
			[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { echo "$mode $seed: $status"; false; }
			[ $((${EPOCHREALTIME/./} - start)) -lt 3000000 ] || { echo "$mode: too long"; false; }
		done
	done
	run --separate-stderr fnprobe server -t 100ms -- sh -c 'kill -STOP $$' sh
	[ "$status" -eq 3 ]
	wait_for 5 none_running "$(realpath "$FN_BUILD/tests/helpers/nonsense")"
}

@test "vhost-user: C virtiofsd 7.2 answers 7.36, flags 0x0044f039, and owns the socket" {
	need_root
	need_virtiofsd
	echo data >"$T/src/file"
	start_virtiofsd
	# looking is free
	probe vhost-user --no-connect "$T/sock"
	[ "$status" -eq 0 ]
	fact socket_owner_name yes virtiofsd
	fact protocol unknown
	kill -0 "$virtiofsd_pid"
	probe vhost-user "$T/sock"
	[ "$status" -eq 0 ]
	fact protocol yes 7.36
	fact init_flags yes 0x000000000044f039
	fact socket_owner_name yes virtiofsd
	fact socket_connected no
	fact vhost_config no
	fact op_getattr yes ok
	fact op_read yes ok
	fact op_setxattr no
	# it served its one connection
	wait_for 5 gone "$virtiofsd_pid"
	probe vhost-user "$T/sock"
	[ "$status" -eq 3 ]
	fact socket_owner no
	run fnprobe vhost-user "$T/absent"
	[ "$status" -eq 3 ]
}

@test "vhost-user: a back-end that is stopped, busy, or talks nonsense" {
	need_root
	need_virtiofsd
	start_virtiofsd
	kill -STOP "$virtiofsd_pid"
	probe vhost-user -t 200ms "$T/sock"
	kill -CONT "$virtiofsd_pid"
	[ "$status" -eq 3 ]
	fact protocol unknown
	local mode seed
	for mode in silent closes garbage huge idle jump rings; do
		for seed in 1 2; do
			start bad badvhost $mode $seed "$T/bad"
			wait_for 5 test -S "$T/bad"
			probe vhost-user -t 100ms "$T/bad"
			[ "$status" -eq 3 ] || { echo "$mode $seed: $status"; false; }
			stop "$bad_pid" KILL
			rm -f "$T/bad"
		done
	done
	# somebody else is connected: do not disturb
	start bad badvhost silent 1 "$T/bad"
	wait_for 5 test -S "$T/bad"
	start first fnprobe vhost-user -t 20s "$T/bad"
	wait_for 5 sh -c "fnprobe vhost-user --no-connect --require socket_connected '$T/bad'"
	probe vhost-user "$T/bad"
	[ "$status" -eq 3 ]
	[ "$(reason protocol)" = "another front-end is connected" ]
	stop "$first_pid"
}

@test "mount: a local file system, with and without trying things" {
	probe mount "$T"
	[ "$status" -eq 0 ]
	fact fuse_mount no
	fact answers yes
	fact hard_links yes
	fact watch_inotify yes
	fact remote_watch no
	[ -z "$(find "$T" -name '.fnprobe-*')" ]
	probe mount --passive "$T"
	fact hard_links unknown
	[ "$(reason hard_links)" = "not tried (--passive)" ]
	fnprobe --list mount | awk '{print $1}' | sort >"$T/list"
	jq -r '.facts[].name' <<<"$output" | sort | diff - "$T/list"
	run fnprobe mount "$T/absent"
	[ "$status" -eq 3 ]
}

@test "mount: a FUSE mount, its server and connection; a server that is stopped" {
	need_root
	need_fuse
	need_examples
	echo data >"$T/src/file"
	mount_passthrough
	probe mount "$T/mnt/file"
	[ "$status" -eq 0 ]
	fact fuse_mount yes
	fact fstype yes fuse.passthrough_ll
	fact mount_point yes "$T/mnt"
	fact server_pid yes "$server_pid"
	fact server_name yes passthrough_ll
	fact waiting yes 0
	fact connection yes "$(stat -c %d "$T/mnt")"
	fact xattr no
	fact hard_links yes
	fact handle yes "type 0x81, 12 bytes"
	[ "$(ls -A "$T/src")" = file ]
	kill -STOP "$server_pid"
	probe mount -t 300ms "$T/mnt"
	kill -CONT "$server_pid"
	[ "$status" -eq 3 ]
	fact server_state yes stopped
	fact connection yes
	fact answers unknown
	[[ $(reason xattr) == "no answer in time: "* ]]
	# --wait: until it answers again
	kill -STOP "$server_pid"
	start waiting fnprobe mount --passive -t 100ms --wait 20 --require answers "$T/mnt"
	wait_for 5 sh -c "fnprobe mount --passive -t 100ms --require-not answers '$T/mnt'; test \$? -eq 3"
	kill -CONT "$server_pid"
	wait "$waiting_pid"
}

@test "mount: a server that took a request and sits on it holds nobody up" {
	need_root
	need_fuse
	need_examples
	need_command strace
	start server strace -f -o /dev/null -e inject=writev:delay_enter=2500000:when=3+ \
		"$EX/passthrough_ll" -f -s -o source="$T/src" "$T/mnt"
	wait_for 5 mounted "$T/mnt"
	local began=${EPOCHREALTIME/./}
	# also not who reads what it prints: its child cannot be killed before the server answers
	[ "$(fnprobe mount --passive -t 200ms --json "$T/mnt" 2>&1 | grep -c "no answer in time")" -ge 1 ]
	[ $((${EPOCHREALTIME/./} - began)) -lt 2000000 ]
}

@test "events: a plain directory is exact, a foreign server's mount is silent" {
	need_root
	need_fuse
	need_examples
	probe events "$T/src"
	[ "$status" -eq 0 ]
	[ "$(jq -r '.facts[] | select(.group == "inotify" or .group == "fanotify") | .value' <<<"$output" |
		sort | uniq -c | xargs)" = "34 exact" ]
	run fnprobe events "$T/src" --remote "cd '$T/src' && exec sh"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 18 ]
	[ "$(grep -c 'exact.*exact' <<<"$output")" -eq 17 ]
	mount_passthrough
	run fnprobe events "$T/mnt" --backing "$T/src" --require inotify_create -t 200ms
	[ "$status" -eq 1 ]
	probe events "$T/mnt" --backing "$T/src" -t 200ms
	[ "$status" -eq 0 ]
	[ "$(jq -r '.facts[] | select(.group == "inotify") | .value' <<<"$output" | sort -u)" = none ]
	# the wrong far side
	mkdir "$T/other"
	probe events "$T/mnt" --remote "cd '$T/other' && exec true"
	[ "$status" -eq 3 ]
	fact events unknown
	[ -z "$(find "$T/src" "$T/other" -name '.fnprobe-*')" ]
}

@test "events and mount: on fnmount everything is exact, and remote watches are answered" {
	need_root
	need_fuse
	[ -x "$FN_BUILD/fnmount" ] || missing "needs fnmount"
	start server fnmount -f "$T/src" "$T/mnt"
	wait_for 5 mounted "$T/mnt"
	probe events "$T/mnt" --backing "$T/src" -t 5s
	[ "$(jq -r '.facts[] | select((.group | test("^(i|fa)notify$")) and .state != "yes") |
		.name + " " + .value' <<<"$output")" = "" ]
	[ "$(jq '[.facts[] | select(.value == "exact")] | length' <<<"$output")" = 34 ]
	probe mount "$T/mnt" --passive
	fact remote_watch yes
	fact remote_version yes 1
	[[ $(value remote_mask) == *create* && $(value remote_server) == fnutils* ]]
	[[ $(value remote_features) == *may-arm* && $(state repeat_name) == yes && $(state repeat_delete) == no ]]
	fact server_name yes fnmount
}

@test "tags: what sysfs shows, and waiting for one" {
	need_root
	# shellcheck disable=SC2016
	run unshare -m bash -c '
		mount -t tmpfs none /sys/fs && mkdir -p /sys/fs/virtiofs/7 && cd /sys/fs/virtiofs
		echo "my tag" >7/tag
		ln -s ../../../devices/virtio3 7/device
		fnprobe tags --json || exit 1
		fnprobe tags --wait "my tag" -t 1s --require tags || exit 2
		fnprobe tags --wait other -t 50ms 2>/dev/null
		[ $? -eq 4 ] || exit 3
		# a tag that comes, and a uevent that says so
		fnprobe tags --wait late -t 20s --require tags &
		waiting=$!
		for i in 1 2 3 4 5 6 7 8 9 10; do
			[ -d 8 ] || { mkdir 8 && echo late >8/tag; }
			echo change >/sys/class/mem/null/uevent
			kill -0 $waiting 2>/dev/null || break
			read -rt 0.1 <> <(:)
		done
		wait $waiting || exit 4'
	[ "$status" -eq 0 ]
	fact tags yes 1
	fact tag_7 yes "my tag"
	fact device_7 yes virtio3
}

@test "kill -9 at any moment leaves no mount, connection, directory or process" {
	need_root
	need_fuse
	need_examples
	mount_passthrough
	local i what killed
	start bad badvhost idle 1 "$T/bad"
	for i in {1..30}; do
		case $((i % 6)) in
		0) what=(kernel) ;;
		1) what=(mount "$T/mnt") ;;
		2) what=(events "$T/mnt" --backing "$T/src") ;;
		3) what=(events "$T/mnt" --remote "cd '$T/src' && exec sh") ;;
		4) what=(server -- "$EX/hello_ll") ;;
		5) what=(vhost-user "$T/bad") ;;
		esac
		fnprobe "${what[@]}" >/dev/null 2>&1 3>&- &
		killed=$! # what follows has a process of its own
		read -rt 0.0$((RANDOM % 6))$((RANDOM % 10)) <> <(:) || :
		kill -KILL "$killed" 2>/dev/null || :
		wait "$killed" 2>/dev/null || :
	done
	wait_for 5 sh -c "test -z \"\$(ls -A '$T/src')\""
	wait_for 5 none_running "$(realpath "$FN_BUILD/fnprobe")" "$EX/hello_ll"
	[ "$(grep -c " $T/" /proc/self/mountinfo)" = 1 ]
	! grep -E ' - fuse[^ ]* fnprobe ' /proc/self/mountinfo
}
