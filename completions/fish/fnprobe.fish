# SPDX-License-Identifier: GPL-2.0-or-later
# Generated from the option table of fnprobe by `make completions`.
complete -c fnprobe -s j -l json -d 'print one JSON object'
complete -c fnprobe -l shell -d 'print KEY=\'value\' lines for a shell to evaluate'
complete -c fnprobe -l macros -d 'print C macros HAVE_NAME'
complete -c fnprobe -l prefix -d 'what keys and macros begin with' -x
complete -c fnprobe -s l -l list -d 'list the facts that can be asked for'
complete -c fnprobe -s o -l columns -d 'columns of the table, separated by commas' -x
complete -c fnprobe -s r -l require -d 'print nothing; succeed if these facts hold' -x
complete -c fnprobe -l require-not -d 'print nothing; succeed if none of these holds' -x
complete -c fnprobe -s w -l wait -d 'probe again until it holds; tags: wait for TAG' -x
complete -c fnprobe -s t -l timeout -d 'how long one probe may take' -x
complete -c fnprobe -l as -d 'the kernel to be: 7.31, rfc-v2, …' -x
complete -c fnprobe -l backing -d 'events: the far side is this directory here' -x -a '(__fish_complete_directories)'
complete -c fnprobe -l remote -d 'events: COMMAND starts a shell in the far directory' -x
complete -c fnprobe -l from-trace -d 'take INIT from a trace that fndump reads' -r -F
complete -c fnprobe -l passive -d 'mount: look only, create nothing'
complete -c fnprobe -l no-connect -d 'vhost-user: only say who owns the socket'
complete -c fnprobe -s h -l help -d 'show this help'
complete -c fnprobe -l version -d 'show the version'
complete -c fnprobe -n __fish_use_subcommand -a 'kernel mount server vhost-user tags events'
