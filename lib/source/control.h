/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount's control file from the client's side: fnotify-protocol(7). On the mount itself it is
 * polled; where something lies between (virtiofsd), poll() says nothing and a read that waited
 * would hold up the whole share, so every read is answered at once and the caller paces itself.
 */
#ifndef FN_SOURCE_CONTROL_H
#define FN_SOURCE_CONTROL_H

#include "wire/fn1.h"

struct fn_control_file;

/* The control file of the mount that path is on. path is resolved, but for its last part with
 * !follow. 0, -EOPNOTSUPP: no control file there, or another -errno. */
int fn_control_open(struct fn_control_file **f, const char *path, bool follow);
void fn_control_close(struct fn_control_file *f);

/* What the server said of itself; valid until close. */
const struct fn1_hello *fn_control_hello(const struct fn_control_file *f);
/* The directory that the control file is in, absolute; and path relative to it ("" if the same),
 * or NULL if it is not below. */
const char *fn_control_root(const struct fn_control_file *f);
const char *fn_control_relative(const struct fn_control_file *f, const char *absolute);
/* The path that it was opened with, relative to the root. */
const char *fn_control_path(const struct fn_control_file *f);
/* The descriptor to poll for POLLIN, or -1: nothing tells, look every now and then. */
int fn_control_fd(const struct fn_control_file *f);

/* Send a request and wait (at most some seconds) for the answer. What else comes is kept for
 * fn_control_read(). 0 or -errno; that of the server, or -ETIMEDOUT. */
int fn_control_watch(struct fn_control_file *f, struct fn1_watch *watch);
int fn_control_inject(struct fn_control_file *f, const struct fn_event *ev);
/* Many at once, in their order: errs[i] becomes 0 or the server's -errno for evs[i]. What the
 * server has no room for is sent again. 0, or -errno when the connection failed. */
#define FN_CONTROL_BATCH 64
int fn_control_inject_many(struct fn_control_file *f, struct fn_event *const *evs, size_t n,
			   int *errs);
/* *arm becomes what the server answered. */
int fn_control_arm(struct fn_control_file *f, struct fn1_arm *arm);
/* Nothing is armed any more. What the server answers to that comes later, to nobody. */
int fn_control_disarm(struct fn_control_file *f);

/* The next event, GONE or OVERFLOW; its strings are valid until the next call. 1, 0: none now,
 * or -errno: the connection is gone. */
int fn_control_read(struct fn_control_file *f, struct fn_event *ev);
/* How often the file was read: events between which that is the same happened before the last. */
uint64_t fn_control_reads(const struct fn_control_file *f);
/* True if fn_control_read() may have one without the descriptor being readable. */
bool fn_control_pending(const struct fn_control_file *f);

#endif
