# SPDX-License-Identifier: GPL-2.0-or-later
# fnsend on servers that know nothing of it.
load helpers
load examples

setup_file() {
	examples_stock
	export PTLL=$BATS_FILE_TMPDIR/passthrough_ll PTHL=$BATS_FILE_TMPDIR/passthrough
}

setup() {
	need_root
	need_fuse
	[ -x "$PTLL" ] && [ -x "$PTHL" ] || missing "libfuse's examples and cc"
	b=$BATS_TEST_TMPDIR/b m=$BATS_TEST_TMPDIR/m
	mkdir -p "$b/sub" "$m"
	echo one >"$b/f"
	echo two >"$b/sub/g"
	touch -d '2001-02-03 04:05:06.789012345' "$b/f"
	touch -a -d '2002-03-04 05:06:07.890123456' "$b/f"
}

teardown() { cleanup; }

# serve ll|hl|bindfs [OPTION…]: mount b on m, server_pid is its process.
serve() {
	local kind=$1
	shift
	case $kind in
	ll) start server "$PTLL" -f -o "source=$b" "$@" "$m" ;;
	hl) start server "$PTHL" -f -o "modules=subdir,subdir=$b" "$@" "$m" ;;
	bindfs) start server bindfs -f "$@" "$b" "$m" ;;
	esac
	wait_for 5 mounted "$m"
}

# watch PATH…: inotifywait, ready.
watch() {
	start watch stdbuf -oL inotifywait -m --format '%e %w%f' "$@"
	wait_for 5 grep -q established "$BATS_TEST_TMPDIR/watch.err"
}

# heard LINE…: exactly these events, and no others, have come.
heard() {
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/want"
	# A mark behind them: when it is there, all before it is.
	touch "$m/.mark"
	wait_for 5 grep -q .mark "$BATS_TEST_TMPDIR/watch.out"
	grep -v '\.mark' "$BATS_TEST_TMPDIR/watch.out" | sed "s|$m/||" | diff "$BATS_TEST_TMPDIR/want" -
}

nudges_are_exact() {
	local before
	before=$(stat -c '%n %x %y %a %s' "$b/f")
	watch "$m"
	for e in modify attrib access close-write close-nowrite open modify,close-write; do
		fnsend "$e" "$m/f"
	done
	fnsend modify "$m/sub"
	heard 'MODIFY f' 'ATTRIB f' 'ACCESS f' 'OPEN f' 'CLOSE_WRITE,CLOSE f' 'OPEN f' \
		'CLOSE_NOWRITE,CLOSE f' 'OPEN f' 'CLOSE_NOWRITE,CLOSE f' 'MODIFY f' 'OPEN f' \
		'CLOSE_WRITE,CLOSE f' 'MODIFY,ISDIR sub'
	[ "$before" = "$(stat -c '%n %x %y %a %s' "$b/f")" ]
}

@test "nudges raise exactly their event on passthrough_ll, times kept to the nanosecond" {
	serve ll
	nudges_are_exact
}

@test "the same on a path-based server" {
	serve hl
	nudges_are_exact
}

@test "the same on bindfs" {
	need_command bindfs
	serve bindfs
	nudges_are_exact
}

@test "what cannot be nudged is said, and degraded as asked" {
	serve ll
	watch "$m"
	run -3 fnsend create "$m/f"
	[[ $output == *'no system call raises this'* ]]
	run -3 fnsend delete "$m/gone"
	run -3 fnsend rename "$m/f" "$m/h"
	run -3 fnsend overflow "$m"
	run -0 --separate-stderr fnsend --degrade=attrib create "$m/f"
	[ -z "$stderr" ]
	run -0 fnsend --degrade=modify delete "$m/gone"
	run -3 fnsend --via=replay modify "$m/f"
	run -0 fnsend --via=nudge -v modify "$m/f"
	[[ $output == *'nudge: raised modify'* ]]
	heard 'ATTRIB f' 'MODIFY,ISDIR ' 'MODIFY f'
}

