#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fnsend against what people run today: a shell loop of touch or chmod, and an agent's utimes call.
# Rates on a stock libfuse server and, by replay, on fnmount; then which native events each raises.
set -u
: "${FN_BUILD:=build}"
n=${1:-20000}
dir=$(mktemp -d) || exit 1
b=$dir/b m=$dir/m f=$dir/f
mkdir "$b" "$m" "$f"
server='' fnmount=''
end() {
	umount -l "$m" "$f" 2>/dev/null
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	[ -z "$fnmount" ] || { kill "$fnmount"; wait "$fnmount"; } 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
await() { # COMMAND…: for five seconds at most
	local deadline=$((SECONDS + 5))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		read -rt 0.02 <> <(:)
	done
}
mounted() { grep -qs " $1 " /proc/self/mountinfo; }

# shellcheck disable=SC2046 # flags
cc -O2 -w $(pkg-config --cflags fuse3) /usr/share/doc/libfuse3-dev/examples/passthrough_ll.c \
	-o "$dir/ptll" $(pkg-config --libs fuse3) || exit 1
"$dir/ptll" -f -o "source=$b" "$m" 2>/dev/null &
server=$!
await mounted "$m" || exit 1
mkdir "$b/many"
(cd "$b/many" && seq 1000 | xargs touch)
ls -l "$m/many" >/dev/null

# rate NAME COUNT COMMAND…: events a second by the clock, and by the processor time of the sender.
rate() {
	local name=$1 count=$2 t
	shift 2
	t=$({ TIMEFORMAT='%R %U %S'; time "$@" >/dev/null 2>&1; } 2>&1 | tail -n1)
	awk -v name="$name" -v n="$count" -v t="$t" 'BEGIN {
		split(t, a, " "); cpu = a[2] + a[3]
		printf "%-44s %9.0f/s %9.0f/s\n", name, n / a[1], (cpu > 0 ? n / cpu : 0)
	}'
}
events() { awk -v n="$1" -v e="$2" 'BEGIN {for (i = 0; i < n; i++) print e " many/" i % 1000 + 1}'; }
touch_loop() { for i in $(seq "$1"); do touch -c "$m/many/$((i % 1000 + 1))"; done; }
chmod_loop() { for i in $(seq "$1"); do chmod 644 "$m/many/$((i % 1000 + 1))"; done; }

printf '%-44s %11s %11s\n' "events a second, $n events" "by clock" "per core"
rate "shell loop of touch" 500 touch_loop 500
rate "shell loop of chmod" 500 chmod_loop 500
events "$n" '' | tr -d ' ' >"$dir/paths"
rate "an agent's stat and utimes (ATTRIB only)" "$n" "$FN_BUILD/tests/bench/utimes_agent" "$m" <"$dir/paths"
events "$n" modify >"$dir/modify"
rate "fnsend nudge: modify" "$n" "$FN_BUILD/fnsend" --via=nudge --stdin "$m" <"$dir/modify"
awk '{print; sub(/modify/, "close-write"); print}' "$dir/modify" | head -n "$n" >"$dir/pairs"
rate "fnsend nudge: modify and close-write" "$n" "$FN_BUILD/fnsend" --via=nudge --stdin "$m" <"$dir/pairs"
rate "fnsend nudge, no FUSE below: modify" "$n" "$FN_BUILD/fnsend" --via=nudge --stdin "$b" <"$dir/modify"

# arrives NAME COUNT ROOT COMMAND…: the same, by the native events that come.
arrives() {
	local name=$1 count=$2 root=$3 counter
	shift 3
	"$FN_BUILD/tests/helpers/count_events" "$root/many" "$count" >"$dir/count" &
	counter=$!
	await grep -q ready "$dir/count"
	"$@" >/dev/null 2>&1
	wait "$counter"
	awk -v name="$name" -v n="$count" 'NF > 2 {
		printf "%-44s %9.0f/s   %s of %s came\n", name, $1 / $2, $1, n
	}' "$dir/count"
}
if [ -x "$FN_BUILD/fnmount" ]; then
	"$FN_BUILD/fnmount" -f --events=none "$b" "$f" 2>/dev/null &
	fnmount=$!
	await test -e "$f/.fsnotify" && ls -l "$f/many" >/dev/null
	replay() { "$FN_BUILD/fnsend" --via=replay --stdin "$f"; }
	awk -v n="$n" 'BEGIN {for (i = 0; i < n / 4; i++) {f = i % 1000 + 1
		print "create many/" f; print "modify many/" f; print "attrib many/" f; print "delete many/" f}}' >"$dir/mix"
	arrives "fnsend replay: create, modify, attrib, delete" "$n" "$f" replay <"$dir/mix"
	awk -v n="$n" 'BEGIN {for (i = 0; i < n / 2; i++) print "rename many/" i % 1000 + 1 "\tmany/" (i + 1) % 1000 + 1}' >"$dir/renames"
	arrives "fnsend replay: renames (two events each)" "$n" "$f" replay <"$dir/renames"
	rate "fnsend replay, nobody watches: modify" "$n" replay <"$dir/modify"
