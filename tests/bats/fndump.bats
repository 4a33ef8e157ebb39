#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fndump on recorded traces: real ones from tests/data/fndump, and broken ones made of them.

load helpers

setup() {
	DATA=$FN_ROOT/tests/data/fndump
	cd "$BATS_TEST_TMPDIR"
}
teardown() { cleanup; }

traces=(bindfs.strace.gz gluster.fusedump libfuse-debug.txt passthrough_ll-cut.strace.gz
	passthrough_ll-y.strace.gz passthrough_ll.strace.gz tracefs.txt.zst sshfs.strace.gz fnmount.strace.gz)
counts=(179 193 166 167 167 245 240 275 271)

@test "usage errors are told apart from failures" {
	run -2 fndump --input=nonsense x
	run -2 fndump --no-such-option
	run -2 fndump -e nonsense=1 "$DATA/gluster.fusedump"
	run -2 fndump -e op=NOSUCHOP "$DATA/gluster.fusedump"
	run -2 fndump -e 'latency>soon' "$DATA/gluster.fusedump"
	run -2 fndump -f '%{nosuch}' "$DATA/gluster.fusedump"
	run -2 fndump -j -f x "$DATA/gluster.fusedump"
	run -2 fndump a b
	run -2 fndump --
	run -1 fndump /nonexistent
	[[ $output == *"/nonexistent: No such file"* ]]
	echo "just some text" >text
	run -1 fndump text
	[[ $output == *"not a trace"* ]]
	run -0 fndump --help
}

@test "every recorded trace is recognised, decoded whole, and in order" {
	for k in "${!traces[@]}"; do
		run -0 --separate-stderr fndump "$DATA/${traces[k]}"
		[ "${#lines[@]}" -eq "${counts[k]}" ] || { echo "${traces[k]}: ${#lines[@]}"; false; }
		[ -z "$stderr" ]
		[[ $output != *malformed* ]]
		run -0 fndump --check "$DATA/${traces[k]}"
		[ -z "$output" ] || { echo "${traces[k]}: $output"; false; }
	done
}

@test "no bit, opcode or value of a real server is without a name" {
	for t in "${traces[@]}"; do
		fndump -j "$DATA/$t" >json
		run -0 jq -r 'select(.malformed or .note or (.op | test("^[0-9]")))' json
		[ -z "$output" ]
		run -0 jq -r '.. | objects | to_entries[] | select(.key | endswith("_names")) | .value[]? | select(test("^[0-9]"))' json
		[ -z "$output" ] || { echo "$t: $output"; false; }
	done
}

@test "as many messages as strace has calls that carried one, counted by other means" {
	for t in sshfs fnmount bindfs passthrough_ll-y; do
		zcat "$DATA/$t.strace.gz" | awk -v fuse='(<\\\\x2f\\\\x64\\\\x65\\\\x76\\\\x2f\\\\x66\\\\x75\\\\x73\\\\x65[<>]|</dev/fuse>)' '
			/<unfinished/ { if ($0 ~ " (read|readv|write|writev)\\([0-9]+" fuse) call[$1] = 1; next }
			/ resumed>/ { carried = call[$1]; delete call[$1] }
			!/ resumed>/ { carried = $0 ~ " (read|readv|write|writev)\\([0-9]+" fuse }
			carried && match($0, /= [0-9]+( <[0-9.]+>)?$/) && substr($0, RSTART + 2) + 0 > 0 { n++ }
			END { print n + 0 }' >strace.count
		fndump "$DATA/$t.strace.gz" | wc -l | diff strace.count -
	done
}

@test "virtiofsd -d, with its time, as many as its log has; data it sends are missing and said to be" {
	f=$DATA/virtiofsd-debug.txt.gz
	run -0 --separate-stderr fndump "$f"
	[ "${#lines[@]}" -eq "$(zgrep -cE 'unique: [0-9]+, (opcode|success|error)' "$f")" ]
	[[ ${lines[0]} == "13:01:50.835700 > 2 INIT "* ]]
	[[ $stderr == *"6 messages were spliced"* ]]
	[ "$(fndump --outstanding "$f" 2>/dev/null | grep -c ' READ ')" -eq 6 ]
	run -0 --separate-stderr fndump --check "$f"
	[ -z "$output" ]
	echo '[2026-11-24 08:01:50.5-0530] [ID: 00000004] unique: 2, opcode: INIT (26), nodeid: 0, insize: 104, pid: 0' >west
	[ "$(fndump -f '%{tid} %{op}' -t epoch west)" = "4 INIT" ]
	[ "$(fndump -j west | jq .time)" = 1795527110.5 ]
}

