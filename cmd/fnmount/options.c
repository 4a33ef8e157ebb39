/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

static const char *const synopsis[] = {"[OPTION]... BACKING MOUNTPOINT", NULL};

static const struct fn_option options[] = {
	{OPT_FOREGROUND, 'f', "foreground", NULL, "stay in the foreground", NULL, FN_COMPLETE_NONE,
	 NULL},
	{OPT_MOUNT, 'o', "options", "OPT[,OPT]...", "mount options, as mount.fuse3(8) has them",
	 "What libfuse and the kernel know: *noexec*, *suid* and *dev* (else not, as with any FUSE "
	 "mount), *allow_other* (the default for root), *auto_unmount*, *fsname=*NAME, … May be given "
	 "several times. *ro*: nobody "
	 "changes anything through the mount, and what others change is heard all the same; root's "
	 "is marked read-only, an ordinary user's only answers so.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_EVENTS, 'e', "events", "SOURCE",
	 "where events come from: auto, none, a kind or a stream",
	 "*auto* (default): the control file of BACKING if it is a mount that has one, else the "
	 "kernel's own events where BACKING is a local file system; elsewhere fnmount says so and "
	 "does not mount.\n\n"
	 "*none*: no events; the mount is only a passthrough.\n\n"
	 "*fanotify*, *inotify*, *control*: exactly this.\n\n"
	 "*unix:*PATH, *vsock:*CID*:*PORT, a character device or FIFO by its path, *-* for standard "
	 "input, or any other text: a command for *sh -c*. Each gives a stream of events as "
	 "fnwatch(1) writes with *--wire* or *--json*. With *--wire* in its "
	 "words a command is given 15 s to set its watches. A stream that ends is started again, after "
	 "a pause that grows to 5 s; what may have been missed shows as lost events.",
	 FN_COMPLETE_WORDS, "auto|none|control|fanotify|inotify|unix:|vsock:|-"},
	{OPT_TIMEOUT, 't', "timeout", "SECONDS", "how long the kernel caches names and attributes",
	 "Default: a day where this kernel tells of every remote change, else one second. 0 asks the "
	 "backing directory each time.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_THREADS, 0, "threads", "N", "at most so many serving threads (default 10)", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_SINGLE, 's', "single", NULL, "one serving thread", NULL, FN_COMPLETE_NONE, NULL},
	{OPT_WRITEBACK, 0, "writeback", NULL, "let the kernel gather writes in its cache",
	 "Small writes become fast where passthrough is not to be had. Data reach BACKING late, and "
	 "remote writes to a file that is also written here are lost: for directories with one "
	 "writer only.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_NO_PASSTHROUGH, 0, "no-passthrough", NULL,
	 "serve reads and writes here, not in the kernel",
	 "FUSE passthrough (Linux 6.9, as root) is used where it is to be had and fanotify tells "
	 "of the events. Who watches over the control file then hears of what is written through "
	 "the mount when the file is closed, not of each write; and while a file is open on the "
	 "mount, BACKING hears OPEN and CLOSE_WRITE of it once more when others close it.",
	 FN_COMPLETE_NONE, NULL},
	{OPT_NO_CONTROL, 0, "no-control", NULL, "show no control file for remote watches", NULL,
	 FN_COMPLETE_NONE, NULL},
	{OPT_READY_FD, 0, "ready-fd", "N", "write a newline to descriptor N once all is set up",
	 NULL, FN_COMPLETE_NONE, NULL},
	{OPT_STATS, 0, "stats", NULL, "print counts to standard error at the end (with -f)", NULL,
	 FN_COMPLETE_NONE, NULL},
};

const struct fn_command fnmount_command = {
	.name = "fnmount",
	.synopsis = synopsis,
	.purpose = "Mount a directory so that changes made behind the mount raise native events",
	.options = options,
	.noptions = sizeof(options) / sizeof(options[0]),
	.operands = FN_COMPLETE_DIR,
};
