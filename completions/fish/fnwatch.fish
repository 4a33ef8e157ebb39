# SPDX-License-Identifier: GPL-2.0-or-later
# Generated from the option table of fnwatch by `make completions`.
complete -c fnwatch -s r -l recursive -d 'watch directories below PATH too'
complete -c fnwatch -s e -l event -d 'show these events only (comma list, ! negates)' -x -a 'access all attrib change close close-nowrite close-write create delete delete-self ignored modify move move-self moved-from moved-to open open-exec overflow rename self unmount'
complete -c fnwatch -l include -d 'show paths that match' -x
complete -c fnwatch -l includei -d 'the same, in upper or lower case' -x
complete -c fnwatch -l exclude -d 'do not show paths that match' -x
complete -c fnwatch -l excludei -d 'the same, in upper or lower case' -x
complete -c fnwatch -l exclude-writer -d 'do not show what this process did' -x -a '(__fish_complete_pids)'
complete -c fnwatch -s n -l count -d 'end after COUNT records' -x
complete -c fnwatch -s t -l timeout -d 'end with status 4 after TIME without a record' -x
complete -c fnwatch -l settle -d 'join changes of a path until it is quiet for TIME' -x
complete -c fnwatch -s j -l json -d 'print one JSON object a line'
complete -c fnwatch -s c -l csv -d 'print directory,EVENTS,name as inotifywait does'
complete -c fnwatch -l format -d 'print each record so (see FORMAT)' -x
complete -c fnwatch -l timefmt -d 'how *%T* prints the time, as for strftime(3)' -x
complete -c fnwatch -l no-newline -d 'print no newline behind a --format record'
complete -c fnwatch -s 0 -l null -d 'end records with NUL, print names as they are'
complete -c fnwatch -l raw -d 'print names as they are, without escapes'
complete -c fnwatch -l wire -d 'write the binary fn1 stream of fnotify-protocol(7)'
complete -c fnwatch -l color -d 'use colour: auto, always or never' -x -a 'auto always never'
complete -c fnwatch -l source -d 'auto, remote, fanotify, inotify or stream:FILE' -x -a 'auto remote fanotify inotify stream:'
complete -c fnwatch -l on-overflow -d 'when events are lost: report, rescan or exit' -x -a 'report rescan exit'
complete -c fnwatch -s P -l no-dereference -d 'watch a PATH that is a symlink itself'
complete -c fnwatch -l ready-fd -d 'write a newline to FD once all watches are in force' -x
complete -c fnwatch -l stats -d 'print counts to stderr at the end and on SIGUSR1'
complete -c fnwatch -s h -l help -d 'show this help'
complete -c fnwatch -l version -d 'show the version'
