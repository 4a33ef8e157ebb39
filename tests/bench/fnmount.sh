#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fnmount beside plain inotify, bare fanotify, bindfs and libfuse's own passthrough_ll.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/fnmount-bench.XXXXXX")
cleanup() {
	for m in fn bind ll; do umount -l "$dir/$m" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir"/{b,fn,bind,ll}
cd "$dir"

say() { printf '%-44s %14s %14s %9s  %s\n' "$@"; }
# ratio A B; goal VALUE OP LIMIT
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }
goal() { awk -v v="$1" -v l="$3" "BEGIN { print (v $2 l) ? \"ok\" : \"MISSED ($2 \" l \")\" }"; }

fnmount b fn
read -r plain plain99 < <(mount_bench latency b b 2000)
read -r mount mount99 < <(mount_bench latency fn b 2000)
say "" fnmount reference ratio goal
say "latency, median (us; inotify on BACKING)" "$mount" "$plain" "$(ratio "$mount" "$plain")x" \
	"$(goal "$(ratio "$mount" "$plain")" '<=' 3)"
say "latency, 99th percentile (us)" "$mount99" "$plain99" "$(ratio "$mount99" "$plain99")x" ""
# ticks: processor time of the server, all its threads, in hundredths of a second
ticks() { cat /proc/[0-9]*/stat 2>/dev/null | awk '$2 == "(fnmount)" { t += $14 + $15 } END { print t + 0 }'; }
before=$(ticks)
read -r rate count < <(mount_bench replay fn b 10000)
used=$(($(ticks) - before))
core=$(awk -v n="$count" -v t="$used" 'BEGIN { printf "%d", t ? n * 100 / t : 0 }')
say "replayed events/s by the clock ($count events)" "$rate" "" "" ""
say "replayed events/s of one core" "$core" "" "" "$(goal "$core" '>=' 25000)"
raw=$(mount_bench raw b 20000)
storm=$(mount_bench storm fn b 20000)
say "changes/s unwatched (bare fanotify)" "$storm" "$raw" "$(ratio "$storm" "$raw")" \
	"$(goal "$(ratio "$storm" "$raw")" '>=' 0.9)"
umount -l fn
fnmount b fn
read -ra f < <(mount_bench io fn)
umount -l fn

ll=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
if [ -r "$ll" ]; then
	# shellcheck disable=SC2046 # flags
	cc -O2 -DFUSE_USE_VERSION=314 -DHAVE_COPY_FILE_RANGE -o passthrough_ll "$ll" \
		$(pkg-config --cflags --libs fuse3) -w
	./passthrough_ll -o source="$dir/b" ll
	read -ra l < <(mount_bench io ll)
	umount -l ll
fi
if command -v bindfs >/dev/null; then
	bindfs b bind
	read -ra b < <(mount_bench io bind)
	umount -l bind
fi
echo
say "(on $(stat -f -c %T b))" fnmount bindfs passthr._ll goal
i=0
for what in "sequential write, MB/s" "sequential read, MB/s" stat/s "readdir entries/s" create+unlink/s; do
	best=$(printf '%s\n' "${b[i]:-0}" "${l[i]:-0}" | sort -n | tail -n 1)
	say "$what" "${f[i]}" "${b[i]:--}" "${l[i]:--}" "$(goal "${f[i]}" '>' "$best")"
	i=$((i + 1))
done
