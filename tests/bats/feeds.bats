#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fnmount --events: each kind of source with a real other end; ends, gaps and what is malformed.
load helpers

setup() {
	need_fuse
	cd "$BATS_TEST_TMPDIR"
	chmod 755 .
	mkdir b m
	echo here >b/f
}
teardown() { cleanup; }

# mount_it SOURCE: its standard input is descriptor 8.
mount_it() {
	mkfifo ready
	start fnmount sh -c 'exec "$@" <&8' sh fnmount -f --stats --ready-fd 9 --events="$1" b m 9<>ready
	read -rt 10 <>ready || { err fnmount; return 1; }
	rm ready
	start mount stdbuf -oL inotifywait -m --format '%w%f %e' m
	wait_for 10 grep -q established mount.err
}
heard() { wait_for 10 grep -q -- "$1" mount.out || { out mount; err fnmount; return 1; }; }
json() { printf '{"events":["%s"],"path":"%s"}\n' "$1" "$2"; }

# Through a line at descriptor 8: events arrive.
line_works() {
	json create f >&8
	heard '^m/f CREATE'
	json close-write f >&8
	heard '^m/f CLOSE_WRITE'
}

@test "a command" {
	mkfifo line
	exec 8<>line
	mount_it 'exec cat line'
	line_works
}

@test "standard input, which comes but once" {
	mkfifo line
	exec 8<>line
	mount_it -
	line_works
	exec 8>&-
	stop "$fnmount_pid"
	[ "$stopped" -eq 0 ]
}

@test "a unix socket that comes back" {
	need_command socat
	mkfifo line
	exec 8<>line
	start server socat -u OPEN:line,rdonly UNIX-LISTEN:sock
	wait_for 5 test -S sock
	mount_it "unix:$PWD/sock"
	line_works
	stop "$server_pid"
	wait_for 10 grep -q 'the stream ended' fnmount.err
	rm -f sock
	start server socat -u OPEN:line,rdonly UNIX-LISTEN:sock
	json delete f >&8
	heard '^m/f DELETE'
	stop "$fnmount_pid"
	[[ "$(err fnmount)" =~ lost\ [1-9] ]]
}

# In a guest it is tested with the rest of the guest tests.
@test "a vsock, by loopback where the kernel has one" {
	need_command socat
	port=$((RANDOM + 20000))
	mkfifo line
	exec 8<>line
	start probe socat -d -d -u OPEN:/dev/null "VSOCK-LISTEN:$port"
	wait_for 5 grep -q listening probe.err
	if ! socat -u OPEN:/dev/null "VSOCK-CONNECT:1:$port"; then
		run -1 fnmount -f --events="vsock:1:$port" b m
		[[ "$output" == "fnmount: "*"--events=vsock:1:$port: "* ]]
		return 0
	fi
	stop "$probe_pid"
	start server socat -d -d -u OPEN:line,rdonly "VSOCK-LISTEN:$((++port))"
	wait_for 5 grep -q listening server.err
	mount_it "vsock:1:$port"
	line_works
}

@test "a character device" {
	need_command socat
	mkfifo line
	exec 8<>line
	start server socat OPEN:line,rdonly PTY,link=tty,raw,echo=0
	wait_for 5 test -c tty
	mount_it "$PWD/tty"
	line_works
}

@test "inotify and fanotify, by name" {
	exec 8</dev/null
	for source in inotify fanotify; do
		[ "$source" = inotify ] || need_root
		mount_it "$source"
		echo x >"b/$source"
		heard "^m/$source CREATE"
		heard "^m/$source CLOSE_WRITE"
		mv "b/$source" b/moved
		heard '^m/moved MOVED_TO'
		stop "$fnmount_pid"
		stop "$mount_pid"
		wait_for 5 eval '! mounted "$BATS_TEST_TMPDIR/m"'
	done
}

@test "halves of a rename are joined" {
	echo one >b/new
	mkfifo line
	exec 8<>line
	mount_it -
	ls m >/dev/null
	printf '%s\n' 'MOVED_FROM old' 'MOVED_TO new' >&8
	heard '^m/new MOVED_TO'
	grep -q '^m/old MOVED_FROM' mount.out
	exec 8>&-
}

@test "a stream's end is a gap, the next try waits longer, and lines are counted" {
	cat >feed <<-'EOF'
		echo >>runs
		[ "$(wc -l <runs)" -le 1 ] || { [ "$(wc -l <runs)" -ge 4 ] || exit; }
		echo '{"events":["create"],"path":"f"}'
		echo 'MOVED_TO'
		echo '{"events":["create"],"path":"../f"}'
		[ "$(wc -l <runs)" -lt 4 ] || exec sleep 60
	EOF
	mkfifo end
	exec 8<>end
	begin=$(date +%s%N)
	start feed sh -c 'exec fnsource feed ". ./feed" <&8'
	wait_for 20 eval '[ "$(grep -c "^create" feed.out)" -ge 2 ]'
	took=$((($(date +%s%N) - begin) / 1000000))
	# 200 ms after a stream that brought something; twice as long after each that did not.
	[ "$took" -ge 1400 ]
	[ "$(grep -c overflow feed.out)" -eq 1 ]
	run ! grep overflow.*lost= feed.out # nobody knows how many
	grep -q ':[0-9]*: malformed event: ' feed.err
	stop "$feed_pid"
}
