#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fnmount: what happens behind the mount is heard on it, once and exactly; what it refuses.
load helpers

setup() {
	need_fuse
	cd "$BATS_TEST_TMPDIR"
	chmod 755 .
	mkdir -p b/d m plain/d
}
teardown() { cleanup; }

# mount_it [OPTION…]: fnmount in the foreground as a job of the test, ready.
mount_it() { start_ready fnmount fnmount -f --stats --ready-fd 9 "$@" b m; }
# watch NAME DIR…: inotifywait with output NAME, established.
watch() {
	local name=$1
	shift
	start "$name" stdbuf -oL inotifywait -m -r --format '%w%f %e %c' "$@"
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/$name.err"
}
# heard NAME TEXT: wait until the watcher has printed it.
heard() { wait_for 10 grep -q -- "$2" "$BATS_TEST_TMPDIR/$1.out" || { out "$1"; return 1; }; }
# changes: one of each kind, in the current directory.
changes() {
	echo one >a
	chmod 600 a
	mv a x
	mkdir e
	mv x d/y
	ln d/y z
	ln -s z s
	mkfifo p
	truncate -s 0 z
	rm p s z d/y
	rmdir e d
}
# kinds NAME: the events of a watcher without opens, reads, cookies and the directory in front. When
# the last reference to a removed directory goes, and with it DELETE_SELF, is no order of changes.
kinds() {
	sed -E -e 's/^(m|b|plain)\///' -e 's/ [0-9a-f]+$//' "$BATS_TEST_TMPDIR/$1.out" |
		grep -vE ' (OPEN|ACCESS|CLOSE_NOWRITE|DELETE_SELF)' | grep -v '^end'
}

@test "remote changes are heard as on a plain directory" {
	need_root
	mount_it
	watch mount m
	watch direct plain
	(cd b && changes)
	(cd plain && changes)
	touch b/end plain/end
	heard mount 'end CREATE'
	heard direct 'end CREATE'
	diff <(kinds direct) <(kinds mount)
	[ "$(grep -c MOVED_FROM "$BATS_TEST_TMPDIR/mount.out")" -eq 2 ]
	from=$(sed -n 's/.* MOVED_FROM //p' "$BATS_TEST_TMPDIR/mount.out")
	to=$(sed -n 's/.* MOVED_TO //p' "$BATS_TEST_TMPDIR/mount.out")
	[ "$from" = "$to" ]
}

# fs_at DIR KIND: a new file system of that kind.
fs_at() {
	mkdir -p "$1"
	case $2 in
	overlay)
		mkdir -p over
		mount -t tmpfs over over
		mkdir over/low over/up over/work
		mount -t overlay -o lowerdir=over/low,upperdir=over/up,workdir=over/work over "$1"
		;;
	tmpfs) mount -t tmpfs fs "$1" ;;
	*)
		need_command "mkfs.$2"
		truncate -s 400M "image.$2"
		"mkfs.$2" -q "image.$2"
		mount -o loop "image.$2" "$1" 2>said || { grep -qi 'loop' said && missing "no loop device"; }
		;;
	esac
	mountpoint -q "$1"
}

# On btrfs an open directory shows what was there when it was opened, until it is rewound; the kernel
# keeps the listing for all.
lists_what_came_after_opening() {
	exec 7<m/l
	: >b/l/late
	heard "$kind" 'm/l/late CLOSE_WRITE'
	python3 -c 'import os; os.listdir(7)'
	exec 7<&-
	[ "$(ls m/l)" = late ]
}

@test "remote changes are heard on xfs, ext4, btrfs, overlayfs, tmpfs" {
	need_root
	for kind in xfs ext4 btrfs overlay tmpfs; do
		fs_at b "$kind"
		mkdir -p b/d b/l plain/d
		mount_it
		watch "$kind" m
		watch "direct$kind" plain
		(cd b && changes)
		(cd plain && changes)
		touch b/end plain/end
		heard "$kind" 'end CREATE'
		heard "direct$kind" 'end CREATE'
		diff <(kinds "direct$kind") <(kinds "$kind") || { echo "on $kind" && false; }
		lists_what_came_after_opening || { echo "on $kind" && false; }
		stop "$fnmount_pid"
		[[ "$(err fnmount)" =~ unheld\ 0\ .*failed\ 0\  ]] || { err fnmount && false; }
		umount b
		rm plain/end
	done
}

