#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of others, as Debian has them, on a mount whose backing directory is changed behind its
# back: each has to say the same as on a plain directory that is changed in the same way.
load helpers
load programs

setup() { programs_setup; }
teardown() { cleanup; }

# everything: each kind of change once, below the current directory, each by a process of its own:
# fanotify merges what one process does to one name between two reads. After each, COMMAND.
everything() {
	local change
	for change in 'echo one >file' 'echo two >>file' 'chmod 600 file' 'mv file sub/renamed' \
		'echo new >sub/.tmp' 'mv sub/.tmp sub/atomic' 'rm sub/renamed' 'mv sub/old sub/deep/older' \
		'rm sub/deep/older' 'rmdir sub/deep' 'ln -s kept link' 'rm link' 'touch end'; do
		sh -c "$change"
		"$@"
	done
}

# both NAME COUNT KIND COMMAND…: started on m and on p, each with so many watches.
both() {
	local name=$1 count=$2 kind=$3 pid
	shift 3
	start "${name}_mount" sh -c 'exec "$@" 2>&1' - "$@" m
	start "${name}_plain" sh -c 'exec "$@" 2>&1' - "$@" p
	for pid in "${name}_mount_pid" "${name}_plain_pid"; do
		wait_for 20 watches "${!pid}" "$count" "$kind"
	done
}

# same NAME LINES ALIKE: what both printed up to `end` is the same, and so many lines at least,
# once the function ALIKE has taken away what differs between any two directories.
same() {
	heard "$1_mount" '\<end\>'
	heard "$1_plain" '\<end\>'
	for w in mount plain; do
		sed -E 's,\<[mp]/,,g; /\<end\>/Q' "$1_$w.out" | "$3" >"$w.alike"
	done
	diff plain.alike mount.alike
	[ "$(wc -l <mount.alike)" -ge "$2" ]
}

# D1 (delete), D2 (create, directories too), D3 (modify, close-write), D4 (pairs), D5 (names), D6
# (nothing that did not happen)
@test "inotifywait -r" {
	tree b && tree p
	mount_it
	both w 3 inotify stdbuf -oL inotifywait -m -r --format '%w%f %e %c' \
		-e create,modify,attrib,close_write,delete,move
	(cd b && everything)
	(cd p && everything)
	no_cookies() { sed -E 's/ [0-9a-f]+$//'; }
	same w 20 no_cookies
	# the halves of a rename share a cookie that no other rename has
	sed -nE 's/.* MOVED_(FROM|TO) //p' w_mount.out | uniq -c | awk '$1 != 2 {exit 1} END {exit NR != 3}'
}

# D1 to D6 for those that use fanotify with file handles
@test "fsnotifywait -r" {
	need_root
	tree b && tree p
	mount_it
	both w 3 fanotify stdbuf -oL fsnotifywait -m -r --format '%f %e' \
		-e create,modify,attrib,close_write,delete,move
	# It looks at the files to learn their names, so it gets the time to.
	caught_up() {
		marks=$((${marks:-0} + 1))
		touch mark$marks && heard "$w" "^mark$marks .*CLOSE_WRITE"
	}
	(cd b && w=w_mount && everything caught_up)
	(cd p && w=w_plain && everything caught_up)
	# The kernel merges what one name went through between two reads, in one line or in more.
	single() {
		sed '/^\[fid/d; /^mark/d; s/,ISDIR/+ISDIR/' | awk '{n = split($2, e, ","); for (i = 1; i <= n; i++) print $1, e[i]}' | sort -u
	}
	same w 20 single
}

# D1, D2, D4, D5
@test "Python's watchdog" {
	need_command watchmedo
	tree b && tree p
	mount_it
	both w 3 inotify env PYTHONUNBUFFERED=1 watchmedo log -v --recursive
	(cd b && everything)
	(cd p && everything)
	# It leaves out repeats if it has not printed the one before.
	events() { grep -o '<[A-Z][A-Za-z]*Event.*>' | sed "s/'[mp]'/'.'/" | uniq; }
	same w 20 events
}

