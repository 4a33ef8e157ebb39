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
	[ "$FN_GUEST_CACHE" != none ] || return 0 # see the test below
	follow a
	echo new >"$SRC/a"
	wait_event a 'a CLOSE_WRITE'
	chmod 600 "$SRC/a"
	wait_event a 'a ATTRIB'
	move_a
	mkdir "$SRC/d"
	ln -s target "$SRC/s"
	run -0 events a '/s CREATE'
	echo "$output"
	[ "$(grep -c '^a CREATE 0' <<<"$output")" -eq "$moves" ]
	grep -q '^a MODIFY' <<<"$output"
	grep -q '^d CREATE,ISDIR 0' <<<"$output"
	cookie=$(sed -n 's/^a MOVED_FROM //p' <<<"$output")
	[ -n "$cookie" ]
	grep -qx "dir/b$moves MOVED_TO $cookie" <<<"$output"
	[ "$(<"$SRC/dir/b1")" = new ] && [ "$(stat -c %a "$SRC/dir/b1")" = 600 ] && [ -d "$SRC/d" ]
	[ "$(readlink "$SRC/s")" = target ]
	rm -rf "$SRC"/{d,s,dir/b*}
}

# With cache=auto a name is fresh for a second: a machine that is slower than that gets a rename
# degraded, and another try.
move_a() {
	moves=0
	while ((++moves)); do
		mv "$SRC/a" "$SRC/dir/b$moves"
		wait_event a "dir/b$moves "
		if guest a <<<"grep -q 'dir/b$moves MOVED_TO' /tmp/events"; then return 0; fi
		[ "$FN_GUEST_CACHE" = auto ] && [ $moves -lt 8 ]
		echo again >"$SRC/a"
		wait_event a 'a CLOSE_WRITE'
	done
}

# The watcher has it already (and goes on).
wait_event() {
	guest "$1" <<-EOF
		i=0
		until grep -q '^/mnt/share/$2' /tmp/events || [ \$i -gt 100 ]; do i=\$((i + 1)); sleep 0.05; done
	EOF
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
