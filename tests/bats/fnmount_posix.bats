#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fnmount as a file system: each operation has on the mount the result it has on the backing one.
load helpers

setup() {
	need_root
	need_fuse
	need_command setpriv
	cd "$BATS_TEST_TMPDIR"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" 2>/dev/null || :
	chmod 755 .
	mkdir -m 777 b m plain
}
teardown() { cleanup; }
serve() {
	start fnmount fnmount -f b m
	wait_for 10 mounted "$BATS_TEST_TMPDIR/m"
}
few_descriptors() {
	start fnmount setpriv --bounding-set="-sys_resource${2:-}" sh -c "ulimit -n $1; exec fnmount -f b m"
	wait_for 10 mounted "$BATS_TEST_TMPDIR/m"
}
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# same SCRIPT: run in m/t and in plain/t (with umask 027) it says the same and leaves the same.
same() {
	local d
	for d in m plain; do
		mkdir -m 777 "$d/t"
		(cd "$d/t" && umask 027 && eval "$1") >"$d.said" 2>&1 || :
		(cd "$d/t" && find . -mindepth 1 -printf '%p %y %m %U:%G %s %n %l\n' | grep -v '^\S* d' | sort
			find . -type d -printf '%p %m %U:%G\n' | sort) >"$d.left"
		rm -rf "${d:?}/t"
	done
	sed -i 's/\bm\/t\b/plain\/t/g' m.said
	diff plain.said m.said && diff plain.left m.left
}

names='echo a >a; ln a l; ln -s a s; mkdir d d/e; mkfifo p; mknod c c 1 3; mv a d/; mv -n l s; rmdir d
	rm p; mv d D; touch D; readlink s; mknod sock s 2>&1; cat none; mkdir D; rm D; ls -A | sort
	n=$(printf %0255d 1); mkdir $n; rmdir $n; n=${n}1; mkdir $n; echo >$n; cat $n; ln a $n; ln -s a $n
	mkfifo $n; mv D $n; rm $n; rmdir $n; stat D/$n/x'
content='echo hello >f; echo more >>f; cat f; truncate -s 3 f; cat f; truncate -s 10000 f; wc -c <f
	fallocate -l 20000 f; wc -c <f; fallocate -p -o 0 -l 4096 f; cmp f /dev/zero -n 4096
	cp --reflink=never f g; cmp f g; dd if=f of=h bs=4096 iflag=direct 2>/dev/null; cmp f h
	dd if=f of=h bs=4096 oflag=direct conv=notrunc count=1 2>/dev/null; cmp f h; sync f h .
	dd if=/dev/zero of=sparse bs=1 seek=1M count=1 2>/dev/null; cp --sparse=always sparse sparse2
	cmp sparse sparse2; (exec 3<>f; rm f; echo x >&3; cat /proc/self/fd/3 | head -c 2)
	python3 -c "import os; f = os.open(\"n\", os.O_RDWR | os.O_CREAT); os.pwrite(f, b\"x\" * 9000, 0)
print(os.lseek(f, 0, os.SEEK_DATA), os.lseek(f, 0, os.SEEK_HOLE))"'
attributes='echo x >f; chmod 640 f; chmod 4755 f; chown 1:2 f; touch -d @12345.678 f
	stat -c "%a %u:%g %.3Y" f; chmod 6755 f; stat -c %a f; mkdir -m 2775 d; chown :5 d; chmod g+s d
	mkdir d/e; touch d/f; setfattr -n user.k -v v f; getfattr -d f; setfattr -x user.k f; getfattr -d f
	setfattr -n trusted.k -v v f; getfattr -n trusted.k f; ln -s none l; touch -h -d @5 l; stat -c %Y l
	chown -h 3:4 l; getfattr -n user.none f'

