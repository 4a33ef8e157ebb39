/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The message shim. The replay thread repeats through the mount what happened to the store, and
 * the shim sees to it that the server does not do it a second time: given a request of that
 * thread and the operation under way it passes the request on, rewrites it into one that only
 * looks, or answers it.
 *
 * Pure: no I/O, no clock, no thread, no memory of its own. The caller serialises.
 *
 * VFS holds the parent directory's lock from the LOOKUP to the UNLINK, MKNOD or RENAME, and every
 * entry that is made up here is given no validity, so no other process gets to see one: its own
 * lookup comes to the server.
 */
#ifndef FN_REPLAY_SHIM_H
#define FN_REPLAY_SHIM_H

#include <sys/uio.h>

#include "replay/nodes.h"

enum fn_op_kind {
	FN_OP_NONE,
	FN_OP_CREATE,   /* mknodat, mkdirat, symlinkat, linkat */
	FN_OP_DELETE,   /* unlinkat */
	FN_OP_RENAME,   /* renameat2 */
	FN_OP_EXCHANGE, /* renameat2(RENAME_EXCHANGE) */
	FN_OP_ATTR,     /* utimensat: MODIFY, ATTRIB, ACCESS */
	FN_OP_OPEN,     /* openat + close: CLOSE_WRITE, OPEN, CLOSE_NOWRITE */
};

/* A name, and what the kernel knows under it. */
struct fn_place {
	uint64_t parent;
	const char *name; /* NULL: the operation is on entry itself */
	size_t len;
	struct fn_entry entry; /* nodeid 0: not known */
	uint64_t pinned;       /* the caller's */
	bool seen;             /* its LOOKUP has come in this operation */
	bool bound;            /* the name itself is still known to be entry */
	bool elsewhere;        /* entry was found under the other name of a rename */
};

enum fn_await {
	FN_AWAIT_NONE,
	FN_AWAIT_ENTRY,   /* GETATTR whose reply becomes the LOOKUP's */
	FN_AWAIT_MOVED,   /* LOOKUP of the other name of a rename */
	FN_AWAIT_FOUND,   /* LOOKUP of the name of ATTR or OPEN, as it came */
	FN_AWAIT_CREATED, /* LOOKUP in place of MKNOD, MKDIR, SYMLINK, LINK */
	FN_AWAIT_ATTR,    /* GETATTR in place of SETATTR */
	FN_AWAIT_LINKS,   /* GETATTR in place of UNLINK, RMDIR */
	FN_AWAIT_REFRESH, /* GETATTR that is to empty the page cache */
};

/* The operation under way. The first part is set by whoever starts it. */
struct fn_shim_op {
	enum fn_op_kind kind;
	struct fn_place at;  /* of a rename: the new name, and what it overwrote */
	struct fn_place old; /* of a rename: the old name, and what moved */
	uint32_t mode;       /* type of the object (S_IFMT), 0 if not known */
	bool mode_guessed;   /* CREATE: do not insist on it */
	bool forward;        /* the server follows names itself: UNLINK, RMDIR, RENAME go to it */
	bool by_identity;    /* a node stays itself when its name changes */
	bool refresh;        /* the next GETATTR is for FN_AWAIT_REFRESH */
	uint64_t made_up;    /* node id for an entry made up; this + 1 is free, too */
	uint64_t fh;         /* what OPEN is answered with */
	uint32_t open_flags; /* FOPEN_* */
	int32_t backing_id;  /* of an OPEN with FOPEN_PASSTHROUGH */
	uint32_t uid, gid;   /* of entries made up */

	uint64_t await_unique, await_node;
	enum fn_await await;
	struct fn_place *await_place;
	bool retried;        /* ESTALE was answered to have the names looked up again */
	bool forwarded;      /* the server does the names itself, and its reply is tracked */
	bool moved_alive;    /* RENAME: the server knew the node under its old name */
	bool moved_dead;     /* RENAME: it did not */
	bool made;           /* something had to be made up: the object is gone */
	uint32_t found_mode; /* CREATE: the type was another one, 0: it was not */
};

struct fn_msg {
	uint8_t *buf;
	size_t len, cap;
};

struct fn_reply {
	size_t len;
	uint8_t buf[sizeof(struct fuse_out_header) + sizeof(struct fuse_entry_out)];
};

/* How lookup counts change with an answer. Node ids, or 0. */
struct fn_shim_fx {
	uint64_t excess; /* the kernel counts it once more than the server */
	uint64_t forget; /* the server counts it once more than the kernel: tell it FORGET */
	uint64_t made;   /* made up, and to be remembered under op->at */
};

enum fn_verdict {
	FN_PASS,      /* as it is */
	FN_REWRITTEN, /* the message was changed; the server gets it */
	FN_ANSWER,    /* reply holds the answer; nobody else gets the message */
};

/* A request of the replay thread while op is under way. */
enum fn_verdict fn_shim_request(struct fn_shim_op *op, struct fn_msg *msg, struct fn_reply *reply,
				struct fn_shim_fx *fx);
/* Is this one of the names of the operation under way? What others are told of it meanwhile the
 * kernel is not to keep: the operation would be done on that. */
bool fn_shim_names(const struct fn_shim_op *op, uint64_t parent, const char *name, size_t len);
/* A reply of the server; fn_shim_awaits() says whether it is ours to see. FN_ANSWER: reply is to
 * be sent instead. */
static inline bool fn_shim_awaits(const struct fn_shim_op *op, uint64_t unique)
{
	return op->await != FN_AWAIT_NONE && op->await_unique == unique;
}
enum fn_verdict fn_shim_reply(struct fn_shim_op *op, const struct iovec *iov, int count,
			      struct fn_reply *reply, struct fn_shim_fx *fx);

/* A request of anybody else for a node that was made up. */
enum fn_verdict fn_shim_stranger(const struct fn_msg *msg, struct fn_reply *reply);
/* FLUSH, RELEASE, FSYNC … of what an OPEN was answered with. These come from any process. */
bool fn_shim_is_release(const struct fn_msg *msg, uint64_t fh);

/* Answers. error: 0 or a negative errno. */
enum fn_verdict fn_reply_error(struct fn_reply *reply, uint64_t unique, int error);
enum fn_verdict fn_reply_body(struct fn_reply *reply, uint64_t unique, const void *body,
			      size_t len);
/* The attributes of something made up. */
void fn_made_up_attr(struct fuse_attr *attr, uint64_t nodeid, uint32_t mode, uint32_t uid,
		     uint32_t gid);

#endif
