# SPDX-License-Identifier: GPL-2.0-or-later
# fnsend on a mount whose server replays: every event, exact, and nothing changes.
load helpers

setup() {
	need_root
	need_fuse
	b=$BATS_TEST_TMPDIR/b m=$BATS_TEST_TMPDIR/m
	mkdir -p "$b/sub/deep" "$m"
	echo one >"$b/f"
	echo two >"$b/sub/g"
	ln -s f "$b/link"
	mkfifo "$b/fifo"
}

teardown() { cleanup; }

# serve [OPTION…]: fnmount that is told of nothing but by us.
serve() {
	start server fnmount -f --events=none "$@" "$b" "$m"
	wait_for 5 mounted "$m"
	wait_for 5 test -e "$m/.fsnotify"
}

watch() {
	start watch stdbuf -oL inotifywait -m -r -e create -e modify -e attrib -e delete -e move -e close_write --format '%e %w%f' "$@"
	wait_for 5 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	: >"$BATS_TEST_TMPDIR/watch.out" # what setting up the watches raised
}

# heard LINE…: exactly these events have come, up to a mark. The control file's own are not ours.
heard() {
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/want"
	: >"$m/.mark"
	wait_for 5 grep -q .mark "$BATS_TEST_TMPDIR/watch.out"
	tr -d '\0' <"$BATS_TEST_TMPDIR/watch.out" |
		sed "/\.mark/,\$d; /\.fsnotify/d; s|$m/||" | diff "$BATS_TEST_TMPDIR/want" -
}

@test "every event kind is raised exactly, and nothing changes in the store" {
	serve
	watch "$m"
	before=$(find "$b" -printf '%p %y %m %T@ %C@ %s\n' | sort)
	run -0 fnsend -v create "$m/f"
	[[ $output == *'replay: raised create'* ]]
	for e in modify attrib delete; do fnsend "$e" "$m/f"; done
	fnsend create "$m/sub/deep"
	fnsend create "$m/fifo"
	fnsend create "$m/link"
	fnsend delete,isdir "$m/sub/deep"
	fnsend delete "$m/nothing"
	fnsend close-write "$m/f"
	fnsend rename "$m/was" "$m/sub/g"
	fnsend moved-from "$m/left"
	fnsend moved-to "$m/sub/g"
	[ "$before" = "$(find "$b" -printf '%p %y %m %T@ %C@ %s\n' | sort)" ]
	heard 'CREATE f' 'MODIFY f' 'ATTRIB f' 'DELETE f' 'CREATE,ISDIR sub/deep' 'CREATE fifo' \
		'CREATE link' 'DELETE,ISDIR sub/deep' 'DELETE nothing' 'CLOSE_WRITE,CLOSE f' \
		'MOVED_FROM was' 'MOVED_TO sub/g' 'MOVED_FROM left' 'MOVED_TO sub/g'
}
