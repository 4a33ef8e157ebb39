#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The examples of each command's manual page run as they stand there, and do what the page says.

load helpers
load recipes

setup_file() {
	typed_begin
}

setup() {
	machine here
	root=$BATS_TEST_TMPDIR/here
}

teardown() {
	machines_end
}

# example PAGE PATTERN: the command of its EXAMPLES that fits, which is then a typed one.
example() {
	local line
	while IFS= read -r line; do
		# shellcheck disable=SC2053 # a pattern
		if [[ $line == $2 ]]; then
			printf '%s\t%s\n' "$1" "$line" >>"$TYPED"
			printf '%s\n' "$line"
			return
		fi
	done < <(examples "$1")
	echo "$1(1) has no example $2" >&2
	return 1
}
type_example() { on here sh -c "$(example "$@")"; }

# hears PATTERN: a watcher of /mnt/src does.
watch_src() {
	start watch on here inotifywait -m -r /mnt/src --format '%w%f %e'
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
}
hears() { wait_for 10 grep -q "$1" "$BATS_TEST_TMPDIR/watch.out"; }

# /mnt/src shows there's /src, and nobody here is told of what changes in it.
far() {
	need_command bindfs
	need_command dropbear
	machine there
	keys here there
	mkdir -p "$BATS_TEST_TMPDIR/there/Users/me/src"
	echo text >"$BATS_TEST_TMPDIR/there${1:-/src}/a.c"
	on here bindfs "$BATS_TEST_TMPDIR/there${1:-/src}" /mnt/src
}

# far_change COMMAND: again and again, for a pipe does not tell when it watches.
far_change() {
	for _ in $(seq 50); do
		on there sh -c "$1"
		if wait_for 1 grep -q "$2" "$BATS_TEST_TMPDIR/watch.out"; then return; fi
	done
	return 1
}

@test "fnmount" {
	mkdir "$root/srv/src"
	type_example fnmount 'fnmount *'
	start watch on here sh -c "$(example fnmount 'inotifywait *' | sed 's/ &$//')"
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	line=$(example fnmount 'touch *')
	on here sh -c "$line"
	for event in $(sed 's/.*# //; s/ [^ ]*$//; s/,//g' <<<"$line"); do
		hears "$event.* new$"
	done
	type_example fnmount 'fusermount3 *'
	run ! on here mountpoint -q /export
}

@test "fnwatch: a share" {
	on here fnmount /src /mnt/share
	start fnwatch on here sh -c "$(example fnwatch 'fnwatch -r /mnt/share')"
	for n in $(seq 50); do
		: >"$root/src/a$n"
		if wait_for 1 grep -q "^create./mnt/share/a$n$" "$BATS_TEST_TMPDIR/fnwatch.out"; then break; fi
	done
	[ "$n" -lt 50 ]
}

@test "fnwatch: run tests after each burst" {
	mkdir "$root/home/src"
	printf '#!/bin/sh\necho "$@" >>/made\n' >"$root/tools/make"
	chmod 755 "$root/tools/make"
	start tests on here sh -c "cd /home; $(example fnwatch '*make check*')"
	for n in $(seq 50); do
		echo "$n" >"$root/home/src/a.c"
		if wait_for 1 grep -qx check "$root/made"; then break; fi
	done
	[ "$n" -lt 50 ]
	echo 1 >"$root/home/src/a.txt"
}

@test "fnwatch: wait until a file is there" {
	mkdir "$root/run/app"
	start fnwatch on here sh -c "$(example fnwatch 'fnwatch -n 1 *')"
	for n in $(seq 50); do
		rm -f "$root/run/app/socket"
		: >"$root/run/app/socket"
		if wait_for 1 grep -q '^create./run/app/socket$' "$BATS_TEST_TMPDIR/fnwatch.out"; then break; fi
	done
	stopped=0
	wait "$fnwatch_pid" || stopped=$?
	[ "$stopped" -eq 0 ]
}

@test "fnwatch and fnsend: from a host that has no mount of this machine" {
	far
	watch_src
	[ "$(example fnwatch 'ssh *')" = "$(example fnsend 'ssh host fnwatch *')" ]
	start pipe on here sh -c "$(example fnsend 'ssh host fnwatch *')"
	far_change 'echo more >>/src/a.c' 'a.c MODIFY'
}

@test "fnsend: wake whoever watches" {
	far
	watch_src
	type_example fnsend 'fnsend modify *'
	hears 'a.c MODIFY'
}

@test "fnsend: from inotifywait" {
	far
	watch_src
	start pipe on here sh -c "$(example fnsend 'ssh host inotifywait *')"
	far_change 'echo more >>/src/a.c' 'a.c MODIFY'
}

@test "fnsend: from fswatch" {
	need_command fswatch
	far /Users/me/src
	watch_src
	start pipe on here sh -c "$(example fnsend 'ssh mac fswatch *')"
	far_change 'echo more >>/Users/me/src/a.c' 'a.c MODIFY'
}

@test "fnsend: drop a stale entry" {
	far
	on here stat /mnt/src/a.c >/dev/null
	type_example fnsend 'fnsend --notify=inval-entry *'
}

@test "fnprobe" {
	far
	run on here sh -c "$(example fnprobe 'fnprobe kernel *')"
	[[ $status -le 1 && -z $output ]]
	type_example fnprobe 'fnprobe mount *'
	on here bindfs "$BATS_TEST_TMPDIR/there/src" /mnt/share
	run -0 on here sh -c "$(example fnprobe 'fnprobe events *')"
	[[ $output == *create*no* ]]
}