@test "caches are fresh before the event: content of the same size and time, absence, presence" {
	serve ll -o cache=always
	[ "$(cat "$m/f")" = one ]
	stat "$m/sub/g" >/dev/null
	touch -r "$b/f" "$BATS_TEST_TMPDIR/ref"
	printf 'new\n' >"$b/f"
	touch -r "$BATS_TEST_TMPDIR/ref" "$b/f"
	fnsend modify "$m/f"
	[ "$(cat "$m/f")" = new ]
	rm "$b/sub/g"
	[ -e "$m/sub/g" ]
	run -3 fnsend delete "$m/sub/g"
	[ ! -e "$m/sub/g" ]
	echo replaced >"$b/other"
	mv "$b/other" "$b/f"
	fnsend modify "$m/f"
	[ "$(cat "$m/f")" = replaced ]
}

@test "delete-self reaches who watches a file that is gone" {
	serve ll -o cache=always
	watch "$m" "$m/f"
	rm "$b/f"
	run -0 fnsend delete-self "$m/f"
	heard 'DELETE_SELF f'
	run -3 fnsend delete-self "$m/sub/g"
}

@test "delete-self finds what is watched where no name is cached, or says that it cannot" {
	need_command setpriv
	serve ll -o cache=never
	watch -e create,delete_self "$m" "$m/f"
	rm "$b/f"
	run -3 setpriv --bounding-set=-dac_read_search fnsend delete-self "$m/f"
	run -0 fnsend delete-self "$m/f"
	heard 'DELETE_SELF f'
}

@test "a read-only mount and somebody else's file: a clear answer, status 3" {
	need_command bindfs
	serve bindfs
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" "$b"
	cp "$FN_BUILD/fnsend" "$BATS_TEST_TMPDIR"
	run -3 setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/fnsend" modify "$m/f"
	[[ $output == *"somebody else's"* ]]
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount --bind "$m" "$BATS_TEST_TMPDIR/ro"
	mount -o remount,ro,bind "$BATS_TEST_TMPDIR/ro"
	run -3 fnsend modify "$BATS_TEST_TMPDIR/ro/f"
	[[ $output == *read-only* ]]
	run -3 --separate-stderr fnsend --stdin "$BATS_TEST_TMPDIR/ro" <<<$'modify f\nmodify sub/g'
	[[ $stderr == *'2 events: 0 raised'*'2 read-only'* ]]
}

# No fnsend at work on this test's mounts.
none_left() {
	local p
	for p in /proc/[0-9]*; do
		[[ $(readlink "$p/exe") != "$(readlink -f "$FN_BUILD/fnsend")" ]] ||
			! tr '\0' ' ' <"$p/cmdline" | grep -qF "$BATS_TEST_TMPDIR" || return 1
	done
}

@test "a stopped server: status 4 in time, and nothing is left behind" {
	serve ll
	kill -STOP "$server_pid"
	SECONDS=0
	run -4 fnsend -t 300ms modify "$m/f"
	[[ $output == *"no answer from the file system"* ]]
	# Also with pipes on both sides, which must close.
	run bash -c "yes 'modify f' | timeout 10 fnsend -t 300ms --stdin '$m' 2>&1 | cat; exit \${PIPESTATUS[1]}"
	[ "$status" -eq 4 ]
	run -4 fnsend -t 300ms --notify=inval-inode --pid="$server_pid" 1
	[ "$SECONDS" -lt 5 ]
	kill -CONT "$server_pid"
	wait_for 5 none_left
}

@test "a request that was read and is never answered: abandoned, not waited for" {
	need_command bindfs
	serve ll
	mkdir "$BATS_TEST_TMPDIR/over"
	start over bindfs -f "$m" "$BATS_TEST_TMPDIR/over"
	wait_for 5 mounted "$BATS_TEST_TMPDIR/over"
	stat "$BATS_TEST_TMPDIR/over/f" >/dev/null
	# bindfs reads the request, then waits for the stopped server below it.
	kill -STOP "$server_pid"
	SECONDS=0
	run bash -c "fnsend -t 300ms modify '$BATS_TEST_TMPDIR/over/f' 2>&1 | cat; exit \${PIPESTATUS[0]}"
	[ "$status" -eq 4 ]
	[ "$SECONDS" -lt 4 ]
	kill -CONT "$server_pid"
	wait_for 5 none_left
}

