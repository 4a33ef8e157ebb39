#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What fn1 costs: encode and decode on one core (goal: 5 million events a second each, at most 120
# bytes for a typical event), and 200,000 events through the control file of a real mount.
set -u
: "${FN_BUILD:=build}"
"$FN_BUILD/tests/bench/wire" || exit
dir=$(mktemp -d) || exit 1
mkdir "$dir/b" "$dir/m"
server=''
end() {
	umount -l "$dir/m" 2>/dev/null
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
"$FN_BUILD/fnmount" -f --no-passthrough --events=none "$dir/b" "$dir/m" &
server=$!
deadline=$((SECONDS + 5))
until [ -e "$dir/m/.fsnotify" ]; do
	[ $SECONDS -lt $deadline ] || exit 1
	read -rt 0.02 <> <(:)
done
printf 'control file, in order:  '
"$FN_BUILD/tests/helpers/ctlflow" "$dir/m" 200000
printf 'control file, dropping:  '
"$FN_BUILD/tests/helpers/ctlflow" "$dir/m" 200000 0
