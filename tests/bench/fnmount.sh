#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fnmount beside plain inotify, bare fanotify, bindfs and libfuse's own passthrough_ll. Both sides
# of a ratio are measured in turn, ROUNDS times; what is printed is the median of all rounds, and
# the goal is for the median of the ratios. Behind it stand the lowest and the highest ratio.
set -eu
: "${ROUNDS:=5}"
here=$(dirname "$(realpath "$0")")
dir=$(mktemp -d "${TMPDIR:-/tmp}/fnmount-bench.XXXXXX")
server=
memory=
cleanup() {
	for m in fn bind ll; do umount -l "$dir/$m" 2>/dev/null || :; done
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || :
	rm -rf "$dir" "$memory"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir"/{b,fn,bind,ll}
cd "$dir"

report() { awk -f "$here/fnmount.awk" "$dir/figures"; : >"$dir/figures"; }
# figure ROUND WHAT SIDE VALUE; report makes a table of them.
figure() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$dir/figures"; }

mount_fn() {
	fnmount -f "${1:-b}" fn &
	server=$!
	until mountpoint -q fn && ls fn >/dev/null; do sleep 0.05; done
	sleep 0.3
}
unmount_fn() {
	umount fn 2>/dev/null || umount -l fn
	wait "$server" || :
	server=
}
# cpu: nanoseconds of processor time so far, of all the server's threads and its replay process.
cpu() {
	for p in "$server" $(pgrep -P "$server"); do cat "/proc/$p/task"/*/schedstat; done |
		awk '{ t += $1 } END { printf "%.0f", t }'
}

echo "events ($ROUNDS rounds; median, and the ratio's range)"
mount_fn
# Latency first: ext4 without a journal passes over every inode that was freed within a minute, and
# what follows frees thousands.
for ((r = 1; r <= ROUNDS; r++)); do
	read -r p50 p99 < <(mount_bench latency b b 1000)
	figure $r "latency, us" inotify "$p50"
	figure $r "latency, 99th percentile, us" inotify "$p99"
	read -r p50 p99 < <(mount_bench latency fn b 1000)
	figure $r "latency, us" fnmount "$p50"
	figure $r "latency, 99th percentile, us" fnmount "$p99"
done
for ((r = 1; r <= ROUNDS; r++)); do
	before=$(cpu)
	read -r rate count < <(mount_bench replay fn b 5000)
	used=$(($(cpu) - before))
	figure $r "replayed events/s by the clock" fnmount "$rate"
	figure $r "replayed events/s of one core" fnmount "$(awk -v n="$count" -v t="$used" 'BEGIN { printf "%d", n * 1e9 / t }')"
	figure $r "changes/s nobody looks at" fanotify "$(mount_bench raw b 10000)"
	figure $r "changes/s nobody looks at" fnmount "$(mount_bench storm fn b 10000)"
done
unmount_fn
report

# Now the data. One is mounted at a time: what one does is no event to another. Each has the kernel
# check permissions for all users (default_permissions, allow_other), as fnmount and bindfs always do
# for root; passthrough_ll does so when it is told to, and is measured without as well.
checked=default_permissions,allow_other
ll=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
sides="fn"
if [ -r "$ll" ]; then
	# shellcheck disable=SC2046 # flags
	cc -O2 -DFUSE_USE_VERSION=314 -DHAVE_COPY_FILE_RANGE -o passthrough_ll "$ll" \
		$(pkg-config --cflags --libs fuse3) -w
	sides="$sides ll bare"
fi
if command -v bindfs >/dev/null; then sides="$sides bind"; fi

# mount_side SIDE BACKING: sets mount, where it is, and name.
mount_side() {
	mount=$1
	case $1 in
	fn) name=fnmount && mount_fn "$2" ;;
	ll) name=passthrough_ll && ./passthrough_ll -o "source=$2,$checked" ll ;;
	bare) name=unchecked && mount=ll && ./passthrough_ll -o "source=$2" ll ;;
	bind) name=bindfs && bindfs "$2" bind ;;
	esac
}
unmount_side() {
	if [ "$1" = fn ]; then unmount_fn; else umount "$mount" 2>/dev/null || umount -l "$mount"; fi
}
measure() {
	local side=$1 round=$2 name values i=0 mount
	sync -f b
	mount_side "$side" "$dir/b"
	[ "$round" -gt 1 ] || echo "  $name: $(findmnt -n -o OPTIONS "$mount")"
	read -ra values < <(mount_bench io "$mount")
	for what in "sequential write, MB/s" "sequential read, MB/s" stat/s "readdir, entries/s" create+unlink/s; do
		figure "$round" "$what" "$name" "${values[i]}"
		i=$((i + 1))
	done
	unmount_side "$side"
	[ -n "$memory" ] || return 0
	mount_side "$side" "$memory"
	figure "$round" "create+unlink/s on tmpfs" "$name" "$(mount_bench create "$mount")"
	unmount_side "$side"
}
# To make a file takes ext4 without a journal longer than a FUSE server, and longer the more files
# were removed within a minute: once more where it takes no time.
if [ "$(stat -f -c %T b)" != tmpfs ] && [ "$(stat -f -c %T /dev/shm)" = tmpfs ]; then
	memory=$(mktemp -d /dev/shm/fnmount-bench.XXXXXX)
fi
echo "data on $(findmnt -n -o FSTYPE -T b | tail -n 1) ($ROUNDS rounds; median, and the range of the ratio to the faster of the others)"
for ((r = 1; r <= ROUNDS; r++)); do
	for side in $sides; do measure "$side" $r; done
	sides="${sides#* } ${sides%% *}"
done
report