@test "the text of a trace is what it was" {
	fndump -t none -P "$DATA/gluster.fusedump" | diff "$DATA/gluster.txt" -
}

@test "--json is one valid object a line, with the fields of the text" {
	for t in "${traces[@]}"; do
		fndump -j "$DATA/$t" >"$t.json"
		jq -e . "$t.json" >/dev/null
		[ "$(jq -r .unique "$t.json" | wc -l)" -eq "$(fndump "$DATA/$t" | wc -l)" ]
	done
	jq -es '[.[] | select(.op == "CREATE" and .kind == "request")] | .[0] | .body.name == "b" and .body.mode == 33206
		and (.body.flags_names | index("O_CREAT")) and .path == "/b"' gluster.fusedump.json >/dev/null
	fndump -j -P "$DATA/gluster.fusedump" |
		jq -es 'map(select(.op == "MKDIR")) | all(.reply.status == "ok" and .reply.latency > 0)' >/dev/null
}

@test "the same run looks the same from each source that tells as much" {
	fndump -e kind=request -f '%{op} %{len}\n' "$DATA/passthrough_ll-y.strace.gz" | sort >a
	fndump -e kind=request -f '%{op} %{len}\n' "$DATA/passthrough_ll-cut.strace.gz" | sort | diff a -
}

@test "-w gives a trace that reads the same, and joins others" {
	for t in "${traces[@]}"; do
		fndump -w "$t.w" "$DATA/$t"
		diff <(fndump -v "$DATA/$t") <(fndump -v "$t.w")
	done
	fndump -w - "$DATA/gluster.fusedump" | cat - gluster.fusedump.w | fndump - | wc -l | grep -qx 386
}

@test "pipes, standard input and compression" {
	zcat "$DATA/passthrough_ll.strace.gz" >plain
	fndump plain >want
	fndump <plain | diff want -
	# shellcheck disable=SC2002 # a pipe is what is tested
	cat "$DATA/passthrough_ll.strace.gz" | fndump - | diff want -
	zstd -q plain -o z.zst
	fndump z.zst | diff want -
	head -c 3000 "$DATA/passthrough_ll.strace.gz" >cut.gz
	run -1 fndump -c cut.gz
	run -0 fndump --input=strace /dev/null
	[ -z "$output" ]
}

@test "filters choose by what a message and its pair are" {
	f=$DATA/gluster.fusedump
	[ "$(fndump -e op=LOOKUP,MKDIR "$f" | grep -vc ' LOOKUP\| MKDIR')" -eq 0 ]
	[ "$(fndump -e op=!LOOKUP "$f" | grep -c ' LOOKUP')" -eq 0 ]
	diff <(fndump -e op!=LOOKUP "$f") <(fndump -e '!op=LOOKUP' "$f")
	[ "$(fndump -e status=ENOENT "$f" | grep -c ENOENT)" -eq "$(fndump "$f" | grep -c ' ENOENT')" ]
	[ "$(fndump -e status=error "$f" | grep -c ' ok')" -eq 0 ]
	fndump -P -e 'path=/e/*' "$f" | grep -q 'name="na me"'
	[ "$(fndump -e kind=request -e 'len>60' "$f" | wc -l)" -lt "$(fndump -e kind=request "$f" | wc -l)" ]
	[ "$(fndump -e 'latency>=0s' "$f" | wc -l)" -eq "$(fndump -e kind=reply "$f" | wc -l)" ]
	[ "$(fndump -n 3 "$f" | wc -l)" -eq 3 ]
	[ "$(fndump -e unique=2 "$f" | wc -l)" -eq 2 ]
}

