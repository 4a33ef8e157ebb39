#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# README's recipes, typed in as they stand there; those that need a guest are in tests/guests.

load helpers
load recipes

setup_file() {
	typed_begin
}

teardown() {
	machines_end
}

@test "sshfs: native events of what the server's users do" {
	need_command sshfs
	need_command dropbear
	machine client
	machine server
	keys client server
	mkdir "$BATS_TEST_TMPDIR/server/src/dir"
	type_in client 'sshfs and NFS' 1
	arrives client server
}

# A host and its guest, whose share bindfs serves: like any server, it tells nobody what changes.
host_and_guest() {
	need_command bindfs
	need_command dropbear
	machine host
	machine guest
	keys host guest
	mkdir "$BATS_TEST_TMPDIR/host/src/dir"
	printf '#!/bin/sh\nexec "$@"\n' >"$BATS_TEST_TMPDIR/guest/tools/sudo"
	chmod 755 "$BATS_TEST_TMPDIR/guest/tools/sudo"
	on guest bindfs "$BATS_TEST_TMPDIR/host/src" /src
}

@test "Lima from a Linux host" {
	host_and_guest
	stand_in host limactl shell default
	type_in host 'Lima, Colima, Podman machine' 2
	wait_for 5 on guest mountpoint -q /mnt/src
	arrives guest host
}

# What fswatch says is coarser than what happened, and a second late.
from_fswatch() {
	host_and_guest
	stand_in host "$@"
	type_in guest 'Lima, Colima, Podman machine' 1 guest
	ONLY_LINE="*| $1 *" type_in host 'Lima, Colima, Podman machine' 1 host
	start watch on guest inotifywait -m -r /mnt/src --format '%w%f %e %c'
	wait_for 10 grep -q established "$BATS_TEST_TMPDIR/watch.err"
	for n in $(seq 40); do # fswatch does not tell when it watches
		echo >"$BATS_TEST_TMPDIR/host/src/a$n"
		if wait_for 1 grep -q '/a[0-9]* CREATE' "$BATS_TEST_TMPDIR/watch.out"; then break; fi
	done
	mv "$BATS_TEST_TMPDIR/host/src/a$n" "$BATS_TEST_TMPDIR/host/src/dir/b"
	wait_for 10 grep -q '/dir/b MOVED_TO' "$BATS_TEST_TMPDIR/watch.out"
	rm "$BATS_TEST_TMPDIR/host/src/dir/b"
	wait_for 10 grep -q '/dir/b DELETE' "$BATS_TEST_TMPDIR/watch.out"
}

@test "Lima: fswatch into the guest" {
	need_command fswatch
	from_fswatch limactl shell default
}

@test "Colima: fswatch into the guest" {
	need_command fswatch
	from_fswatch colima ssh --
}

@test "Podman machine: fswatch into the guest" {
	need_command fswatch
	from_fswatch podman machine ssh
}

@test "libvirt takes the XML" {
	need_command virt-xml-validate
	recipe libvirt | grep -v '^</\?devices>$' >"$BATS_TEST_TMPDIR/parts"
	{
		echo "<domain type='kvm'><name>guest</name><memory>1048576</memory>"
		sed -n '1,/<.memoryBacking>/p' "$BATS_TEST_TMPDIR/parts"
		echo "<os><type>hvm</type></os><devices>"
		sed '1,/<.memoryBacking>/d' "$BATS_TEST_TMPDIR/parts"
		echo "</devices></domain>"
	} >"$BATS_TEST_TMPDIR/domain.xml"
	run -0 virt-xml-validate "$BATS_TEST_TMPDIR/domain.xml" domain
	sed -i 's/virtiofs/virtiofz/' "$BATS_TEST_TMPDIR/domain.xml"
	run -3 virt-xml-validate "$BATS_TEST_TMPDIR/domain.xml" domain
	recipe libvirt >>"$TYPED"
}