local_changes_once() {
	mount_it "$@"
	watch mount m
	watch direct plain
	(cd m && changes)
	(cd plain && changes)
	touch b/end plain/end
	heard mount 'end CREATE'
	heard direct 'end CREATE'
	diff <(kinds direct) <(kinds mount)
}
@test "local changes are heard once" {
	need_root
	local_changes_once
}
@test "local changes are heard once without passthrough" { local_changes_once --no-passthrough; }

@test "the mount shows what is there at once when an event comes" {
	mount_it
	stat m/new && false
	watch mount m
	echo first >b/new
	heard mount 'new CLOSE_WRITE'
	[ "$(cat m/new)" = first ]
	echo second >b/other
	mv b/other b/new
	heard mount 'new MOVED_TO'
	[ "$(cat m/new)" = second ]
	rm b/new
	heard mount 'new DELETE'
	run ! stat m/new
	run ls m
	[ "$output" = d ]
}

@test "file systems mounted below the backing directory are heard, too" {
	need_root
	mkdir b/sub b/one b/sub/hidden b/proc
	mount -t tmpfs t b/sub
	mkdir b/sub/in b/sub/d
	echo 1 >b/sub/f
	mount --bind b/sub/in b/one
	mount -t proc proc b/proc
	mount_it
	watch w m/sub
	start_ready fnwatch fnwatch --ready-fd 9 -r m
	stat m/sub/f
	run ! stat m/sub/new
	(cd b/sub && changes)
	heard w '^m/sub/d DELETE,ISDIR'
	watch plain b/sub
	mkdir b/sub/d
	echo 22 >b/sub/f
	mv b/sub/f b/sub/new
	heard w '^m/sub/new MOVED_TO'
	[ "$(cat m/sub/new)" = 22 ]
	run ! stat m/sub/f
	wait_for 10 grep -q 'sub/f.*sub/new' "$BATS_TEST_TMPDIR/fnwatch.out"
	echo local >m/sub/local
	mkdir b/sub/end
	heard w '^m/sub/end CREATE'
	[ "$(grep -c '^m/sub/local CREATE' "$BATS_TEST_TMPDIR/w.out")" -eq 1 ]
	[ "$(grep -c '^m/sub/local MODIFY' "$BATS_TEST_TMPDIR/w.out")" -eq 1 ]
	echo top >b/top
	wait_for 10 grep -q 'm/top' "$BATS_TEST_TMPDIR/fnwatch.out"
	stop "$fnmount_pid"
	[[ "$(err fnmount)" =~ failed\ 0\  ]]
}

# A file system that is itself mounted read-only refuses replay as it refuses anybody.
@test "a read-only mount hears what others change, and changes nothing" {
	mount_it -o ro
	watch w m
	mkdir b/r
	heard w '^m/r CREATE,ISDIR'
	(cd b && changes)
	heard w '^m/d DELETE,ISDIR'
	for kind in CREATE MODIFY CLOSE_WRITE ATTRIB MOVED_FROM MOVED_TO DELETE; do heard w " $kind"; done
	echo x >b/f
	heard w '^m/f CLOSE_WRITE'
	findmnt -no OPTIONS m | grep -qw ro
	start_ready fnwatch fnwatch --ready-fd 9 -r -n 1 m
	touch b/r/told
	wait_for 10 grep -q 'm/r/told' "$BATS_TEST_TMPDIR/fnwatch.out"
	for try in 'echo x >m/f' 'echo x >m/g' 'mkdir m/g' 'rm m/f' 'mv m/f m/g' 'ln m/f m/g' 'ln -s f m/g' \
		'chmod 600 m/f' 'touch -d @1 m/f' 'setfattr -n user.k -v v m/f' 'truncate -s 0 m/f' 'rmdir m/r'; do
		run ! bash -c "$try"
		[[ $output == *"Read-only file system"* ]] || { echo "$try: $output" && false; }
	done
	[ "$(cat m/f)" = x ]
	[ ! -e b/g ]
	stop "$fnmount_pid"
	[[ "$(err fnmount)" =~ failed\ 0\  ]]
}

