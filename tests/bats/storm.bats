#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# 100,000 remote events over 1,000 directories, beside four readers.
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
