#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The control file on a real mount.

load helpers

setup() {
	need_root
	need_fuse
	export T=$BATS_TEST_TMPDIR
	mkdir -p "$T/b/dir/sub" "$T/b/secret" "$T/m"
	chmod 700 "$T/b/secret"
	chmod a+x "$BATS_RUN_TMPDIR" "$(dirname "$T")" "$T"
}

teardown() {
	cleanup
}

mount_it() {
	start mount fnmount -f --no-passthrough "$@" "$T/b" "$T/m"
	wait_for 10 test -e "$T/m/.fsnotify"
}

# watch NAME DIRECTORY…: a client; its events are in $T/NAME.out.
watch() {
	local name=$1
	shift
	mkfifo "$T/$name.in"
	# In the background standard input is /dev/null unless said so right there.
	start "$name" sh -c 'exec fnsource control "$@" <>"$0"' "$T/$name.in" "$@"
	wait_for 10 grep -q ready "$T/$name.out"
}
saw() { grep -qF -- "$2" "$T/$1.out"; }

@test "it resolves, is not listed, and stays" {
	mount_it
	run -0 stat -c '%F %s' "$T/m/.fsnotify"
	[ "$output" = "regular file 1099511627776" ]
	run -0 ls -A "$T/m"
	[[ $output != *.fsnotify* ]]
	run -1 rm -f "$T/m/.fsnotify"
	run -1 mv "$T/m/dir" "$T/m/.fsnotify"
	run -1 ln "$T/m/.fsnotify" "$T/m/link"
	run -0 cat "$T/m/.fsnotify"
	[ -z "$output" ]
	touch "$T/m/.fsnotify"
	[ ! -e "$T/b/.fsnotify" ]
}

@test "the hidden directory that has it too: not listed, empty, and stays" {
	mount_it
	run -0 stat -c '%F %a %i' "$T/m/.fsnotify.d" "$T/m/.fsnotify.d/control" "$T/m/.fsnotify"
	echo "$output"
	[[ ${lines[0]} == "directory 555 "* && ${lines[1]} == "regular file 666 "* && ${lines[1]} == "${lines[2]}" ]]
	run -0 ls -A "$T/m/.fsnotify.d"
	[ -z "$output" ]
	[ ! -e "$T/m/.fsnotify.d/other" ]
	run -1 touch "$T/m/.fsnotify.d/other"
	run -1 mkdir "$T/m/.fsnotify.d/other"
	run -1 mv "$T/m/dir" "$T/m/.fsnotify.d/other"
	run -1 rm "$T/m/.fsnotify.d/control"
	run -1 rmdir "$T/m/.fsnotify.d"
	run -1 mkdir "$T/m/.fsnotify.d"
	run -1 ln "$T/m/.fsnotify.d/control" "$T/m/link"
	run -1 mv "$T/m/.fsnotify.d" "$T/m/moved"
	[ -d "$T/m/dir" ] && [ ! -e "$T/b/.fsnotify.d" ]
}

@test "clients make no noise for who watches the root" {
	mount_it
	start noise inotifywait -m --format '%e %f' "$T/m"
	wait_for 10 grep -q established "$T/noise.err"
	watch one "$T/m"
	touch "$T/b/new"
	wait_for 10 saw one new
	wait_for 10 grep -q 'CREATE new' "$T/noise.out"
	run -0 grep -c fsnotify <(out noise; echo .fsnotify)
	[ "$output" = 1 ]
}

@test "--no-control shows none" {
	start mount fnmount -f --no-control "$T/b" "$T/m"
	wait_for 10 test -d "$T/m/dir"
	[ ! -e "$T/m/.fsnotify" ]
	run -1 fnsource control "$T/m"
	[[ $output == *"not supported"* ]]
}

@test "remote and local changes arrive, renames as one" {
	mount_it
	watch w "$T/m"
	echo x >"$T/b/dir/remote"
	mv "$T/b/dir/remote" "$T/b/dir/sub/moved"
	rm "$T/b/dir/sub/moved"
	wait_for 10 saw w "delete pid="
	saw w "0:'dir/remote' -> 0:'dir/sub/moved'"
	bash -c 'echo $$ >"$T/pid"; mkdir "$T/m/local"; mv "$T/m/local" "$T/m/dir/local"; exec rmdir "$T/m/dir/local"'
	wait_for 10 saw w "delete,isdir"
	saw w "create,isdir"
	saw w "delete,isdir pid=$(<"$T/pid") 0:'dir/local'"
	saw w "0:'local' -> 0:'dir/local'"
}

@test "two roots of one mount: each event has the root it belongs to" {
	mount_it
	watch w "$T/m/dir" "$T/m/secret"
	touch "$T/b/outside" "$T/b/dir/a"
	mv "$T/b/dir/a" "$T/b/secret/b"
	mv "$T/b/secret/b" "$T/b/out"
	wait_for 10 saw w "rename,partial"
	saw w "0:'a' -> 1:'b'"
	saw w "1:'b' ->"
	! saw w outside
}

