# SPDX-License-Identifier: GPL-2.0-or-later
# libfuse's own example servers, as they are and with our session loop: `load examples`, then
# examples_stock and examples_patched from setup_file. Programs are left in $BATS_FILE_TMPDIR:
# passthrough_ll, passthrough; low, high.
examples=/usr/share/doc/libfuse3-dev/examples

example() {
	if [ -e "$examples/$1" ]; then
		cp "$examples/$1" "$BATS_FILE_TMPDIR/$1"
	else
		gzip -dc "$examples/$1.gz" >"$BATS_FILE_TMPDIR/$1"
	fi
}

# build NAME: with the library, which a stock example just does not use.
build() {
	cd "$BATS_FILE_TMPDIR" &&
		${CC:-cc} -w -g -O1 -D_GNU_SOURCE ${SAN:+-fsanitize=$SAN} -include stdlib.h -include "$FN_ROOT/lib/fnotify.h" \
			$(pkg-config --cflags fuse3) -o "$1" "$1.c" "$FN_BUILD/libfnotify.a" \
			$(pkg-config --libs fuse3 libmnl) -lpthread
}

# Debian may leave a package's examples out; the package itself has them.
fetch_examples() {
	[ -e $examples/passthrough_ll.c ] || [ -e $examples/passthrough_ll.c.gz ] && return
	(cd "$BATS_FILE_TMPDIR" && apt-get download libfuse3-dev && dpkg -x libfuse3-dev_*.deb deb) >&2 || return
	examples=$BATS_FILE_TMPDIR/deb$examples
}

examples_stock() {
	command -v cc >/dev/null && fetch_examples || return 0
	example passthrough_helpers.h
	example passthrough_ll.c
	example passthrough.c
	sed -i '1i #define HAVE_UTIMENSAT 1' "$BATS_FILE_TMPDIR/passthrough.c"
	build passthrough_ll && build passthrough
}

examples_patched() {
	command -v cc >/dev/null && fetch_examples || return 0
	example passthrough_helpers.h
	example passthrough_ll.c
	example passthrough.c
	cd "$BATS_FILE_TMPDIR" || return
	mv passthrough_ll.c low.c
	mv passthrough.c high.c
	sed -i 's/fuse_session_loop_mt(se, &config)/fn_session_loop_mt(se, \&config, opts.mountpoint, lo.source)/;
		s/fuse_session_loop(se)/fn_session_loop(se, opts.mountpoint, lo.source)/' low.c
	sed -i 's/fuse_main(new_argc, new_argv, &xmp_oper, NULL)/fn_main(new_argc, new_argv, \&xmp_oper, NULL, getenv("BACKING"))/' high.c
	build low && build high
}
