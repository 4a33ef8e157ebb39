#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# README's recipes that need a guest, typed in as they stand there, on the host and in the guest.
# Each virtiofsd gets its cache mode, and the C one its own words for --shared-dir; UML stands for QEMU where that is not
# what the guest is made of; FN_GUEST_KIND=qemu has the lines for QEMU run.

load ../bats/helpers
load ../bats/recipes
load guest

setup_file() {
	export GUESTS=$BATS_FILE_TMPDIR/guests TYPED=$BATS_FILE_TMPDIR/typed FN_GUEST_TAG=src
	export FN_GUEST_PROGRAMS=socat FN_GUEST_MODULES="net/vmw_vsock/vsock
		net/vmw_vsock/vmw_vsock_virtio_transport_common net/vmw_vsock/vsock_loopback
		net/sunrpc/sunrpc fs/nfs_common/grace fs/nfs_common/nfs_acl fs/lockd/lockd lib/oid_registry
		net/sunrpc/auth_gss/auth_rpcgss fs/nfsd/nfsd fs/netfs/netfs fs/fscache/fscache
		net/dns_resolver/dns_resolver fs/nfs/nfs fs/nfs/nfsv4"
	mkdir -p "$GUESTS"
	guest_need
	need_fuse
	guest_image
}

setup() {
	export GUESTS=$BATS_TEST_TMPDIR/guests
	mkdir "$GUESTS"
	ln -s "$BATS_FILE_TMPDIR/guests/initrd" "$GUESTS/initrd"
	machine host
	root=$BATS_TEST_TMPDIR/host
	mkdir "$root/src/dir"
	stand_in_virtiofsd /export
}

# stand_in_virtiofsd DIRECTORY: what the recipe's line starts exports that.
stand_in_virtiofsd() {
	local words
	case $FN_GUEST_DAEMON in
	c) words="-o source=$1 -o announce_submounts -o cache=$FN_GUEST_CACHE" ;;
	*) words="--shared-dir=$1 --cache=${FN_GUEST_CACHE/none/never}" ;;
	esac
	printf '#!/bin/sh\n[ "$2" = --shared-dir=/export ] && exec "%s" "$1" %s\n' "$virtiofsd" "$words" >"$root/tools/virtiofsd"
	chmod 755 "$root/tools/virtiofsd"
}

teardown() {
	guests_cleanup
	machines_end
}

# What guest_start boots with is the recipe's.
guest_daemon() {
	rm -f "$root/run/src.sock"
	ONLY_LINE='virtiofsd *' type_in host 'QEMU and virtiofsd' 1 host
	wait_for 5 test -S "$root/run/src.sock"
	ln -sf "$root/run/src.sock" "$GUESTS/$1/daemon.sock"
	ln -sf "$GUESTS/$1/line.in" "$root/run/events.in"
	ln -sf "$GUESTS/$1/line.out" "$root/run/events.out"
}

