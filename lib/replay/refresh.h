/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel has cached of a file system whose far side changed, made fresh without a side
 * effect there: no event, no new time stamp. Every call may wait for the file system's server.
 */
#ifndef FN_REPLAY_REFRESH_H
#define FN_REPLAY_REFRESH_H

#include <stdbool.h>
#include <sys/stat.h>

/* A descriptor of a place that lies on no file system which anybody refreshes (/proc), for
 * fn_refresh_name(). A descriptor or -errno. */
int fn_refresh_outside(void);

/* Look a name up again, whatever timeout its entry has: a link from another file system is
 * refused (EXDEV, EEXIST), but only after the name was looked up with LOOKUP_EXCL. 1: the name is
 * there, with fresh attributes; 0: it is not, and a stale entry was dropped; or -errno. */
int fn_refresh_name(int outside, int dirfd, const char *name);

/* Attributes from the server (AT_STATX_FORCE_SYNC). A changed size or time also drops cached
 * pages. fd may be O_PATH. A deleted object may still answer, with no links. 0 or -errno. */
int fn_refresh_attr(int fd, struct statx *stx);
/* What the kernel has cached of them, without asking. */
int fn_cached_attr(int fd, struct statx *stx);

/* All there is to a name, the directory's attributes first: their change also ends a stale listing.
 * What stood there under a stale entry is synchronised while the entry is held, so that the kernel
 * sees that it has no links left and, when it is let go, tells its watchers. written: its data
 * changed; its pages go where the attributes do not show that (fn_refresh_data). ended, if not
 * NULL: that was so, and they were told; what has no timeout, or whose timeout is over, cannot be
 * looked at like that. 1, 0 or -errno as above. */
int fn_refresh_entry(int outside, int dirfd, const char *name, bool written, bool *ended);
/* The same without the directory. */
int fn_refresh_object(int outside, int dirfd, const char *name, bool written, bool *ended);

/* The kernel has nothing under this name that it would answer with before it asks. What it knows of
 * an object may be old all the same: somebody has it open. The directory's attributes have to be
 * fresh; false also where that cannot be told. Asks nobody. */
bool fn_refresh_needless(int dirfd, const char *name);

/* Cached pages of a regular file, also where size and times are the same as before. It has to
 * open the file, which the far side can see. fd may be O_PATH. 0 or -errno. */
int fn_refresh_data(int fd);

/* open() of what an O_PATH descriptor stands for. A descriptor or -errno. */
int fn_reopen(int fd, int flags);

/* What RESOLVE_CACHED opened; less than 0: nothing. errno is kept. */
void fn_close_cached(int fd);

#endif
