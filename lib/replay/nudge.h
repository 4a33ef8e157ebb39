/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nudges: system calls on a mount that raise a native event there and change nothing but the
 * change time, whatever serves the mount. Caches are refreshed first, so that whoever wakes up
 * reads the new state. Which call raises what was measured (fnutils(7)).
 *
 * Every call may wait for the file system's server for as long as that takes. Who must not hang
 * makes them in a process that can be killed and abandoned: a request that the server has read
 * already ignores even SIGKILL.
 */
#ifndef FN_REPLAY_NUDGE_H
#define FN_REPLAY_NUDGE_H

#include "event/event.h"

struct fn_nudge;

/* What no call can raise (CREATE, DELETE, RENAME, …) becomes nothing, or another event on the
 * object, or, where that is gone, on the directory it was in. */
enum fn_degrade { FN_DEGRADE_NONE, FN_DEGRADE_ATTRIB, FN_DEGRADE_MODIFY };

struct fn_nudge_opts {
	enum fn_degrade degrade;
	int64_t echo_ns; /* recognise echoes for so long; 0: none */
};

struct fn_nudge_result {
	uint64_t raised;   /* of what was asked */
	uint64_t extra;    /* came along: the OPEN of a CLOSE_WRITE */
	uint64_t degraded; /* was raised in place of what is missing */
	uint64_t missed;   /* cannot be raised by any call */
	bool echo;         /* our own doing, seen from the far side: passed over */
};

/* root: a descriptor of a directory (O_PATH will do), which stays the caller's; no event reaches
 * outside of it, or through a symlink. 0 or -errno. */
int fn_nudge_new(struct fn_nudge **n, int root, const struct fn_nudge_opts *opts);
void fn_nudge_free(struct fn_nudge *n);

/* Refresh and raise; read_ns: when the event was read (CLOCK_MONOTONIC), 0: now. ev->path is
 * relative to root; without a path the object's handle is used. 0 with *res filled, also when
 * something is missed; or -errno: -ENOENT (the object is gone), -EROFS, -EPERM (only the owner
 * may), -EINVAL (a path that is none), -EXDEV, -ELOOP (it leads outside, or through a symlink). */
int fn_nudge_event(struct fn_nudge *n, const struct fn_event *ev, int64_t read_ns,
		   struct fn_nudge_result *res);

#endif