@test "summaries count every message once" {
	f=$DATA/gluster.fusedump
	fndump -c "$f" | awk 'NR > 1 {n += $2} END {exit n != '"$(fndump -e kind=request "$f" | wc -l)"'}'
	fndump -c -j "$f" | jq -es 'map(.replies) | add == '"$(fndump -e kind=reply "$f" | wc -l)" >/dev/null
	fndump -c -j "$f" | jq -es 'all(.p50 == null or (.p50 <= .p95 and .p95 <= .p99 and .p99 <= .max))' >/dev/null
	fndump --histogram "$f" | grep -q '|\*'
	[ "$(fndump --slowest 3 "$f" | wc -l)" -eq 3 ]
	fndump --slowest 1 -t none "$f" | grep -q "<0\.[0-9]*>"
	fndump -e kind=request -w asked "$f"
	[ "$(fndump --outstanding asked | wc -l)" -eq "$(fndump -e op!=FORGET,BATCH_FORGET asked | wc -l)" ]
}

@test "--anonymize hides names and content, and keeps the rest" {
	for t in gluster.fusedump passthrough_ll.strace.gz bindfs.strace.gz; do
		fndump -a -w hidden "$DATA/$t"
		run ! grep -aqE 'hello|na me|nonexist|user\.test|lnk' hidden
		diff <(fndump -f '%{kind} %{op} %{unique} %{len} %{status}\n' "$DATA/$t") \
			<(fndump -f '%{kind} %{op} %{unique} %{len} %{status}\n' hidden)
		run -0 fndump --check hidden
		[ -z "$output" ]
	done
}

@test "what cannot be read is named with its place, passed over and counted" {
	{ head -c 4000 "$DATA/gluster.fusedump"; printf 'garbage in the middle'; cat "$DATA/gluster.fusedump"; } >bad
	run -1 --separate-stderr fndump bad
	[ "${#lines[@]}" -gt 193 ]
	[[ $stderr == *"bad:@"*"bytes passed over"* ]]
	run -1 --separate-stderr fndump --strict bad
	[ "${#lines[@]}" -lt 193 ]
	zcat "$DATA/passthrough_ll-y.strace.gz" | sed '100s/"\\[^"]*/"xyz/' >text
	run -1 --separate-stderr fndump text
	[[ $stderr == *"text:100: "* ]]
	head -c 65536 /dev/urandom >random
	for format in fusedump raw strace libfuse tracefs; do
		run fndump --input=$format random
		[ "$status" -le 1 ]
	done
}

@test "--check finds what is wrong" {
	# A reply twice, and one to nothing.
	fndump -e unique=4 -w four "$DATA/gluster.fusedump"
	{ cat "$DATA/gluster.fusedump"; fndump -e unique=4 -e kind=reply -w - four; } >twice
	run -1 fndump --check twice
	[[ $output == *"twice:@"*"second reply to unique 4"* ]]
	fndump -e op!=LOOKUP -w nolookup "$DATA/gluster.fusedump"
	run -1 fndump --check nolookup
	[[ $output == *"was never looked up"* ]]
}

@test "-F prints what is appended, as it comes" {
	head -c 3000 "$DATA/libfuse-debug.txt" >grows
	start follow fndump -F grows
	wait_for 10 grep -q INIT follow.out
	tail -c +3001 "$DATA/libfuse-debug.txt" >>grows
	want=$(fndump "$DATA/libfuse-debug.txt" | wc -l)
	wait_for 10 sh -c "[ \$(wc -l <follow.out) -ge $want ]"
	stop "$follow_pid" INT
	[ "$stopped" -eq 0 ]
	diff <(fndump "$DATA/libfuse-debug.txt") follow.out
}

@test "a reader that leaves is no error" {
	fndump -x -v "$DATA/gluster.fusedump" | head -n 1 >/dev/null
	[ "${PIPESTATUS[0]}" -eq 0 ]
	run -1 sh -c "fndump '$DATA/gluster.fusedump' >/dev/full"
}

@test "Wireshark reads what --to-pcapng writes, with the dissector that fndump prints" {
	need_command tshark
	fndump --dissector >fuse.lua
	for t in gluster.fusedump sshfs.strace.gz; do
		fndump --to-pcapng t.pcapng "$DATA/$t"
		tshark -X lua_script:fuse.lua -r t.pcapng -T fields -e fuse_msg.op -e fuse_msg.unique 2>/dev/null >tshark.out
		fndump -f '%{op}\t%{unique}\n' "$DATA/$t" | diff - tshark.out
	done
}
