/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The probes. Each adds facts to a list and is bounded by a time. */
#ifndef FN_PROBE_PROBE_H
#define FN_PROBE_PROBE_H

#include "probe/fact.h"

#include <sys/types.h>

/* Each probe: 0 when it could look, whatever it found; -errno when it could not begin. */

/* What the kernel offers. FUSE's INIT is read from a super block that is never mounted
 * anywhere, in namespaces of its own where that is needed, so nothing can stay behind. */
int fn_probe_kernel(struct fn_facts *f, int64_t timeout_ns);

/* The mount that path is on: how it is mounted, who serves it, what it can do. Behaviour is
 * tried in files without a name, or in a directory that is removed again. */
struct fn_probe_mount_opts {
	const char *path;
	bool passive; /* look, but create nothing */
};
int fn_probe_mount(struct fn_facts *f, const struct fn_probe_mount_opts *opts, int64_t timeout_ns);

/* Starts a libfuse3 server with a socket in place of /dev/fuse. as: see fn_peer_offer(). */
int fn_probe_server(struct fn_facts *f, char *const *command, const char *as, int64_t timeout_ns);

/* A running vhost-user back-end for virtiofs. It serves one connection; this is it. */
int fn_probe_vhost_user(struct fn_facts *f, const char *path, const char *as, bool no_connect,
			int64_t timeout_ns);

/* Which native events arrive on path when the far side changes things. Without backing and remote
 * the changes are made on path itself. timeout_ns: for the last event to arrive. */
struct fn_probe_events_opts {
	const char *path;
	const char *backing; /* the directory that the mount shows */
	const char *remote;  /* a command that starts a shell in it */
};
int fn_probe_events(struct fn_facts *f, const struct fn_probe_events_opts *opts,
		    int64_t timeout_ns);

/* What was negotiated, out of a trace that lib/trace reads ("-": standard input). */
int fn_probe_trace(struct fn_facts *f, const char *path, const char *as);

#endif