@test "what is repeated on the mount is not heard in the backing directory" {
	echo 0 >b/f
	mount_it
	cat m/f >/dev/null
	watch below -e modify,close_write b
	watch above -e close_write m
	for i in 1 2 3 4 5; do
		echo $i >b/f
		wait_for 5 awk -v n=$i '/CLOSE_WRITE/ {c++} END {exit c < n}' "$BATS_TEST_TMPDIR/above.out"
		[ "$(<m/f)" = $i ]
	done
	: >b/end
	heard above end
	[ "$(grep -c 'f CLOSE_WRITE' "$BATS_TEST_TMPDIR/below.out")" -eq 5 ]
}

# With passthrough the kernel lets nobody else open the file in another way. Two mounts of one
# directory must not answer each other for ever.
@test "a file that is open on the mount: its remote close is heard, once" {
	need_root
	mkdir m2
	echo 1 >b/f
	mount_it
	start_ready other fnmount -f --stats --ready-fd 9 b m2
	exec 7<m/f 8<m2/f
	read -r _ <&7
	read -r _ <&8
	watch w -e modify,close_write,create m
	watch w2 -e modify,close_write,create m2
	for i in 2 3 4; do
		echo $i >>b/f
		wait_for 5 eval '[ "$(grep -c CLOSE_WRITE w.out)" -eq $((i - 1)) ]'
		wait_for 5 eval '[ "$(grep -c CLOSE_WRITE w2.out)" -eq $((i - 1)) ]'
	done
	: >b/end
	heard w 'm/end CLOSE_WRITE'
	heard w2 'm2/end CLOSE_WRITE'
	exec 7<&- 8<&-
	[ "$(grep -c 'f CLOSE_WRITE' w.out)" -eq 3 ]
	[ "$(grep -c 'f CLOSE_WRITE' w2.out)" -eq 3 ]
	stop "$fnmount_pid"
	[[ "$(err fnmount)" =~ failed\ 0\  ]]
}

@test "an ordinary user mounts, changes and hears" {
	need_root
	need_command setpriv
	[ -u "$(command -v fusermount3)" ] || missing "needs a set-user-ID fusermount3"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" 2>/dev/null || :
	chown -R 65534:65534 . && mknod -m 666 fuse c 10 229
	cp "$(command -v fnmount)" .
	cat >as_user <<-'EOF'
		./fnmount b m || exit
		stdbuf -oL inotifywait -m --format '%f %e' m >u.out 2>u.err &
		await() {
			n=500
			until grep -q "$1" "$2"; do
				n=$((n - 1))
				[ $n -gt 0 ] || exit 3
				sleep 0.02
			done
		}
		await established u.err
		echo hi >b/f; mv b/f b/g; rm b/g; mkdir b/x
		await 'x CREATE,ISDIR' u.out
		echo hi >m/l; rm m/l; mkdir m/e; mkdir b/end
		await 'end CREATE,ISDIR' u.out
		kill $!
		fusermount3 -u m
		./fnmount -o ro b m || exit
		stdbuf -oL inotifywait -m --format '%f %e' m >r.out 2>r.err &
		await established r.err
		echo hi >b/f; mv b/f b/x/; mkdir b/last
		await 'last CREATE,ISDIR' r.out
		mkdir m/no 2>r.said; (echo x >m/x/f) 2>>r.said; rm m/x/f 2>>r.said; cat m/x/f >>r.said
		kill $!
		fusermount3 -u m
	EOF
	# /dev/fuse is for everybody where udev rules; here it may not be
	unshare -m sh -c 'mount --bind fuse /dev/fuse &&
		exec setpriv --reuid=65534 --regid=65534 --clear-groups sh as_user'
	diff - <(grep -v OPEN u.out) <<-EOF
		f CREATE
		f MODIFY
		f CLOSE_WRITE,CLOSE
		f MOVED_FROM
		g MOVED_TO
		g DELETE
		x CREATE,ISDIR
		l CREATE
		l MODIFY
		l CLOSE_WRITE,CLOSE
		l DELETE
		e CREATE,ISDIR
		end CREATE,ISDIR
	EOF
	diff - <(grep -v OPEN r.out) <<-EOF
		f CREATE
		f MODIFY
		f CLOSE_WRITE,CLOSE
		f MOVED_FROM
		last CREATE,ISDIR
	EOF
	[ "$(grep -ci 'read-only file system' r.said)" -eq 3 ]
	grep -qx hi r.said
}

