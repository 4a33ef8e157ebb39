#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The library is generic: libfuse's own example servers, one line changed, show remote changes.
load helpers
load examples
bats_require_minimum_version 1.5.0

setup_file() {
	examples_patched
}

# The examples do not free all of what they have.
export ASAN_OPTIONS=detect_leaks=0

setup() {
	need_fuse
	need_root
	need_command inotifywait
	[ -x "$BATS_FILE_TMPDIR/low" ] && [ -x "$BATS_FILE_TMPDIR/high" ] || missing "libfuse's examples and cc"
	cd "$BATS_TEST_TMPDIR" || return
	back=$BATS_TEST_TMPDIR/back
	mnt=$BATS_TEST_TMPDIR/mnt
	mkdir "$back" "$mnt" "$back/dir" "$back/gone.d"
	echo old >"$back/file"
	echo old >"$back/victim"
}

teardown() {
	cleanup
	! grep -hE 'Sanitizer|runtime error' "$BATS_TEST_TMPDIR"/*.err
}

serve() {
	local kind=$1
	shift
	if [ "$kind" = low ]; then
		start server "$BATS_FILE_TMPDIR/low" -f -o "source=$back" "$@" "$mnt"
	else
		BACKING=$back start server "$BATS_FILE_TMPDIR/high" -f -o "modules=subdir,subdir=$back" "$@" "$mnt"
	fi
	wait_for 10 mounted "$mnt"
	# The watch on the backing directory stands when a probing change arrives.
	ls "$mnt" >/dev/null
}

watch() {
	start watch inotifywait -q -m -e create,modify,close_write,attrib,delete,delete_self,move --format '%e %w%f %c' "$@"
	wait_for 10 watching
	probe
}
watching() { grep -qs '^inotify wd:' /proc/$watch_pid/fdinfo/*; }
# Until changes get through.
probe() {
	local i
	for i in {1..20}; do
		: >"$back/.probe$i"
		rm "$back/.probe$i"
		if wait_for 1 grep -q '\.probe' "$BATS_TEST_TMPDIR/watch.out"; then break; fi
	done
	sees "DELETE $mnt/.probe$i"
}
sees() { wait_for 15 grep -q "^$1" "$BATS_TEST_TMPDIR/watch.out" || { echo "not seen: $1"; out watch; return 1; }; }
lines() { [ "$(grep -c "^$1" "$BATS_TEST_TMPDIR/watch.out")" -ge "$2" ]; }

every_kind() {
	serve "$@"
	watch "$mnt" "$mnt/dir" "$mnt/file" "$mnt/gone.d"
	echo x >"$back/new"
	sees "CREATE $mnt/new"
	sees "MODIFY $mnt/new"
	sees "CLOSE_WRITE,CLOSE $mnt/new"
	chmod 600 "$back/new"
	sees "ATTRIB $mnt/new"
	mkdir "$back/newdir"
	sees "CREATE,ISDIR $mnt/newdir"
	ln -s nowhere "$back/link"
	sees "CREATE $mnt/link"
	mkfifo "$back/pipe"
	sees "CREATE $mnt/pipe"
	ln "$back/new" "$back/hard"
	sees "CREATE $mnt/hard"
	echo more >>"$back/file"
	sees "MODIFY $mnt/file"
	# With a writeback cache the kernel believes only itself about a file's size.
	[[ $* == *writeback* ]] || [ "$(cat "$mnt/file")" = $'old\nmore' ]
	mv "$back/new" "$back/dir/moved"
	sees "MOVED_FROM $mnt/new"
	sees "MOVED_TO $mnt/dir/moved"
	[ "$(sed -n "s|^MOVED_FROM $mnt/new ||p" watch.out)" = "$(sed -n "s|^MOVED_TO $mnt/dir/moved ||p" watch.out)" ]
	mv "$back/hard" "$back/victim"
	sees "MOVED_TO $mnt/victim"
	mv "$back/newdir" "$back/dir/renamed"
	sees "MOVED_TO,ISDIR $mnt/dir/renamed"
	rm "$back/link" "$back/pipe"
	sees "DELETE $mnt/pipe"
	rmdir "$back/gone.d"
	sees "DELETE_SELF $mnt/gone.d"
	sees "DELETE,ISDIR $mnt/gone.d"
	mkdir "$back/gone.d" # the same name is alive again
	sees "CREATE,ISDIR $mnt/gone.d"
	: >"$mnt/gone.d/inside"
	rm "$back/file"
	sees "DELETE $mnt/file"
	! [ -e "$mnt/file" ]
	# The mount and the directory are the same in the end.
	diff <(cd "$back" && find . | sort) <(cd "$mnt" && find . | sort)
	# Nobody keeps the mount busy.
	umount "$mnt"
	wait_for 10 gone "$server_pid"
}

@test "low level, threads: every kind of event" { every_kind low; }
@test "low level, one thread: every kind of event" { every_kind low -s; }
@test "low level, clone_fd, no caching: every kind of event" { every_kind low -o clone_fd,cache=never; }
@test "low level, writeback: every kind of event" { every_kind low -o writeback; }
@test "high level, threads: every kind of event" { every_kind high; }
@test "high level, one thread: every kind of event" { every_kind high -s; }

@test "changes through the mount are told once" {
	serve low
	watch "$mnt"
	: >"$mnt/mine"
	mv "$mnt/mine" "$mnt/yours"
	rm "$mnt/yours"
	: >"$back/last"
	sees "CREATE $mnt/last"
	[ "$(grep -c "CREATE $mnt/mine" watch.out)" -eq 1 ]
	[ "$(grep -c "MOVED_TO $mnt/yours" watch.out)" -eq 1 ]
	[ "$(grep -c "DELETE $mnt/yours" watch.out)" -eq 1 ]
}

@test "changes through the mount are told once where only inotify is to be had" {
	need_command strace
	start tracer strace -qq -f --seccomp-bpf -o /dev/null -e trace=fanotify_init \
		-e inject=fanotify_init:error=EPERM "$BATS_FILE_TMPDIR/low" -f -o "source=$back" "$mnt"
	wait_for 10 mounted "$mnt"
	ls "$mnt"
	watch "$mnt"
	echo x >"$mnt/mine"
	mv "$mnt/mine" "$mnt/yours"
	chmod 600 "$mnt/yours"
	echo y >>"$mnt/yours"
	rm "$mnt/yours"
	: >"$back/last"
	sees "CREATE $mnt/last"
	grep -E 'mine|yours' watch.out | sed "s|$mnt/||; s/ [0-9a-f]*$//" >seen
	diff - seen <<-END
		CREATE mine
		MODIFY mine
		CLOSE_WRITE,CLOSE mine
		MOVED_FROM mine
		MOVED_TO yours
		ATTRIB yours
		MODIFY yours
		CLOSE_WRITE,CLOSE yours
		DELETE yours
	END
	umount "$mnt"
}

@test "readers meet no error while names come and go" {
	serve low -o cache=never
	watch "$mnt"
	for i in {1..8}; do echo stay >"$back/stay$i"; done
	start reader bash -c 'cd "$1" && while :; do for i in 1 2 3 4 5 6 7 8; do
		read -r x <stay$i && [ "$x" = stay ] || echo "stay$i: $x"
		for f in a b; do [ ! -e $f$i ] || : ; done; done; ls >/dev/null || echo ls; done' - "$mnt"
	start reader2 bash -c 'cd "$1" && while :; do for i in 1 2 3 4 5 6 7 8; do stat -c %n stay$i >/dev/null || echo "stat stay$i"; done; done' - "$mnt"
	local end=$((SECONDS + 3)) n=0
	while [ $SECONDS -lt $end ]; do
		n=$((n + 1))
		for i in 1 2 3 4 5 6 7 8; do
			: >"$back/a$i"
			mv "$back/a$i" "$back/b$i"
			rm "$back/b$i"
		done
	done
	: >"$back/last"
	sees "CREATE $mnt/last"
	stop "$reader_pid"
	stop "$reader2_pid"
	[ -z "$(out reader)$(err reader)$(out reader2)$(err reader2)" ]
	[ "$(grep -c "CREATE $mnt/a" watch.out)" -eq $((n * 8)) ]
	[ "$(grep -c "MOVED_TO $mnt/b" watch.out)" -eq $((n * 8)) ]
	[ "$(grep -c "DELETE $mnt/b" watch.out)" -eq $((n * 8)) ]
}

storm() {
	start storm bash -c 'cd "$1" && while :; do for i in {1..50}; do : >s$i; mv s$i t$i; rm t$i; done; done' - "$back"
	wait_for 10 lines "DELETE $mnt/t" 20
}

@test "a server that is killed in a storm leaves nothing behind" {
	local ways="KILL ABRT TERM" how
	# There the replay stays a thread, which a core dump waits for.
	[[ $FN_BUILD == *-thread ]] && ways="KILL TERM"
	for how in $ways; do
		serve low
		watch "$mnt"
		storm
		kill -"$how" "$server_pid"
		wait_for 10 gone "$server_pid"
		wait_for 10 none_left
		stop "$storm_pid"
		stop "$watch_pid"
		umount -l "$mnt" 2>/dev/null || :
	done
}
none_left() { ! grep -qs fn-replay $(grep -ls "$BATS_FILE_TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null | sed 's/cmdline/comm/') /dev/null; }

@test "the mount can be unmounted in a storm" {
	serve low
	watch "$mnt"
	storm
	stop "$watch_pid"
	umount "$mnt"
	wait_for 10 gone "$server_pid"
	serve low
	watch "$mnt"
	umount -l "$mnt"
	stop "$watch_pid"
	wait_for 10 gone "$server_pid"
	wait_for 10 none_left
}
