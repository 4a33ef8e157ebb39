#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fndump on servers that run: what it takes is what libfuse and the kernel saw.

load helpers

setup() {
	need_root
	need_fuse
	need_command bindfs
	cd "$BATS_TEST_TMPDIR"
	mkdir src mnt
	echo hello >src/a
}
teardown() {
	cleanup
	if [ -n "${INSTANCE:-}" ] && [ -d "$INSTANCE" ]; then rmdir "$INSTANCE"; fi
}

mounted_here() { mounted "$PWD/mnt"; }
start_bindfs() {
	start server bindfs -f "$@" src mnt
	wait_for 10 mounted_here
}
# A little of everything.
work() {
	(
		cd mnt
		ls -a . >/dev/null
		cat a >/dev/null
		echo new >b
		mkdir -p d/e
		mv b d/e/c
		ln -s a lnk
		readlink lnk >/dev/null
		touch -d @1000000000 a
		chmod 600 a
		stat -f . >/dev/null
		cat nonexistent 2>/dev/null || :
		dd if=/dev/zero of=big bs=64k count=4 2>/dev/null
		cat big >/dev/null
		truncate -s 7 big
		rm -r d lnk big
	)
}
# One line a message: what three witnesses can agree on.
facts() { fndump -e op!=FORGET,BATCH_FORGET -f '%{kind} %{unique} %{opcode} %{len} %{error}\n' "$@" | sed -n 's/^> \([0-9]*\) \([0-9]*\) \([0-9]*\) 0$/R \1 \2 \3/p; s/^< \([0-9]*\) [0-9]* \([0-9]*\) \(.*\)$/W \1 \2 \3/p' | sort; }

@test "three witnesses agree: libfuse -d, the kernel's tracepoints, and fndump" {
	[ -d /sys/kernel/tracing/events/fuse ] || mount -t tracefs tracefs /sys/kernel/tracing || missing "needs tracefs"
	[ -d /sys/kernel/tracing/events/fuse ] || missing "needs the fuse tracepoints"
	INSTANCE=/sys/kernel/tracing/instances/bats-$$
	mkdir "$INSTANCE"
	echo 1 >"$INSTANCE/events/fuse/enable"
	start traced fndump -w cap -- bindfs -d src mnt
	wait_for 10 mounted_here
	conn=$(mountpoint -d mnt | cut -d: -f2)
	work
	umount mnt
	wait "$traced_pid"
	cat "$INSTANCE/trace" >kernel.txt

	facts cap >ours
	[ "$(wc -l <ours)" -gt 100 ]
	# By awk, not by fndump's own readers.
	awk '/^ *(dev |cqe )?unique: [0-9]+, opcode:/ {
			u = $2 + 0; match($0, /\([0-9]+\)/); op = substr($0, RSTART + 1, RLENGTH - 2)
			match($0, /insize: [0-9]+/); len = substr($0, RSTART + 8, RLENGTH - 8)
			if (op != 2 && op != 42) print "R", u, op, len }
		/^ *unique: [0-9]+, (success|error)/ {
			u = $2 + 0; e = 0; if (match($0, /error: -[0-9]+/)) e = substr($0, RSTART + 7, RLENGTH - 7)
			match($0, /outsize: [0-9]+/); print "W", u, substr($0, RSTART + 9, RLENGTH - 9), e }' \
		traced.err | sort >libfuse
	diff libfuse ours
	sed -n "s/.*fuse_request_send: connection $conn req \([0-9]*\) opcode \([0-9]*\) ([^)]*) len \([0-9]*\).*/R \1 \2 \3/p;
		s/.*fuse_request_end: connection $conn req \([0-9]*\) len \([0-9]*\) error \(.*\)/W \1 \2 \3/p" kernel.txt | sort >kernel
	diff kernel ours

	run -0 fndump --check cap
	[ -z "$output" ]
	# The same through our readers of the other two.
	fndump --input=libfuse traced.err >/dev/null
	facts --input=libfuse traced.err | diff - ours
	facts -e "conn=$conn" kernel.txt | diff - ours
}

# live METHOD…: the messages of work() taken so, in FILE.
live() {
	local file=$1
	shift
	start "live" fndump "$@" -w "$file"
	wait_for 10 probe_seen "$file"
	work
	stop "$live_pid" INT
	[ "$stopped" -eq 0 ] || { err live; false; }
}
# Something asked of the server arrives in the file: it is being traced.
probe_seen() {
	stat mnt/probe$RANDOM >/dev/null 2>&1 || :
	[ -s "$1" ]
}