@test "nothing leads outside of the root, or through a symlink" {
	serve ll
	mkdir "$BATS_TEST_TMPDIR/out"
	echo x >"$BATS_TEST_TMPDIR/out/f"
	ln -s "$BATS_TEST_TMPDIR/out" "$b/away"
	watch "$BATS_TEST_TMPDIR/out" "$m"
	run -1 --separate-stderr fnsend --stdin "$m" <<<'modify away/f'
	[[ $stderr == *'through a symlink'* ]]
	run -1 --separate-stderr fnsend --stdin "$m" <<<'modify ../out/f'
	[[ $stderr == *'-:1: '* ]]
	run -1 --separate-stderr fnsend --stdin "$m" <<<"modify $BATS_TEST_TMPDIR/out/f"
	[[ $stderr == *'outside of the root'* ]]
	fnsend attrib "$m/away"
	heard 'ATTRIB away'
	run -1 fnsend rename "$BATS_TEST_TMPDIR/out/f" "$m/f"
	[[ $output == *'different mounts'* ]]
}

# each INPUT LINES…: one modify of f and one of sub/g come out of it.
each() {
	local n
	n=$(wc -l <"$BATS_TEST_TMPDIR/watch.out")
	printf '%b' "$2" | fnsend --stdin "${@:3}" "$m"
	rm -f "$m/.mark"
	: >"$m/.mark"
	wait_for 5 bash -c "tail -n +$((n + 1)) '$BATS_TEST_TMPDIR/watch.out' | grep -q .mark"
	[ "$(tail -n +$((n + 1)) "$BATS_TEST_TMPDIR/watch.out" | grep -v .mark | sed "s|$m/||")" = \
		$'MODIFY f\nMODIFY sub/g' ] || { echo "from $1:"; tail -n +$((n + 1)) "$BATS_TEST_TMPDIR/watch.out"; return 1; }
}

@test "every input form, with its paths mapped" {
	serve ll
	watch -e modify -e create "$m" "$m/sub"
	echo x >>"$b/sub/.mark0"
	each mask 'modify f\n2 "sub/g"\n'
	each mask 'modify f\0modify sub/g\0' -0
	each absolute "modify $m/f\nmodify $m/sub/g\n"
	each strip 'modify /src/x/f\nmodify /src/x/sub/g\n' --strip=/src/x/
	each json '{"events":["modify"],"root":"/src","path":"/src/f"}\n{"event":"modify","path":"sub/g","root":""}\n'
	each inotifywait '/src/ MODIFY f\n/src/sub/ MODIFY g\n' --strip=/src
	each format 'MODIFY|/src/f\nMODIFY|/src/sub/g\n' --strip=/src --format='%e|%w%f'
	each csv '/src/,MODIFY,f\n/src/sub/,"MODIFY",g\n' --strip=/src
	each fswatch '/src/f Updated IsFile\n/src/sub/g Updated\n' --strip=/src
	fnsend -n modify x | head -n1
	run -0 fnsend --stdin --prefix=sub "$m" <<<'modify g'
}

