#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fnsend's nudges on a stock virtiofs share: stock kernel, stock daemon.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests
	mkdir -p "$GUESTS/share/sub"
	guest_need
	echo one >"$GUESTS/share/f"
	echo two >"$GUESTS/share/sub/g"
	echo old >"$GUESTS/share/stale"
	echo old >"$GUESTS/share/gone"
	touch -d '2001-02-03 04:05:06.789012345' "$GUESTS/share/f"
	guest_start g "$GUESTS/share"
}

teardown_file() {
	[ ! -s "$GUESTS/watch.pid" ] || kill "$(<"$GUESTS/watch.pid")" 2>/dev/null || :
	guests_cleanup
}

@test "each nudge raises exactly its event in the guest, and only ctime changes on the host" {
	before=$(stat -c '%n %x %y %a %s' "$GUESTS/share/f")
	run -0 guest g <<-'EOF'
		inotifywait -q -m --format '%e %f' -o /tmp/events /mnt/share >/tmp/log 2>&1 &
		until grep -q inotify /proc/$!/fdinfo/3 2>/dev/null; do usleep 20000; done
		for e in modify attrib access close-write close-nowrite; do fnsend $e /mnt/share/f; done
		fnsend create /mnt/share/f; echo "create: $?"
		fnsend --degrade=attrib create /mnt/share/f; echo "degraded: $?"
		: >/mnt/share/mark
		until grep -q mark /tmp/events; do usleep 20000; done
		kill $!
		grep -v mark /tmp/events
	EOF
	[ "$output" = "fnsend: /mnt/share/f: create: no system call raises this without doing it (see --degrade)
create: 3
degraded: 0
MODIFY f
ATTRIB f
ACCESS f
OPEN f
CLOSE_WRITE,CLOSE f
OPEN f
CLOSE_NOWRITE,CLOSE f
ATTRIB f" ] || { echo "$output"; false; }
	[ "$before" = "$(stat -c '%n %x %y %a %s' "$GUESTS/share/f")" ]
}

@test "who wakes up reads the new state; what is gone is gone" {
	guest g <<-'EOF'
		cat /mnt/share/stale /mnt/share/gone >/dev/null
	EOF
	touch -r "$GUESTS/share/stale" "$GUESTS/ref"
	printf 'new\n' >"$GUESTS/share/stale"
	touch -r "$GUESTS/ref" "$GUESTS/share/stale"
	rm "$GUESTS/share/gone"
	run -0 guest g <<-'EOF'
		fnsend modify /mnt/share/stale && cat /mnt/share/stale
		fnsend --degrade=modify delete /mnt/share/gone
		ls /mnt/share/gone 2>/dev/null || echo gone
	EOF
	[ "$output" = $'new\ngone' ] || { echo "$output"; false; }
}

@test "delete-self reaches who watched the file" {
	echo x >"$GUESTS/share/watched"
	guest g <<-'EOF'
		inotifywait -q -m --format '%e' -o /tmp/self /mnt/share/watched >/tmp/log 2>&1 &
		echo $! >/tmp/pid
		until grep -q inotify /proc/$!/fdinfo/3 2>/dev/null; do usleep 20000; done
	EOF
	rm "$GUESTS/share/watched"
	run -0 guest g <<-'EOF'
		fnsend delete-self /mnt/share/watched || exit
		i=0
		until grep -q DELETE_SELF /tmp/self || [ $i -gt 200 ]; do i=$((i + 1)); usleep 20000; done
		kill $(cat /tmp/pid) 2>/dev/null
		head -n 1 /tmp/self
	EOF
	[[ $output == ATTRIB* || $output == DELETE_SELF ]]
}
