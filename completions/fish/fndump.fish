# SPDX-License-Identifier: GPL-2.0-or-later
# Generated from the option table of fndump by `make completions`.
complete -c fndump -s i -l input -d 'take the input to be of this format' -x -a 'auto fusedump raw strace libfuse tracefs'
complete -c fndump -l dialect -d 'what numbers with several meanings mean' -x -a 'mainline rfc-v1 rfc-agg rfc-mail rfc-v2 fn-native fn1'
complete -c fndump -s F -l follow -d 'at the end of the file wait for more'
complete -c fndump -s p -l pid -d 'trace the FUSE server of this process id' -x -a '(__fish_complete_pids)'
complete -c fndump -s m -l mount -d 'trace the FUSE mount that PATH lies on, in the kernel' -x -a '(__fish_complete_directories)'
complete -c fndump -l via -d 'how to trace what is live' -x -a 'auto bpf ptrace tracefs'
complete -c fndump -s w -l write -d 'write the messages to FILE as fusedump' -r -F
complete -c fndump -l to-pcapng -d 'write the messages to FILE for Wireshark' -r -F
complete -c fndump -l dissector -d 'print a Wireshark dissector for *--to-pcapng*'
complete -c fndump -s a -l anonymize -d 'hide names and drop content'
complete -c fndump -s e -l filter -d 'only messages for which this holds' -x
complete -c fndump -s v -l verbose -d 'print every field, one a line'
complete -c fndump -s x -l hex -d 'print the bytes as well'
complete -c fndump -s j -l json -d 'print one JSON object a line'
complete -c fndump -s f -l format -d 'print this for each message' -x
complete -c fndump -s P -l pair -d 'print a request and its reply together'
complete -c fndump -s t -l time -d 'how to print times' -x -a 'auto date epoch start delta none'
complete -c fndump -s s -l string-size -d 'print at most this much of content (32)' -x
complete -c fndump -s c -l count -d 'print a summary of operations, not messages'
complete -c fndump -l histogram -d 'print how latencies are spread, not messages'
complete -c fndump -l slowest -d 'print the N exchanges that took longest' -x
complete -c fndump -l outstanding -d 'print the requests without a reply at the end'
complete -c fndump -l check -d 'print violations of the protocol, fail if there are any'
complete -c fndump -l strict -d 'stop at what cannot be read'
complete -c fndump -s n -l limit -d 'end after N messages that pass the filters' -x
complete -c fndump -l max-outstanding -d 'remember at most N requests (65536)' -x
complete -c fndump -l max-nodes -d 'remember at most N nodes (1048576)' -x
complete -c fndump -l max-message -d 'take no message longer than this (32M)' -x
complete -c fndump -s h -l help -d 'show this help'
complete -c fndump -l version -d 'show the version'