@test "in the background: mounted and watched when it returns" {
	fnmount b m
	mounted "$BATS_TEST_TMPDIR/m"
	watch mount m
	echo hi >b/f
	heard mount 'f CLOSE_WRITE'
	fusermount3 -u m || umount m
	run ! mounted "$BATS_TEST_TMPDIR/m"
}

@test "killed, unmounted lazily, aborted in a storm: nobody hangs" {
	need_root
	for how in kill fusermount umount term abort; do
		mount_it
		watch "w$how" m
		start storm sh -c 'for i in $(seq 3000); do echo $i >b/f$i; mv b/f$i b/g$i; rm b/g$i; done'
		start reader sh -c 'while ls -l m; do :; done'
		heard "w$how" 'g20 MOVED_TO'
		case $how in
		kill) kill -KILL "$fnmount_pid" ;;
		fusermount) fusermount3 -uz m ;;
		umount) umount -l m ;;
		term) kill -TERM "$fnmount_pid" ;;
		abort) abort_connection m ;;
		esac
		[ $how != fusermount ] && [ $how != umount ] || stop "$reader_pid" KILL
		stop "$storm_pid" KILL
		if [ $how = fusermount ] || [ $how = umount ]; then pkill_watch "w$how"; fi
		wait_for 10 gone "$fnmount_pid"
		run ! grep -q '^fuse:' fnmount.err
		stop "$reader_pid" KILL
		umount -l m 2>/dev/null || :
		wait_for 5 gone "$reader_pid"
		rm -rf b/*
	done
}
abort_connection() {
	local n
	n=$(mountpoint -d "$1")
	mkdir ctl
	mount -t fusectl none ctl
	echo 1 >"ctl/${n#*:}/abort"
}
pkill_watch() {
	local v="${1}_pid"
	stop "${!v}" KILL
}

@test "in a storm, threads that the backing store holds up stop nobody" {
	need_root
	mkdir -p store b/slow
	for i in 1 2 3 4; do echo "slow $i" >store/f$i; done
	start lower fnmount -f store b/slow
	wait_for 10 mounted "$PWD/b/slow"
	mount_it
	ls m/slow >/dev/null
	watch mount m/d
	kill -STOP "$lower_pid"
	wait_for 10 eval '! grep -q "^State:.[^T]" /proc/$lower_pid/task/*/status'
	for i in 1 2 3 4; do start "cat$i" cat m/slow/f$i; done
	start storm sh -c 'for i in $(seq 300); do echo $i >b/d/f$i; mv b/d/f$i b/d/g$i; rm b/d/g$i; done'
	for i in $(seq 100); do
		: >m/n$i
		timeout 10 stat m/n$i >/dev/null
		rm m/n$i
	done
	heard mount 'g300 DELETE'
	for i in 1 2 3 4; do run ! gone "$(eval echo "\$cat${i}_pid")"; done
	kill -CONT "$lower_pid"
	for i in 1 2 3 4; do wait_for 10 grep -q "slow $i" "cat$i.out"; done
}