@test "lines that cannot be read are numbered, the rest goes on, a wrong form is named" {
	serve ll
	run -1 --separate-stderr fnsend --stdin --stats "$m" <<<$'modify f\nfrobnicate f\n\nmodify\nmodify sub/g'
	[[ $stderr == *'-:2: no such event'* && $stderr == *'-:4: no path'* && $stderr == *'2 raised'* ]]
	run -1 --separate-stderr fnsend --stdin --input=json "$m" <<<"/src/ MODIFY f"
	[[ $stderr == *"-:1: this looks like inotifywait's output"* ]]
	run -1 --separate-stderr fnsend --stdin --input=wire "$m" <<<'{"mask":2,"path":"f"}'
	[[ $stderr == *'not an fn1 stream: this looks like json'* ]]
	run -2 fnsend --stdin --format='%w' "$m" <<<x
	run -1 --separate-stderr fnsend --stdin "$m" <<<$'modify a\e[31m\xff'
	[[ $stderr == *'a\033[31m\377: no longer there'* ]]
	run -6 --separate-stderr fnsend --stdin "$m" <<<'{"event":"overflow","lost":7}'
	[[ $stderr == *'lost 7 events'* ]]
	run -5 --separate-stderr fnsend --stdin "$m" <<<'{"event":"ignored","path":"sub","gone":true}'
	[[ $stderr == *'-:1: the source no longer watches'* ]]
}

@test "100,000 events from standard input, none lost" {
	mkdir "$b/many"
	(cd "$b/many" && seq 100 | xargs touch)
	awk 'BEGIN {for (i = 0; i < 100000; i++) print "modify many/" i % 100 + 1}' >"$BATS_TEST_TMPDIR/events"
	run -0 --separate-stderr fnsend --stdin --stats --keep-echoes "$b" < <(cat "$BATS_TEST_TMPDIR/events")
	[[ $stderr == *'100000 events: 100000 raised'* ]]
}

@test "two ways do not loop: an echo is passed over, a change is not" {
	serve ll
	start back stdbuf -oL inotifywait -m -q -e modify,attrib,close_write --format '%e %w%f' "$b"
	mkfifo "$BATS_TEST_TMPDIR/way"
	start way bash -c "tail -n +1 -F --pid=$back_pid '$BATS_TEST_TMPDIR/back.out' 2>/dev/null |
		sed -u 's|$b/||' | fnsend --stdin --stats -v --input=inotifywait --format='%e %f' '$m'"
	watch -e modify -e attrib "$m"
	for i in 1 2 3 4 5; do
		echo "$i" >>"$b/f"
		wait_for 5 bash -c "[ \$(grep -c MODIFY '$BATS_TEST_TMPDIR/watch.out') -ge $i ]"
	done
	wait_for 5 grep -q 'an echo' "$BATS_TEST_TMPDIR/way.err"
	kill "$back_pid"
	wait_for 5 gone "$way_pid"
	# Each change can be nudged twice at most: once by its event, once by one that was merged.
	[ "$(grep -c MODIFY "$BATS_TEST_TMPDIR/watch.out")" -le 10 ]
}

@test "--rate, --repeat, --from-log keep their time" {
	serve ll
	printf '{"event":"modify","path":"f","mono":%s}\n' 5.0 5.2 5.4 >"$BATS_TEST_TMPDIR/log"
	t0=$(date +%s%N)
	fnsend --from-log="$BATS_TEST_TMPDIR/log" "$m"
	t1=$(date +%s%N)
	[ $((t1 - t0)) -ge 400000000 ]
	fnsend --from-log="$BATS_TEST_TMPDIR/log" --speed=4 "$m"
	t2=$(date +%s%N)
	[ $((t2 - t1)) -ge 100000000 ]
	[ $((t2 - t1)) -lt $((t1 - t0)) ]
	run -0 --separate-stderr fnsend --from-log="$BATS_TEST_TMPDIR/log" --speed=0 --repeat=3 --stats "$m"
	[[ $stderr == *'9 events: 9 raised'* ]]
	t3=$(date +%s%N)
	fnsend --repeat=11 --rate=50 modify "$m/f"
	[ $(($(date +%s%N) - t3)) -ge 200000000 ]
}