@test "-p with ptrace takes all that a running server says, and lets it go" {
	start_bindfs --multithreaded
	live cap --via=ptrace -p "$server_pid"
	run -0 fndump --check cap
	[ -z "$output" ]
	fndump -P cap >text
	grep -q 'MKDIR .*name="d" .* = ok' text
	grep -q 'WRITE .*data\[4\]="new\\n"' text
	[ "$(cat mnt/a)" = hello ]
	grep -q '^TracerPid:.0$' "/proc/$server_pid/status"
	# Killed in the middle: the server goes on.
	start killed fndump --via=ptrace -p "$server_pid"
	wait_for 10 sh -c "cat mnt/a >/dev/null; [ -s killed.out ]"
	kill -KILL "$killed_pid"
	wait "$killed_pid" || :
	[ "$(cat mnt/a)" = hello ]
}

@test "-p with programs in the kernel takes the same, and stops nothing" {
	start_bindfs
	live cap --via=bpf -p "$server_pid" || missing "needs BPF: $(err live)"
	run -0 fndump --check cap
	[ -z "$output" ]
	run -0 fndump -e op=WRITE cap
	[[ $output == *"data[4096]="* ]]
	[[ $output != *"bytes]"* ]]
	fndump -P cap | grep -q 'MKDIR .*name="d" .* = ok'
}

@test "--mount shows what passes the kernel: names with BPF, headers with tracefs" {
	start_bindfs
	live names --via=bpf -m mnt || missing "needs BPF: $(err live)"
	fndump -P names | grep -q 'MKDIR .*name="d" .* = ok nodeid='
	fndump names | grep -q 'LOOKUP .*name="nonexistent"'
	live headers --via=tracefs -m mnt/a
	fndump -P headers | grep -q 'MKDIR .* = ok len='
	[ -z "$(ls /sys/kernel/tracing/instances 2>/dev/null | grep fndump)" ]
	run -1 fndump -m /proc
	[[ $output == *"not on a FUSE mount"* ]]
}

@test "-p and --mount tell the same of one run" {
	start_bindfs
	start mnt fndump --via=bpf -m mnt -w m
	wait_for 10 probe_seen m || missing "needs BPF: $(err mnt)"
	start pid fndump --via=bpf -p "$server_pid" -w p
	wait_for 10 probe_seen p
	work
	stop "$mnt_pid" INT
	stop "$pid_pid" INT
	facts p >p.facts
	facts m | grep -Fxf p.facts | diff - p.facts
}

@test "a server that splices is seen whole with ptrace" {
	example=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
	[ -e "$example" ] || missing "needs $example"
	sed '/^static void lo_init(/,/^}/s/struct lo_data \*lo = .*/&\n\tconn->want |= FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE;/' \
		"$example" >ll.c
	# shellcheck disable=SC2046 # lists of flags
	cc -D_FILE_OFFSET_BITS=64 -I"$(dirname "$example")" -w ll.c -o ll $(pkg-config --cflags --libs fuse3)
	start traced fndump -w cap -- ./ll -f -o "source=$PWD/src,writeback" mnt
	wait_for 10 mounted_here
	work
	head -c 300000 /dev/urandom >mnt/r
	cmp <(cat mnt/r) src/r
	umount mnt
	wait "$traced_pid"
	run -0 fndump --check cap
	[ -z "$output" ]
	[ "$(fndump -e op=READ -e kind=reply -f "%{len}\\n" cap | sort -n | tail -n 1)" -ge 65536 ]
}

@test "a command's status is fndump's, and its failure to start is told" {
	run -7 fndump -- sh -c 'exit 7'
	run -127 fndump -- /nonexistent/command
	run -143 fndump -- sh -c 'kill -TERM $$'
	run -1 fndump -p 4194304
	[[ $output == *"process 4194304"* ]]
}

@test "a GlusterFS client's own dump is read without a fault" {
	need_command glusterfs
	cat >v.vol <<-END
		volume posix
		  type storage/posix
		  option directory $PWD/src
		end-volume
	END
	start gluster glusterfs -f "$PWD/v.vol" -l "$PWD/gluster.txt" --no-daemon --dump-fuse="$PWD/dump" "$PWD/mnt"
	wait_for 20 mounted_here
	work
	umount mnt
	wait "$gluster_pid" || :
	run -0 --separate-stderr fndump -P dump
	[ "${#lines[@]}" -gt 80 ]
	[ -z "$stderr" ]
	[[ $output != *malformed* ]]
	[[ $output != *"no request"* ]]
	run -0 fndump --check dump
	[ -z "$output" ]
}
