/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's fuse tracepoints as text, for one connection: an instance of tracefs of our own,
 * which nobody else sees or is disturbed by. What comes is for fn_trace_open_fd() with
 * FN_TRACE_TRACEFS.
 */
#ifndef FN_TRACE_TRACEFS_H
#define FN_TRACE_TRACEFS_H

#include <stdint.h>

struct fn_tracefs;

/* The connection number of the FUSE mount that path lies on: what /sys/fs/fuse/connections and
 * the tracepoints call it. -ENOTTY: no FUSE mount. Asks the kernel, never the server. */
int fn_mount_connection(const char *path, uint32_t *conn);

/* -ENOENT: the kernel has no such tracepoints. *fd is the caller's. */
int fn_tracefs_start(struct fn_tracefs **t, uint32_t conn, int *fd);
void fn_tracefs_stop(struct fn_tracefs *t);

#endif
