#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Two-way set-up: the guest edits through its overlay while the host edits its directory. Each side
# hears of each new file of the other once, and of its own once: as the kernel tells of it, never
# again as news. $FN_LOOP_EDITS edits on each side.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests SRC=$BATS_FILE_TMPDIR/src EXPORT=$BATS_FILE_TMPDIR/export
	export EDITS=${FN_LOOP_EDITS:-200}
	mkdir -p "$GUESTS" "$SRC" "$EXPORT"
	guest_need
	fnmount -f "$SRC" "$EXPORT" >"$GUESTS/fnmount.log" 2>&1 3>&- &
	echo $! >"$GUESTS/fnmount.pid"
	wait_for 5 mounted "$EXPORT"
	guest_start g "$EXPORT"
}

teardown_file() {
	guests_cleanup
	umount -l "$EXPORT" 2>/dev/null || :
	guest_kill "$(<"$GUESTS/fnmount.pid")"
}

teardown() {
	cleanup
}

# not_once FILE EVENT SIDE: names of SIDE (h: the host made it, g: the guest) with EVENT that are not
# in FILE exactly once.
not_once() { awk -v e="$2" -v s="$3" -v n="$EDITS" '
	index($1, e) {c[$2]++}
	END {for (i = 1; i <= n; i++) if (c[s i] != 1) print e, s i, c[s i] + 0}
	' "$1"; }

@test "each change once on each side" {
	guest g <<<'fnmount /mnt/share /mnt/src'
	start watch inotifywait -m --format '%e %f' "$SRC"
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	guest g <<-EOF
		inotifywait -q -m --format '%e %f' -o /tmp/events /mnt/src >/tmp/log 2>&1 &
		until grep -q '^inotify' /proc/\$!/fdinfo/3 2>/dev/null; do usleep 20000; done
		(for i in \$(seq $EDITS); do echo \$i >/mnt/src/g\$i; done; touch /tmp/done) 2>/tmp/failed &
	EOF
	# A queue holds 16384 events for who is slower, and virtiofsd a descriptor for each file that the
	# guest knows: not all of them at once.
	for ((i = 1; i <= EDITS; i++)); do
		echo $i >"$SRC/h$i"
		((i % 1000 && i < EDITS)) && continue
		guest g $((20 + EDITS / 20)) <<<"until grep -q 'CLOSE_WRITE.* h$i\$' /tmp/events; do usleep 50000; done"
		find "$SRC" -name 'h*' -delete
	done
	guest g $((20 + EDITS / 20)) <<<'until [ -e /tmp/done ]; do usleep 50000; done; head -n 3 /tmp/failed; [ ! -s /tmp/failed ]'
	: >"$SRC/end"
	guest g $((20 + EDITS / 20)) >"$BATS_TEST_TMPDIR/guest.out" <<-'EOF'
		until grep -q ' end' /tmp/events; do usleep 50000; done
		cat /tmp/events
	EOF
	wait_for 10 grep -q ' end' "$BATS_TEST_TMPDIR/watch.out"
	for made in {guest,watch}/{CREATE,CLOSE_WRITE,DELETE}/h {guest,watch}/CREATE/g guest/CLOSE_WRITE/g; do
		IFS=/ read -r side event by <<<"$made"
		run -0 not_once "$BATS_TEST_TMPDIR/$side.out" "$event" "$by"
		echo "$side: ${lines[*]:0:5}"
		[ -z "$output" ]
	done
}
