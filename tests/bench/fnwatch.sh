#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fnwatch against inotifywait, fsnotifywait and fswatch: how fast each takes events from a full
# queue, what that costs, how long it takes to watch a large tree and with how much memory; and a
# remote watch against a local one. Usage: fnwatch.sh [FILES [DIRECTORIES]]. Needs root.
set -u
: "${FN_BUILD:=build}"
files=${1:-45000} dirs=${2:-100000}
[ "$(id -u)" -eq 0 ] || { echo "fnwatch: needs root"; exit 3; }
dir=$(mktemp -d) || exit 1
mkdir "$dir/t" "$dir/b" "$dir/m"
mount -t tmpfs -o nr_inodes=0 none "$dir/t" || exit 1
queues=(/proc/sys/fs/inotify/max_queued_events /proc/sys/fs/fanotify/max_queued_events)
limits=("$(cat "${queues[0]}")" "$(cat "${queues[1]}")")
watcher='' server=''
end() {
	[ -z "$watcher" ] || { kill -CONT "$watcher"; kill "$watcher"; wait "$watcher"; } 2>/dev/null
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	echo "${limits[0]}" >"${queues[0]}"
	echo "${limits[1]}" >"${queues[1]}"
	umount -l "$dir/m" "$dir/t" 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
await() { # SECONDS COMMAND…
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		read -rt 0.005 <> <(:)
	done
	return 0
}
now() { date +%s%N; }
cpu() { # of the watcher, in clock ticks
	sed 's/.*) //' "/proc/$watcher/stat" | awk '{print $12 + $13}'
}
hz=$(getconf CLK_TCK)

# begin READY COMMAND…: in the background; READY is fd, established, or a number of seconds.
begin() {
	local ready=$1
	shift
	: >"$dir/ready"
	t0=$(now)
	if [ "$ready" = fd ]; then
		"$@" --ready-fd=9 9>"$dir/ready" >"$dir/out" 2>"$dir/err" &
	else
		"$@" 9>"$dir/ready" >"$dir/out" 2>"$dir/err" &
	fi
	watcher=$!
	case $ready in
	fd) await 300 test -s "$dir/ready" ;;
	established) await 60 grep -q established "$dir/err" ;;
	*) # says nothing: it is ready when it reports something
		await 300 sh -c "touch '$dir/t/probe'; sleep 0.02; test -s '$dir/out'"
		;;
	esac
	t1=$(now)
}
finish() {
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	watcher=''
	rm -f "$dir/t/probe"
}

