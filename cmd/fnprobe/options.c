/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnprobe/fnprobe.h"

static const char *const synopsis[] = {
	"[OPTION…] kernel",
	"[OPTION…] mount PATH",
	"[OPTION…] server -- COMMAND [ARG…]",
	"[OPTION…] vhost-user SOCKET",
	"[OPTION…] tags [--wait=TAG]",
	"[OPTION…] events PATH [--backing=DIR|--remote=COMMAND]",
	"[OPTION…] --from-trace=FILE",
	NULL,
};

static const struct fn_option options[] = {
	{.id = OPT_JSON,
	 .short_name = 'j',
	 .name = "json",
	 .help = "print one JSON object",
	 .man = "It has the members _schema_ (1), _probe_ and _facts_, an array in a stable order "
		"of objects with _name_, _group_, _state_, _holds_ (true, false or null), _value_, "
		"_reason_ and _how_."},
	{.id = OPT_SHELL,
	 .name = "shell",
	 .help = "print KEY='value' lines for a shell to evaluate",
	 .man = "The value is that of the fact, and its state where it has none. Keys begin with "
		"FN_, see *--prefix*."},
	{.id = OPT_MACROS,
	 .name = "macros",
	 .help = "print C macros HAVE_NAME",
	 .man = "A fact that does not hold, or is unknown, becomes a comment. A fact with a number "
		"also gives a macro NAME of that number."},
	{.id = OPT_PREFIX,
	 .name = "prefix",
	 .arg = "PREFIX",
	 .help = "what keys and macros begin with"},
	{.id = OPT_LIST,
	 .short_name = 'l',
	 .name = "list",
	 .help = "list the facts that can be asked for",
	 .man = "Of one probe where one is named, else of all. Nothing is probed."},
	{.id = OPT_COLUMNS,
	 .short_name = 'o',
	 .name = "columns",
	 .arg = "LIST",
	 .help = "columns of the table, separated by commas",
	 .man = "Any of name, group, state, value, reason and how."},
	{.id = OPT_REQUIRE,
	 .short_name = 'r',
	 .name = "require",
	 .arg = "NAME[,…]",
	 .help = "print nothing; succeed if these facts hold",
	 .man = "The exit status is 0 when all hold, 1 when one does not, 3 when that cannot be "
		"told. Case, '-' for '_' and a leading FUSE_ do not matter."},
	{.id = OPT_REQUIRE_NOT,
	 .name = "require-not",
	 .arg = "NAME[,…]",
	 .help = "print nothing; succeed if none of these holds"},
	{.id = OPT_WAIT,
	 .short_name = 'w',
	 .name = "wait",
	 .arg = "SECONDS|TAG",
	 .help = "probe again until it holds; tags: wait for TAG",
	 .man = "With *--require* and *--require-not* until they are met, else until the probe can "
		"look. When that time has passed the exit status is 4. With *tags* the argument "
		"is the tag of a virtiofs device, and *--timeout* is how long to wait for it."},
	{.id = OPT_TIMEOUT,
	 .short_name = 't',
	 .name = "timeout",
	 .arg = "DURATION",
	 .help = "how long one probe may take",
	 .man = "2s, for *events* 1s for each kind of event. What has not answered by then is "
		"unknown."},
	{.id = OPT_AS,
	 .name = "as",
	 .arg = "VERSION|DIALECT",
	 .help = "the kernel to be: 7.31, rfc-v2, …",
	 .man = "For *server* and *vhost-user*. A version offers the flags that a kernel of that "
		"version may; a dialect is one of rfc-v1, rfc-agg, rfc-mail, rfc-v2 and "
		"fn-native."},
	{.id = OPT_BACKING,
	 .name = "backing",
	 .arg = "DIR",
	 .help = "events: the far side is this directory here",
	 .complete = FN_COMPLETE_DIR},
	{.id = OPT_REMOTE,
	 .name = "remote",
	 .arg = "COMMAND",
	 .help = "events: COMMAND starts a shell in the far directory",
	 .man = "For example 'ssh host \"cd /src && exec sh\"'. It gets commands of a POSIX shell "
		"on its standard input."},
	{.id = OPT_FROM_TRACE,
	 .name = "from-trace",
	 .arg = "FILE",
	 .help = "take INIT from a trace that fndump reads",
	 .complete = FN_COMPLETE_FILE},
	{.id = OPT_PASSIVE, .name = "passive", .help = "mount: look only, create nothing"},
	{.id = OPT_NO_CONNECT,
	 .name = "no-connect",
	 .help = "vhost-user: only say who owns the socket",
	 .man = "A virtiofsd serves one connection and ends with it: what *vhost-user* asks is the "
		"only thing that it will ever answer. Ask before the guest is started, and start "
		"virtiofsd again, or use this option."},
};

const struct fn_command fnprobe_command = {
	.name = "fnprobe",
	.synopsis = synopsis,
	.purpose = "Find out what a kernel, a mount or a FUSE server can really do",
	.options = options,
	.noptions = sizeof(options) / sizeof(options[0]),
	.operands = FN_COMPLETE_WORDS,
	.words = "kernel|mount|server|vhost-user|tags|events",
};
