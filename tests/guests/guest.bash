# SPDX-License-Identifier: GPL-2.0-or-later
# Real guests with a real virtiofs share. A guest has a name; its files lie in $GUESTS/NAME.
#   guest_start NAME DIRECTORY     boot it with DIRECTORY shared on /mnt/share
#   guest NAME [SECONDS] <<'EOF'   run a script in it; its output, its status
#   guest_stop NAME
# A raw serial line besides: /dev/fn-line in the guest is $GUESTS/NAME/line.{in,out} here.
# $FN_GUEST_KIND (uml, qemu), $FN_GUEST_CACHE (auto, always, none) and $FN_GUEST_DAEMON (c, rust)
# choose what it is made of; $FN_GUEST_TAG names the share for it, $FN_GUEST_PROGRAMS and
# $FN_GUEST_MODULES (below the kernel's, UML) are taken along.

: "${FN_GUEST_KIND:=uml}" "${FN_GUEST_CACHE:=auto}" "${FN_GUEST_DAEMON:=c}" "${FN_GUEST_TAG:=share}"

guest_need() {
	need_root
	case $FN_GUEST_DAEMON in
	c) virtiofsd=/usr/lib/qemu/virtiofsd ;;
	*) virtiofsd=${FN_VIRTIOFSD_RUST:-/usr/libexec/virtiofsd} ;;
	esac
	export virtiofsd
	[ -x "$virtiofsd" ] || missing "needs virtiofsd ($virtiofsd)"
	need_command busybox
	need_command cpio
	case $FN_GUEST_KIND in
	uml) need_command linux.uml ;;
	qemu)
		need_command qemu-system-x86_64
		[ -r "${FN_GUEST_KERNEL:-}" ] || missing "needs FN_GUEST_KERNEL"
		;;
	esac
}

