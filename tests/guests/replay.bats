#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Underlay replay: fnmount below a stock virtiofsd, and `fnsend --follow` in the guest: programs
# that watch the share itself get native events.

load ../bats/helpers
load guest

setup_file() {
	underlay_start a b
	echo fixed >"$SRC/f1"
	mkdir "$SRC/dir" "$SRC/f2"
}

teardown_file() {
	underlay_stop
}

# follow GUEST OPTION…: fnsend --follow, and an unmodified watcher of the share.
follow() {
	local name=$1
	shift
	guest "$name" <<-EOF
		rm -f /tmp/events
		fnsend --follow --degrade=modify $* /mnt/share >/tmp/follow.log 2>&1 &
		echo \$! >/tmp/follow.pid
		inotifywait -q -m -r /mnt/share -e create,modify,attrib,close_write,delete,moved_from,moved_to \
			--format '%w%f %e %c' -o /tmp/events >/tmp/watch.log 2>&1 &
		echo \$! >/tmp/watch.pid
		until grep -q '^inotify' /proc/\$(cat /tmp/watch.pid)/fdinfo/* 2>/dev/null; do
			kill -0 \$(cat /tmp/watch.pid) || { cat /tmp/watch.log; exit 1; }
			sleep 0.05
		done
		sleep 0.3 # fnsend has no watcher of its own to wait for
	EOF
}

# events GUEST PATTERN: what the watcher saw, once it saw that; then both end.
events() {
	guest "$1" <<-EOF
		i=0
		until grep -q '$2' /tmp/events || [ \$i -gt 100 ]; do i=\$((i + 1)); sleep 0.05; done
		kill \$(cat /tmp/watch.pid /tmp/follow.pid)
		grep -v fsnotify /tmp/events | sed 's#/mnt/share/##'
		cat /tmp/follow.log >&2
	EOF
}

@test "programs on the share see what the host does: exactly, by default" {
	[ "$FN_GUEST_CACHE" != none ] || skip "names are not cached" # see the test below
	follow a
	echo new >"$SRC/a"
	wait_event a 'a CLOSE_WRITE'
	chmod 600 "$SRC/a"
	wait_event a 'a ATTRIB'
	move a b
	mkdir "$SRC/d"
	ln -s target "$SRC/s"
	run -0 events a '/s CREATE'
	echo "$output"
	[ "$(grep -c '^a CREATE 0' <<<"$output")" -eq "$tries" ]
	grep -q '^a MODIFY' <<<"$output"
	grep -q '^d CREATE,ISDIR 0' <<<"$output"
	cookie=$(sed -n 's/^a MOVED_FROM //p' <<<"$output")
	[ -n "$cookie" ]
	grep -qx "dir/b$tries MOVED_TO $cookie" <<<"$output"
	[ "$(<"$SRC/dir/b1")" = new ] && [ "$(stat -c %a "$SRC/dir/b1")" = 600 ] && [ -d "$SRC/d" ]
	[ "$(readlink "$SRC/s")" = target ]
	rm -rf "$SRC"/{d,s,dir/b*}
}

# move OLD NEW: the guest looks OLD up, asks for the move into dir, and awaits it. With cache=auto a
# name is fresh for one second: within it the rename has to be exact; a machine that took longer may
# try again (with OLD made anew).
move() {
	for ((tries = 1; tries < 9; tries++)); do
		start mover bash -c "until [ -e '$SRC/go' ]; do sleep 0.01; done; mv '$SRC/$1' '$SRC/dir/$2$tries'"
		run -0 guest a <<-EOF
			ln /proc/version /mnt/share/$1 2>/dev/null # is there, and was just looked up
			read from x </proc/uptime
			: >/mnt/share/go
			i=0
			until grep -q 'dir/$2$tries ' /tmp/events || [ \$i -gt 400 ]; do i=\$((i + 1)); usleep 10000; done
			read to x </proc/uptime
			rm /mnt/share/go
			grep -q 'dir/$2$tries MOVED_TO' /tmp/events && exit
			echo "degraded after \$((\${to%.*}\${to#*.} - \${from%.*}\${from#*.}))"
		EOF
		[ -n "$output" ] || return 0
		echo "$output"
		[ "$FN_GUEST_CACHE" = auto ] && [ "${output##* }" -ge 100 ]
		echo again >"$SRC/$1"
		wait_event a "$1 CLOSE_WRITE"
	done
	return 1
}

# The watcher has it already (and goes on).
wait_event() {
	guest "$1" <<-EOF
		i=0
		until grep -q '^/mnt/share/$2' /tmp/events || [ \$i -gt 100 ]; do i=\$((i + 1)); sleep 0.05; done
	EOF
}

# A name that was looked up longer ago this kernel has to ask for, and it is not there any more.
@test "a rename is exact while the old name is fresh, and degraded after that" {
	echo x >"$SRC/old"
	follow a --verbose
	guest a <<<'stat /mnt/share/old >/dev/null; usleep 1100000'
	mv "$SRC/old" "$SRC/dir/new"
	run -0 events a 'dir/new '
	echo "$output"
	if [ "$FN_GUEST_CACHE" = always ]; then
		grep -q '^dir/new MOVED_TO' <<<"$output"
	else
		[[ $output != *MOVED* ]]
		grep -qx 'dir/new MODIFY 0' <<<"$output"
		grep -q 'new: rename: not repeated: ' <<<"$output"
	fi
	rm "$SRC/dir/new"
}

@test "deletion is exact where it is allowed, and degraded where it is not" {
	echo x >"$SRC/gone"
	mkdir "$SRC/gonedir"
	guest a <<<'ls -l /mnt/share >/dev/null'
	follow a --allow=delete,rename
	rm "$SRC/gone"
	rmdir "$SRC/gonedir"
	touch "$SRC/end"
	run -0 events a '/end \(CREATE\|MODIFY\|ATTRIB\)'
	echo "$output"
	grep -qx 'gone DELETE 0' <<<"$output"
	grep -qx 'gonedir DELETE,ISDIR 0' <<<"$output"
	rm "$SRC/end"
	echo x >"$SRC/gone"
	guest a <<<'ls -l /mnt/share >/dev/null'
	follow a
	rm "$SRC/gone"
	touch "$SRC/end"
	run -0 events a '/end \(CREATE\|MODIFY\|ATTRIB\)'
	echo "$output"
	[[ $output != *DELETE* ]]
	rm "$SRC/end"
}

@test "nothing is different for anybody while replays run" {
	rounds=${FN_LAW_ROUNDS:-300}
	start one fnsend --repeat 100000 --rate 150 create "$EXPORT/f1"
	start two fnsend --repeat 100000 --rate 150 create "$EXPORT/f2"
	# inotifywait -r does not like names that go while it looks at them.
	for g in a b; do
		follow $g
		wait_event $g 'f1 \(CREATE\|MODIFY\)'
	done
	for g in a b; do
		guest $g <<-EOF
			lawloop /mnt/share $g $rounds f1 f2 >/tmp/law 2>&1 &
			echo \$! >/tmp/law.pid
		EOF
	done
	run -0 lawloop "$EXPORT" h $((rounds * 3)) f1 f2
	run -0 lawloop "$SRC" s $((rounds * 3)) f1 f2
	for g in a b; do
		run -0 guest $g 100 <<-'EOF'
			while [ -d /proc/$(cat /tmp/law.pid) ]; do sleep 0.1; done
			kill $(cat /tmp/watch.pid /tmp/follow.pid) || { cat /tmp/follow.log /tmp/watch.log; exit 1; }
			cat /tmp/law
			grep -c "f[12] CREATE" /tmp/events || :
		EOF
		echo "$output"
		[[ ${lines[0]} == "operations "*" faults 0" ]]
		replayed=$((${replayed:-0} + lines[1]))
	done
	[ "$FN_GUEST_CACHE" = none ] || [ "$replayed" -gt 0 ]
}

teardown() {
	cleanup
}
