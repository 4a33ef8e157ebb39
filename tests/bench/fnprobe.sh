#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long fnprobe takes, beside what people ask instead: bpftool's feature probe, libfuse's
# printcap, and a script that mounts something and looks.
set -u
: "${FN_BUILD:=build}"
rounds=${1:-41}
dir=$(mktemp -d) || exit 1
daemon=''
end() {
	[ -z "$daemon" ] || { kill "$daemon"; wait "$daemon"; } 2>/dev/null
	umount -l "$dir/mnt" 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
mkdir "$dir/src" "$dir/mnt"
examples=/usr/share/doc/libfuse3-dev/examples
virtiofsd=/usr/lib/qemu/virtiofsd

for e in printcap passthrough_ll hello_ll; do
	# shellcheck disable=SC2046 # flags
	[ ! -e $examples/$e.c ] ||
		cc -O2 -w $(pkg-config --cflags fuse3) $examples/$e.c -o "$dir/$e" $(pkg-config --libs fuse3)
done

mount_and_look() {
	"$dir/passthrough_ll" -o "source=$dir/src" "$dir/mnt" 2>/dev/null || return 1
	grep " $dir/mnt " /proc/self/mountinfo
	touch "$dir/mnt/x" && ln "$dir/mnt/x" "$dir/mnt/y" && rm "$dir/mnt/x" "$dir/mnt/y"
	umount "$dir/mnt"
}

# once COMMAND…: microseconds
once() {
	local start=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>&1
	echo $((${EPOCHREALTIME/./} - start))
}
vhost_once() {
	"$virtiofsd" --socket-path="$dir/sock" -o "source=$dir/src" -f >/dev/null 2>&1 &
	daemon=$!
	while [ ! -S "$dir/sock" ]; do read -rt 0.005 <> <(:); done
	once "$FN_BUILD/fnprobe" vhost-user "$dir/sock"
	wait "$daemon"
	daemon=''
	rm -f "$dir/sock"
}
base=
# report NAME BOUND_MS COMMAND…: the median, as a ratio to the first, and whether a bound holds.
report() {
	local name=$1 bound=$2 us
	shift 2
	us=$(for _ in $(seq "$rounds"); do "$@"; done | sort -n | sed -n "$((rounds / 2 + 1))p")
	[ -n "$base" ] || base=$us
	awk -v name="$name" -v us="$us" -v base="$base" -v bound="$bound" 'BEGIN {
		printf "%-36s %9.2f ms %8.1fx", name, us / 1000, us / base
		if (bound) printf "   %s %d ms", us <= bound * 1000 ? "within" : "OVER", bound
		print ""
	}'
}

printf '%-36s %12s %9s\n' "median of $rounds" "time" "ratio"
report "fnprobe kernel" 10 once "$FN_BUILD/fnprobe" kernel
report "fnprobe kernel --require" 10 once "$FN_BUILD/fnprobe" kernel --require passthrough
[ ! -x $virtiofsd ] || report "fnprobe vhost-user (C virtiofsd)" 20 vhost_once
[ ! -x "$dir/hello_ll" ] || report "fnprobe server -- hello_ll" 0 once "$FN_BUILD/fnprobe" server -- "$dir/hello_ll" -f
report "fnprobe mount" 0 once "$FN_BUILD/fnprobe" mount "$dir"
[ ! -x "$dir/printcap" ] || report "printcap" 0 once "$dir/printcap"
[ ! -x "$dir/passthrough_ll" ] || report "a script that mounts and looks" 0 once mount_and_look
! command -v bpftool >/dev/null || report "bpftool feature probe" 0 once bpftool feature probe
