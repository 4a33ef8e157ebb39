# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of programs that watch files and know nothing of this project: `load programs` after
# `load helpers`. b is the backing directory, m shows it through fnmount, p is a plain directory.
# What is said to happen in a directory D on the mount is always done in the one behind it.

programs_setup() {
	need_fuse
	cd "$BATS_TEST_TMPDIR"
	mkdir -p b m p
}

mount_it() { start_ready fnmount fnmount -f --ready-fd 9 "$@" b m; }

# heard NAME REGEX: until program NAME has printed such a line.
heard() {
	wait_for 20 grep -qE -- "$2" "$BATS_TEST_TMPDIR/$1.out" || {
		echo "$1 printed no line that is $2:" >&2
		tail -n 30 "$BATS_TEST_TMPDIR/$1.out" "$BATS_TEST_TMPDIR/$1.err" >&2
		return 1
	}
}

# unheard NAME REGEX: it has printed none until now; what comes next is what makes it print one.
unheard() { ! grep -E -- "$2" "$BATS_TEST_TMPDIR/$1.out" >&2 || return 1; }

# told NAME REGEX COMMAND: the change is not known before it is made, and known then.
told() {
	unheard "$1" "$2" && eval "$3" && heard "$1" "$2"
}

# watches PID COUNT KIND: it holds at least COUNT marks of this kind (inotify, fanotify).
watches() {
	local n
	n=$(cat "/proc/$1"/fdinfo/* 2>/dev/null | grep -cE "^$3 (wd|ino)")
	[ "$n" -ge "$2" ]
}
# tree DIRECTORY: what is there before a program begins to watch.
tree() {
	mkdir -p "$1/sub/deep"
	echo was >"$1/kept"
	echo was >"$1/sub/old"
	echo was >"$1/sub/atomic"
	echo was >"$1/sub/gone"
}
