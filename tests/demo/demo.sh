#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows an unmodified inotifywait hearing of changes made behind a FUSE mount's back, and checks
# that it heard every one.
set -eu
: "${FN_BUILD:=$(cd "$(dirname "$0")/../.." && pwd)/build}"
PATH=$FN_BUILD:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/fnutils-demo.XXXXXX")
watcher=

cleanup() {
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || :
	if grep -qs " $dir/mount " /proc/self/mountinfo; then
		fusermount3 -uz "$dir/mount" 2>/dev/null || umount -l "$dir/mount" || :
	fi
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# await SECONDS TEXT FILE: until the file has the text.
await() {
	n=$(($1 * 50))
	until grep -q -- "$2" "$3" 2>/dev/null; do
		n=$((n - 1))
		[ $n -gt 0 ] || return 1
		sleep 0.02
	done
}

mkdir "$dir/backing" "$dir/mount"
cd "$dir"
fnmount backing mount
echo "Mounted:  fnmount backing mount    ($(awk -v d="$dir/mount" '$5 == d' /proc/self/mountinfo |
	sed 's/.* - \([^ ]*\) .*/\1/'))"
stdbuf -oL inotifywait -m --format '  %w%f %e %c' mount >events 2>notes &
watcher=$!
await 5 established notes || { cat notes >&2; exit 1; }
echo "Watching: inotifywait -m mount     (as installed, on the mount)"
echo
echo "Made behind the mount's back, in backing:"

step() {
	echo "  $1"
	(cd backing && eval "$1")
}
step 'echo one > report'
step 'echo two >> report'
step 'chmod 600 report'
step 'mv report archive'
step 'rm archive'
step 'mkdir sub'
step 'rmdir sub'
await 5 'sub DELETE,ISDIR' events || :

echo
echo "Heard on the mount (last column: the cookie that pairs a rename):"
cat events
echo

failed=0
check() {
	grep -q -- "$2" events || { echo "missing: $1" >&2; failed=1; }
}
check CREATE 'mount/report CREATE'
check MODIFY 'mount/report MODIFY'
check CLOSE_WRITE 'mount/report CLOSE_WRITE'
check ATTRIB 'mount/report ATTRIB'
check MOVED_FROM 'mount/report MOVED_FROM'
check MOVED_TO 'mount/archive MOVED_TO'
check DELETE 'mount/archive DELETE'
check 'CREATE of a directory' 'mount/sub CREATE,ISDIR'
check 'DELETE of a directory' 'mount/sub DELETE,ISDIR'
from=$(sed -n 's/.* MOVED_FROM //p' events) to=$(sed -n 's/.* MOVED_TO //p' events)
[ -n "$from" ] && [ "$from" = "$to" ] || { echo "the rename is not one pair: $from, $to" >&2; failed=1; }
[ $failed -eq 0 ] && echo "Every change arrived as a native event."
exit $failed
