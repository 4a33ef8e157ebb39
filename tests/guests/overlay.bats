#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Guest overlay: a stock virtiofsd exports a plain directory; fnmount in the guest shows the share
# once more, and unmodified programs there get native events of what the host does. Events come
# over a serial line (a console, a virtio-serial port), or from the control file of a host's fnmount.
# There is no vsock in these guests.

load ../bats/helpers
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests SRC=$BATS_FILE_TMPDIR/src EXPORT=$BATS_FILE_TMPDIR/export
	mkdir -p "$GUESTS" "$SRC/dir" "$EXPORT"
	guest_need
	guest_start g "$SRC"
}

teardown_file() {
	guests_cleanup
	umount -l "$EXPORT" 2>/dev/null || :
	[ ! -s "$GUESTS/fnmount.pid" ] || guest_kill "$(<"$GUESTS/fnmount.pid")"
}

teardown() {
	cleanup
}

# overlay GUEST [OPTION…]: fnmount over its share, in the background; events flow once it returns.
overlay() {
	local name=$1
	shift
	guest "$name" <<-EOF
		mkfifo /tmp/ready
		fnmount -f --ready-fd 3 $* /mnt/share /mnt/src >/tmp/fnmount.log 2>&1 3>/tmp/ready &
		echo \$! >/tmp/fnmount.pid
	EOF
	guest "$name" <<-'EOF'
		read -t 10 x </tmp/ready || { cat /tmp/fnmount.log; exit 1; }
		rm /tmp/ready
	EOF
}

overlay_end() {
	guest "$1" <<-'EOF'
		kill $(cat /tmp/fnmount.pid)
		while [ -d /proc/$(cat /tmp/fnmount.pid) ]; do usleep 20000; done
		cat /tmp/fnmount.log
	EOF
}

# What fnprobe said. fanotify in the guest is not there for it on all kernels.
all_exact() {
	[ "$status" -eq 0 ] && [ "$(grep -c "^FN_INOTIFY_[A-Z_]*='exact'" <<<"$output")" -eq 17 ]
}

# what_arrives GUEST: change things on the host, and check what inotifywait on the overlay saw.
what_arrives() {
	guest "$1" <<-'EOF'
		rm -f /tmp/events
		inotifywait -q -m -r /mnt/src -e create,modify,attrib,close_write,delete,moved_from,moved_to \
			--format '%w%f %e %c' -o /tmp/events >/tmp/watch.log 2>&1 &
		echo $! >/tmp/watch.pid
		until grep '^inotify' /proc/$!/fdinfo/3 2>/dev/null | tail -n +2 | grep -q .; do usleep 20000; done
	EOF
	echo new >"$SRC/a"
	chmod 600 "$SRC/a"
	mv "$SRC/a" "$SRC/dir/b"
	echo more >>"$SRC/dir/b"
	rm "$SRC/dir/b"
	mkdir "$SRC/d"
	rmdir "$SRC/d"
	: >"$SRC/end"
	run -0 guest "$1" <<-'EOF'
		i=0
		until grep -q 'end CREATE' /tmp/events || [ $i -gt 200 ]; do i=$((i + 1)); usleep 50000; done
		kill $(cat /tmp/watch.pid)
		sed 's#/mnt/src/##' /tmp/events
	EOF
	echo "$output"
	rm "$SRC/end"
	cookie=$(sed -n 's/^a MOVED_FROM //p' <<<"$output")
	[ $((16#$cookie)) -gt 0 ]
	# Writers' own system calls may have become one event; the order is theirs.
	[ "$(sed 's/,CLOSE / /; s/ [0-9a-f]*$//; /^end/d' <<<"$output" | uniq)" = "a CREATE
a MODIFY
a CLOSE_WRITE
a ATTRIB
a MOVED_FROM
dir/b MOVED_TO
dir/b MODIFY
dir/b CLOSE_WRITE
dir/b DELETE
d CREATE,ISDIR
d DELETE,ISDIR" ]
	grep -qx "dir/b MOVED_TO $cookie" <<<"$output"
}

# Nobody looks there through the overlay, and yet the kernel knows the names: it has them from the
# share, for good with cache=always.
@test "names that only the share has cached are made fresh, too" {
	mkdir "$SRC/quiet"
	echo old >"$SRC/quiet/name"
	echo old >"$SRC/quiet/open"
	guest g <<<'true' # it is there
	start watch bash -c 'exec window "$1.in" "$1.out" < <(exec fnwatch --wire -r "$0")' "$SRC" "$GUESTS/g/line"
	overlay g '--events="window /dev/fn-line"'
	guest g <<-'EOF'
		cat /mnt/share/quiet/name /mnt/share/quiet/open
		tail -f /mnt/share/quiet/open >/dev/null &
		echo $! >/tmp/tail.pid
		inotifywait -q -t 20 -e create /mnt/src >/tmp/mark 2>&1 &
		until grep -q '^inotify' /proc/$!/fdinfo/3 2>/dev/null; do usleep 20000; done
	EOF
	echo newer >"$SRC/quiet/tmp"
	mv "$SRC/quiet/tmp" "$SRC/quiet/name"
	echo newer >"$SRC/quiet/open"
	rm -f "$SRC/mark"
	: >"$SRC/mark"
	run -0 guest g <<-'EOF'
		i=0
		until grep -q mark /tmp/mark || [ $i -gt 200 ]; do i=$((i + 1)); usleep 50000; done
		cat /mnt/share/quiet/name /mnt/share/quiet/open /mnt/src/quiet/name /mnt/src/quiet/open
		kill $(cat /tmp/tail.pid)
	EOF
	echo "$output"
	[ "$output" = "$(printf 'newer\n%.0s' 1 2 3 4)" ]
}

@test "events over a serial line: native events, in their order" {
	start watch bash -c 'exec window "$1.in" "$1.out" < <(exec fnwatch --wire -r "$0")' "$SRC" "$GUESTS/g/line"
	what_arrives g
}

# The line is taken by the events: the far side is the share, which the overlay knows nothing of.
@test "fnprobe finds each kind of event exact on it" {
	start watch bash -c 'exec window "$1.in" "$1.out" < <(exec fnwatch --wire -r "$0")' "$SRC" "$GUESTS/g/line"
	run guest g <<<'fnprobe events /mnt/src --backing /mnt/share --shell'
	echo "$output"
	all_exact
}

@test "events from the share's own control file" {
	fnmount -f "$SRC" "$EXPORT" >"$GUESTS/fnmount.log" 2>&1 3>&- &
	echo $! >"$GUESTS/fnmount.pid"
	wait_for 5 mounted "$EXPORT"
	guest_start h "$EXPORT"
	overlay h
	what_arrives h
}
