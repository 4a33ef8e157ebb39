#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fndump: how fast it reads, decodes and prints, beside tshark on a capture of the same messages
# (and parsefuse, where PARSEFUSE names one); and what a busy server loses while it is traced,
# beside strace. Figures are the best of some rounds that are taken in turn.
set -u
: "${FN_BUILD:=build}"
: "${FN_ROOT:=$(cd "$(dirname "$0")/../.." && pwd)}"
rounds=${1:-5}
fndump=$FN_BUILD/fndump
dir=$(mktemp -d) || exit 1
server='' tracer=''
end() {
	[ -z "$tracer" ] || { kill -INT "$tracer"; wait "$tracer"; } 2>/dev/null
	umount -l "$dir/mnt" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
mkdir "$dir/src" "$dir/mnt"
echo hello >"$dir/src/a"
example=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
# shellcheck disable=SC2046 # flags
cc -O2 -w -D_FILE_OFFSET_BITS=64 "$example" -o "$dir/ll" $(pkg-config --cflags --libs fuse3) || exit 1
cp "$FN_BUILD/tests/bench/fuse_load" "$dir/load" || exit 1

serve() {
	"$dir/ll" "$@" -f -o "source=$dir/src,cache=never" "$dir/mnt" 2>/dev/null &
	server=$!
	until mountpoint -q "$dir/mnt"; do sleep 0.05; done
}
unserve() {
	umount "$dir/mnt"
	wait "$server" 2>/dev/null
	server=''
}
# seconds COMMAND…: the least of the rounds
seconds() {
	local best=999999999 start us
	for ((r = 0; r < rounds; r++)); do
		start=${EPOCHREALTIME/./}
		"$@" >/dev/null 2>&1
		us=$((${EPOCHREALTIME/./} - start))
		[ "$us" -lt $best ] && best=$us
	done
	awk "BEGIN {printf \"%.4f\", $best / 1e6}"
}
rate() { # NAME BYTES MESSAGES SECONDS
	awk "BEGIN {printf \"%-44s %8.0f MB/s %9.3f M messages/s\n\", \"$1\", $2 / 1e6 / $4, $3 / 1e6 / $4}"
}

echo "## reading"
serve -s
strace -f -q -xx -s 1100000 -e trace=read,readv,write,writev -o "$dir/one.strace" -p $server 2>/dev/null &
tracer=$!
until [ -s "$dir/one.strace" ]; do stat "$dir/mnt/a" >/dev/null; done
"$dir/load" "$dir/mnt/a" 3000 >/dev/null
kill -INT $tracer
wait $tracer
tracer=''
unserve
"$fndump" -w "$dir/one" "$dir/one.strace"
for _ in $(seq 60); do cat "$dir/one"; done >"$dir/dump"
for _ in $(seq 30); do cat "$dir/one.strace"; done >"$dir/text"
bytes=$(stat -c %s "$dir/dump")
messages=$("$fndump" "$dir/dump" | wc -l)
text_bytes=$(stat -c %s "$dir/text")
echo "$messages messages; fusedump $((bytes / 1000000)) MB, strace text $((text_bytes / 1000000)) MB"
rate "fusedump, headers (-c)" "$bytes" "$messages" "$(seconds "$fndump" -c "$dir/dump")"
rate "fusedump, decoded to text" "$bytes" "$messages" "$(seconds "$fndump" "$dir/dump")"
rate "fusedump, decoded to pairs" "$bytes" "$messages" "$(seconds "$fndump" -P "$dir/dump")"
rate "fusedump, decoded to JSON" "$bytes" "$messages" "$(seconds "$fndump" -j "$dir/dump")"
rate "fusedump, every field (-v)" "$bytes" "$messages" "$(seconds "$fndump" -v "$dir/dump")"
rate "fusedump, --check" "$bytes" "$messages" "$(seconds "$fndump" --check "$dir/dump")"
rate "strace text, scanned (-c)" "$text_bytes" $((messages / 2)) "$(seconds "$fndump" -c "$dir/text")"
rate "strace text, decoded to text" "$text_bytes" $((messages / 2)) "$(seconds "$fndump" "$dir/text")"
if command -v tshark >/dev/null; then
	"$fndump" -n 100000 --to-pcapng "$dir/pcapng" "$dir/dump"
	"$fndump" --dissector >"$dir/fuse.lua"
	rounds=1
	rate "tshark, undissected" "$(stat -c %s "$dir/pcapng")" 100000 "$(seconds tshark -r "$dir/pcapng")"
	rate "tshark, with our dissector" "$(stat -c %s "$dir/pcapng")" 100000 \
		"$(seconds tshark -X "lua_script:$dir/fuse.lua" -r "$dir/pcapng")"
	rounds=${1:-5}
fi
if [ -n "${PARSEFUSE:-}" ]; then
	rate "parsefuse, to text" "$bytes" "$messages" "$(seconds "$PARSEFUSE" "$dir/dump")"
fi
/usr/bin/env time -f 'memory: %M KB at most' "$fndump" -P "$dir/dump" >/dev/null

echo "## a busy server, traced: open, read and close of a file (5 requests)"
# Each round goes once through all, so that what else the machine does strikes all alike.
names=(plain "strace -xx" "fndump -p, ptrace" "fndump -p, bpf" "fndump --mount, bpf" "fndump --mount, tracefs")
start_tracer() {
	case $1 in
	0) return ;;
	1) strace -f -q -xx -s 1100000 -e trace=read,readv,write,writev -o "$dir/out" -p $server 2>/dev/null & ;;
	2) "$fndump" --via=ptrace -w "$dir/out" -p $server & ;;
	3) "$fndump" --via=bpf -w "$dir/out" -p $server & ;;
	4) "$fndump" --via=bpf -w "$dir/out" -m "$dir/mnt" & ;;
	5) "$fndump" --via=tracefs -w "$dir/out" -m "$dir/mnt" & ;;
	esac
	tracer=$!
	until [ -s "$dir/out" ] || ! kill -0 $tracer 2>/dev/null; do stat "$dir/mnt/a" >/dev/null; done
}
busy() {
	local k us best=()
	for ((r = 0; r < rounds; r++)); do
		for k in "${!names[@]}"; do
			rm -f "$dir/out"
			start_tracer "$k"
			us=$("$dir/load" "$dir/mnt/a" "$1")
			[ -z "$tracer" ] || { kill -INT "$tracer"; wait "$tracer"; } 2>/dev/null
			tracer=''
			[ -n "${best[k]:-}" ] && [ "$(awk "BEGIN {print ($us >= ${best[k]})}")" = 1 ] || best[k]=$us
		done
	done
	for k in "${!names[@]}"; do
		awk "BEGIN {printf \"%-28s %8.2f us each, %+7.1f %% (%.2f of what strace adds)\n\", \"${names[k]}\", ${best[k]},
			(${best[k]} / ${best[0]} - 1) * 100, (${best[k]} - ${best[0]}) / (${best[1]} - ${best[0]})}"
	done
}
for mode in -s ''; do
	# shellcheck disable=SC2086 # none or one
	serve $mode
	echo "# ${mode:+one thread}${mode:-several threads}" | sed 's/thread-s/thread/'
	busy 2000
	unserve
done
