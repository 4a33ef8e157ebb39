/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of lib/server share. */
#ifndef FN_SERVER_SERVER_IMPL_H
#define FN_SERVER_SERVER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "replay/msg.h"
#include "replay/replay.h"
#include "server/control_attach.h"
#include "server/init_flags.h"
#include "server/near.h"
#include "server/readers.h"
#include "server/reserved.h"
#include "server/server.h"

#define FN_SECRET_LEN 36
#define FN_FOLLOW_MAX 8

/* Requests that wait for their reply, because it says what the kernel holds. */
struct fn_track {
	pthread_mutex_t lock;
	struct fn_pend *slots[256];
};

struct fn_armed;
struct fn_control;

struct fn_follow {
	struct fn_server *srv;
	struct fn_source *src;
	pthread_t thread;
	int wake;             /* eventfd */
	unsigned idle_rounds; /* in a row that brought nothing */
	unsigned replies;     /* of the server, when the last one ended */
	long gather_ns;
	bool expects; /* it has to be told what the server does itself */
};

struct fn_reserved {
	const char *name; /* in the root */
	const struct fn_reserved_ops *ops;
	void *ctx;
};

struct fn_server {
	struct fuse_session *se;
	int slot; /* of the io callbacks */
	struct fn_server_hooks hooks;
	void *hooks_ctx;
	bool paths_only, read_only;
	uint64_t mask;
	char *mountpoint;
	struct fn_init_flags init;
	struct fn_readers readers;
	struct fn_near near;
	struct fn_nodes *nodes;
	struct fn_track track;
	struct fn_replay *replay;

	char probe[FN_SECRET_LEN], limbo[FN_SECRET_LEN];
	uint64_t fh;            /* what OPEN of the replay thread is answered with */
	atomic_uint replay_tid; /* as requests carry it, 0: not known */
	atomic_uint replies;
	atomic_bool busy; /* an operation is under way */
	pthread_mutex_t op_lock;
	struct fn_shim_op *op;
	atomic_uint_fast64_t awaited; /* the request whose reply the shim wants, 0: none */
	uint64_t blocked_unique;      /* the replay thread's last request that went to the server */
	int blocked_fd;

	pthread_mutex_t inject_lock;
	struct fuse_forget_one *inject; /* what the server is to forget */
	size_t inject_size;
	atomic_size_t ninject;

	_Atomic(struct fn_control *) control; /* NULL: there is no control file */
	struct fn_control_mount *control_mount;
	_Atomic(struct fn_armed *) armed; /* NULL: nobody can ARM */
	struct fn_local *local;

	struct fn_reserved reserved[FN_NODE_FILES_MAX];
	atomic_size_t nreserved;

	struct fn_follow *follow[FN_FOLLOW_MAX];
	size_t nfollow;
	atomic_bool expects; /* one of them does */
	atomic_uint_fast64_t pushed, unheld, malformed;
};

/* What a reply changed. */
struct fn_tracked {
	void *fixed; /* the message to send instead, or NULL; free() it */
	size_t fixed_len;
	uint64_t counted; /* the node that was counted, should the reply not be wanted any more */
};

/* track.c: a request goes to the server; its reply comes, or is not needed. */
void fn_track_init(struct fn_track *t);
void fn_track_destroy(struct fn_track *t);
void fn_track_request(struct fn_server *srv, const struct fn_msg *msg);
/* The reply to this request has an entry. brief: which the kernel must not keep; opened: and the
 * kernel is to be told that the file was opened, too. */
void fn_track_change(struct fn_server *srv, uint64_t unique, bool brief, bool opened);
/* The request is the replay thread's: a directory in its reply is not seen by anybody yet. */
void fn_track_replay(struct fn_server *srv, uint64_t unique);
void fn_track_drop(struct fn_server *srv, uint64_t unique);
void fn_track_reply(struct fn_server *srv, uint64_t unique, const struct iovec *iov, int count,
		    struct fn_tracked *res);

/* io.c */
int fn_io_attach(struct fn_server *srv);
void fn_io_detach(struct fn_server *srv);
/* The server is to be told, with the next request, to forget n counts of a node. */
void fn_io_forget(void *ctx, uint64_t nodeid, uint64_t n);
/* A request that came by fd. False: it was dealt with, the server does not get it. */
bool fn_io_request(struct fn_server *srv, int fd, struct fn_msg *msg);
ssize_t fn_io_write(int fd, const void *buf, size_t len);

/* follow.c */
void fn_follow_end(struct fn_server *srv);

/* echo.c: a local process is about to do this through the mount (old_path: of a rename). */
void fn_echo_expect(struct fn_server *srv, uint64_t mask, const struct fn_str *path,
		    const struct fn_str *old_path);
void fn_echo_link(struct fn_server *srv, const struct fn_msg *msg);

/* push.c */
/* An event that a client asks for, whatever the server itself would replay. As fn_server_push();
 * -EOPNOTSUPP: no replay raises this; -EAGAIN: who injects can wait, nothing of theirs is dropped
 * for want of room. */
int fn_server_inject(struct fn_server *srv, const struct fn_event *ev);
int fn_push_resolve(void *ctx, const struct fn_event *ev, struct fn_item *item);

/* reserved.c */
bool fn_reserved_request(struct fn_server *srv, int fd, const struct fn_msg *msg);

#endif
