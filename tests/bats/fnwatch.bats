# SPDX-License-Identifier: GPL-2.0-or-later
# fnwatch on local file systems and streams.
load helpers

setup() {
	need_root
	cd "$BATS_TEST_TMPDIR" || return
	mkdir t
}

teardown() { cleanup; }

# watch OPTION… PATH…: fnwatch in the background, its watches in force.
watch() {
	rm -f t/.mark
	start_ready watch fnwatch --ready-fd 9 "$@"
}

# end [PATH]: a mark is made, and when it has been reported everything before it has; then stop.
# The status is in $stopped; lines about the mark are not in $out.
end() {
	: >"${1:-t}/.mark"
	wait_for 10 grep -qa '\.mark' watch.out || return
	stop "$watch_pid"
	got=$(grep -av '\.mark' watch.out || :)
}

is() {
	diff <(printf '%s\n' "$@") <(printf '%s\n' "$got")
}

story() {
	: >t/a
	mkdir t/d
	mv t/a t/d/b
	echo x >>t/d/b
	mv t/d t/e
	rm -r t/e
}

@test "plain text: the same from fanotify and inotify" {
	for source in fanotify inotify; do
		watch -r --source=$source t
		story
		end
		[ "$stopped" -eq 0 ]
		is $'create\tt/a' $'close-write\tt/a' $'create,isdir\tt/d' $'rename\tt/a\tt/d/b' \
			$'modify\tt/d/b' $'close-write\tt/d/b' $'rename,isdir\tt/d\tt/e' $'delete\tt/e/b' \
			$'delete,isdir\tt/e'
		[ -z "$(err watch)" ]
		rm t/.mark
	done
}

@test "--format and --csv: inotifywait's own output for the same story" {
	for style in "--format=%w|%f|%e|%:e" --csv; do
		rm -rf t/.mark
		watch -r $style --source=inotify t
		rm -f theirs.err
		start theirs stdbuf -oL inotifywait -m -r -e modify,attrib,close_write,create,delete,move \
			${style/--csv/-c} t
		wait_for 5 grep -q established theirs.err
		: >t/a
		mv t/a t/b
		echo x >>t/b
		rm t/b
		end
		wait_for 5 grep -q '\.mark' theirs.out
		stop "$theirs_pid"
		diff <(printf '%s\n' "$got") <(grep -v '\.mark' theirs.out)
	done
}

@test "--format: every directive, names escaped unless raw" {
	watch --format='%{events} %{path} %{old} %{new} %{mask} %{seq} %{comm} %{root} %%%n' --no-newline t
	: >t/a
	mv t/a $'t/b\n'
	end
	[[ ${got} == $'create t/a   0x100 1 '*$' t %\nclose-write t/a   0x8 2 '*$' t %\nrename t/b\\n t/a t/b\\n 0x10000000 3 mv t %' ]]
	watch -n 1 -0 --format=%f t
	: >$'t/x\ny'
	wait "$watch_pid"
	cmp watch.out <(printf 'x\ny\0')
	watch -n 1 --format='%T %c' --timefmt=%Y t
	: >t/z
	wait "$watch_pid"
	[[ $(out watch) == 20[0-9][0-9]' 0' ]]
}