declare -A rate_of cost_of ready_of rss_of
drain() { # NAME READY COMMAND…: stop it, make the changes, go on, until the last has come
	local name=$1 ready=$2 before after start stop lines made=$((files * 9 / 2))
	shift 2
	rm -rf "$dir"/t/*
	mkdir "$dir/t/d"
	begin "$ready" "$@" "$dir/t"
	before=$(cpu)
	kill -STOP "$watcher"
	"$FN_BUILD/tests/helpers/churn" "$dir/t/d" "$files"
	: >"$dir/t/d/last"
	start=$(now)
	kill -CONT "$watcher"
	await 120 grep -qa 'd/.*last' "$dir/out" || echo "  (the last change never came)"
	stop=$(now)
	read -rt 0.2 <> <(:)
	after=$(cpu)
	lines=$(wc -l <"$dir/out")
	finish
	rate_of[$name]=$(awk -v n=$made -v t=$((stop - start)) 'BEGIN {print n / t * 1e9}')
	cost_of[$name]=$(awk -v n=$made -v t=$((after - before)) -v hz="$hz" 'BEGIN {print t / hz / n * 1e6}')
	printf '%-34s %9d %11.0f %11.2f\n' "$name" "$lines" "${rate_of[$name]}" "${cost_of[$name]}"
}
setup() { # NAME READY COMMAND…
	local name=$1 ready=$2
	shift 2
	begin "$ready" "$@" "$dir/t"
	if ! kill -0 "$watcher" 2>/dev/null || [ $((t1 - t0)) -ge 60000000000 ]; then
		echo "$name: not ready after $(((t1 - t0) / 1000000000)) s"
		finish
		return
	fi
	ready_of[$name]=$(awk -v t=$((t1 - t0)) 'BEGIN {print t / 1e6}')
	rss_of[$name]=$(awk '/^VmRSS/ {print $2}' "/proc/$watcher/status")
	finish
	printf '%-34s %11.1f ms %9d KiB\n' "$name" "${ready_of[$name]}" "${rss_of[$name]}"
}
ratio() { # WHAT A B GOAL: A over B
	awk -v what="$1" -v a="$2" -v b="$3" -v goal="$4" \
		'BEGIN {printf "%-58s %8.2f   goal %s\n", what, (b > 0 ? a / b : 0), goal}'
}

in_events=modify,attrib,close_write,create,delete,move
echo 4000000 >"${queues[0]}"
echo 4000000 >"${queues[1]}"
have() { command -v "$1" >/dev/null 2>&1 || { echo "$1: not installed"; return 1; }; }

printf '%-34s %9s %11s %11s\n' "$((files * 9 / 2)) changes from a full queue" "records" "changes/s" "CPU µs each"
drain "fnwatch, fanotify" fd "$FN_BUILD/fnwatch" -r
drain "fnwatch, fanotify, --json" fd "$FN_BUILD/fnwatch" -r --json
drain "fnwatch, inotify" fd "$FN_BUILD/fnwatch" -r --source=inotify
drain "fnwatch, inotify, --csv" fd "$FN_BUILD/fnwatch" -r --source=inotify --csv
have inotifywait && drain "inotifywait" established inotifywait -m -r -e $in_events
have fsnotifywait && drain "fsnotifywait" established fsnotifywait -m -r -e $in_events
have fswatch && drain "fswatch" probe fswatch -r -l 0.1
echo
for theirs in inotifywait fsnotifywait fswatch; do
	[ -n "${rate_of[$theirs]:-}" ] || continue
	for ours in "fnwatch, fanotify" "fnwatch, inotify"; do
		ratio "changes/s: $ours over $theirs" "${rate_of[$ours]}" "${rate_of[$theirs]}" "> 1"
		ratio "CPU per change: $ours over $theirs" "${cost_of[$ours]}" "${cost_of[$theirs]}" "< 1"
	done
done

rm -rf "$dir"/t/*
(cd "$dir/t" && seq 1 "$dirs" | awk '{print int($1 / 1000) "/" int($1 / 10) % 100 "/" $1 % 10}' | xargs mkdir -p)
echo
echo "until a tree of $(find "$dir/t" -type d | wc -l) directories is watched, and memory then"
setup "fnwatch, fanotify" fd "$FN_BUILD/fnwatch" -r
setup "fnwatch, inotify" fd "$FN_BUILD/fnwatch" -r --source=inotify
have inotifywait && setup "inotifywait" established inotifywait -m -r -e $in_events
have fsnotifywait && setup "fsnotifywait" established fsnotifywait -m -r -e $in_events
have fswatch && setup "fswatch" probe fswatch -r -l 0.1
echo
if [ -n "${ready_of[inotifywait]:-}" ]; then
	ratio "set-up: inotifywait over fnwatch, fanotify" "${ready_of[inotifywait]}" "${ready_of["fnwatch, fanotify"]}" ">= 100"
	ratio "set-up: inotifywait over fnwatch, inotify" "${ready_of[inotifywait]}" "${ready_of["fnwatch, inotify"]}" "> 1"
	ratio "memory: fnwatch, fanotify over inotifywait" "${rss_of["fnwatch, fanotify"]}" "${rss_of[inotifywait]}" "<= 1"
	ratio "memory: fnwatch, inotify over inotifywait" "${rss_of["fnwatch, inotify"]}" "${rss_of[inotifywait]}" "<= 1"
fi

if [ -x "$FN_BUILD/fnmount" ] && [ -w /dev/fuse ]; then
	"$FN_BUILD/fnmount" -f --ready-fd=9 "$dir/b" "$dir/m" 9>"$dir/served" 2>/dev/null &
	server=$!
	await 10 test -s "$dir/served"
	latency() { # NAME WATCHER…
		local name=$1
		mkdir -p "$dir/b/$name"
		"$FN_BUILD/tests/bench/watch_latency" "$dir/b/$name" 1000 "${@:2}" 2>/dev/null
	}
	echo
	printf '%-34s %11s %11s\n' "latency of a change on disk" "median µs" "99 % µs"
	read -r local_us local_99 < <(latency local "$FN_BUILD/fnwatch" --source=inotify "$dir/b/local")
	printf '%-34s %11s %11s\n' "fnwatch, inotify" "$local_us" "$local_99"
	have inotifywait && read -r us p99 < <(latency theirs inotifywait -q -m "$dir/b/theirs") &&
		printf '%-34s %11s %11s\n' "inotifywait" "$us" "$p99"
	mkdir -p "$dir/b/remote"
	read -r remote_us remote_99 < <(latency remote "$FN_BUILD/fnwatch" "$dir/m/remote")
	printf '%-34s %11s %11s\n' "fnwatch, remote on fnmount" "$remote_us" "$remote_99"
	ratio "latency: remote over inotify" "$remote_us" "$local_us" "<= 3"
fi
