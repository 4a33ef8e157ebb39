#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever wakes up by an event reads the new state: content, size, existence. In the cache mode of
# $FN_GUEST_CACHE; $FN_COHERENCE_ROUNDS rounds.

load ../bats/helpers
load guest

setup_file() {
	underlay_start g
	export ROUNDS=${FN_COHERENCE_ROUNDS:-100}
}

teardown_file() {
	underlay_stop
}

rounds() {
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		echo $i >"$SRC/state"
		echo $i >"$SRC/.tmp"
		mv "$SRC/.tmp" "$SRC/r$i"
		[ $i -le $((ROUNDS * 3 / 4)) ] || rm "$SRC/r$((i - ROUNDS * 3 / 4))"
	done
}

result() {
	run guest g 100 <<-'EOF'
		i=0
		until grep -q ^rounds /tmp/check || [ $i -gt 1500 ]; do i=$((i + 1)); usleep 50000; done
		cat /tmp/check
	EOF
	rm -f "$SRC"/r* "$SRC/state"
	echo "$output"
	[ "${lines[-1]}" = "rounds $ROUNDS faults 0" ]
}

@test "fnwatch on an underlay" {
	guest g <<-EOF
		mkfifo /tmp/ready
		(fnwatch --csv --ready-fd 3 /mnt/share 3>/tmp/ready | wakecheck /mnt/share $ROUNDS >/tmp/check 2>&1) &
		read x </tmp/ready
	EOF
	rounds
	result
}
