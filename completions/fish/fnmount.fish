# SPDX-License-Identifier: GPL-2.0-or-later
# Generated from the option table of fnmount by `make completions`.
complete -c fnmount -s f -l foreground -d 'stay in the foreground'
complete -c fnmount -s o -l options -d 'mount options, as mount.fuse3(8) has them' -x
complete -c fnmount -s e -l events -d 'where events come from: auto, none, a kind or a stream' -x -a 'auto none control fanotify inotify unix: vsock: -'
complete -c fnmount -s t -l timeout -d 'how long the kernel caches names and attributes' -x
complete -c fnmount -l threads -d 'at most so many serving threads (default 10)' -x
complete -c fnmount -s s -l single -d 'one serving thread'
complete -c fnmount -l writeback -d 'let the kernel gather writes in its cache'
complete -c fnmount -l no-passthrough -d 'serve reads and writes here, not in the kernel'
complete -c fnmount -l no-control -d 'show no control file for remote watches'
complete -c fnmount -l ready-fd -d 'write a newline to descriptor N once all is set up' -x
complete -c fnmount -l stats -d 'print counts to standard error at the end (with -f)'
complete -c fnmount -s h -l help -d 'show this help'
complete -c fnmount -l version -d 'show the version'
