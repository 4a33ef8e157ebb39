#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How late a guest hears of changes on the host, and how many a second, for each way to deploy, as a
# ratio to inotify on a local directory of the same guest; beside a poll of the directory and an
# agent that sets times, as people have it today. $FN_GUEST_KIND, $FN_GUEST_DAEMON and
# $FN_GUEST_CACHE choose the guest, as for the tests. All times are the guest's: the host's clock,
# which is in each file's name, is put right by what the guest reads of it through the share.
set -u
: "${FN_BUILD:=$PWD/build}"
export FN_ROOT=$PWD FN_BUILD
dir=$(mktemp -d) || exit 1
bats_require_minimum_version() { :; }
skip() { echo "guests: $1" && exit 0; }
. tests/bats/helpers.bash
. tests/guests/guest.bash
export GUESTS=$dir/guests SRC=$dir/src EXPORT=$dir/export PATH="$FN_BUILD/tests/bench:$PATH"
export FN_GUEST_PROGRAMS="share_bench utimes_agent"
mkdir -p "$GUESTS" "$SRC" "$EXPORT"
events=
end_events() {
	[ -z "$events" ] || { kill "$events" && wait "$events"; } 2>/dev/null
	events=
}
end() {
	end_events
	guests_cleanup 2>/dev/null
	umount -l "$EXPORT" 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
guest_need || exit 1

# listen GUEST SECONDS COMMAND: in the guest; it says on standard error that it is ready.
listen() {
	guest "$1" <<-EOF
		rm -f /tmp/result /tmp/ready
		($2) >/tmp/result 2>/tmp/ready &
		until [ -s /tmp/ready ]; do usleep 20000; done
	EOF
}
heard() { guest "$1" 60 <<<'until [ -s /tmp/result ]; do usleep 20000; done; cat /tmp/result'; }

# measure NAME GUEST COMMAND: DIR and OFFSET in COMMAND are what they are then, COUNT is how many.
n=0 names=() all=()
measure() {
	local name=$1 g=$2 command=$3 count pause line=()
	for count in 200 1000; do
		n=$((n + 1))
		pause=$((count == 200 ? 8000 : 0))
		mkdir "$SRC/d$n"
		command=${3//DIR/d$n} command=${command//COUNT/$count}
		guest "$g" <<<"ls -la /mnt/share/d$n /mnt/src/d$n >/dev/null 2>&1; :"
		if [[ $command == *LOCAL* ]]; then
			guest "$g" <<<"mkdir /tmp/d$n"
			listen "$g" "${command//LOCAL/}"
			guest "$g" <<<"share_bench make /tmp/d$n $count $pause"
		else
			listen "$g" "${command//OFFSET/$offset}"
			share_bench make "$SRC/d$n" "$count" "$pause"
		fi
		read -ra got < <(heard "$g") || return
		if [ "$pause" -gt 0 ]; then line=("${got[1]}" "${got[2]}"); fi
	done
	line+=("${got[3]}" "${got[0]}/$count")
	names+=("$name") all+=("${line[*]}")
	[ "${#all[@]}" -gt 1 ] || head_line
	awk -v name="$name" -v l="${line[*]}" -v r="${all[0]}" 'BEGIN {
		split(l, a, " "); split(r, b, " ")
		printf "%-42s %8s %8s %8.1fx %9s %8.3fx %10s\n", name, a[1], a[2], a[1] / b[1], a[3], a[3] / b[3], a[4]
	}'
}
head_line() { printf '%-42s %8s %8s %9s %9s %9s %10s\n' '' 'median us' 'p99 us' '(to local)' names/s '(to local)' heard; }

said=
# find_offset GUEST: how far its clock is ahead of the host's.
find_offset() {
	share_bench clock "$SRC/clock" 3 &
	local clock=$!
	read -r offset error < <(guest "$1" <<<'share_bench offset /mnt/share/clock')
	kill "$clock" 2>/dev/null
	wait "$clock" 2>/dev/null
	[ -n "$said" ] || echo "# Linux $(guest "$1" <<<'uname -r'), $FN_GUEST_KIND, virtiofsd $FN_GUEST_DAEMON," \
		"cache=$FN_GUEST_CACHE; the clocks agree to $((error / 1000)) us"
	said=1
}

# fresh GUEST COMMAND…: a guest that hears of events over its serial line, /tmp/line there. UML's is
# stuck for ever once its reader has been late, so each has its own, and a pump.
fresh() {
	local g=$1
	shift
	guest_start "$g" "$SRC" || exit 1
	find_offset "$g"
	guest "$g" <<-'EOF'
		mkfifo /tmp/line
		share_bench pump </dev/fn-line 1<>/tmp/line &
	EOF
	"$@" >"$GUESTS/$g/line.in" 2>"$dir/send.err" &
	events=$!
}
stop() {
	guest "$1" <<-'EOF'
		kill $(cat /tmp/piece.pid)
		while [ -d /proc/$(cat /tmp/piece.pid) ]; do usleep 20000; done
		umount /mnt/src 2>/dev/null
		:
	EOF
}
overlay() {
	guest "$1" <<-EOF
		mkfifo /tmp/go
		fnmount -f --ready-fd 3 ${2:-} /mnt/share /mnt/src >/tmp/fnmount.log 2>&1 3>/tmp/go &
		echo \$! >/tmp/piece.pid
		read x </tmp/go
		rm /tmp/go
	EOF
}

fnmount "$SRC" "$EXPORT" || exit 1
guest_start g "$EXPORT" || exit 1
find_offset g
measure 'inotify on a directory of the guest' g 'share_bench hear /tmp/DIR COUNT 0; : LOCAL'
measure 'host underlay: fnwatch' g "fnwatch -e create --format %f --ready-fd 2 /mnt/share/DIR | share_bench read COUNT OFFSET"
guest g <<<'fnsend --follow /mnt/share >/tmp/follow.log 2>&1 & echo $! >/tmp/piece.pid; sleep 1'
measure 'host underlay: fnsend --follow' g 'share_bench hear /mnt/share/DIR COUNT OFFSET'
stop g
overlay g
measure 'guest overlay: events through the share' g 'share_bench hear /mnt/src/DIR COUNT OFFSET'
stop g
guest_stop g
umount -l "$EXPORT"

fresh h fnwatch --wire -e create -r "$SRC"
overlay h --events=/tmp/line
measure 'guest overlay: events over a serial line' h 'share_bench hear /mnt/src/DIR COUNT OFFSET'
end_events
guest_stop h
fresh i fnwatch --wire -e create -r "$SRC"
guest i <<<'fnsend --stdin --input=wire --via=nudge --degrade=attrib /mnt/share </tmp/line >/tmp/nudge.log 2>&1 &'
measure 'nudge: fnsend --stdin' i 'share_bench hear /mnt/share/DIR COUNT OFFSET'
end_events
guest_stop i
cd "$SRC" && fresh j fnwatch -r -e create --format %w%f .
cd "$FN_ROOT" || exit 1
guest j <<<'utimes_agent /mnt/share </tmp/line >/tmp/agent.log 2>&1 &'
measure 'today: an agent that sets times' j 'share_bench hear /mnt/share/DIR COUNT OFFSET'
end_events
measure 'today: a poll every 100 ms' j 'share_bench poll /mnt/share/DIR COUNT OFFSET'
