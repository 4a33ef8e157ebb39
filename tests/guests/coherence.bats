#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever wakes up by an event reads the new state: content, size, existence. In the cache mode of
# $FN_GUEST_CACHE; $FN_COHERENCE_ROUNDS rounds.

load ../bats/helpers
load guest

setup_file() {
	underlay_start g
	export G=g
	export ROUNDS=${FN_COHERENCE_ROUNDS:-60}
	export REMOVED=$((ROUNDS / 4))
}

teardown_file() {
	underlay_stop
}

teardown() {
	cleanup
	rm -f "$SRC"/*
}

rounds() {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		echo $i >"$SRC/state"
		echo $i >"$SRC/.tmp"
		mv "$SRC/.tmp" "$SRC/r$i"
	done
}

# checked PATTERN: until wakecheck has said so.
checked() {
	guest $G $((30 + ROUNDS / 5)) <<-EOF
		i=0
		until grep -q '^$1' /tmp/check || [ \$i -gt $((400 + ROUNDS * 3)) ]; do i=\$((i + 1)); usleep 50000; done
		cat /tmp/check
	EOF
}

# Names go once all have been looked at: what is slow to wake up is not to find less than it should.
state_seen() {
	local i
	rounds
	checked 'came\|rounds'
	for ((i = 1; i <= $1; i++)); do rm "$SRC/r$i"; done
	run checked rounds
	echo "$output"
	[ "${lines[-1]}" = "rounds $ROUNDS removed $1 faults 0" ]
}

@test "fnwatch on an underlay" {
	guest $G <<-EOF
		mkfifo /tmp/ready
		(fnwatch --csv --ready-fd 3 /mnt/share 3>/tmp/ready | wakecheck /mnt/share $ROUNDS $REMOVED >/tmp/check 2>&1) &
		read x </tmp/ready
	EOF
	state_seen $REMOVED
}

# native DIRECTORY REMOVED: an unmodified watcher there, in the background. Not of what reading does.
native() {
	guest $G <<-EOF
		rm -f /tmp/check /tmp/events
		mkfifo /tmp/events
		inotifywait -q -m --csv -o /tmp/events -e create,modify,attrib,close_write,delete,move $1 &
		echo \$! >/tmp/watch.pid
		wakecheck $1 $ROUNDS $2 </tmp/events >/tmp/check 2>&1 &
		until grep -q '^inotify' /proc/\$(cat /tmp/watch.pid)/fdinfo/3 2>/dev/null; do usleep 20000; done
	EOF
}

native_end() {
	guest $G <<-'EOF'
		kill $(cat /tmp/watch.pid) || :
		while [ -d /proc/$(cat /tmp/watch.pid) ]; do usleep 20000; done
		umount /mnt/src 2>/dev/null || :
	EOF
}

@test "a native watcher on an overlay, events from the share itself" {
	guest $G <<<'fnmount /mnt/share /mnt/src'
	native /mnt/src $REMOVED
	state_seen $REMOVED
	native_end
}

# Of a stock virtiofsd on the plain directory: nothing else stands between its changes and events.
@test "a native watcher on an overlay, events over a serial line" {
	G=plain
	guest_start plain "$SRC"
	start watch bash -c 'exec window "$1.in" "$1.out" < <(exec fnwatch --wire -r "$0")' "$SRC" "$GUESTS/plain/line"
	guest $G <<<'fnmount --events="window /dev/fn-line" /mnt/share /mnt/src'
	native /mnt/src $REMOVED
	state_seen $REMOVED
	native_end
	guest_stop plain
}

# Names cannot be raised by nudges: what has one is told as modified.
@test "a native watcher on the share itself, nudged" {
	guest $G <<-'EOF'
		fnsend --follow --via=nudge --degrade=modify -v /mnt/share >/tmp/follow.out 2>/tmp/follow.err &
		echo $! >/tmp/follow.pid
		i=0
		until grep -q 'works on any mount' /tmp/follow.err; do
			i=$((i + 1))
			[ $i -lt 500 ] || { cat /tmp/follow.err; ps; exit 1; }
			usleep 20000
		done
	EOF
	native /mnt/share 0
	state_seen 0
	native_end
	guest $G <<<'kill $(cat /tmp/follow.pid)'
}