@test "events over a stream: JSON from a command, restarted, the gap known" {
	cat >feed <<-'EOF'
		echo '{"events":["create"],"path":"f"}'
		echo '{"events":["create"],"path":"../f"}'
		echo '{"events":["create"],"path":"/etc/passwd"}'
		echo '{"events":["create"],"path":"a/b/c"}'
		echo '{"events":["delete"],"path":"nothing"}'
		echo 'not an event'
		echo '{"events":["close-write"],"path":"f"}'
		echo '{"events":["close-write"],"path":"f"}'
		n=$(cat runs 2>/dev/null || echo 0)
		echo $((n + 1)) >runs
	EOF
	echo here >b/f
	mount_it --events="cd $BATS_TEST_TMPDIR; while ! [ -e go ]; do sleep 0.05; done; . ./feed"
	watch mount m
	touch go
	heard mount 'f CREATE'
	heard mount 'f CLOSE_WRITE'
	wait_for 10 grep -q '[2-9]' runs
	grep -q ':2: malformed event: ' fnmount.err
	[ "$(cat m/f)" = here ]
	run ! grep passwd mount.out
}

@test "events from a FIFO and a unix socket" {
	need_command fnwatch
	mkfifo pipe
	mount_it --events="$PWD/pipe"
	watch mount m
	start feeder fnwatch --wire -r b
	exec 8>pipe
	start json fnwatch --json -r b
	echo '{"events":["create"],"path":"f"}' >&8
	echo x >b/f
	echo '{"events":["modify","close-write"],"path":"f"}' >&8
	heard mount 'f CLOSE_WRITE'
	exec 8>&-
}

@test "refuses what cannot be, with a reason and the right status" {
	check() {
		local status_wanted=$1 text=$2
		shift 2
		run -"$status_wanted" fnmount "$@"
		[[ "$output" == *"$text"* ]] || { echo "$output"; return 1; }
		[[ "$output" == fnmount:* ]]
	}
	touch file
	mkdir -p m/in b/in
	check 1 "missing: No such file" missing m
	check 1 "file: not a directory" file m
	check 1 "file: not a directory" b file
	check 1 "missing: No such file" b missing
	check 1 "inside the mount point" m/in m
	check 1 "inside the backing directory" b b/in
	check 1 "is the mount point itself" b b
	check 2 "needs BACKING and MOUNTPOINT" b
	check 2 "needs BACKING and MOUNTPOINT" b m plain
	check 2 "--timeout" --timeout=x b m
	check 2 "neither a kind of source nor a command" --events=fanotfy b m
	check 2 "neither a kind of source nor a command" --events= b m
	check 3 "--events=control: Operation not supported" --events=control b m
	check 1 "--events=unix:: Invalid argument" --events=unix: b m
	for bad in '' 2 2: x:y 2:x 2:4294967296 -1:7 2:7x ' 2:7'; do
		check 1 "--events=vsock:$bad: Invalid argument" "--events=vsock:$bad" b m
	done
	run -2 fnmount -o nonsense b m
	run ! mounted "$BATS_TEST_TMPDIR/m"
	fnmount --no-control b m
	check 1 "busy" plain m
	check 3 "--events=none" m plain
}

@test "a directory made elsewhere is followed from when somebody looks at it" {
	mount_it
	start w stdbuf -oL inotifywait -m --format '%w%f %e' m
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/w.err"
	mkdir b/n
	heard w '^m/n CREATE,ISDIR'
	echo one >b/n/before
	touch b/mark
	heard w '^m/mark CREATE'
	watch v m/n
	echo two >b/n/after
	heard v '^m/n/after CLOSE_WRITE'
	[ "$(cat m/n/before)" = one ]
	[ "$(grep -cE '^m/n/before (CREATE|MODIFY|CLOSE_WRITE)' "$BATS_TEST_TMPDIR/v.out")" -eq 0 ]
	echo elsewhere >plain/file # on the same file system, but none of the mount's
	rm -r b/n
	heard w '^m/n DELETE,ISDIR'
	stop "$fnmount_pid"
	[ "$(id -u)" -eq 0 ] || return 0 # watches of single directories may find `before` already there
	# Unheld are the CREATE, MODIFY and CLOSE_WRITE of `before`.
	[[ "$(err fnmount)" =~ ^pushed\ 13\ replayed\ 10\ unheld\ 3\  ]] || { err fnmount; false; }
}
