#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Watchers that are not in `make check`: more of Debian's packages, and npm's. Each is told of a
# change only after it has been seen to say nothing of it.
load "$FN_ROOT/tests/bats/helpers.bash"
load "$FN_ROOT/tests/bats/programs.bash"

setup_file() {
	command -v node >/dev/null && command -v npm >/dev/null || return 0
	cp "$BATS_TEST_DIRNAME"/{package.json,watch.js} "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	npm install --ignore-scripts --no-audit --no-fund >npm.log 2>&1 || cat npm.log >npm.failed
}
setup() { programs_setup; }
teardown() { cleanup; }

# each NAME CREATED CHANGED OLD NEW DELETED: what NAME prints of each change of a path, as regular
# expressions that have the path for %s: D2, D3, D4 with D5, and D1. A directory made behind the
# mount has to be watched by the program like one that it saw being made (D2).
each() {
	told "$1" "$(printf "$2" file)" 'echo one >b/file'
	told "$1" "$(printf "$3" kept)" 'echo more >>b/kept'
	told "$1" "$(printf "$4" sub/old)" 'mv b/sub/old b/sub/renamed'
	heard "$1" "$(printf "$5" sub/renamed)"
	told "$1" "$(printf "$6" sub/gone)" 'rm b/sub/gone'
	told "$1" "$(printf "$2" new)" 'mkdir b/new'
	told "$1" "$(printf "$2" new/inner)" 'echo x >b/new/inner'
}

# node_watch NAME KIND: watch.js
node_watch() {
	command -v node >/dev/null && npm --version >/dev/null || missing "needs node and npm"
	[ ! -e "$BATS_FILE_TMPDIR/npm.failed" ] || missing "npm cannot fetch: $(tail -n 1 "$BATS_FILE_TMPDIR/npm.failed")"
	tree b
	mount_it
	start "$1" node "$BATS_FILE_TMPDIR/watch.js" "$2" m
	heard "$1" '^ready$'
}

@test "node: fs.watch, recursive" {
	node_watch w fs.watch
	each w '^rename %s$' '^change %s$' '^rename %s$' '^rename %s$' '^rename %s$'
}

@test "npm: chokidar" {
	node_watch w chokidar
	each w '^add(Dir)? %s$' '^change %s$' '^unlink %s$' '^add %s$' '^unlink %s$'
}

@test "npm: @parcel/watcher" {
	node_watch w parcel
	each w '^create %s$' '^update %s$' '^delete %s$' '^create %s$' '^delete %s$'
}

@test "npm: watchpack" {
	node_watch w watchpack
	each w '^change %s$' '^change %s$' '^removal %s$' '^change %s$' '^removal %s$'
}

@test "fswatch -r" {
	need_command fswatch
	tree b
	mount_it
	start w stdbuf -oL fswatch -r -x -l 0.1 --event Created --event Updated --event Removed \
		--event MovedFrom --event MovedTo m
	wait_for 20 watches "$w_pid" 3 inotify
	each w '/m/%s .*Created' '/m/%s .*Updated' '/m/%s .*MovedFrom' '/m/%s .*MovedTo' '/m/%s .*Removed'
}

@test "gio monitor, as file managers see it" {
	need_command gio
	tree b
	mount_it
	start w stdbuf -oL gio monitor -m -d m -d m/sub
	wait_for 20 watches "$w_pid" 2 inotify
	told w '/m/file: created' 'echo one >b/file'
	told w '/m/kept: changes done' 'echo more >>b/kept'
	told w '/sub/old: renamed to .*/sub/renamed' 'mv b/sub/old b/sub/renamed'
	told w '/sub/gone: deleted' 'rm b/sub/gone'
	told w '/m/new: created' 'mkdir b/new'
}

@test "watchman" {
	need_command watchman
	tree b
	mount_it
	local s=$PWD/wm.sock
	start server watchman --foreground --sockname="$s" --statefile="$PWD/wm.state" --logfile=/dev/stderr
	wait_for 20 test -S "$s"
	watchman --sockname="$s" watch "$PWD/m"
	wait_for 20 watches "$server_pid" 3 inotify
	printf '["subscribe", "%s", "w", {"fields": ["name", "exists", "new"]}]\n' "$PWD/m" >query
	start w sh -c 'watchman --sockname="$0" -j -p --no-pretty <query | jq --unbuffered -r "
		if .subscribe then \"ready\" else .files[]? |
			(if .exists then if .new then \"new\" else \"changed\" end else \"gone\" end) + \" \" + .name end"' "$s"
	heard w '^ready$'
	each w '^new %s$' '^changed %s$' '^gone %s$' '^new %s$' '^gone %s$'
}

# entr_on OPTIONS FILE…
entr_on() {
	local options=$1
	shift
	need_command entr
	tree b
	mount_it
	printf '%s\n' "$@" >list
	start w sh -c "exec entr $options echo ran /_ <list"
	wait_for 20 watches "$w_pid" 2 inotify
}

# again NAME REGEX COMMAND: entr throws away what happens in its first 50 ms, and in
# as many after each command that it runs.
again() { wait_for 20 once_more "$@"; }
once_more() {
	eval "$3"
	for _ in 1 2 3 4 5 6 7 8; do
		grep -qE "$2" "$1.out" && return
		read -rt 0.05 <> <(:) || :
	done
	return 1
}

# D3, D4: also a file that is replaced by a rename, as editors do
@test "entr" {
	entr_on '-n -p' m/kept m/sub/atomic
	again w 'ran .*/m/kept' 'echo more >>b/kept'
	again w 'ran .*/sub/atomic' 'echo new >b/tmp; mv b/tmp b/sub/atomic'
}

@test "entr -d ends when a file is made in a directory" {
	entr_on '-n -p -d -r' m/sub/gone
	kill -0 "$w_pid"
	wait_for 20 made_another
	stop "$w_pid"
	[ "$stopped" -eq 2 ]
}
made_another() {
	mktemp b/sub/madeXXXXXX
	read -rt 0.1 <> <(:) || :
	gone "$w_pid"
}
