/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a FUSE server links. fn_server_attach() stands between /dev/fuse and libfuse's message
 * handling (fuse_session_custom_io), so it works with any libfuse3 server, low or high level, and
 * with libfuse's own single- and multi-threaded loops.
 */
#ifndef FN_SERVER_SERVER_H
#define FN_SERVER_SERVER_H

#include <sys/stat.h>

#include "event/event.h"
#include "source/source.h"

struct fuse_session;
struct fn_server;

/* What a server that knows more than its messages say can tell. Any may be NULL. */
struct fn_server_hooks {
	/* The node that the kernel holds for an object of the backing store: fills nodeid and
	 * generation and returns 0, or -ENOENT when the kernel holds none (then nobody can watch
	 * it, and its events need no replay). NULL: the shim's own table of names decides. */
	int (*find)(void *ctx, const struct fn_object *backing, struct fn_object *node);
	/* The path of a held directory relative to the mount, for where handles cannot be opened.
	 */
	int (*path)(void *ctx, uint64_t nodeid, char *buf, size_t size);
	/* The node whose data passes through to the backing file: an OPEN that the shim answers
	 * must carry the same. 0, or -ENOENT for an ordinary file. */
	int (*passthrough)(void *ctx, uint64_t nodeid, int32_t *backing_id);
};

struct fn_server_opts {
	const char *mountpoint; /* where the session is mounted */
	const char *backing;    /* directory that the mount shows, or NULL */
	const struct fn_server_hooks *hooks;
	void *hooks_ctx;
	size_t queue_max; /* events waiting for replay; 0: a sane default */
	uint64_t mask;    /* events replayed; 0: FN_CHANGE_EVENTS */
	bool no_control;  /* do not show the control file */
};

/* After fuse_session_mount(), before the loop. 0 or -errno. */
int fn_server_attach(struct fn_server **srv, struct fuse_session *se,
		     const struct fn_server_opts *opts);
/* After the loop. Ends the threads, frees everything. NULL is allowed. */
void fn_server_detach(struct fn_server *srv);

/* A remote change happened. Any thread; never blocks; takes a copy. parent/object are those of
 * the backing store (handle) or of the mount (node), or paths relative to the mount are given.
 * 0, or -EINVAL for an event that is malformed (it is counted and passed over). */
int fn_server_push(struct fn_server *srv, const struct fn_event *ev);
/* A thread of the server's own that dispatches src into fn_server_push() until detach, which
 * also closes src. */
int fn_server_follow(struct fn_server *srv, struct fn_source *src);

struct fn_server_stats {
	uint64_t pushed, replayed, unheld, coalesced, malformed, failed, lost;
};
void fn_server_stats(const struct fn_server *srv, struct fn_server_stats *st);

#endif
