/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/options.h"

static const struct fn_option options[] = {
	{OPT_RECURSIVE, 'r', "recursive", NULL, "watch directories below PATH too",
	 "Directories that appear later are watched too; what was in them already when that "
	 "happened is reported and marked synthetic.",
	 0, NULL},
	{OPT_EVENT, 'e', "event", "EVENTS", "show these events only (comma list, ! negates)",
	 "A list of the names and groups under EVENTS. A name behind *!* is taken away again; a "
	 "list that begins so begins from _all_. Without this option: _change_, which is "
	 "everything but reads, opens and closes of files open for reading.",
	 FN_COMPLETE_EVENTS, NULL},
	{OPT_INCLUDE, 0, "include", "REGEX", "show paths that match", NULL, 0, NULL},
	{OPT_INCLUDE_I, 0, "includei", "REGEX", "the same, in upper or lower case", NULL, 0, NULL},
	{OPT_EXCLUDE, 0, "exclude", "REGEX", "do not show paths that match",
	 "Patterns are POSIX extended expressions and are tried on the path as it is shown, in the "
	 "order in which they were given; the last one that matches decides. A path that none "
	 "matches is shown, unless the first pattern is an *--include*. A directory that is "
	 "excluded is not descended into when no *--include* follows.",
	 0, NULL},
	{OPT_EXCLUDE_I, 0, "excludei", "REGEX", "the same, in upper or lower case", NULL, 0, NULL},
	{OPT_WRITER, 0, "exclude-writer", "COMM|PID", "do not show what this process did",
	 "A process id, or the name of a command (15 bytes at most). On a host this keeps changes "
	 "that a guest made itself from going back to it: *--exclude-writer virtiofsd*. A name is "
	 "known of who lives until it is asked for (see NOTES). inotify cannot tell who did it; "
	 "with that source this is an error.",
	 FN_COMPLETE_PID, NULL},
	{OPT_COUNT, 'n', "count", "COUNT", "end after COUNT records", NULL, 0, NULL},
	{OPT_TIMEOUT, 't', "timeout", "TIME", "end with status 4 after TIME without a record",
	 "A number with one of the units ns, us, ms, s, m, h; seconds if there is none.", 0, NULL},
	{OPT_SETTLE, 0, "settle", "TIME", "join changes of a path until it is quiet for TIME",
	 "One record then names all events of the path. A path that never rests is shown after "
	 "ten times TIME. Renames and deletions are not held; what is known of the path comes "
	 "before them.",
	 0, NULL},
	{OPT_JSON, 'j', "json", NULL, "print one JSON object a line", NULL, 0, NULL},
	{OPT_CSV, 'c', "csv", NULL, "print directory,EVENTS,name as inotifywait does", NULL, 0,
	 NULL},
	{OPT_FORMAT, 0, "format", "FORMAT", "print each record so (see FORMAT)", NULL, 0, NULL},
	{OPT_TIMEFMT, 0, "timefmt", "FORMAT", "how *%T* prints the time, as for strftime(3)", NULL,
	 0, NULL},
	{OPT_NO_NEWLINE, 0, "no-newline", NULL, "print no newline behind a --format record", NULL,
	 0, NULL},
	{OPT_NULL, '0', "null", NULL, "end records with NUL, print names as they are", NULL, 0,
	 NULL},
	{OPT_RAW, 0, "raw", NULL, "print names as they are, without escapes", NULL, 0, NULL},
	{OPT_WIRE, 0, "wire", NULL, "write the binary fn1 stream of fnotify-protocol(7)", NULL, 0,
	 NULL},
	{OPT_COLOUR, 0, "color", "WHEN", "use colour: auto, always or never",
	 "_auto_ is colour on a terminal, unless *NO_COLOR* is set.", FN_COMPLETE_WORDS,
	 "auto|always|never"},
	{OPT_SOURCE, 0, "source", "SOURCE", "auto, remote, fanotify, inotify or stream:FILE",
	 "_auto_ sets watches at the server where a mount speaks fn1, and uses fanotify, else "
	 "inotify, on a local file system and on an *fnmount*(1) that is mounted read-only: nobody "
	 "can write to its control file, but events are native there. _stream:FILE_ reads what *fnwatch --wire* wrote; FILE "
	 "may be *-*. PATH is then only what paths are shown below.",
	 FN_COMPLETE_WORDS, "auto|remote|fanotify|inotify|stream:"},
	{OPT_OVERFLOW, 0, "on-overflow", "ACTION", "when events are lost: report, rescan or exit",
	 "_report_ prints a record, goes on, and ends with status 6 when it ends. _exit_ prints the "
	 "record and ends at once. _rescan_ keeps a picture of the tree in memory, compares it "
	 "with what is there now, and prints the differences as records marked synthetic.",
	 FN_COMPLETE_WORDS, "report|rescan|exit"},
	{OPT_NO_FOLLOW, 'P', "no-dereference", NULL, "watch a PATH that is a symlink itself", NULL,
	 0, NULL},
	{OPT_READY_FD, 0, "ready-fd", "FD", "write a newline to FD once all watches are in force",
	 "FD is then closed.", 0, NULL},
	{OPT_STATS, 0, "stats", NULL, "print counts to stderr at the end and on SIGUSR1", NULL, 0,
	 NULL},
};

static const char *const synopsis[] = {
	"[OPTIONS] PATH…",
	"[OPTIONS] --source=stream:FILE [PATH]",
	NULL,
};

const struct fn_command fnwatch_command = {
	.name = "fnwatch",
	.synopsis = synopsis,
	.purpose = "Print what changes below PATH, there where it happens",
	.options = options,
	.noptions = sizeof(options) / sizeof(options[0]),
	.operands = FN_COMPLETE_FILE,
};