@test "names, links and special files, as root" {
	fnmount b m
	same "$names"
}
@test "files without a name, where libfuse has them" {
	need_command python3
	fnmount b m
	cat >nameless.py <<-'EOF'
		import os, sys
		os.chdir(sys.argv[1])
		fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
		os.write(fd, b"text")
		print(os.listdir("."), os.fstat(fd).st_nlink, oct(os.fstat(fd).st_mode))
		os.link(f"/proc/self/fd/{fd}", "name", follow_symlinks=True)
		print(os.listdir("."), os.fstat(fd).st_nlink, open("name").read())
	EOF
	if pkg-config --atleast-version=3.17 fuse3; then
		same "python3 $PWD/nameless.py ."
		grep -q "'name'" m.said
	else
		run ! python3 nameless.py m
		[[ "$output" == *"not supported"* ]]
	fi
}
@test "names, links and special files, as another" {
	fnmount b m
	same "nobody sh -c '$names'"
}
@test "content" {
	fnmount b m
	same "$content"
	umount m
	fnmount --no-passthrough b m
	same "$content"
	umount m
	fnmount --writeback b m
	same "$content"
	umount m
	fnmount --no-passthrough -o max_read=8192 b m
	same "$content"
}
@test "a limit on the server's own files is an error to the client" {
	for o in '' --no-passthrough; do
		(ulimit -f 8 && fnmount $o b m)
		[ -n "$o" ] && run -1 --separate-stderr dd if=/dev/zero of=m/f bs=64k count=1
		run ls m
		[ "$status" -eq 0 ]
		umount m
	done
}
@test "attributes and extended attributes" {
	fnmount b m
	same "$attributes"
}
@test "set-id bits go when another writes" {
	fnmount b m
	for o in '' --no-passthrough; do
		same 'echo x >f; chown 65534:65534 f; chmod 6777 f; nobody sh -c "echo y >>f"; stat -c %a f
			chmod 6777 f; nobody truncate -s 0 f; stat -c %a f; chmod 4777 f; nobody chgrp 65534 f; stat -c %a f'
		umount m
		fnmount $o b m
	done
}
@test "permissions hold for others" {
	fnmount b m
	same 'echo x >f; chmod 600 f; nobody cat f; mkdir -m 700 d; nobody touch d/x; nobody chmod 666 f
		mkdir -m 1777 t; touch t/mine; nobody rm t/mine; nobody touch t/his; stat -c %U t/his; nobody rm t/his'
}
@test "ACLs, and the umask beside a default one" {
	need_command setfacl
	fnmount b m
	same 'mkdir d; setfacl -d -m u:65534:rwx,g::rx,o::- d; touch d/f; mkdir d/e; getfacl -cn d/f d/e d
		echo x >f; chmod 600 f; setfacl -m u:65534:r f; nobody cat f; setfacl -b f; nobody cat f; stat -c %a f'
}
@test "locks hold against the backing directory's processes" {
	fnmount b m
	echo x >b/f
	flock m/f -c '! flock -n b/f -c true'
	flock b/f -c '! flock -n m/f -c true'
	mkfifo go
	start holder flock b/f -c 'echo held; read -r _ <go'
	wait_for 5 grep -q held holder.out
	start waiter flock m/f -c 'echo got'
	run -1 flock -w 0.2 m/f -c true
	echo >go
	wait_for 5 grep -q got waiter.out
	run -0 python3 - <<-'EOF'
		import fcntl, os, struct
		def held(path):
		    f = os.open(path, os.O_RDWR)
		    lock = struct.unpack("hhqqi4x", fcntl.fcntl(f, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)))
		    os.close(f)
		    return lock
		def asked(path):
		    r, w = os.pipe()
		    if os.fork() == 0:
		        os.write(w, repr(held(path)).encode())
		        os._exit(0)
		    os.wait()
		    return eval(os.read(r, 100))
		mine, his = os.open("m/f", os.O_RDWR), os.open("b/f", os.O_RDWR)
		fcntl.lockf(mine, fcntl.LOCK_EX, 6, 0)
		fcntl.lockf(mine, fcntl.LOCK_UN, 2, 0)
		assert asked("m/f") == (fcntl.F_WRLCK, 0, 2, 4, os.getpid()), asked("m/f")
		fcntl.lockf(mine, fcntl.LOCK_UN)
		assert asked("m/f")[0] == fcntl.F_UNLCK
		fcntl.lockf(his, fcntl.LOCK_EX, 4, 2)
		assert held("m/f") == (fcntl.F_WRLCK, 0, 2, 4, os.getpid()), held("m/f")
	EOF
}
@test "a waiting lock does not keep the server from ending" {
	serve
	echo x >b/f
	start holder flock b/f -c 'echo held; exec sleep 60'
	wait_for 5 grep -q held holder.out
	start waiter flock m/f -c true
	waits() { [ "$(grep -c -- '->' /proc/locks)" -ge 1 ]; }
	wait_for 5 waits
	ls -l m >/dev/null
	kill "$fnmount_pid"
	wait_for 10 gone "$fnmount_pid"
}
@test "a program just written can be run, on either side" {
	fnmount b m
	cp "$(type -P true)" m/prog
	m/prog
	b/prog
}
@test "an inode number used again is another object" {
	fnmount b m
	for i in $(seq 20); do
		echo "$i" >b/f
		wait_for 5 grep -qsx "$i" m/f
		exec 7<m/f
		rm b/f
		echo "new $i" >b/f
		wait_for 5 grep -qs "new $i" m/f
		read -r text <&7
		[ "$text" = "$i" ] || { echo "read $text"; return 1; }
		exec 7<&-
		rm b/f
	done
}
@test "no symlink leads out, no .. either" {
	fnmount b m
	mkdir secret && echo no >secret/file
	mkdir b/d && echo yes >b/d/file
	ls m/d
	mv b/d b/old && ln -s "$PWD/secret" b/d
	[ "$(stat -c %F m/d)" = 'symbolic link' ] || wait_for 5 test -L m/d
	mkdir b/a && ls m/a
	(cd m/a && mv "$BATS_TEST_TMPDIR/b/a" "$BATS_TEST_TMPDIR/away" && run ls ../secret && [ "$status" -ne 0 ])
}
many_inodes() {
	mkdir b/many
	(cd b/many && seq 2000 | xargs touch)
	ls -l m/many | wc -l | grep -qx 2001
	echo x >b/many/7
	[ "$(cat m/many/7)" = x ]
	for i in 1 999 2000; do echo "$i" >"m/many/$i" && [ "$(cat "b/many/$i")" = "$i" ]; done
	[ "$(find "/proc/$fnmount_pid/fd" -mindepth 1 | wc -l)" -lt 256 ]
}
@test "many descriptors: inodes are found again by handle" {
	few_descriptors 256
	many_inodes
}
@test "many descriptors, as one who may not open handles: inodes are found again by name" {
	few_descriptors 256 ,-dac_read_search
	many_inodes
	exec 7<m/many/5 8<m/many
	mv b/many b/other && mv b/other/7 b/other/8 && rm b/other/9 && echo new >b/other/9
	wait_for 5 grep -qsx x m/other/8
	wait_for 5 grep -qsx new m/other/9
	find m -type f -exec cat {} + | wc -l
	ls -l m/other | wc -l | grep -qx 2000
	ls /proc/self/fd/8/ | wc -l | grep -qx 1999
	diff -r b m
	read -r text <&7 || [ -z "$text" ]
	exec 7<&- 8<&-
}
@test "open files may take nearly every descriptor" {
	few_descriptors 256
	mkdir b/many b/dirs
	(cd b/many && seq 300 | xargs touch)
	(cd b/dirs && seq 300 | xargs mkdir)
	ls -lR m >/dev/null
	for d in many dirs; do
		(for i in $(seq 200); do exec {fd}<"m/$d/$i" || exit 1; done
			echo x >m/new && cat m/new && ls m/dirs/7 && mkdir m/d && rmdir m/d) ||
			{ echo "not all of $d" && false; }
	done
	(for i in $(seq 300); do exec {fd}<"m/many/$i" || exit 0; done; false) 2>said
	grep -q 'Too many open files' said
	[ "$(cat m/many/1; echo ok)" = ok ]
}

# Who holds a file knows it by its number, as virtiofsd does.
@test "what was deleted and is held stays itself, and its number its own, when descriptors are short" {
	few_descriptors 200
	run -0 python3 - <<-'EOF'
		import os
		for i in range(60):
		    open(f"b/dead{i}", "w").close()
		held = [os.open(f"m/dead{i}", os.O_PATH) for i in range(60)]
		for i in range(60):
		    os.unlink(f"b/dead{i}")
		alive = []
		for i in range(600):
		    open(f"m/new{i}", "w").close()
		    alive.append(os.open(f"m/new{i}", os.O_PATH))
		numbers = [os.fstat(fd).st_ino for fd in held + alive]
		assert len(set(numbers)) == len(numbers), "a number twice"
	EOF
}