@test "JSON: moves out, in, across roots, exchange, overwrite; both sources" {
	for source in fanotify inotify; do
		rm -rf t o u
		mkdir -p t/sub o u
		: >t/a; : >t/b; : >o/in; : >t/x; : >t/y; : >t/sub/deep
		watch -r --json --source=$source t u
		mv t/a t/b
		mv t/b u/b
		mv o/in t/in
		mv t/in o/out
		"$FN_BUILD/tests/helpers/exchange" t/x t/y
		: >t/sub/before
		mv t/sub t/moved
		: >t/moved/after
		mv t/moved u/
		: >u/moved/last
		end
		grep -v '\.mark' watch.out | jq -c 'select(.events != ["close-write"] and .events != ["attrib"]) |
			[.events[0], .old_root // .root, .old_path, .path, .partial, .exchange] | map(select(. != null))' >got
		diff - got <<-EOF
			["rename","t","t/a","t/b"]
			["rename","t","t/b","u/b"]
			["rename","t","t/in",true]
			["rename","t","t/in",true]
			["rename","t","t/x","t/y",true]
			["create","t","t/sub/before"]
			["rename","t","t/sub","t/moved"]
			["create","t","t/moved/after"]
			["rename","t","t/moved","u/moved"]
			["create","u","u/moved/last"]
		EOF
		# numbers without a gap
		jq -s -e '[.[].seq] == [range(1; length + 1)]' watch.out
	done
}

@test "names that are not UTF-8, hold newlines and tabs, or are 255 bytes long" {
	long=$(printf '%0255d' 0)
	watch -e create t
	: >"t/$long"
	: >$'t/\xff\n\t\\"'
	end
	is $'create\tt/'"$long" $'create\tt/\\377\\n\\t\\\\"'
	watch -e create --json t
	: >$'t/\xfe'
	end
	[ "$(jq -c .path_raw <<<"$got")" = '[116,47,254]' ]
	watch -e create,move -0 t
	: >$'t/1\n'
	mv $'t/1\n' $'t/2\t'
	end
	cmp <(head -z -n 3 watch.out) <(printf 'create\tt/1\n\0rename\tt/1\n\0\tt/2\t\0')
}

@test "event groups and negation; one half of a rename" {
	watch -e 'move,delete,!rename' t
	: >t/a
	mv t/a t/b
	rm t/b
	end t || { mv t/.mark t/.mark2; wait_for 5 grep -q mark watch.out; stop "$watch_pid"; }
	[ "$(grep -v mark watch.out)" = $'moved-from\tt/a\nmoved-to\tt/b\ndelete\tt/b' ]
	rm -f t/.mark*
	watch -e '!open,!close,!access' t
	: >t/a
	end
	is $'create\tt/a'
	run -2 fnwatch -e nonsense t
	[[ $output == *"'nonsense' is not an event"* ]]
	run -2 fnwatch -e 'move,!move' t
}

@test "patterns: the last that matches decides; excluded directories are pruned" {
	mkdir -p t/.git/objects t/src
	for source in fanotify inotify; do
		watch -r -e create --source=$source --exclude '/\.git$' --exclude '\.o$' --include '/keep\.o$' t
		: >t/.git/objects/x; : >t/src/a.o; : >t/src/keep.o; : >t/src/a.c
		end
		is $'create\tt/.git/objects/x' $'create\tt/src/keep.o' $'create\tt/src/a.c'
		rm t/.git/objects/x t/src/* t/.mark
		watch -r -e create --source=$source --stats --exclude '/\.git$' t
		: >t/.git/objects/x; mkdir t/src/.git; : >t/src/.git/y; : >t/src/a.c
		end
		is $'create\tt/src/a.c'
		rm -r t/.git/objects/x t/src/* t/src/.git t/.mark
	done
	watch -e create --includei '\.TXT$' --include mark t
	: >t/a.txt; : >t/a.doc
	end
	is $'create\tt/a.txt'
	run -2 fnwatch --exclude '(' t
}

@test "-n, -t, --ready-fd and the statuses for usage and missing paths" {
	watch -n 2 t
	: >t/a
	wait "$watch_pid"
	[ "$(out watch | wc -l)" -eq 2 ]
	run -4 fnwatch -t 50ms t
	[ -z "$output" ]
	run -2 fnwatch
	run -2 fnwatch -t -1 t
	run -2 fnwatch --json --csv t
	run -2 fnwatch --ready-fd 77 t
	run -2 fnwatch --nonsense t
	run -1 fnwatch t/missing
	[ "$output" = "fnwatch: t/missing: No such file or directory" ]
	ln -s missing t/dangling
	run -1 fnwatch t/dangling
	watch -P -n 1 -e attrib,delete-self t/dangling
	rm t/dangling
	wait "$watch_pid" || [ $? -eq 5 ]
	[[ $(out watch) == *t/dangling* ]]
	run -0 fnwatch --version
	[[ $output == "fnwatch (fnutils) "* ]]
}

@test "a path that may not be read" {
	chmod 711 "$BATS_TEST_TMPDIR"
	chmod 700 t
	mkdir t/in
	run -1 setpriv --reuid=65534 --clear-groups fnwatch -t 1 t/in
	[[ $output == *"t/in: Permission denied" ]]
}

@test "as an ordinary user" {
	chmod 777 t
	for _ in 1 2 3 4; do
		chmod go+x "${up=$BATS_TEST_TMPDIR}"
		up=$(dirname "$up")
	done
	rm -f ready
	start watch setpriv --reuid=65534 --clear-groups fnwatch -r --ready-fd 9 t 9>ready
	wait_for 5 test -s ready
	mkdir t/d
	: >t/d/f
	wait_for 5 grep -q d/f watch.out
	out watch
	[ "$(head -n 2 watch.out)" = $'create,isdir\tt/d\ncreate\tt/d/f' ] ||
		[ "$(head -n 2 watch.out)" = $'create,isdir\tt/d\ncreate,synthetic\tt/d/f' ]
}

@test "stopped during 200,000 changes: the loss is a record and status 6" {
	mount -t tmpfs none t
	for source in fanotify inotify; do
		rm -rf t/*
		watch -r --source=$source t
		kill -STOP "$watch_pid"
		churn t 45000
		kill -CONT "$watch_pid"
		wait_for 20 grep -q ^overflow watch.out
		stop "$watch_pid"
		[ "$stopped" -eq 6 ]
	done
	rm -rf t/*
	watch --on-overflow=exit t
	kill -STOP "$watch_pid"
	churn t 12000
	kill -CONT "$watch_pid"
	stopped=0
	wait "$watch_pid" || stopped=$?
	[ "$stopped" -eq 6 ]
	[ "$(tail -n 1 watch.out | cut -f 1,2)" = $'overflow\tt' ] || [ "$(tail -n 1 watch.out | cut -f1)" = overflow ]
}

# The tree as the records tell it, from what there was before.
told() {
	awk -F '\t' '
		FNR == NR { have[$0]; next }
		$1 ~ /^(create|moved-to)/ { have[$2] }
		$1 ~ /^(delete|moved-from)/ { delete have[$2] }
		$1 ~ /^rename/ {
			for (p in have)
				if (p == $2 || index(p, $2 "/") == 1) { moved[$3 substr(p, length($2) + 1)]; delete have[p] }
			for (p in moved) have[p]
			delete moved
		}
		END { for (p in have) print p }' before watch.out | sort
}

@test "--on-overflow=rescan ends in the right state, status 0" {
	mount -t tmpfs none t
	for source in fanotify inotify; do
		rm -rf t/*
		mkdir -p t/old/deep t/stays
		: >t/old/deep/f; : >t/stays/f; : >t/changed
		find t -mindepth 1 | sort >before
		watch -r -e create,delete,move,modify --on-overflow=rescan --source=$source t
		mkdir t/early
		: >t/early/f
		kill -STOP "$watch_pid"
		churn t/stays 10000
		mv t/old t/stays/moved
		mkdir -p t/new/a/b
		: >t/new/a/b/c
		rm -r t/early
		echo more >t/changed
		kill -CONT "$watch_pid"
		wait_for 20 grep -q ^overflow watch.out
		end
		[ "$stopped" -eq 0 ]
		diff <(told) <(find t -mindepth 1 | sort)
		grep -q $'^modify,synthetic\tt/changed' watch.out
	done
}

@test "--settle joins what happens to a path" {
	watch --settle 100ms t
	: >t/a
	for i in 1 2 3 4 5; do echo $i >>t/a; done
	: >t/b
	wait_for 5 grep -q 't/b' watch.out
	stop "$watch_pid"
	[ "$(out watch)" = $'create,modify,close-write\tt/a\ncreate,close-write\tt/b' ] ||
		[ "$(out watch)" = $'modify,close-write,create\tt/a\nclose-write,create\tt/b' ]
	watch --settle 10s t
	echo x >>t/a
	mv t/a t/c
	wait_for 5 grep -q rename watch.out
	[ "$(out watch)" = $'modify,close-write\tt/a\nrename\tt/a\tt/c' ]
	stop "$watch_pid"
	[ "$stopped" -eq 0 ]
}

@test "--exclude-writer, by command and by id; not with inotify" {
	watch -e create,attrib --exclude-writer dd --exclude-writer $$ --json t
	mkfifo feed
	start writer dd if=feed of=t/a # lives until its name was asked for
	exec 7>feed
	wait_for 5 test -e t/a
	: >t/b
	chmod 600 t/a
	cp /dev/null t/.mark
	wait_for 5 grep -q '\.mark' watch.out
	stop "$watch_pid"
	exec 7>&-
	[ "$(jq -r '.events[0] + " " + .path' watch.out | grep -v mark)" = "attrib t/a" ] ||
		{ out watch; false; }
	run -3 fnwatch --source=inotify --exclude-writer x t
}

@test "the name of a writer: as it is when it is read, remembered when the writer is gone" {
	need_root
	watch --format '%{comm} %{events} %{path}' -e create --exclude-writer nobody t
	mkfifo go
	exec 7<>go # else a reader can meet the end of the writer before
	start writer sh -c ': >t/1; read -r x <go; : >t/2; read -r x <go; : >t/3'
	wait_for 5 grep -q '^sh create t/1' watch.out
	# it ends while nobody can ask, but it was known a moment ago
	echo >go
	wait_for 5 grep -q '^sh create t/2' watch.out
	kill -STOP "$watch_pid"
	wait_for 5 grep -qs '^State:.*T' "/proc/$watch_pid/status"
	echo >go
	wait "$writer_pid"
	kill -CONT "$watch_pid"
	wait_for 5 grep -q 't/3' watch.out
	[ "$(out watch | tail -n 1)" = "sh create t/3" ]
	exec 7>&-
	# after exec it has another name at once
	start writer sh -c ': >t/4; exec dd if=go of=t/5'
	wait_for 5 grep -q t/4 watch.out
	exec 7<>go
	wait_for 5 grep -q '^dd create t/5' watch.out
	exec 7>&-
	stop "$watch_pid"
}

@test "a watched root is deleted or unmounted: a record, status 5" {
	for source in fanotify inotify; do
		mkdir -p r
		watch --source=$source r
		rmdir r
		stopped=0
		wait "$watch_pid" || stopped=$?
		[ "$stopped" -eq 5 ]
		[[ $(out watch) == *delete-self*r ]] || [[ $(out watch) == *delete-self*r* ]]
		mkdir -p m
		mount -t tmpfs none m
		watch --source=$source -r m
		umount m
		stopped=0
		wait "$watch_pid" || stopped=$?
		[ "$stopped" -eq 5 ]
		[[ $(out watch) == *unmount* ]]
	done
}

@test "a reader that goes ends fnwatch, busy or idle; a full disk is an error" {
	rm -f ready
	{ fnwatch --ready-fd 9 t 9>ready 3>&- || echo "status $?" >status; echo done >ended; } | { wait_for 5 test -s ready; } 3>&-
	wait_for 5 test -s ended
	[ ! -e status ]
	rm -f ready
	start full sh -c 'exec fnwatch -r --ready-fd 9 t 9>ready >/dev/full'
	wait_for 5 test -s ready
	: >t/a
	stopped=0
	wait "$full_pid" || stopped=$?
	[ "$stopped" -eq 1 ]
	[ "$(err full)" = "fnwatch: standard output: No space left on device" ]
}

@test "records reach a pipe at once" {
	mkfifo p
	start watch sh -c 'exec fnwatch --ready-fd 9 -e create t 9>ready >p'
	exec 8<p
	wait_for 5 test -s ready
	: >t/a
	read -rt 5 -u 8 line
	[ "$line" = $'create\tt/a' ]
	exec 8<&-
}

@test "--stats at the end and on SIGUSR1" {
	watch --stats -e create t
	: >t/a
	wait_for 5 grep -q t/a watch.out
	kill -USR1 "$watch_pid"
	wait_for 5 grep -q 'printed 1,' watch.err
	stop "$watch_pid"
	[ "$(grep -c 'printed 1,' watch.err)" -eq 2 ]
}

@test "a fn1 stream: written, read back, cut, and not one at all" {
	watch -r --wire t
	story
	wait_for 5 sh -c 'fnwatch --source=stream:watch.out R | grep -q "delete,isdir.R/e"'
	stop "$watch_pid"
	run -0 fnwatch --source=stream:watch.out R
	[ "${lines[0]}" = $'create\tR/a' ]
	[ "${lines[3]}" = $'rename\tR/a\tR/d/b' ]
	[ "${#lines[@]}" -eq 9 ]
	run -5 sh -c 'cat watch.out | fnwatch --source=stream:-'
	run -0 sh -c 'cat watch.out | fnwatch --source=stream:- -n 9 --json'
	[ "$(jq -s '[.[].seq] == [range(1; 10)]' <<<"$output")" = true ]
	size=$(stat -c %s watch.out)
	head -c $((size - 5)) watch.out >cut
	run -5 --separate-stderr fnwatch --source=stream:cut R
	[ "${#lines[@]}" -eq 9 ]
	[[ ${lines[8]} == ignored* ]]
	run -1 --separate-stderr sh -c 'echo this is no stream at all | fnwatch --source=stream:-'
	[[ $stderr == *"not a fn1 stream"* ]]
	run -2 fnwatch --wire t t
}

@test "a FUSE mount without remote watches: what is missing, status 3" {
	need_fuse
	mkdir m
	start server bindfs -f t m
	wait_for 5 mounted "$PWD/m"
	run -3 fnwatch m
	[[ $output == *"m: this FUSE or virtiofs mount takes no remote watches"*fnmount*--source=inotify* ]]
	run -3 fnwatch --source=remote m
	watch --source=inotify -e create m
	: >m/a
	end m
	is $'create\tm/a'
}

@test "colour and alignment on a terminal, none with NO_COLOR or in a pipe" {
	run -0 fnwatch --color=always --source=stream:<(:) </dev/null || :
	watch -n 1 --color=always t
	: >t/a
	wait "$watch_pid"
	grep -q $'\033\\[32mcreate       \033' watch.out
	rm -f ready
	start tty script -qec "NO_COLOR=1 fnwatch -n 1 --ready-fd 9 t 9>ready" /dev/null
	wait_for 5 test -s ready
	: >t/b
	wait "$tty_pid"
	grep -q '^[0-9:.]* create        t/b' tty.out
	run ! grep -q $'\033' tty.out
}

@test "file systems mounted below PATH are watched, too" {
	mkdir -p t/sub u
	mount -t tmpfs t t/sub
	mkdir -p t/sub/in/deep t/sub/not
	mount -t tmpfs t t/sub/in/deep
	for source in fanotify inotify; do
		watch -r --source=$source -e create,move --exclude '/not$' t u
		: >t/sub/a
		mv t/sub/a t/sub/b
		: >t/sub/in/deep/c
		: >t/sub/not/seen
		: >u/top
		end
		is $'create\tt/sub/a' $'rename\tt/sub/a\tt/sub/b' $'create\tt/sub/in/deep/c' $'create\tu/top'
		rm -r t/sub/b t/sub/in/deep/c t/sub/not/seen u/top
	done
	chmod -R 777 . && chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	rm t/.mark
	start_ready watch setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$(command -v fnwatch)" --ready-fd 9 -r -e create --source=fanotify t
	: >t/sub/d
	: >t/sub/in/deep/e
	end
	is $'create\tt/sub/d' $'create\tt/sub/in/deep/e'
	watch -r --source=fanotify -e create,delete,unmount t
	umount t/sub/in/deep
	: >t/sub/in/deep/below
	end
	is $'create\tt/sub/in/deep/below'
}

@test "a directory whose path is longer than the kernel can say" {
	local name
	name=$(printf %0200d 7)
	descend() { for _ in $(seq 30); do mkdir -p "$name" && cd "$name" || return; done; }
	(cd t && descend)
	watch -r --source=fanotify -e create,move,delete t
	(cd t && descend && : >leaf && mv leaf leaf2 && rm leaf2)
	end
	[ "$(cut -f1 <<<"$got" | paste -sd ' ')" = "create rename delete" ]
	[ "$(awk -F'\t' 'NR == 3 {print length($2)}' <<<"$got")" -eq $((1 + 30 * 201 + 6)) ]
}
