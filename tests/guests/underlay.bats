#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Host underlay: fnmount below a stock virtiofsd; the guest sets remote watches in-band.

export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
load ../bats/helpers
load guest

setup_file() {
	underlay_start g
	echo old >"$SRC/file"
	mkdir "$SRC/dir"
}

teardown_file() {
	underlay_stop
}

# watch NAME OPTION…: fnwatch --json on the share, in the background of the guest.
watch() {
	local name=$1
	shift
	guest g <<-EOF
		mkfifo /tmp/$name.ready
		(
			fnwatch --json --ready-fd 3 $* /mnt/share >/tmp/$name.out 2>/tmp/$name.err 3>/tmp/$name.ready &
			echo \$! >/tmp/$name.pid
			wait \$!
			echo \$? >/tmp/$name.status
		) &
		read x </tmp/$name.ready
		cat /tmp/$name.err
	EOF
}

# seen NAME PATTERN: wait until the watcher's output has it, then print all of it.
seen() {
	guest g 90 <<-EOF
		i=0
		until grep -q '$2' /tmp/$1.out; do
			i=\$((i + 1))
			[ \$i -lt 600 ] || { cat /tmp/$1.out /tmp/$1.err; exit 1; }
			usleep 100000
		done
		kill \$(cat /tmp/$1.pid) 2>/dev/null
		tail -n 40 /tmp/$1.out; grep -m1 overflow /tmp/$1.out || :
	EOF
}

@test "remote watches: every kind of change on the host, joint renames" {
	watch all -r
	echo new >"$SRC/a"
	chmod 600 "$SRC/a"
	mv "$SRC/a" "$SRC/dir/b"
	mv "$SRC/dir" "$SRC/moved"
	echo more >>"$SRC/moved/b"
	rm "$SRC/moved/b"
	touch "$SRC/end"
	run -0 seen all '/end"'
	jq -r '[.events[0], .old_path // "", .path] | join(" ")' <<<"$output" | sed 's#/mnt/share/##g' >"$BATS_TEST_TMPDIR/got"
	cat "$BATS_TEST_TMPDIR/got"
	for want in 'create  a' 'modify  a' 'close-write  a' 'attrib  a' 'rename a dir/b' \
		'rename dir moved' 'modify  moved/b' 'delete  moved/b' 'create  end'; do
		grep -qx "$want" "$BATS_TEST_TMPDIR/got"
	done
	mkdir "$SRC/dir"
	rm -rf "$SRC/moved" "$SRC/end"
}

@test "remote watches: rsync into the directory, each file by one rename" {
	need_command rsync
	mkdir "$BATS_TEST_TMPDIR/from"
	seq 50 | while read -r i; do echo "$i" >"$BATS_TEST_TMPDIR/from/r$i"; done
	watch rsync -r -e rename,create
	rsync -a "$BATS_TEST_TMPDIR/from/" "$SRC/dir/"
	touch "$SRC/dir/end"
	run -0 guest g <<-'EOF'
		i=0
		until grep -q 'dir/end"' /tmp/rsync.out || [ $i -gt 200 ]; do i=$((i + 1)); usleep 100000; done
		kill $(cat /tmp/rsync.pid)
		cat /tmp/rsync.out
	EOF
	jq -r 'select(.events[0] == "rename") | "\(.old_path) \(.path)"' <<<"$output" | sed 's#/mnt/share/dir/##g' |
		sed -nE 's/^\.(.*)\.[^.]{6} \1$/\1/p' | sort | diff <(ls "$BATS_TEST_TMPDIR/from") -
	rm -r "$SRC"/dir/*
}

@test "remote watches make no noise on the share, and no program finds the control file there" {
	guest g <<-'EOF'
		inotifywait -q -m -r -o /tmp/noise /mnt/share >/tmp/noise.log 2>&1 &
		echo $! >/tmp/noise.pid
		until grep '^inotify' /proc/$!/fdinfo/3 2>/dev/null | tail -n +2 | grep -q .; do usleep 20000; done
	EOF
	watch quiet -r
	echo x >"$SRC/heard"
	run -0 seen quiet '/heard"'
	run -0 guest g <<-'EOF'
		kill $(cat /tmp/quiet.pid) 2>/dev/null
		while [ -d /proc/$(cat /tmp/quiet.pid) ]; do usleep 20000; done
		: >/mnt/share/mark
		until grep -q mark /tmp/noise; do usleep 20000; done
		kill $(cat /tmp/noise.pid)
		grep -v mark /tmp/noise
		find /mnt/share | grep fsnotify
		ls -laR /mnt/share | grep fsnotify
		cp -r /mnt/share /tmp/copy
		ls -A /tmp/copy | tr '\n' ' '
	EOF
	[ "$output" = 'dir file heard mark ' ] || { echo "$output"; false; }
	rm "$SRC/heard" "$SRC/mark"
}

@test "copies and version control of the exported mount leave the control file out" {
	need_command git
	cp -a "$EXPORT/" "$BATS_TEST_TMPDIR/copy"
	diff -r "$SRC" "$BATS_TEST_TMPDIR/copy"
	[ "$(tar -C "$EXPORT" -c . | tar -t | sort | tr '\n' ' ')" = './ ./dir/ ./file ' ]
	(cd "$EXPORT" && git init -q . && git add -A && git status --porcelain) >"$BATS_TEST_TMPDIR/status"
	[ "$(<"$BATS_TEST_TMPDIR/status")" = 'A  file' ]
	rm -rf "$SRC/.git"
}

@test "an overflow is told, with how many are lost" {
	watch over -r
	guest g <<<'kill -STOP $(cat /tmp/over.pid)'
	(cd "$SRC/dir" && seq -f n%.0f 1 5000 | xargs touch && ls | xargs rm)
	guest g <<<'kill -CONT $(cat /tmp/over.pid)'
	run -0 seen over '"overflow"'
	lost=$(grep -m1 '"overflow"' <<<"$output" | jq .lost)
	[ "$lost" -gt 0 ]
}

@test "the end of the server ends the watch with a record and status 5" {
	watch gone
	fusermount3 -u -z "$EXPORT"
	kill "$(<"$GUESTS/fnmount.pid")"
	run -0 guest g <<-'EOF'
		i=0
		while [ -d /proc/$(cat /tmp/gone.pid) ] && [ $i -lt 100 ]; do i=$((i + 1)); usleep 100000; done
		tail -n 1 /tmp/gone.out
		cat /tmp/gone.err /tmp/gone.status
	EOF
	[[ ${lines[-1]} == 5 ]]
}
