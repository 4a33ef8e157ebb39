/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnsend/send.h"

static const char *const synopsis[] = {
	"[OPTION...] EVENT PATH [NEWPATH]",
	"[OPTION...] --stdin ROOT",
	"[OPTION...] --from-log=FILE ROOT",
	"[OPTION...] --follow MOUNT",
	"[OPTION...] --notify=KIND --pid=SERVER [ARG...]",
	"--list-fds --pid=SERVER",
	NULL,
};

#define VIA_WORDS "auto|native|replay|nudge"
#define INPUT_WORDS "json|wire|inotifywait|csv|fswatch|mask"
#define DIALECT_WORDS "fn1|rfc-v1|rfc-agg|rfc-mail|rfc-v2|fn-native"
#define NOTIFY_WORDS \
	"inval-inode|inval-entry|expire-entry|delete|store|resend|inc-epoch|prune|fsnotify"
#define MALFORMED_WORDS \
	"short|long|length|name-nul|name-slash|name-dots|name-long|mask|node|code|random"

static const struct fn_option options[] = {
	{OPT_VIA, 0, "via", "MEANS", "auto, native, replay or nudge (auto: the best there is)",
	 NULL, FN_COMPLETE_WORDS, VIA_WORDS},
	{OPT_DEGRADE, 0, "degrade", "HOW",
	 "what a nudge makes of events that it cannot raise: none, attrib, modify",
	 "A nudge cannot raise CREATE, DELETE and renames. With *none*, the default, such an event\n"
	 "only refreshes the caches and is reported as undelivered; else an ATTRIB or MODIFY is\n"
	 "raised on the object, or on its directory when it is gone.",
	 FN_COMPLETE_WORDS, "none|attrib|modify"},
	{OPT_MASK, 0, "mask", "MASK", "the event as raw bits: names or a hexadecimal number", NULL,
	 FN_COMPLETE_EVENTS, NULL},
	{OPT_HANDLE, 0, "handle", "TYPE:HEX", "the object by its file handle; PATH is its mount",
	 NULL, FN_COMPLETE_NONE, NULL},
	{OPT_NODE, 0, "node", "ID[:GEN]", "the object by FUSE node id and generation", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_STDIN, 0, "stdin", NULL, "take events from standard input, below ROOT",
	 "The form is told from the first line: JSON as fnwatch prints it, an fn1 stream,\n"
	 "inotifywait's lines, fswatch -x, or MASK PATH. A line that cannot be read is reported with\n"
	 "its number and passed over; the status is then 1.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_INPUT, 'i', "input", "FORM",
	 "the form of the input: json, wire, inotifywait, csv, fswatch, mask", NULL,
	 FN_COMPLETE_WORDS, INPUT_WORDS},
	{OPT_FORMAT, 0, "format", "FORMAT", "what inotifywait was given with --format", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_NULL, '0', "null", NULL, "records end with a NUL byte, not a newline", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_STRIP, 0, "strip", "PREFIX", "remove this leading directory from the paths of events",
	 "Needed where paths are absolute and the source's root has another name than ROOT. JSON\n"
	 "events name their root, and need none.",
	 FN_COMPLETE_DIR, NULL},
	{OPT_PREFIX, 0, "prefix", "DIR", "put this directory, below ROOT, before the paths", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_KEEP_ECHOES, 0, "keep-echoes", NULL,
	 "send on what our own nudges made the source report",
	 "A nudge is a real operation: the far side's watcher sees it too, and would send it back\n"
	 "for ever. A ledger of what was nudged ends that: an event that was expected within two\n"
	 "seconds after a nudge, on an object that is exactly as the nudge left it, is passed over.\n"
	 "Events from a regular file or from --from-log are never echoes.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_FOLLOW, 0, "follow", NULL,
	 "take events from MOUNT's control file and raise them there", NULL, FN_COMPLETE_NONE,
	 NULL},
	{OPT_ALLOW, 0, "allow", "EVENTS",
	 "with --follow: repeat delete, rename also where that has a risk",
	 "Where the server of MOUNT swallows operations (fnmount below virtiofsd), *--follow*\n"
	 "repeats CREATE, MODIFY, ATTRIB and RENAME exactly, and nobody can get a result that he\n"
	 "would not have got without it. What is gone again by then cannot be repeated, and is\n"
	 "degraded, as is everything about names where this kernel keeps none (cache=none, never).\n"
	 "Two things cannot be had at that price:\n\n"
	 "*delete*: an *unlink*(2) carries no mark that tells it from another. A process here that\n"
	 "makes and unlinks the same name within the same few milliseconds can be refused (EBUSY).\n\n"
	 "*rename* of a name that this kernel has not fresh in its cache. It is fresh for as long as\n"
	 "virtiofsd says when anybody looks it up, a CREATE, MODIFY or ATTRIB that was repeated\n"
	 "included: with cache=auto for one second, with cache=always for good. With this option a\n"
	 "process here that creates the old name anew in these milliseconds can be told that it\n"
	 "exists.\n\n"
	 "Without this option such an event is degraded; *--verbose* says of each why.",
	 FN_COMPLETE_WORDS, "delete|rename|delete,rename"},
	{OPT_FROM_LOG, 0, "from-log", "FILE",
	 "send the events of a file with their original spacing", NULL, FN_COMPLETE_FILE, NULL},
	{OPT_SPEED, 0, "speed", "FACTOR",
	 "with --from-log: how many times faster; 0: without pauses", NULL, FN_COMPLETE_NONE, NULL},
	{OPT_RATE, 0, "rate", "N", "at most N events a second", NULL, FN_COMPLETE_NONE, NULL},
	{OPT_REPEAT, 0, "repeat", "N", "send it N times", NULL, FN_COMPLETE_NONE, NULL},
	{OPT_TIMEOUT, 't', "timeout", "TIME", "how long the file system may take to answer (5s)",
	 "After that the status is 4. Nothing hangs: what waits for the file system is a process\n"
	 "of its own, which is killed, or left behind where its server has read the request and\n"
	 "never answers.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_STATS, 0, "stats", NULL, "print counts at the end, on standard error", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_VERBOSE, 'v', "verbose", NULL, "say which means was used and why, for each event",
	 NULL, FN_COMPLETE_NONE, NULL},
	{OPT_DRY_RUN, 'n', "dry-run", NULL, "print the message, in hex and decoded; needs no mount",
	 NULL, FN_COMPLETE_NONE, NULL},
	{OPT_DIALECT, 0, "dialect", "NAME",
	 "of remote fsnotify: fn1 (default), rfc-v1, rfc-agg, rfc-mail, rfc-v2, fn-native", NULL,
	 FN_COMPLETE_WORDS, DIALECT_WORDS},
	{OPT_MALFORMED, 0, "malformed", "KIND", "spoil the message, to test who receives it",
	 "Kinds: *short*, *long* (bytes missing, or too many), *length* (the header lies),\n"
	 "*name-nul*, *name-slash*, *name-dots*, *name-long*, *mask* (unknown bits), *node* (an\n"
	 "unknown node), *code* (an unknown number), *random* (noise behind a header).",
	 FN_COMPLETE_WORDS, MALFORMED_WORDS},
	{OPT_NOTIFY, 0, "notify", "KIND",
	 "send a raw FUSE notification through a server's own descriptor",
	 "The arguments are: *inval-inode* NODE [OFFSET LENGTH], *inval-entry* PARENT NAME,\n"
	 "*expire-entry* PARENT NAME, *delete* PARENT CHILD NAME, *store* NODE OFFSET DATA,\n"
	 "*prune* NODE..., *resend*, *inc-epoch*, and with --dialect *fsnotify* EVENT NODE [NAME].\n"
	 "A NODE is a number, a number with a generation (ID:GEN), or a path with a '/' in it.",
	 FN_COMPLETE_WORDS, NOTIFY_WORDS},
	{OPT_PID, 'p', "pid", "SERVER", "the process that serves the mount", NULL, FN_COMPLETE_PID,
	 NULL},
	{OPT_FD, 0, "fd", "N", "which of its descriptors, if it has several", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_LIST_FDS, 0, "list-fds", NULL, "list the /dev/fuse descriptors of a server", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_FORCE, 0, "force", NULL, "send codes that a stock kernel takes for something else",
	 "The RFC's code 8 is INC_EPOCH on kernels since 6.16, and throws every cached entry away;\n"
	 "7 is RESEND since 6.9, and sends every pending request again.",
	 FN_COMPLETE_NONE, NULL},
};

const struct fn_command fnsend_command = {
	.name = "fnsend",
	.synopsis = synopsis,
	.purpose = "Inject file system events into a mount, by the best means that it has",
	.options = options,
	.noptions = sizeof(options) / sizeof(options[0]),
	.operands = FN_COMPLETE_FILE,
};