# D1 to D5, D19: tail(1) does not use inotify on FUSE, it looks; what it sees must not be old.
@test "tail -F through rotations" {
	echo one >b/log
	mount_it
	start t tail -n +1 -s 0.1 -F m/log
	heard t '^one$'
	told t '^two$' 'echo two >>b/log'
	mv b/log b/log.1 # rename and create, as logrotate does
	: >b/log
	told t '^three$' 'echo three >>b/log'
	told t '^four$' 'echo four >b/new; mv b/new b/log'
	: >b/log
	wait_for 20 grep -q 'file truncated' t.err
	told t '^five$' 'echo five >>b/log'
	rm b/log
	wait_for 20 grep -q 'inaccessible' t.err
	told t '^six$' 'echo six >b/log'
	diff <(printf '%s\n' one two three four five six) t.out
}

# D1 to D4: the real manager, started as a user's, with a path unit for each kind of change.
@test "systemd path units" {
	need_root
	need_command /lib/systemd/systemd
	need_command unshare
	echo was | tee b/changed b/modified b/replaced b/deleted >/dev/null
	mount_it
	mkdir -p home/.config/systemd/user
	unit() { printf '[Path]\n%s=%s\nUnit=heard@%s.service\n' "$2" "$PWD/m/$1" "$1" >"home/.config/systemd/user/$1.path"; }
	unit created PathExists
	unit changed PathChanged
	unit modified PathModified
	unit replaced PathChanged
	unit renamed PathExists
	unit deleted PathChanged
	printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo %%i >>%s"\nExecStartPost=/bin/rm -f %s\n' \
		"$PWD/heard.out" "$PWD/m/created $PWD/m/renamed" >home/.config/systemd/user/heard@.service
	: >heard.out
	cat >manager <<-'EOF'
		mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user || exit
		export HOME=$PWD/home XDG_RUNTIME_DIR=/run/user
		/lib/systemd/systemd --user --unit=basic.target &
		until systemctl --user start "$@"; do sleep 0.1; done
		echo up
		wait
	EOF
	start manager unshare -mpf --kill-child --mount-proc sh manager \
		created.path changed.path modified.path replaced.path renamed.path deleted.path
	heard manager '^up$'
	told heard created 'echo one >b/created'
	told heard changed 'echo one >>b/changed'
	exec 8>>b/modified
	told heard modified 'echo one >&8' # while the file stays open
	exec 8>&-
	told heard replaced 'echo one >b/tmp; mv b/tmp b/replaced'
	told heard renamed 'echo one >b/tmp; mv b/tmp b/renamed'
	told heard deleted 'rm b/deleted'
	stop "$manager_pid" KILL # and with it all in its namespace
}

# rsync writes a hidden file and renames it: D4, D5, D6 for whoever watches what it copies to.
@test "rsync into the backing directory" {
	need_command rsync
	mkdir -p from/sub
	seq -f from/file%.0f 40 | while read -r f; do echo new >"$f"; done
	echo new | tee from/sub/one >from/sub/two
	(cd from && find . -type f | sed 's,^\./,,' | sort) >files
	mkdir b/sub
	echo was older >b/file1
	mount_it
	start w stdbuf -oL inotifywait -m -r --format '%w%f %e %c' -e create,delete,move m
	start_ready f fnwatch -r --ready-fd 9 m
	wait_for 20 watches "$w_pid" 2 inotify
	rsync -a from/ b/
	touch b/end
	heard f $'\tm/end$' && heard w '^m/end '
	sed -nE 's,^rename\tm/(.*)\.([^/]+)\.[^./]{6}\tm/\1\2$,\1\2,p' f.out | sort | diff files -
	! grep -E '^(delete|moved|rename\t\t)' f.out || false
	# two halves with a cookie, and the name that they end in
	sed -nE 's,^m/([^ ]*) MOVED_(FROM|TO) (.*),\3 \2 \1,p' w.out |
		awk '$2 == "FROM" {from[$1]++} $2 == "TO" && from[$1]-- == 1 {print $3}' | sort | diff files -
	rsync -a from/ b/ # which are the same now, but for the directory's time
	touch b/end2
	heard f $'\tm/end2$'
	sed '1,/\tm\/end$/d; /^attrib,isdir/d; /\tm\/end2*$/d' f.out | diff - /dev/null
}
