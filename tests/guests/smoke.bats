#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest boots, shares a directory, and runs our commands.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests
	mkdir -p "$GUESTS/share"
	guest_need
	echo from-the-host >"$GUESTS/share/hello"
	guest_start g "$GUESTS/share"
}

teardown_file() {
	guests_cleanup
}

@test "the guest reads and writes the share" {
	run -0 guest g <<-'EOF'
		cat /mnt/share/hello
		echo from-the-guest >/mnt/share/answer
	EOF
	[ "$output" = from-the-host ]
	[ "$(<"$GUESTS/share/answer")" = from-the-guest ]
}

@test "a script's status and long output come back whole" {
	run -7 guest g <<-'EOF'
		seq 1 20000
		exit 7
	EOF
	[ "${#lines[@]}" -eq 20000 ]
	[ "${lines[19999]}" = 20000 ]
}

@test "a script that the console spoils is sent again, and runs once" {
	printf 'noise without an end' >"$GUESTS/g/in"
	guest g <<<'echo once >>/tmp/ran'
	grep -q '^FN-AGAIN .* 1' "$GUESTS/g/console"
	cp "$GUESTS/g/script" "$GUESTS/script" # it came twice, then: nothing is run again
	id=$(sed -n '$s/^FN-END \([^ ]*\) .*/\1/p' "$GUESTS/g/console" | tr -d '\r')
	printf '%s + %s\n%s run 9 %s\n' "$id" "$(base64 -w 0 "$GUESTS/script")" "$id" \
		"$(md5sum <"$GUESTS/script" | cut -d ' ' -f 1)" >"$GUESTS/g/in"
	run -0 guest g <<<'cat /tmp/ran'
	[ "$output" = once ]
}

@test "host changes alone raise no native event in the guest" {
	guest g <<-'EOF'
		inotifywait -q -m -o /tmp/events /mnt/share >/tmp/log 2>&1 &
		echo $! >/tmp/pid
		until grep -q inotify /proc/$!/fdinfo/3; do usleep 20000; done
	EOF
	touch "$GUESTS/share/new"
	rm "$GUESTS/share/hello"
	run -0 guest g <<-'EOF'
		touch /mnt/share/mark
		until grep -q mark /tmp/events; do usleep 20000; done
		kill $(cat /tmp/pid)
		cat /tmp/events
	EOF
	[[ $output != *new* && $output != *hello* && $output == *"CREATE mark"* ]]
}
