# SPDX-License-Identifier: GPL-2.0-or-later
# Generated from the option table of fnsend by `make completions`.
complete -c fnsend -l via -d 'auto, native, replay or nudge (auto: the best there is)' -x -a 'auto native replay nudge'
complete -c fnsend -l degrade -d 'what a nudge makes of events that it cannot raise: none, attrib, modify' -x -a 'none attrib modify'
complete -c fnsend -l mask -d 'the event as raw bits: names or a hexadecimal number' -x -a 'access all attrib change close close-nowrite close-write create delete delete-self ignored modify move move-self moved-from moved-to open open-exec overflow rename self unmount'
complete -c fnsend -l handle -d 'the object by its file handle; PATH is its mount' -x
complete -c fnsend -l node -d 'the object by FUSE node id and generation' -x
complete -c fnsend -l stdin -d 'take events from standard input, below ROOT'
complete -c fnsend -s i -l input -d 'the form of the input: json, wire, inotifywait, csv, fswatch, mask' -x -a 'json wire inotifywait csv fswatch mask'
complete -c fnsend -l format -d 'what inotifywait was given with --format' -x
complete -c fnsend -s 0 -l null -d 'records end with a NUL byte, not a newline'
complete -c fnsend -l strip -d 'remove this leading directory from the paths of events' -x -a '(__fish_complete_directories)'
complete -c fnsend -l prefix -d 'put this directory, below ROOT, before the paths' -x
complete -c fnsend -l keep-echoes -d 'send on what our own nudges made the source report'
complete -c fnsend -l follow -d 'take events from MOUNT\'s control file and raise them there'
complete -c fnsend -l allow -d 'with --follow: repeat delete, rename also where that has a risk' -x -a 'delete rename delete,rename'
complete -c fnsend -l from-log -d 'send the events of a file with their original spacing' -r -F
complete -c fnsend -l speed -d 'with --from-log: how many times faster; 0: without pauses' -x
complete -c fnsend -l rate -d 'at most N events a second' -x
complete -c fnsend -l repeat -d 'send it N times' -x
complete -c fnsend -s t -l timeout -d 'how long the file system may take to answer (5s)' -x
complete -c fnsend -l stats -d 'print counts at the end, on standard error'
complete -c fnsend -s v -l verbose -d 'say which means was used and why, for each event'
complete -c fnsend -s n -l dry-run -d 'print the message, in hex and decoded; needs no mount'
complete -c fnsend -l dialect -d 'of remote fsnotify: fn1 (default), rfc-v1, rfc-agg, rfc-mail, rfc-v2, fn-native' -x -a 'fn1 rfc-v1 rfc-agg rfc-mail rfc-v2 fn-native'
complete -c fnsend -l malformed -d 'spoil the message, to test who receives it' -x -a 'short long length name-nul name-slash name-dots name-long mask node code random'
complete -c fnsend -l notify -d 'send a raw FUSE notification through a server\'s own descriptor' -x -a 'inval-inode inval-entry expire-entry delete store resend inc-epoch prune fsnotify'
complete -c fnsend -s p -l pid -d 'the process that serves the mount' -x -a '(__fish_complete_pids)'
complete -c fnsend -l fd -d 'which of its descriptors, if it has several' -x
complete -c fnsend -l list-fds -d 'list the /dev/fuse descriptors of a server'
complete -c fnsend -l force -d 'send codes that a stock kernel takes for something else'
complete -c fnsend -s h -l help -d 'show this help'
complete -c fnsend -l version -d 'show the version'
