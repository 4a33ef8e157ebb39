/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify and fanotify on one directory and on objects in it, as raw as a program sees them. */
#ifndef FN_PROBE_WATCHERS_H
#define FN_PROBE_WATCHERS_H

#include "probe/matrix.h"

enum { FN_WATCH_INOTIFY, FN_WATCH_FANOTIFY, FN_WATCHERS };
#define FN_KINDS_MAX 32

struct fn_watcher {
	const char *name;
	int fd;
	int error; /* -errno: it cannot watch there */
	int dir_wd, self_wd[FN_KINDS_MAX];
	struct fn_seen_of_kind seen[FN_KINDS_MAX];
	bool settled; /* the creation of FN_SETTLE_NAME was seen */
};
#define FN_SETTLE_NAME "settle"

/* path: the directory as it is seen on the mount. */
void fn_watchers_open(struct fn_watcher w[FN_WATCHERS], const char *path);
void fn_watchers_close(struct fn_watcher w[FN_WATCHERS]);
/* Reads what is there into seen; never blocks. 0 or -errno. */
int fn_watcher_read(struct fn_watcher *w);

#endif