@test "--dry-run shows bytes and fields, without a mount" {
	run -0 fnsend --dry-run rename old/a new/b
	[[ $output == *'FN1_INJECT mask=FS_RENAME'*'PATH="new/b" OLD_PATH="old/a"'* ]]
	[[ $output == *' 000000 '*'|'* ]]
	run -0 fnsend --dry-run --dialect=rfc-v1 --node=7 create x
	[[ $output == *'FSNOTIFY inode=7 mask=FS_CREATE namelen=1 name="x"'* ]]
	run -0 fnsend --dry-run --dialect=fn-native rename a b
	[[ $output == *'mask=FS_RENAME'*'name="a" newname="b"'* ]]
	run -0 fnsend --dry-run --notify=inval-entry 1 name
	[[ $output == *'INVAL_ENTRY parent=1'*'namelen=4 name="name"'* ]]
	for kind in short long length name-nul name-slash name-dots name-long mask node code random; do
		run -0 fnsend --dry-run --malformed=$kind create some/name
	done
	run -2 fnsend --dry-run --malformed=nonsense create x
}

@test "--notify goes through the server's own descriptor" {
	serve ll -o cache=always
	run -0 fnsend --list-fds --pid="$server_pid"
	[[ $output == *"$m"* ]]
	cat "$m/f" >/dev/null
	rm "$b/f"
	[ -e "$m/f" ]
	run -0 fnsend --notify=inval-entry --pid="$server_pid" "$m/" f
	[ ! -e "$m/f" ]
	stat "$m/sub/g" >/dev/null
	watch "$m" "$m/sub/g"
	run -0 fnsend --notify=delete --pid="$server_pid" "$m/sub" "$m/sub/g" g
	heard 'DELETE_SELF sub/g'
	run -1 fnsend --notify=inval-entry --pid="$server_pid" 1 nothing
	[[ $output == *'no such node or entry'* ]]
}

@test "codes that mean something else are refused, and so is who serves nothing" {
	serve ll
	run -3 fnsend --notify=fsnotify --dialect=rfc-v2 --pid="$server_pid" create 1 x
	[[ $output == *INC_EPOCH* ]]
	run -3 fnsend --notify=fsnotify --dialect=fn-native --pid="$server_pid" create 1 x
	[[ $output == *'did not negotiate'* ]]
	run -2 fnsend --notify=fsnotify --pid="$server_pid" create 1 x
	run -1 fnsend --notify=inval-inode --pid=$$ 1
	[[ $output == *'not a FUSE server'* ]]
	run -1 fnsend --list-fds --pid=$$
	run -2 fnsend --notify=inval-inode 1
	run -2 fnsend --notify=poll --pid="$server_pid" 1
	run -3 fnsend --notify=inval-inode --malformed=short --pid="$server_pid" 1
}

@test "an object by its handle, wherever it was moved" {
	serve ll
	stat "$m/sub/g" >/dev/null
	watch "$m/sub"
	handle=$(python3 - "$m/sub/g" 2>/dev/null <<-'PY' || true
		import ctypes, sys
		libc = ctypes.CDLL(None, use_errno=True)
		buf = (ctypes.c_uint8 * 136)(); buf[0] = 128
		mid = ctypes.c_int()
		if libc.name_to_handle_at(-100, sys.argv[1].encode(), buf, ctypes.byref(mid), 0): sys.exit(1)
		n = int.from_bytes(bytes(buf[0:4]), sys.byteorder); t = int.from_bytes(bytes(buf[4:8]), sys.byteorder)
		print("%d:%s" % (t, bytes(buf[8:8 + n]).hex()))
	PY
	)
	[ -n "$handle" ] || missing "needs python3 to take a handle"
	mv "$b/sub/g" "$b/sub/h"
	run -0 fnsend --handle="$handle" modify "$m"
	wait_for 5 grep -q 'MODIFY .*/g' "$BATS_TEST_TMPDIR/watch.out"
}

@test "usage" {
	run -2 fnsend
	run -2 fnsend frobnicate /tmp
	run -2 fnsend modify
	run -2 fnsend rename /tmp/a
	run -2 fnsend --via=magic modify /tmp
	run -2 fnsend --stdin --follow /tmp
	run -2 fnsend --stdin
	run -2 fnsend --timeout=0 modify /tmp
	run -1 fnsend modify /nowhere/at/all
	run -1 fnsend --stdin /nowhere/at/all </dev/null
	run -0 fnsend --help
	[[ $output == *'--degrade'* ]]
}
