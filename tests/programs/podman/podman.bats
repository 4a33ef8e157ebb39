#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A mount of fnmount is a container's volume: an unmodified inotifywait in the container hears what
# is done in the backing directory. The image is made here; nothing is fetched.
load "$FN_ROOT/tests/bats/helpers.bash"
load "$FN_ROOT/tests/bats/programs.bash"

setup_file() {
	need_root
	need_command podman
	need_command crun
	need_command busybox
	cd "$BATS_FILE_TMPDIR" || return
	mkdir -p image/tmp image/bin
	cp "$(command -v busybox)" image/bin/
	ln -s busybox image/bin/sh
	"$FN_ROOT/packaging/bundle" image/fn "$(command -v inotifywait)"
	tar -C image -c . | podman "${storage[@]}" import --quiet - fn:test >import.log 2>&1 || {
		cat import.log >&2
		return 1
	}
}
setup() { programs_setup; }
teardown() {
	within rm --all --force --time=0 >rm.log 2>&1
	cleanup
}

storage=(--storage-driver=vfs --root="${BATS_FILE_TMPDIR:-}/store" --runroot="${BATS_FILE_TMPDIR:-}/run"
	--tmpdir="${BATS_FILE_TMPDIR:-}/tmp" --cgroup-manager=cgroupfs)

# within COMMAND…: of podman. What it asks of cgroups and limits is not to matter where there are none
# to be had, as in another container; and crun refuses a system with both kinds of cgroups.
within() {
	unshare -m sh -c 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' - podman "${storage[@]}" "$@"
}
container() {
	local volume=$1
	shift
	within run --rm --runtime=crun --cgroups=disabled --network=none \
		--ulimit=nofile=1024:1024 --ulimit=nproc=1000:1000 --volume="$volume" fn:test "$@"
}

watch() {
	start w container "$1" /fn/bin/inotifywait -m -r --format '%w%f %e %c' \
		-e create,modify,attrib,close_write,delete,move /mnt
	wait_for 10 grep -q 'Watches established' w.err || { cat w.err >&2; return 1; }
}

# What happened in b, each by a process of its own.
hears_all() {
	sh -c 'echo one >b/file'
	heard w '^/mnt/file CLOSE_WRITE'
	for change in 'chmod 600 b/file' 'mv b/file b/sub/renamed' 'rm b/sub/renamed' 'mkdir b/new'; do
		sh -c "$change"
	done
	heard w '^/mnt/new CREATE,ISDIR'
	sed -E 's, ([1-9a-f][0-9a-f]*)$, cookie,' w.out | uniq >got
	printf '/mnt/%s\n' 'file CREATE 0' 'file MODIFY 0' 'file CLOSE_WRITE,CLOSE 0' 'file ATTRIB 0' \
		'file MOVED_FROM cookie' 'sub/renamed MOVED_TO cookie' 'sub/renamed DELETE 0' \
		'new CREATE,ISDIR 0' | diff - got
	[ "$(sed -nE 's/.* MOVED_(FROM|TO) //p' w.out | sort -u | wc -l)" -eq 1 ]
}

@test "podman: a container's inotifywait hears of changes behind its volume" {
	mkdir b/sub
	mount_it
	watch "$PWD/m:/mnt"
	hears_all
}

@test "podman: a read-only volume" {
	mkdir b/sub
	mount_it
	watch "$PWD/m:/mnt:ro"
	hears_all
}

# What the container does is its own: told once, natively.
@test "podman: what is done in the container is told once there, and behind it" {
	mount_it
	start_ready f fnwatch -r --ready-fd 9 -e create,delete b
	start w container "$PWD/m:/mnt" /bin/busybox sh -c '
		/fn/bin/inotifywait -q -m --format "%f %e" -e create,delete /mnt -o /tmp/out &
		until /bin/busybox grep -q ^inotify /proc/$!/fdinfo/3 2>/dev/null; do :; done
		: >/mnt/mine
		until /bin/busybox grep -q end /tmp/out; do /bin/busybox sleep 0.1; done
		/bin/busybox cat /tmp/out'
	heard f $'\tb/mine$'
	rm b/mine
	: >b/end
	heard w '^end CREATE'
	[ "$(<w.out)" = $'mine CREATE\nmine DELETE\nend CREATE' ]
}