# traced COMMAND: for a second in which the share is used.
traced() {
	start traced on here sh -c "cd /home; exec timeout -s INT 1 $1"
	until gone "$traced_pid"; do
		on here sh -c 'ls /mnt/share; cat /mnt/share/no-such-file; head -c 1 /mnt/share/a.c' >/dev/null 2>&1 || :
		read -rt 0.05 <> <(:) || :
	done
	err traced
}

@test "fndump" {
	need_command sshfs
	far
	on here sshfs server:/src /mnt/share
	pid=$(on here pidof sshfs)
	traced "$(example fndump '*pidof sshfs*')"
	grep -q LOOKUP "$BATS_TEST_TMPDIR/traced.out"
	traced "$(example fndump '*-w bug*' | sed "s/4711/$pid/")"
	run -0 on here sh -c "cd /home; $(example fndump 'fndump -P -e status*')"
	[[ $output == *LOOKUP*ENOENT* ]]
	cp "$FN_ROOT/tests/data/fndump/gluster.fusedump" "$BATS_TEST_TMPDIR/gluster"
	run -0 on here sh -c "$(example fndump '*glusterfs*' | sed "s#/var/log/glusterfs/fuse.dump#$BATS_TEST_TMPDIR/gluster#")"
}

# shown PATTERN: the line of README, above its recipes, that fits, without what is said about it.
shown_all() { sed '/^## Recipes/,$d' "$FN_ROOT/README.md" | sed -n 's/^    \(\$ \)*//; T; s/   *# .*//; p'; }
shown() {
	local line
	while IFS= read -r line; do
		# shellcheck disable=SC2053 # a pattern
		if [[ $line == $1 ]]; then
			printf 'README\t%s\n' "$line" >>"$TYPED"
			printf '%s\n' "$line"
			return
		fi
	done < <(shown_all)
	echo "README shows no $1" >&2
	return 1
}

@test "README: what it begins with is what comes" {
	echo >"$root/src/report"
	on here sh -c "$(shown 'fnmount /src /mnt/src')"
	start watch on here sh -c "$(shown 'inotifywait -m /mnt/src &' | sed 's/ &$//')"
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	on here sh -c "$(shown 'mv *')"
	hears MOVED_TO
	[ "$(out watch)" = "$(shown '*MOVED_FROM*'; shown '*MOVED_TO*')" ]
	on here sh -c "$(shown 'fnmount /src /export')"
}

@test "README: fnwatch and fnprobe" {
	mkdir "$root/src/dir"
	on here fnmount /src /mnt/share
	# jq gathers what it prints, unless to a terminal.
	start json on here sh -c "$(shown 'fnwatch *--json*' | sed 's/jq /jq --unbuffered /')"
	start rescan on here sh -c "$(shown 'fnwatch *--on-overflow*')"
	start share on here sh -c "$(shown 'fnwatch -r /mnt/share')"
	for n in $(seq 50); do
		: >"$root/src/dir/a$n"
		if wait_for 1 grep -qx "/src/dir/a$n" "$BATS_TEST_TMPDIR/json.out" &&
			wait_for 1 grep -q "/src/dir/a$n$" "$BATS_TEST_TMPDIR/rescan.out" &&
			wait_for 1 grep -q "/mnt/share/dir/a$n$" "$BATS_TEST_TMPDIR/share.out"; then break; fi
	done
	[ "$n" -lt 50 ]
	printf '#!/bin/sh\n: >/used\n' >"$root/tools/use_them"
	chmod 755 "$root/tools/use_them"
	on here sh -c "$(shown 'fnprobe *use_them')"
	[ -e "$root/used" ]
	run -0 on here sh -c "$(shown 'fnprobe kernel')"
	run -0 on here sh -c "$(shown 'fnprobe --backing*')"
	[[ $output == *create*exact* ]]
}

@test "README: fnprobe of a running virtiofsd" {
	[ -x /usr/lib/qemu/virtiofsd ] || missing "virtiofsd"
	start virtiofsd on here /usr/lib/qemu/virtiofsd --socket-path=/run/virtiofsd.sock -o source=/src
	wait_for 5 test -S "$root/run/virtiofsd.sock"
	run -0 on here sh -c "$(shown 'fnprobe vhost-user *')"
}

@test "README: fnsend and fndump" {
	need_command sshfs
	far
	watch_src
	on here sh -c "$(shown 'fnsend modify *')"
	hears 'a.c MODIFY'
	[ "$(shown 'ssh host fnwatch *')" = "$(example fnsend 'ssh host fnwatch *')" ]
	start pipe on here sh -c "$(shown 'ssh host inotifywait *')"
	far_change 'echo more >>/src/a.c; chmod 600 /src/a.c' 'a.c ATTRIB'
	on here sshfs server:/src /mnt/share
	traced "$(shown 'fndump -p *')"
	grep -q 'LOOKUP' "$BATS_TEST_TMPDIR/traced.out"
	cp "$FN_ROOT/tests/data/fndump/gluster.fusedump" "$root/home/trace"
	gzip -dc "$FN_ROOT/tests/data/fndump/passthrough_ll.strace.gz" >"$root/home/log"
	run -0 on here sh -c "cd /home; $(shown 'fndump --check *')"
	run -0 on here sh -c "cd /home; $(shown 'strace *' | sed 's/.*; //')"
	[[ $output == *LOOKUP* ]]
}

@test "all examples of all pages are run here" {
	[ -z "${BATS_TEST_FILTER:-}" ] || skip
	for c in fnmount fnwatch fnsend fnprobe fndump; do
		while IFS= read -r line; do
			grep -qxF -- "$c	$line" "$TYPED" || { echo "$c: nobody runs: $line" && return 1; }
		done < <(examples "$c")
	done
}
