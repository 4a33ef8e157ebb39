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
	/* The backing id by which the kernel has the node open for passthrough now, 0: it has not.
	 * It is to stay until this is asked again, with begin false. Called in the process that
	 * replays, which has the server's memory and none of its descriptors. */
	int32_t (*backing)(void *ctx, uint64_t nodeid, bool begin);
	/* Events were lost: whatever the kernel has cached of the store may be old. */
	void (*lost)(void *ctx);
};

struct fn_server_opts {
	const char *mountpoint; /* where the session is mounted */
	const char *backing;    /* directory that the mount shows, or NULL */
	bool no_follow;         /* the caller follows it, or hears of its changes otherwise */
	const struct fn_server_hooks *hooks;
	void *hooks_ctx;
	size_t queue_max; /* events waiting for replay; 0: a sane default */
	uint64_t mask;    /* events replayed; 0: FN_CHANGE_EVENTS */
	/* Operations start no threads that outlive them, but libfuse's own: the thread that serves
	 * replay may be kept on its processor. */
	bool near;
	bool no_control; /* do not show the control file */
	bool paths_only; /* events come from elsewhere: their handles and nodes mean nothing here */
	/* INIT flags (bits of flags2 from 32 on) that this server's libfuse does not know: added
	 * to its reply where the kernel offers them. */
	uint64_t init_flags;
	uint32_t max_stack_depth; /* with FUSE_PASSTHROUGH */
	/* Whoever would change the store gets EROFS. The file system has to be mounted for writing
	 * all the same (the mount point may be made read-only): replay comes through it. */
	bool read_only;
	/* The server resolves paths from names it remembers (libfuse's high-level API): UNLINK,
	 * RMDIR and RENAME of the replay thread go to it, and its operations have to leave the
	 * store alone for that thread (fn_server_is_replay() in server/reserved.h). */
	bool follows_names;
};

/* After fuse_session_mount(), before the loop. 0 or -errno. */
int fn_server_attach(struct fn_server **srv, struct fuse_session *se,
		     const struct fn_server_opts *opts);
/* After the loop. Ends the threads, frees everything. NULL is allowed. */
void fn_server_detach(struct fn_server *srv);

/* The INIT flags agreed on; 0 until INIT has been answered. */
uint64_t fn_server_init_flags(const struct fn_server *srv);

/* A remote change happened. Any thread; never blocks; takes a copy. parent/object are those of
 * the backing store (handle) or of the mount (node), or paths relative to the mount are given.
 * 0, or -EINVAL for an event that is malformed (it is counted and passed over). */
int fn_server_push(struct fn_server *srv, const struct fn_event *ev);
/* Whether n events in this directory (or of a rename out of the other) can concern anybody: for a
 * source that can leave them out early (struct fn_source_opts). If not, they count as unheld. */
bool fn_server_wants(struct fn_server *srv, const struct fn_object *dir,
		     const struct fn_object *old_dir, unsigned n);
/* Whether the kernel holds the directory of this path, so that somebody may have looked there. */
bool fn_server_holds(struct fn_server *srv, const struct fn_str *path);
/* Where the kernel has a node, relative to the mount. 0 or -errno. */
int fn_server_place(struct fn_server *srv, uint64_t nodeid, char *buf, size_t size);
/* A thread of the server's own that dispatches src into fn_server_push() until detach, which
 * also closes src. */
int fn_server_follow(struct fn_server *srv, struct fn_source *src);

/* Follow opts->backing: watch it, leave out what this process did, push the rest. */
int fn_server_follow_backing(struct fn_server *srv, const char *backing);

struct fn_server_stats {
	uint64_t pushed;    /* events given to fn_server_push() */
	uint64_t replayed;  /* raised */
	uint64_t unheld;    /* where nobody can be watching */
	uint64_t coalesced; /* the same was waiting already */
	uint64_t malformed;
	uint64_t stale;  /* told twice, or of what is no longer so */
	uint64_t failed; /* the kernel refused the system call */
	uint64_t lost;   /* no room in the queue: their directories got ATTRIB */
};
void fn_server_stats(const struct fn_server *srv, struct fn_server_stats *st);

#endif