guest_boot_qemu() {
	local g=$1 line more
	line=$(recipe 'QEMU and virtiofsd' 1 host | grep ^qemu)
	more="-M q35 -accel tcg -cpu max,-cx16 -m 2G -nodefaults -no-reboot -display none -serial stdio
		-kernel $FN_GUEST_KERNEL -initrd $GUESTS/initrd
		-append 'console=ttyS0 rdinit=/init quiet panic=-1 fn.tag=src fn.line=vport*p1'
		$(recipe 'QEMU and virtiofsd' 2 host | sed -n 's/^qemu.* \.\.\. //p')"
	line=${line/.../${more//$'\n'/ }}
	on host sh -c "exec $line" <>"$g/in" >"$g/console" 2>"$g/boot.log" &
	echo $! >"$g/pid"
}

# in_guest NAME HEADING N: types the guest's lines; udev would have made the port's name.
in_guest() {
	guest "$1" <<-'EOF'
		mkdir -p /dev/virtio-ports /src
		ln -sf ../fn-line /dev/virtio-ports/events
	EOF
	recipe "$2" "$3" guest | guest "$1"
}

# watch GUEST DIRECTORY, and what its watcher says until there is a line that fits: said GUEST PATTERN
watch() {
	guest "$1" <<-EOF
		inotifywait -q -m -r $2 -e create,modify,attrib,close_write,delete,move --exclude fsnotify \
			--format '%w%f %e' -o /tmp/events >/tmp/watch.log 2>&1 &
		until grep '^inotify' /proc/\$!/fdinfo/3 2>/dev/null | tail -n +2 | grep -q .; do usleep 20000; done
	EOF
}
said() {
	guest "$1" <<-EOF
		i=0
		until grep -q '$2' /tmp/events || [ \$i -gt 200 ]; do i=\$((i + 1)); usleep 50000; done
		sed 's#^/[^ ]*src/##' /tmp/events | uniq
	EOF
}

# seen GUEST DIRECTORY: what is done in the host's /src, on DIRECTORY in the guest.
seen() {
	watch "$1" "$2"
	on host sh -c 'cd /src; echo new >a; chmod 600 a; mv a dir/b; : >end'
	run -0 said "$1" 'end CREATE'
	echo "$output"
	[ "$(grep -v ^end <<<"$output")" = "a CREATE
a MODIFY
a CLOSE_WRITE,CLOSE
a ATTRIB
a MOVED_FROM
dir/b MOVED_TO" ]
	[ "$(guest "$1" <<<"cat $2/dir/b")" = new ]
}

@test "QEMU and virtiofsd: the export is a mount of fnmount" {
	ONLY_LINE='fnmount *' type_in host 'QEMU and virtiofsd' 1 host
	guest_start g /export
	guest g <<<'umount /mnt/share'
	in_guest g 'QEMU and virtiofsd' 1
	seen g /mnt/src
}

@test "a serial port brings the events, and virtiofsd exports the directory itself" {
	on host mount --bind /src /export
	guest_start g /src
	guest g <<<'true' # it is there, and reads its line
	ONLY_LINE='fnwatch *' type_in host 'QEMU and virtiofsd' 2 host
	in_guest g 'QEMU and virtiofsd' 2
	seen g /mnt/src
}

# No kernel here is a vsock host, and the one below may have no NFS. The guest is and has: both ends
# are in it.
@test "vsock brings the events; NFS" {
	[ "$FN_GUEST_KIND" = uml ] || skip "not on QEMU" # UML has vsock_loopback, nfs and nfsd as modules
	need_command socat
	guest_start g /src
	on() { guest g <<<"$4"; } # the far side
	over_vsock
	seen g /mnt/src
	guest g <<<'kill $(pidof inotifywait); umount /mnt/src /mnt/share; rm -rf /tmp/events'
	over_nfs
	seen g /mnt/src
	guest g <<<'kill $(pidof inotifywait); umount -l /mnt/src /mnt/share; echo 0 >/proc/fs/nfsd/threads'
}

# 1 is the guest's name for itself.
over_vsock() {
	{
		echo 'cd /modules; insmod vsock.ko; insmod vmw_vsock_virtio_transport_common.ko; insmod vsock_loopback.ko; cd /'
		echo 'mkdir -p /src/dir; umount /mnt/share; mount --bind /src /mnt/share'
		echo "$(recipe 'QEMU and virtiofsd' 3 host | grep ^socat) >/tmp/socat.log 2>&1 &"
		echo 'until grep -q . /proc/$!/fdinfo/5 2>/dev/null; do usleep 20000; done'
		recipe 'QEMU and virtiofsd' 3 guest | sed 's/vsock:2:/vsock:1:/'
	} | guest g
}

# nfs_server DIRECTORY: in the guest. What exportfs, mountd and mount.nfs would do is done by hand.
nfs_server() {
	guest g <<-EOF
		mkdir -p /var/lib/nfs/v4recovery
		ip link set lo up
		for m in sunrpc grace nfs_acl lockd oid_registry auth_rpcgss nfsd netfs fscache dns_resolver nfs nfsv4; do
			insmod /modules/\$m.ko || exit
		done
		mount -t nfsd nfsd /proc/fs/nfsd
		# until when; read-write and root as root, fsid 0
		echo "nfsd 127.0.0.1 4000000000 here" >/proc/net/rpc/auth.unix.ip/channel
		echo "here $1 4000000000 9218 65534 65534 0" >/proc/net/rpc/nfsd.export/channel
		echo 'here 1 \x00000000 4000000000 $1' >/proc/net/rpc/nfsd.fh/channel
		echo "-3 +4 +4.1 +4.2" >/proc/fs/nfsd/versions
		echo "tcp 2049" >/proc/fs/nfsd/portlist
		echo 2 >/proc/fs/nfsd/threads
		echo Y >/proc/fs/nfsd/v4_end_grace
	EOF
}
nfs_mount() { sed "s#^mount -t nfs $1#mount -i -t nfs4 -o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,sec=sys${2:-} 127.0.0.1:/#"; }

# ssh leads to the guest itself.
over_nfs() {
	guest g <<-'EOF'
		mount -t tmpfs src /src
		mkdir /src/dir
		printf '#!/bin/sh\nshift\nexec "$@"\n' >/bin/ssh
		chmod 755 /bin/ssh
	EOF
	nfs_server /src
	recipe 'sshfs and NFS' 2 | nfs_mount server:/src | guest g
}

# The other way round: who watches the mount hears of the clients and of what is done behind it, once.
@test "an NFS server exports a mount of fnmount" {
	[ "$FN_GUEST_KIND" = uml ] || skip "not on QEMU" # as above
	guest_start g /src
	guest g <<-'EOF'
		mkdir -p /src /export
		mount -t tmpfs src /src
		mkdir /src/dir
		fnmount /src /export
	EOF
	nfs_server /export
	nfs_mount server:/export ,actimeo=0 <<<'mount -t nfs server:/export /mnt/src' | guest g
	watch g /export
	guest g <<-'EOF'
		echo client >/mnt/src/a
		mv /mnt/src/a /mnt/src/dir/b
		rm /mnt/src/dir/b
		echo behind >/src/a
		cat /mnt/src/a
		mv /src/a /src/dir/b
		cat /mnt/src/dir/b
		[ ! -e /mnt/src/a ]
		rm /src/dir/b
		: >/src/end
	EOF
	run -0 said g 'end CLOSE_WRITE'
	for want in 'a CREATE' 'a MOVED_FROM' 'dir/b MOVED_TO' 'dir/b DELETE'; do
		[ "$(grep -c "^[^ ]*/$want" <<<"$output")" -eq 2 ] || { echo "$output"; false; }
	done
	guest g <<<'kill $(pidof inotifywait); umount -l /mnt/src; echo 0 >/proc/fs/nfsd/threads; umount -l /export'
}

# Kata puts a volume below the directory that virtiofsd exports, and binds it into the container.
@test "Kata: a volume that is a mount of fnmount, fnsend in the container" {
	[ "$FN_GUEST_CACHE" != none ] || skip "names are not cached" # as in replay.bats
	ONLY_LINE='fnmount *' type_in host Kata 1 host
	on host sh -c 'mkdir -p /mnt/share/volume; mount --bind /export /mnt/share/volume; mount --rbind /mnt/share /mnt/src'
	stand_in_virtiofsd /mnt/src
	guest_start g /mnt/src
	{
		echo 'mkdir -p /src; mount --bind /mnt/share/volume /src; printf "#!/bin/sh\necho >/tmp/serves\n" >/bin/server; chmod 755 /bin/server'
		recipe Kata 1 host | sed -n 's/^nerdctl.* image \(sh -c .*\)/\1/p'
		echo 'cat /tmp/serves'
	} | guest g
	# What is repeated on the share itself has to be there still.
	watch g /src
	on host sh -c 'echo new >/src/a'
	run -0 said g 'a CLOSE_WRITE'
	[[ $output == *"a CREATE"*"a MODIFY"* ]]
	on host mv /src/a /src/dir/b
	run -0 said g 'dir/b MOVED_TO'
	[[ $output == *"a MOVED_FROM"*"dir/b MOVED_TO"* ]]
}