@test "a client is told only what it could see itself" {
	need_command setpriv
	# From where anybody may run them.
	cp "$(command -v fnsource)" "$(command -v ctlflow)" "$T/"
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	mount_it -o allow_other
	run -1 "${nobody[@]}" "$T/fnsource" control "$T/m/secret"
	[[ $output == "fnsource: $T/m/secret: Permission denied" ]]
	mkfifo -m 666 "$T/w.in"
	start w "${nobody[@]}" sh -c 'exec "$0" control "$2" <>"$1"' "$T/fnsource" "$T/w.in" "$T/m"
	wait_for 10 grep -q ready "$T/w.out"
	touch "$T/b/secret/hidden" "$T/m/secret/hidden2"
	mv "$T/b/secret/hidden" "$T/b/dir/shown"
	wait_for 10 saw w "dir/shown"
	! saw w hidden
	saw w "rename,partial"
	# Nor may it make events up.
	run -1 "${nobody[@]}" "$T/ctlflow" "$T/m" 1
	[[ $output == *"not permitted"* && $output == *"seen 0 "* ]]
}

@test "a watch on what is gone, a file, a symlink" {
	mount_it
	ln -s dir "$T/b/link"
	: >"$T/b/file"
	run -1 fnsource control "$T/m/nothing"
	watch f "$T/m/file"
	echo x >>"$T/b/file"
	rm "$T/b/file"
	wait_for 10 saw f "gone"
	saw f modify
	watch l "$T/m/link"
	touch "$T/b/dir/through"
	wait_for 10 saw l through
}

@test "the server ends: every watch says so" {
	mount_it
	watch w "$T/m"
	stop "$mount_pid"
	wait_for 10 saw w ",gone"
}

@test "the server is killed: the reader is told" {
	mount_it
	watch w "$T/m"
	stop "$mount_pid" KILL
	wait_for 10 saw w ",gone"
	umount -l "$T/m"
}

@test "200000 events in order, without a gap" {
	mount_it
	run -0 timeout 10 ctlflow "$T/m" 200000
	[[ $output == "sent 200000 seen 200000 lost 0 gaps 0 disordered 0 "* ]]
}

@test "a client that does not read loses events, and is told how many" {
	mount_it
	run -0 timeout 20 ctlflow "$T/m" 50000 0
	[[ $output == *" gaps 0 disordered 0 "* ]]
	read -r _ sent _ seen _ lost _ <<<"$output"
	[ "$lost" -gt 0 ]
	[ $((seen + lost)) -eq 50000 ]
}

@test "a client that is stopped keeps nobody waiting" {
	mount_it
	watch slow "$T/m"
	watch quick "$T/m"
	kill -STOP "$slow_pid"
	run -0 timeout 10 ctlflow "$T/m" 40000
	touch "$T/b/last"
	wait_for 10 saw quick last
	kill -CONT "$slow_pid"
	wait_for 10 saw slow "overflow"
}

@test "poll() still works after a poll of another file" {
	mount_it
	: >"$T/b/other"
	python3 -c 'import select,os; p=select.poll(); p.register(os.open("'"$T/m/other"'", os.O_RDONLY)); p.poll(0)'
	watch w "$T/m"
	touch "$T/b/after"
	wait_for 10 saw w after
	# Nothing to do: it sleeps.
	cpu() { awk '{print $14 + $15}' "/proc/$w_pid/stat"; }
	before=$(cpu)
	run -0 ctlflow "$T/m/dir" 1
	[ $(($(cpu) - before)) -le 2 ]
}

@test "an interrupted read ends" {
	mount_it
	run -124 timeout 0.3 python3 -c 'import os; os.pread(os.open("'"$T/m/.fsnotify"'", os.O_RDWR), 4096, 0)'
}

@test "a program with the public header alone: listen and inject" {
	mount_it
	start l stranger listen "$T/m" 3
	wait_for 10 saw l "source remote"
	run -0 stranger inject "$T/m" 0x2 dir/made-up
	run -0 stranger inject "$T/m" 0x10000000 dir/new dir/old
	touch "$T/b/real"
	wait_for 10 gone "$l_pid"
	saw l "FN1_EVENT 1 0x2 dir/made-up"
	saw l "FN1_EVENT 2 0x10000000 dir/old dir/new"
	saw l " 0x100 real"
	run -1 stranger inject "$T/b" 0x2 x
	[[ $output == *"not supported"* ]]
	start local stranger listen "$T/b" 1
	wait_for 10 saw local "source "
	! saw local remote
	touch "$T/b/x"
	wait_for 10 saw local " x"
}

@test "whoever is told reads the new state, not the cache" {
	mount_it
	echo 0 >"$T/b/f"
	cat "$T/m/f"
	coproc events { exec stranger listen "$T/m" 100000 3>&-; }
	FN_STARTED="${FN_STARTED:-} $events_PID"
	read -rt 10 -u "${events[0]}" line
	[[ $line == "source remote" ]]
	for i in {1..200}; do
		echo "$i" >"$T/b/f"
		until [[ $line == *" 0x8 f" ]]; do read -rt 10 -u "${events[0]}" line; done
		line=
		[ "$(<"$T/m/f")" = "$i" ]
	done
}