# No systemd runs here: what `systemctl enable --now UNIT` starts is started as systemd would.
stand_in_systemctl() {
	cat >"$BATS_TEST_TMPDIR/$1/tools/systemctl" <<-EOF
		#!/usr/bin/env bash
		[ "\$1 \$2" = "enable --now" ] || exit 2
		. "$FN_ROOT/tests/bats/unit.bash" "$FN_BUILD/systemd" "\$3"
		unit_start
	EOF
	chmod 755 "$BATS_TEST_TMPDIR/$1/tools/systemctl"
}

@test "at boot: the units and the examples" {
	machine host
	stand_in_systemctl host
	mkdir -p "$BATS_TEST_TMPDIR/doc/fnutils" "$BATS_TEST_TMPDIR/host/src/dir"
	cp "$FN_ROOT"/packaging/systemd/*.example "$BATS_TEST_TMPDIR/doc/fnutils"
	on host mount --bind "$BATS_TEST_TMPDIR/doc" /usr/share/doc
	type_in host 'At boot' 1 host
	on host mountpoint -q /export
	on host mount --bind /export /mnt/share
	ONLY_LINE='*src*' type_in host 'At boot' 1 guest
	arrives host host
	ONLY_LINE='*follow*' type_in host 'At boot' 1 guest
	wait_for 5 on host sh -c 'tr "\0" " " </proc/$(pidof -s fnsend)/cmdline | grep "fnsend --follow /mnt/share "'
	# After a crash, systemd runs ExecStopPost before the next start.
	on host sh -c 'kill -KILL $(pidof fnmount); umount -l /mnt/src /mnt/share; ! ls /export'
	on host bash -c ". $FN_ROOT/tests/bats/unit.bash $FN_BUILD/systemd fnmount@export; unit_run ExecStopPost; unit_start"
	on host ls /export/dir
	on host bash -c ". $FN_ROOT/tests/bats/unit.bash $FN_BUILD/systemd fnmount@export; unit_run ExecStop"
	run ! on host mountpoint -q /export
}

# In words of a shell's pattern: what is not typed in here, and why.
elsewhere() {
	cat <<-'EOF'
		fnmount /src /export	guests
		virtiofsd *	guests
		mount -t virtiofs *	guests
		fnmount /mnt/share /mnt/src	guests
		mkfifo /run/events.in /run/events.out	guests
		fnwatch --wire -r /src >/run/events.in	guests
		fnmount --events=/dev/virtio-ports/*	guests
		socat VSOCK-LISTEN*	guests
		fnmount --events=vsock:*	guests
		qemu-system-x86_64 ... *memory-backend-memfd*	guests, with QEMU
		qemu-system-x86_64 ... *virtserialport*	guests, with QEMU
		qemu-system-x86_64 ... *vhost-vsock-pci*	not run: needs vhost_vsock in the host's kernel
		nerdctl run *	not run: needs Kata; what it runs in the guest: guests
		mount -t nfs *	guests, with the words that mount.nfs makes of it
	EOF
}

@test "each line is typed in by a test, or there is a reason" {
	[ -z "${BATS_TEST_FILTER:-}" ] || skip
	while IFS=$'\t' read -r pattern _; do
		patterns+=("$pattern")
	done < <(elsewhere)
	used=()
	while IFS=$'\a' read -r heading _ _ line; do
		if grep -qxF -- "$line" "$TYPED"; then continue; fi
		for i in "${!patterns[@]}"; do
			# shellcheck disable=SC2053 # a pattern
			if [[ $line == ${patterns[i]} ]]; then
				used[i]=1
				continue 2
			fi
		done
		echo "$heading: nobody runs: $line"
		return 1
	done < <(recipes | tr '\t' '\a')
	[ "${#used[@]}" -eq "${#patterns[@]}" ]
}

@test "fnutils(7) has them, too" {
	while IFS=$'\a' read -r _ _ _ line; do
		grep -qF -- "${line:0:40}" "$FN_BUILD/man/fnutils.7.in" || { echo "missing: $line" && return 1; }
	done < <(recipes | tr '\t' '\a')
}
