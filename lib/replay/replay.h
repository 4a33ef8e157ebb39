/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The replay thread: takes events off a bounded queue and makes the system call of each on the
 * mount. It serves no requests, nobody waits for it, and it keeps nothing of the mount open while
 * it is idle, so the mount can always be unmounted.
 *
 * It works in a process of its own that shares the server's memory but neither its descriptors
 * nor its end. When the server is killed or dumps core, its threads have to end before the kernel
 * closes /dev/fuse, and only that ends the request which the replay waits for: as one of these
 * threads, or with /dev/fuse open, it would keep alive the very connection that it hangs on.
 */
#ifndef FN_REPLAY_REPLAY_H
#define FN_REPLAY_REPLAY_H

#include "event/event.h"
#include "replay/shim.h"

/* The object of an event is known, and the kernel does not hold it. */
#define FN_ITEM_UNHELD UINT64_MAX

/* One thing to replay. Parents are node ids that the kernel holds; of a rename, 0 stands for a
 * side that it does not. */
struct fn_item {
	enum fn_op_kind kind;
	uint32_t mask; /* ATTR, OPEN: the one event wanted; FN_ISDIR with any */
	uint32_t mode; /* S_IFMT of the object, 0 if not known */
	uint64_t parent, old_parent;
	uint64_t node;         /* the object, 0 if not known, or FN_ITEM_UNHELD */
	uint64_t target;       /* what it overwrote or was exchanged with, likewise */
	struct fn_event *late; /* not resolved yet; owned */
	uint8_t name_len, old_len;
	const char *name, *old_name; /* name_len 0: parent itself. Borrowed; NUL-terminated in
				      * the queue's copy */
};

#define FN_REPLAY_COMM "fn-replay" /* the command name of who replays */

struct fn_replay_conf {
	void *ctx;
	struct fn_nodes *nodes;
	const char *mountpoint;
	const char *probe, *limbo; /* secret names in the root */
	size_t queue_max;          /* 0: 65536 */
	uint64_t fh;
	bool forward;
	bool by_name; /* events tell no identities: what a name is may be a later object */
	/* An operation begins and ends: its requests are to be seen by the shim. */
	void (*begin)(void *ctx, struct fn_shim_op *op);
	void (*end)(void *ctx);
	/* The thread is about to be woken; it has had nothing to do for a while. */
	void (*waking)(void *ctx);
	void (*resting)(void *ctx);
	/* The server counts a node n times more than the kernel does. */
	void (*forget)(void *ctx, uint64_t nodeid, uint64_t n);
	/* Events whose names could not be resolved when they came. */
	int (*resolve)(void *ctx, const struct fn_event *ev, struct fn_item *item);
	/* One more item is done. */
	void (*progress)(void *ctx);
	int32_t (*backing)(void *ctx, uint64_t nodeid, bool begin); /* fn_server_hooks */
};

struct fn_replay_stats {
	uint64_t replayed, unheld, coalesced, stale, failed, lost;
};

struct fn_replay;

int fn_replay_start(struct fn_replay **r, const struct fn_replay_conf *conf);
/* INIT was answered: the mount works. fd: the server's /dev/fuse. */
void fn_replay_ready(struct fn_replay *r, uint64_t init_flags, int fd);
/* Takes a copy; never blocks. */
void fn_replay_push(struct fn_replay *r, const struct fn_item *item);
/* True while the queue is less than half full: who can wait does when it is not. */
bool fn_replay_roomy(const struct fn_replay *r);
/* n events are gone, nobody knows of which directory: every one held gets ATTRIB. */
void fn_replay_lose(struct fn_replay *r, uint64_t n);
/* True while a directory's rename waits: then paths are to be resolved late. */
bool fn_replay_late(const struct fn_replay *r);
/* Stop: ask, then join; join says -ETIMEDOUT while the thread still waits for the server. */
void fn_replay_stop(struct fn_replay *r);
int fn_replay_join(struct fn_replay *r, int timeout_ms);
void fn_replay_free(struct fn_replay *r);
/* Items taken in, and done, so far: what was pushed before is done when the second reaches the
 * first. */
uint64_t fn_replay_taken(const struct fn_replay *r);
uint64_t fn_replay_done(const struct fn_replay *r);
void fn_replay_stats(struct fn_replay *r, struct fn_replay_stats *st);

#endif
