# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by all bats files: `load helpers`. What a test starts it ends, by id, also when it fails.
bats_require_minimum_version 1.5.0

: "${FN_ROOT:=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}"
: "${FN_BUILD:=$FN_ROOT/build}"
export FN_ROOT FN_BUILD PATH="$FN_BUILD:$FN_BUILD/tests/helpers:$PATH" LC_ALL=C.UTF-8
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-60}

# missing REASON: skip, or fail where everything has to run.
missing() {
	if [ -n "${FN_REQUIRE_ALL:-}" ]; then
		echo "cannot run here: $1" >&2
		return 1
	fi
	skip "$1"
}
need_root() { [ "$(id -u)" -eq 0 ] || missing "needs root"; }
need_fuse() { [ -r /dev/fuse ] && [ -w /dev/fuse ] || missing "needs /dev/fuse"; }
need_command() { command -v "$1" >/dev/null 2>&1 || missing "needs $1"; }

# wait_for SECONDS COMMAND…: until COMMAND succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || { echo "waited in vain for: $*" >&2; return 1; }
		read -rt 0.02 <> <(:) || :
	done
}

# start NAME COMMAND…: in the background; output to $BATS_TEST_TMPDIR/NAME.{out,err}, id in $NAME_pid.
start() {
	local name=$1
	shift
	"$@" >"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	printf -v "${name}_pid" %s $!
	FN_STARTED="${FN_STARTED:-} $!"
}
# start_ready NAME COMMAND…: and wait until it has written to descriptor 9.
start_ready() {
	local ready=$BATS_TEST_TMPDIR/$1.ready
	rm -f "$ready"
	start "$@" 9>"$ready"
	wait_for 10 test -s "$ready" || { err "$1" >&2; return 1; }
}
out() { cat "$BATS_TEST_TMPDIR/$1.out"; }
err() { cat "$BATS_TEST_TMPDIR/$1.err"; }

# stop PID [SIGNAL]: and wait for it; its status is in $stopped.
stop() {
	kill -"${2:-TERM}" "$1" 2>/dev/null || :
	stopped=0
	wait "$1" 2>/dev/null || stopped=$?
}

mounted() { grep -qs " $1 " /proc/self/mountinfo; }

# Call from teardown: ends what start began, unmounts what lies below the test's directory.
cleanup() {
	local pid m
	for pid in ${FN_STARTED:-}; do
		kill -CONT "$pid" 2>/dev/null || :
		kill -TERM "$pid" 2>/dev/null || :
	done
	while read -r m; do
		umount -l "$(printf %b "$m")" 2>/dev/null || :
	done < <(awk -v d="$BATS_TEST_TMPDIR/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r)
	for pid in ${FN_STARTED:-}; do
		if ! wait_for 5 gone "$pid"; then kill -KILL "$pid" 2>/dev/null || :; fi
		wait "$pid" 2>/dev/null || :
	done
}
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.*Z' "/proc/$1/status"; }
