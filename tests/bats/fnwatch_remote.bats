# SPDX-License-Identifier: GPL-2.0-or-later
# fnwatch on a mount that speaks fn1: watches are set at the server.
load helpers

setup() {
	need_root
	need_fuse
	cd "$BATS_TEST_TMPDIR" || return
	mkdir b m
}

teardown() { cleanup; }

# serve [OPTION…]: fnmount b m, its control file in place.
serve() {
	rm -f served
	start server fnmount -f --ready-fd=9 "$@" b m 9>served
	wait_for 10 test -s served || { err server >&2; return 1; }
}

watch() {
	start_ready watch fnwatch --ready-fd 9 "$@"
}

end() {
	: >b/.mark
	wait_for 10 grep -qa '\.mark' watch.out || return
	stop "$watch_pid"
	got=$(grep -av '\.mark' watch.out || :)
}

@test "what others do and what is done through the mount: once each, with its origin" {
	mkdir b/dir
	serve
	watch -r --format '%{events} %{path} %{old} %{origin} %{comm}' -e create,delete,move m
	cp /dev/null b/remote
	mkdir m/local
	wait_for 5 grep -q m/local watch.out
	mv b/remote b/dir/moved
	wait_for 5 grep -q moved watch.out
	mv m/dir m/local/
	wait_for 5 grep -q local/dir watch.out
	rm b/local/dir/moved
	end
	[ "$stopped" -eq 0 ]
	# Who changes something here waits for the server, so its name is known; who did it there may be
	# gone before it is asked for, and then has no name, but never another one.
	diff - <(sed -E 's/ remote (cp|mv|rm)?$/ remote/' <<<"$got") <<-EOF
		create m/remote  remote
		create,isdir m/local  local mkdir
		rename m/dir/moved m/remote remote
		rename,isdir m/local/dir m/dir local mv
		delete m/local/dir/moved  remote
	EOF
}

@test "who is excluded by name is never shown for what it does through the mount, however short it lives" {
	serve
	watch -r -e create,attrib,close-write --format '%{comm} %{events} %{path}' --exclude-writer touch m
	for i in $(seq 50); do touch "m/no$i"; cp /dev/null "m/yes$i"; done
	end
	diff <(for i in $(seq 50); do echo "cp create m/yes$i"; echo "cp close-write m/yes$i"; done) - <<<"$got"
}

@test "a watch below the root, and one that is not recursive" {
	mkdir -p b/in/deep b/out
	serve
	watch -e create m/in
	: >b/in/deep/no; : >b/out/no; : >b/no; : >b/in/yes
	wait_for 5 grep -q yes watch.out
	stop "$watch_pid"
	[ "$(out watch)" = $'create\tm/in/yes' ]
	watch -e create -r --exclude '/skip$' m/in m/out
	mkdir b/in/skip
	: >b/in/skip/no; : >b/out/yes
	wait_for 5 grep -q yes watch.out
	stop "$watch_pid"
	[ "$(out watch)" = $'create\tm/out/yes' ]
}

@test "the server is killed: a record, status 5" {
	serve
	watch -r m
	kill -KILL "$server_pid"
	stopped=0
	wait "$watch_pid" || stopped=$?
	[ "$stopped" -eq 5 ]
	[[ $(out watch) == unmount* ]]
}

@test "the server is stopped while it is watched: it ends, a record, status 5" {
	serve
	watch -r m
	run -32 umount m
	[[ $output == *busy* ]]
	stop "$server_pid"
	stopped=0
	wait "$watch_pid" || stopped=$?
	[ "$stopped" -eq 5 ]
	[[ $(out watch) == *unmount* ]]
}

@test "a watched directory goes: a record, status 5" {
	mkdir b/d
	serve
	watch m/d
	rmdir b/d
	stopped=0
	wait "$watch_pid" || stopped=$?
	[ "$stopped" -eq 5 ]
	[[ $(out watch) == *m/d* ]]
}

# A server keeps 16384 events for a client that is slow; a step makes fewer.
@test "200,000 events arrive in order and without a gap" {
	mount -t tmpfs none b
	mkdir b/{1..15}
	serve
	watch -r -e create,delete,move,close-write,attrib --json m
	for i in {1..15}; do
		churn "b/$i" 3000
		: >"b/$i/last"
		wait_for 50 grep -q "m/$i/last" watch.out
	done
	stop "$watch_pid"
	[ "$stopped" -eq 0 ]
	[ "$(wc -l <watch.out)" -ge 200000 ]
	# one number after the other; of each file: create, rename, and of odd ones delete, in order
	jq -r '[.seq, .events[0], .old_path // .path] | @tsv' watch.out |
		awk -F '\t' '$1 != NR { exit 1 }
			$2 == "create" || $2 == "rename" || $2 == "delete" {
				n = $3; sub(/new|f/, "", n); if ($3 ~ /last/) next
				step[n]++; want = step[n] == 1 ? "create" : step[n] == 2 ? "rename" : "delete"
				if ($2 != want) exit 1
			}'
}

@test "stopped while 200,000 changes are made: how many were lost, status 6; or rescanned" {
	mount -t tmpfs none b
	mkdir b/d
	serve
	watch -r --json m
	kill -STOP "$watch_pid"
	churn b/d 45000
	: >b/d/last
	kill -CONT "$watch_pid"
	wait_for 30 grep -q '"overflow"' watch.out
	stop "$watch_pid"
	[ "$stopped" -eq 6 ]
	[ "$(jq -s 'map(.lost // 0) | add' watch.out)" -gt 0 ]
}

@test "as a client that may not search the path" {
	mkdir -p b/private/in
	chmod 700 b/private
	serve -o allow_other
	for ((i = 0; i < 5; i++)); do
		chmod go+x "${up:=$PWD}"
		up=$(dirname "$up")
	done
	run -1 setpriv --reuid=65534 --clear-groups fnwatch -t 1 m/private/in
	[[ $output == *"m/private/in: Permission denied" ]]
}

@test "roots on a mount and on a local file system together" {
	mkdir l
	serve
	watch -e create l m
	: >l/1
	wait_for 5 grep -q l/1 watch.out
	: >b/2
	end
	[ "$got" = $'create\tl/1\ncreate\tm/2' ]
}

@test "a writer's own changes do not come back" {
	serve
	watch -r -e create --exclude-writer dd m
	mkfifo feed
	start writer dd if=feed of=b/no # lives until its name was asked for
	exec 7>feed
	wait_for 5 test -e b/no
	: >b/yes
	end
	exec 7>&-
	[ "$got" = $'create\tm/yes' ]
}
