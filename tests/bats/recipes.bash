# SPDX-License-Identifier: GPL-2.0-or-later
# README's recipes, and machines to run them on as they stand there: `load recipes`.
#   recipe HEADING [N [WHERE]]  the lines of the Nth block below HEADING, joined where they go on;
#                               of "# host" or "# guest" only
#   machine NAME                a root of its own with /src, /export, /mnt/share and /mnt/src, in
#                               namespaces that end with all that runs and is mounted in them
#   on NAME [COMMAND…]          run there; without COMMAND, the script on standard input
#   type_in NAME HEADING [N [WHERE]]  runs a block there, line by line, or those that fit ONLY_LINE;
#                               each goes to $TYPED

# Every block and what is in it: HEADING<tab>N<tab>WHERE<tab>LINE
recipes() {
	awk '
		/^## / {inside = $0 == "## Recipes"; next}
		!inside {next}
		/^### / {heading = substr($0, 5); n = 0; next}
		/^```/ {fenced = !fenced; n += fenced; where = ""; next}
		!fenced {next}
		/^# / {where = $2; sub(/:$/, "", where); next}
		line != "" {sub(/^ +/, "")}
		{line = line $0}
		sub(/ *\\$/, " ", line) {next}
		{print heading "\t" n "\t" where "\t" line; line = ""}
	' "$FN_ROOT/README.md"
}

# recipe HEADING [N [WHERE]]
recipe() {
	recipes | awk -F '\t' -v h="$1" -v n="${2:-1}" -v w="${3:-}" '$1 == h && $2 == n && (w == "" || $3 == w) {print $4}'
}

# examples PAGE: the commands of its EXAMPLES, one a line.
examples() {
	sed '1,/^# EXAMPLES/d; /^# /,$d' "$FN_ROOT/man/$1.1.scd" | awk '
		/^```/ {fenced = !fenced; next}
		!fenced {next}
		line != "" {sub(/^[ \t]+/, "")}
		{gsub(/\\\\/, "\\"); line = line $0}
		sub(/ *\\$/, " ", line) || sub(/ *\|$/, " | ", line) {next}
		{print line; line = ""}'
}

typed_begin() {
	export TYPED=$BATS_FILE_TMPDIR/typed
	: >"$TYPED"
}

# machine NAME
machine() {
	need_root
	need_fuse
	local root=$BATS_TEST_TMPDIR/$1 first
	mkdir "$root"
	start "$1" unshare --mount --pid --fork --kill-child "$FN_ROOT/tests/bats/machine" "$root"
	first="${1}_pid"
	wait_for 10 test -e "$root/ready" || { err "$1" >&2; return 1; }
	printf -v "${1}_first" %s "$(grep -ls "^PPid:[[:space:]]*${!first}$" /proc/[0-9]*/status | sed 's/[^0-9]//g')"
	MACHINES+=("${!first}")
}

# Ends all of them. unshare would wait for its child; the child ends all processes of its machine.
machines_end() {
	[ -z "${MACHINES:-}" ] || kill -KILL "${MACHINES[@]}" 2>/dev/null || :
	cleanup
}

# on NAME [COMMAND…]
on() {
	local first=${1}_first
	shift
	[ $# -gt 0 ] || set -- sh
	nsenter --target "${!first}" --mount --pid --root \
		env -C / HOME=/home PATH="/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin" "$@" 3>&-
}

# keys CLIENT SERVER: in CLIENT `ssh server` logs in on SERVER, with keys of their own.
keys() {
	local c=$BATS_TEST_TMPDIR/$1/home/.ssh s=$BATS_TEST_TMPDIR/$2/home/.ssh port
	dropbearkey -t ed25519 -f "$s/host" >/dev/null 2>&1
	ssh-keygen -q -t ed25519 -N '' -f "$c/id_ed25519"
	cp "$c/id_ed25519.pub" "$s/authorized_keys"
	for _ in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 10000))
		printf '%s\n' 'Host server host mac' '  Hostname 127.0.0.1' "  Port $port" '  User root' \
			'  StrictHostKeyChecking no' '  LogLevel ERROR' >"$c/config"
		start "sshd$port" on "$2" dropbear -F -E -s -r /home/.ssh/host -P /run/dropbear.pid -p "127.0.0.1:$port"
		if wait_for 5 on "$1" ssh server true; then return; fi
	done
	return 1
}

# type_in NAME HEADING [N [WHERE]]: what reads or feeds a pipe stays, the rest ends.
type_in() {
	local name=$1 line
	shift
	while IFS= read -r line; do
		[[ $line == ${ONLY_LINE:-*} ]] || continue
		echo "$name# $line"
		case $line in
		*' | '* | *' &' | socat\ * | *' >'*) start "typed$((++lines_typed))" on "$name" sh -c "$line" ;;
		*) on "$name" sh -c "$line" >"$BATS_TEST_TMPDIR/typed.out" 2>&1 </dev/null || { cat "$BATS_TEST_TMPDIR/typed.out"; return 1; } ;;
		esac
		printf '%s\n' "$line" >>"$TYPED"
	done < <(recipe "$@")
}

# arrives GUEST FAR: who watches /mnt/src on GUEST sees what is done in FAR's /src, and reads it.
arrives() {
	start watch on "$1" inotifywait -m -r /mnt/src -e create,modify,attrib,close_write,delete,move --format '%w%f %e %c'
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	on "$2" sh -c 'cd /src; echo new >a; chmod 600 a; mv a dir/b; rm dir/b; mkdir d; rmdir d; : >end'
	wait_for 10 grep -q 'end CLOSE_WRITE' "$BATS_TEST_TMPDIR/watch.out"
	sed 's#/mnt/src/##; s/,CLOSE / /' "$BATS_TEST_TMPDIR/watch.out"
	cookie=$(out watch | sed -n 's#^/mnt/src/a MOVED_FROM ##p')
	[ "${cookie:-0}" != 0 ]
	# Writers' own system calls may have become one event; the order is theirs.
	[ "$(out watch | sed 's#/mnt/src/##; s/,CLOSE / /; /^end/d' | uniq)" = "a CREATE 0
a MODIFY 0
a CLOSE_WRITE 0
a ATTRIB 0
a MOVED_FROM $cookie
dir/b MOVED_TO $cookie
dir/b DELETE 0
d CREATE,ISDIR 0
d DELETE,ISDIR 0" ]
	n=1
	for text in first 'second, longer' third; do
		on "$2" sh -c 'echo "$0" >/src/end' "$text"
		wait_for 10 closed $((++n))
		[ "$(on "$1" cat /mnt/src/end)" = "$text" ]
	done
}
closed() { [ "$(out watch | grep -c 'end CLOSE_WRITE')" -ge "$1" ]; }

# stand_in NAME PROGRAM WORDS…: PROGRAM on NAME leaves WORDS away and runs the rest where ssh leads.
stand_in() {
	local file=$BATS_TEST_TMPDIR/$1/tools/$2
	shift 2
	printf '#!/bin/sh\n[ "$1 $2" = "%s" ] || exit 2\nshift 2\nexec ssh server "$@"\n' "$*" >"$file"
	chmod 755 "$file"
}
