# SPDX-License-Identifier: GPL-2.0-or-later
# fnsend on a mount whose server replays: every event, exact, and nothing changes.
load helpers
load examples

setup_file() {
	examples_patched
}

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
	local last=${*: -1}
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/want"
	# what was sent waits for its turn; the mark does not
	[ $# -eq 0 ] || wait_for 5 grep -qF -- "${last%% *} $m/${last#* }" "$BATS_TEST_TMPDIR/watch.out"
	: >"$m/.mark"
	wait_for 5 grep -q .mark "$BATS_TEST_TMPDIR/watch.out"
	tr -d '\0' <"$BATS_TEST_TMPDIR/watch.out" |
		sed "/\.mark/,\$d; /\.fsnotify/d; s|$m/||" | diff "$BATS_TEST_TMPDIR/want" -
}

kinds_are_exact() {
	watch "$m"
	for e in create modify attrib close-write delete; do fnsend "$e" "$m/f"; done
	fnsend rename "$m/was" "$m/sub/g"
	heard 'CREATE f' 'MODIFY f' 'ATTRIB f' 'CLOSE_WRITE,CLOSE f' 'DELETE f' 'MOVED_FROM was' 'MOVED_TO sub/g'
}

@test "the same on libfuse's low-level example with our session loop" {
	[ -x "$BATS_FILE_TMPDIR/low" ] || missing "libfuse's examples and cc"
	start server "$BATS_FILE_TMPDIR/low" -f -o "source=$b" "$m"
	wait_for 5 mounted "$m"
	kinds_are_exact
}

@test "and on its high-level one" {
	[ -x "$BATS_FILE_TMPDIR/high" ] || missing "libfuse's examples and cc"
	BACKING=$b start server "$BATS_FILE_TMPDIR/high" -f -o "modules=subdir,subdir=$b" "$m"
	wait_for 5 mounted "$m"
	kinds_are_exact
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

@test "access, open, exchange; what no replay raises goes on to the nudges" {
	serve
	start watch stdbuf -oL inotifywait -m --exclude '\.fsnotify' --format '%e %f' "$m"
	wait_for 5 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	fnsend access "$m/f"
	fnsend open "$m/f"
	fnsend exchange "$m/f" "$m/fifo"
	run -3 fnsend -v overflow "$m"
	run -3 fnsend --via=replay overflow "$m"
	[[ $output == *'does not replay this'* ]]
	run -3 fnsend open-exec "$m/f"
	: >"$m/.mark"
	wait_for 5 grep -q .mark "$BATS_TEST_TMPDIR/watch.out"
	sed '/\.mark/,$d' "$BATS_TEST_TMPDIR/watch.out" >"$BATS_TEST_TMPDIR/got"
	diff - "$BATS_TEST_TMPDIR/got" <<-'EOF'
		ACCESS f
		OPEN f
		CLOSE_NOWRITE,CLOSE f
		MOVED_FROM f
		MOVED_TO fifo
		MOVED_FROM fifo
		MOVED_TO f
	EOF
}

@test "100,000 events from standard input, none lost, in order" {
	serve
	mkdir "$b/many"
	(cd "$b/many" && seq 1000 | xargs touch)
	ls -l "$m/many" >/dev/null
	awk 'BEGIN {for (i = 0; i < 100000; i++) print (i % 2 ? "delete" : "create") " many/" int(i / 2) % 1000 + 1}' >"$BATS_TEST_TMPDIR/events"
	start count count_events "$m/many" 100000
	wait_for 5 grep -q ready "$BATS_TEST_TMPDIR/count.out"
	run -0 --separate-stderr fnsend --stdin --stats "$m" < <(cat "$BATS_TEST_TMPDIR/events")
	[[ $stderr == *'100000 events: 100000 raised'* ]]
	wait_for 50 gone "$count_pid"
	[[ $(out count) == *'100000 '*' in order'* ]]
}

@test "fnwatch --json | fnsend --stdin gives the same events again" {
	serve
	start from fnwatch --json -r --source=inotify -e create,modify,attrib,close-write,delete,move --ready-fd=7 "$b" 7>"$BATS_TEST_TMPDIR/ready1"
	wait_for 5 test -s "$BATS_TEST_TMPDIR/ready1"
	ls -lR "$m" >/dev/null
	start to fnwatch --json -r --source=inotify -e create,modify,attrib,close-write,delete,move --ready-fd=7 "$m" 7>"$BATS_TEST_TMPDIR/ready2"
	wait_for 5 test -s "$BATS_TEST_TMPDIR/ready2"
	start way bash -c "tail -n +1 -f --pid=$from_pid '$BATS_TEST_TMPDIR/from.out' | fnsend --stdin '$m'"
	local odd=$'new\nline\xff\xfe"quote\\ \xc3\xa9'
	echo x >"$b/$odd"
	mv "$b/$odd" "$b/sub/$odd"
	chmod 600 "$b/f"
	mv "$b/f" "$b/-n"
	rm "$b/sub/$odd"
	mkdir "$b/sub/d" # what is in a new directory is a race of its own
	rmdir "$b/sub/d"
	rm "$b/-n"
	: >"$b/.end"
	wait_for 10 grep -q 'close-write.*\.end' "$BATS_TEST_TMPDIR/to.out"
	for w in from to; do
		jq -c 'select((.path // "") + (.old_path // "") | contains(".fsnotify") | not) |
			[.events, .isdir, (.root as $r | [.path, .old_path, .path_raw, .old_path_raw] |
			map(if type == "string" then ltrimstr($r) elif . == null then . else .[($r | utf8bytelength):] end)),
			.partial, .exchange]' "$BATS_TEST_TMPDIR/$w.out" >"$BATS_TEST_TMPDIR/$w.json"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/from.json")" -ge 12 ]
	diff "$BATS_TEST_TMPDIR/from.json" "$BATS_TEST_TMPDIR/to.json"
}

@test "fnwatch's other styles are read too" {
	serve
	watch "$m"
	local src=$BATS_TEST_TMPDIR/src style
	mkdir "$src"
	for style in wire csv color=never; do
		: >"$b/$style"
		start src fnwatch --$style --source=inotify -e create -n 1 --ready-fd=7 "$src" 7>"$BATS_TEST_TMPDIR/ready"
		wait_for 5 test -s "$BATS_TEST_TMPDIR/ready"
		: >"$src/$style"
		wait_for 5 gone "$src_pid"
		[ $style = wire ] && strip= || strip=--strip=$src
		run -0 fnsend --stdin $strip "$m" <"$BATS_TEST_TMPDIR/src.out"
	done
	heard 'CREATE wire' 'CREATE csv' 'CREATE color=never'
}

@test "a stopped server is a timeout, a killed one an end, and nobody hangs" {
	serve
	kill -STOP "$server_pid"
	run -4 fnsend -t 300ms create "$m/f"
	kill -CONT "$server_pid"
	run bash -c "yes 'modify f' | head -n 1000000 | timeout 20 fnsend -t 2s --stdin '$m' 2>&1 & sleep 0.3; kill -KILL $server_pid; wait \$!; echo \"status \$?\""
	[[ $output == *'status 5'* || $output == *'status 4'* ]] || { echo "$output"; false; }
}

@test "who may not inject nudges" {
	serve -o allow_other
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$b"
	chown 65534 "$b/f"
	cp "$FN_BUILD/fnsend" "$BATS_TEST_TMPDIR"
	run -3 setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/fnsend" --via=replay modify "$m/f"
	run -0 setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/fnsend" -v modify "$m/f"
	[[ $output == *'nudge: raised modify'* ]]
}
