#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Many remote events: 100,000 over 1,000 directories, beside four readers; one name again and again.
load helpers
export BATS_TEST_TIMEOUT=180

setup() {
	need_root
	need_fuse
	cd "$BATS_TEST_TMPDIR"
	mkdir b m
}
teardown() { cleanup; }

@test "a storm arrives whole, in order, paired, and readers see no error" {
	start fnmount fnmount -f --stats b m
	wait_for 5 mounted "$PWD/m"
	run stormcheck b m 1000 17
	umount m
	wait "$fnmount_pid"
	echo "$output" "$(err fnmount)"
	[ "$status" -eq 0 ]
}

# A rename that is replayed while somebody has just found the next object under the old name.
@test "a name that is used again and looked up all the time: each object keeps its own name" {
	start fnmount fnmount -f b m
	wait_for 5 mounted "$PWD/m"
	start looker bash -c 'cd m; until [ -e ../stop ]; do [ -e .tmp ] || :; done'
	start watch inotifywait -m --format %e%f m
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	for ((i = 1; i <= 800; i++)); do
		echo $i >b/.tmp
		mv b/.tmp b/r$i
	done
	: >b/end
	wait_for 20 grep -q CREATEend "$BATS_TEST_TMPDIR/watch.out"
	touch stop
	wait "$looker_pid"
	[ "$(grep -c 'CREATE.tmp' "$BATS_TEST_TMPDIR/watch.out")" -eq 800 ]
	[ "$(grep -c 'MOVED_FROM.tmp' "$BATS_TEST_TMPDIR/watch.out")" -eq 800 ]
	[ "$(grep -c 'MOVED_TOr' "$BATS_TEST_TMPDIR/watch.out")" -eq 800 ]
	for ((i = 1; i <= 800; i++)); do
		[ "$(<m/r$i)" = $i ]
	done
}
