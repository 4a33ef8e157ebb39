#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make install` puts in place works from there.

load helpers

setup_file() {
	export DEST=$BATS_FILE_TMPDIR/dest
	make -s -C "$FN_ROOT" BUILD="$FN_BUILD" DESTDIR="$DEST" PREFIX=/usr install >/dev/null
	make -s -C "$FN_ROOT" BUILD="$FN_BUILD" all >/dev/null # its paths again, for what else runs here
}

@test "a stranger's program builds with pkg-config and the installed header, in C and C++" {
	cd "$BATS_TEST_TMPDIR"
	local cxx=clang++
	[ -z "${SAN-}" ] || cxx="${CC:-cc} -x c++" # a sanitizer is one compiler's
	printf '#include <fnotify.h>\nint main(void) { return 0; }\n' >t.c
	export PKG_CONFIG_PATH=$DEST/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$DEST
	flags="$(pkg-config --cflags --libs fnotify) ${SAN:+-fsanitize=$SAN}"
	for std in c99 c11; do
		# shellcheck disable=SC2086 # a list of flags
		run -0 ${CC:-cc} -std=$std -pedantic -Wall -Wextra -Werror t.c -o t $flags
	done
	cp t.c t.cc
	# shellcheck disable=SC2086 # a list of flags
	run -0 $cxx -Wall -Wextra -Werror t.cc -o tt $flags
	LD_LIBRARY_PATH=$DEST/usr/lib run -0 ./t
}

@test "the library exports what the map and the header name, and nothing else" {
	nm -D --defined-only "$DEST/usr/lib/libfnotify.so" | awk '$2 == "T" {print $3}' | sed 's/@.*//' | sort >"$BATS_TEST_TMPDIR/so"
	sed -n 's/^\t\(fn_[a-z0-9_]*\);$/\1/p' "$FN_ROOT/lib/fnotify.map" | sort >"$BATS_TEST_TMPDIR/map"
	run -0 diff "$BATS_TEST_TMPDIR/map" "$BATS_TEST_TMPDIR/so"
	while read -r symbol; do
		run -0 grep -q "\b$symbol(" "$DEST/usr/include/fnotify.h"
	done <"$BATS_TEST_TMPDIR/map"
}

@test "every command has its page, completions and --version" {
	for c in "$DEST"/usr/bin/fn*; do
		n=$(basename "$c")
		run -0 "$c" --version
		[[ $output == "$n (fnutils) "* ]]
		run -0 "$c" --help
		[[ ${lines[0]} == "Usage: $n "* ]]
		[ -s "$DEST/usr/share/man/man1/$n.1" ]
		[ -s "$DEST/usr/share/bash-completion/completions/$n" ]
		[ -s "$DEST/usr/share/zsh/site-functions/_$n" ]
		[ -s "$DEST/usr/share/fish/vendor_completions.d/$n.fish" ]
	done
}

@test "a full disk under --help and --version is an error" {
	for c in "$DEST"/usr/bin/fn*; do
		run -1 sh -c '"$0" --help >/dev/full' "$c"
		run -1 sh -c '"$0" --version >/dev/full' "$c"
		run -2 "$c" --no-such-option
		[[ $output == *"--no-such-option"* ]]
	done
}

@test "bash completes options, words and event lists" {
	for f in "$DEST"/usr/share/bash-completion/completions/*; do
		run -0 bash --norc -c "
			source '$f'
			COMP_WORDS=($(basename "$f") --) COMP_CWORD=1
			_$(basename "$f")
			printf '%s\n' \"\${COMPREPLY[@]}\""
		[[ $output == *--help*--version* ]]
	done
}

@test "systemd takes the units" {
	need_command systemd-analyze
	mkdir "$BATS_TEST_TMPDIR/units"
	for u in "$DEST"/usr/lib/systemd/system/*.service; do
		sed "s#/usr/bin/#$DEST/usr/bin/#" "$u" >"$BATS_TEST_TMPDIR/units/$(basename "$u")"
	done
	run -0 systemd-analyze verify --man=no "$BATS_TEST_TMPDIR"/units/*.service
	[ -z "$output" ]
}

@test "uninstall takes away what install brought" {
	make -s -C "$FN_ROOT" BUILD="$FN_BUILD" DESTDIR="$DEST" PREFIX=/usr uninstall
	run -0 find "$DEST" -type f
	[ -z "$output" ]
}