fi

# One process a call.
one() { for _ in $(seq 50); do "$FN_BUILD/fnsend" --via=nudge modify "$m/many/1"; done; }
rate "fnsend modify PATH, a process each" 50 one

# latency NAME ROOT [COMMAND…]: from a line on the sender's standard input to the native event.
latency() {
	local name=$1 root=$2 t
	shift 2
	t=$("$FN_BUILD/tests/bench/send_latency" "$root/many" "${1:+many/}1" 500 "$@") || t='- -'
	printf '%-44s %8s us %8s us\n' "$name" $t
}
printf '\n%-44s %11s %11s\n' 'from a line to its native event' median p99
latency 'utimensat in the watcher itself' "$m"
latency 'fnsend nudge, a pipe' "$m" "$FN_BUILD/fnsend" --via=nudge --keep-echoes --stdin "$m"
latency 'a shell loop with touch, a pipe' "$m" sh -c "while read -r e p; do touch -c $m/\$p; done"
[ -z "$fnmount" ] || latency 'fnsend replay on fnmount, a pipe' "$f" "$FN_BUILD/fnsend" --via=replay --stdin "$f"

# Which native events a directory's watcher gets for a remote event of each kind.
kinds="create modify close-write attrib access delete rename"
watch() {
	: >"$dir/seen"
	inotifywait -m -q --exclude '\.fsnotify' --format '%e' "$1" >"$dir/seen" 2>/dev/null &
	watcher=$!
	await grep -q "$(printf 'inotify wd:')" "/proc/$watcher/fdinfo/3"
}
seen() { # the events since watch, up to a mark
	: >"$1/.mark"
	await grep -q CREATE "$dir/seen"
	sleep 0.05
	kill "$watcher"
	wait "$watcher" 2>/dev/null
	rm -f "$1/.mark"
	awk '/CREATE/ {c = NR} {l[NR] = $0} END {for (i = 1; i < c; i++) {sub(/,CLOSE$/, "", l[i]); printf "%s%s", (i > 1 ? "+" : ""), l[i]} if (c <= 1) printf "-"}' "$dir/seen" |
		sed 's/+\?CREATE.*MARKER//'
}
matrix() { # NAME ROOT COMMAND with KIND: row by row
	local name=$1 root=$2 kind
	shift 2
	printf '%-26s' "$name"
	for kind in $kinds; do
		rm -f "$b"/x "$b"/y
		: >"$b/x"
		: >"$b/y"
		[ "$kind" = delete ] && { stat "$root/x" >/dev/null; rm "$b/x"; }
		[ "$kind" = rename ] && mv "$b/x" "$b/y"
		watch "$root"
		"$@" "$kind" "$root" >/dev/null 2>&1
		printf ' %-24s' "$(seen "$root")"
	done
	echo
}
by_touch() { touch -c "$2/x"; }
by_chmod() { chmod 644 "$2/x"; }
by_agent() { echo x | "$FN_BUILD/tests/bench/utimes_agent" "$2"; }
by_fnsend() {
	local via=$1 degrade=$2
	shift 2
	if [ "$1" = rename ]; then set -- rename "$2/x" "$2/y"; else set -- "$1" "$2/x"; fi
	"$FN_BUILD/fnsend" --via="$via" --degrade="$degrade" "$@"
}
printf '\n%-26s' 'native events for a remote'
for kind in $kinds; do printf ' %-24s' "$kind"; done
echo
matrix 'touch' "$m" by_touch
matrix 'chmod' "$m" by_chmod
matrix "an agent's utimes" "$m" by_agent
matrix 'fnsend nudge' "$m" by_fnsend nudge none
matrix 'fnsend nudge, degraded' "$m" by_fnsend nudge attrib
[ -z "$fnmount" ] || matrix 'fnsend replay' "$f" by_fnsend replay none