# The initramfs: busybox, fuse modules, our commands. Once a run: $GUESTS/initrd.
guest_image() {
	local root=$GUESTS/root c bins=()
	mkdir -p "$root/bin" "$root/modules" "$root/fn"
	cp "$(command -v busybox)" "$root/bin/"
	cp "$FN_ROOT/tests/guests/init" "$root/init"
	if [ "$FN_GUEST_KIND" = uml ]; then
		for c in fs/fuse/fuse fs/fuse/virtiofs ${FN_GUEST_MODULES:-}; do
			cp /usr/lib/uml/modules/*/kernel/"$c.ko" "$root/modules/"
		done
	fi
	for c in "$FN_BUILD"/fn{watch,send,probe,dump,mount} "$FN_BUILD"/tests/helpers/* inotifywait ${FN_GUEST_PROGRAMS:-}; do
		c=$(command -v "$c") || continue
		[ ! -x "$c" ] || [ -d "$c" ] || [[ $c == *.d ]] || bins+=("$c")
	done
	"$FN_ROOT/packaging/bundle" "$root/fn" "${bins[@]}"
	# glibc loads it by itself when a thread is cancelled.
	cp /usr/lib/*/libgcc_s.so.1 /lib/*/libgcc_s.so.1 "$root/fn/lib/" 2>/dev/null || :
	(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$GUESTS/initrd"
	rm -rf "$root"
}

# The daemon serves one front-end and then ends.
guest_daemon() {
	local g=$GUESTS/$1
	case $FN_GUEST_DAEMON in
	c) set -- -o "source=$2" -o "cache=$FN_GUEST_CACHE" ;;
	*) set -- --shared-dir "$2" --cache "${FN_GUEST_CACHE/none/never}" ;;
	esac
	"$virtiofsd" "--socket-path=$g/daemon.sock" "$@" >"$g/daemon.log" 2>&1 3>&- &
	echo $! >"$g/daemon.pid"
	wait_for 5 test -S "$g/daemon.sock"
}

guest_boot_uml() {
	local g=$1
	"$FN_BUILD/tests/helpers/vhost_shim" "$g/uml.sock" "$g/daemon.sock" "$FN_GUEST_TAG" >"$g/shim.log" 2>&1 3>&- &
	echo $! >"$g/shim.pid"
	wait_for 5 test -S "$g/uml.sock"
	TMPDIR=/dev/shm linux.uml "mem=${FN_GUEST_MEM:-160M}" "initrd=$GUESTS/initrd" con0=fd:0,fd:1 ssl0=fd:7,fd:8 \
		con=null ssl=null fn.line=ttyS0 \
		root=/dev/ram0 rdinit=/init quiet panic=-1 "virtio_uml.device=$g/uml.sock:26" "fn.tag=$FN_GUEST_TAG" \
		<>"$g/in" >"$g/console" 2>"$g/boot.log" 3>&- 7<>"$g/line.in" 8<>"$g/line.out" &
	echo $! >"$g/pid"
}

# TCG of QEMU 7.2 spoils the flags of an unlocked cmpxchg16b at times, and the kernel panics.
guest_boot_qemu() {
	local g=$1
	qemu-system-x86_64 -M q35 -accel tcg -cpu max,-cx16 -m 256M -nodefaults -no-reboot -display none \
		-object "memory-backend-memfd,id=mem,size=256M,share=on" -numa node,memdev=mem \
		-chardev "socket,id=fs,path=$g/daemon.sock" -device "vhost-user-fs-pci,chardev=fs,tag=$FN_GUEST_TAG" \
		-kernel "$FN_GUEST_KERNEL" -initrd "$GUESTS/initrd" -serial stdio \
		-chardev "pipe,id=line,path=$g/line" -device virtio-serial-pci -device virtserialport,chardev=line \
		-append "console=ttyS0 rdinit=/init quiet panic=-1 fn.tag=$FN_GUEST_TAG fn.line=vport*p1" \
		<>"$g/in" >"$g/console" 2>"$g/boot.log" 3>&- &
	echo $! >"$g/pid"
}

guest_try() {
	local name=$1 g=$GUESTS/$1
	mkdir -p "$g"
	rm -f "$g"/*.sock "$g"/{in,line.in,line.out}
	: >"$g/console"
	mkfifo "$g"/{in,line.in,line.out}
	guest_daemon "$name" "$2" && "guest_boot_$FN_GUEST_KIND" "$g"
	wait_for "${FN_GUEST_BOOT:-20}" grep -q '^FN-READY' "$g/console" && return
	guest_stop "$name"
	return 1
}

# A boot that hangs is ended and tried once more; then the console is shown.
guest_start() {
	[ -e "$GUESTS/initrd" ] || guest_image
	guest_try "$@" || guest_try "$@" || {
		tail -n 40 "$GUESTS/$1/console" "$GUESTS/$1/daemon.log" "$GUESTS/$1/boot.log" >&2
		return 1
	}
}

guest_ended() { grep -q "^FN-END $2 " "$GUESTS/$1/console" || gone "$(<"$GUESTS/$1/pid")"; }

guest_took() { grep -q "^FN-RUN $2\|^FN-AGAIN $2 $3" "$GUESTS/$1/console" || gone "$(<"$GUESTS/$1/pid")"; }

# guest_send NAME ID: the script, until the guest has all of it.
guest_send() {
	local g=$GUESTS/$1 id=$2 try sum
	sum=$(md5sum <"$g/script")
	for try in 1 2 3 4; do
		{
			base64 -w 600 "$g/script" | sed "s/^/$id + /"
			echo "$id run $try ${sum%% *}"
		} >"$g/in"
		wait_for 10 guest_took "$1" "$id" $try && ! grep -q "^FN-AGAIN $id $try" "$g/console" && return
		echo "$id" >"$g/in" # ends a line that has lost its end
	done
	return 1
}

# guest NAME [SECONDS]: the script is standard input.
guest() {
	local g=$GUESTS/$1 id=$BASHPID.$RANDOM status
	cat >"$g/script"
	guest_send "$1" "$id" || {
		tail -n 20 "$g/console" >&2
		return 124
	}
	wait_for "${2:-${FN_GUEST_SECONDS:-20}}" guest_ended "$1" "$id" || {
		tail -n 20 "$g/console" >&2
		return 124
	}
	status=$(tr -d '\r' <"$g/console" | sed -n "s/^FN-END $id //p")
	tr -d '\r' <"$g/console" | sed -n "/^FN-BEGIN $id\$/,/^FN-END $id /p" | sed '1d;$d' | base64 -d
	return "${status:-125}"
}

guest_stop() {
	local g=$GUESTS/$1 p
	for p in pid shim.pid daemon.pid; do
		[ -e "$g/$p" ] || continue
		if [ $p = pid ] && ! gone "$(<"$g/$p")"; then
			echo "0 off" 1<>"$g/in" || :
			wait_for 5 gone "$(<"$g/$p")" || guest_kill "$(<"$g/$p")"
		fi
		wait_for 3 gone "$(<"$g/$p")" || guest_kill "$(<"$g/$p")"
		rm -f "$g/$p"
	done
}

# User Mode Linux has helper processes, which are children of whoever is killed.
guest_kill() {
	local all
	all=$(pgrep -P "$1" | paste -sd ' ' || :)
	kill -KILL "$1" $all 2>/dev/null || :
	wait_for 5 gone "$1"
}

guests_cleanup() {
	local g
	for g in "$GUESTS"/*/; do
		[ ! -e "$g/in" ] || guest_stop "$(basename "$g")"
	done
}

# Host underlay: fnmount of $SRC on $EXPORT, and guests that share $EXPORT.
underlay_start() {
	export GUESTS=$BATS_FILE_TMPDIR/guests SRC=$BATS_FILE_TMPDIR/src EXPORT=$BATS_FILE_TMPDIR/export
	local g
	mkdir -p "$GUESTS" "$SRC" "$EXPORT"
	guest_need
	fnmount -f "$SRC" "$EXPORT" >"$GUESTS/fnmount.log" 2>&1 3>&- &
	echo $! >"$GUESTS/fnmount.pid"
	wait_for 5 mounted "$EXPORT"
	for g; do
		guest_start "$g" "$EXPORT"
	done
}

underlay_stop() {
	guests_cleanup
	umount -l "$EXPORT" 2>/dev/null || :
	guest_kill "$(<"$GUESTS/fnmount.pid")"
}
