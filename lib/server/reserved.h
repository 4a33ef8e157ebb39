/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files and directories that the library itself shows in the root of a mount, such as the control
 * file. They resolve by name and are in no listing; the server below never hears of them.
 *
 * fn_server_reserve() gives a name a node id. From then on request() gets every LOOKUP of the
 * name (nodeid is then the root's) and every request for that node. FORGET is dealt with, and so
 * is everything else that names the file in the root: creating it is EEXIST, removing or renaming
 * it EPERM, and so is renaming something into such a directory.
 *
 * Each request is to be answered once, at once with fn_request_reply(), or later: by
 * fn_request_keep(), which makes a copy that any thread may answer at any time until the server
 * is detached. Answers to an INIT-less kernel structure such as fuse_entry_out are the caller's to
 * fill in; bodies are copied.
 */
#ifndef FN_SERVER_RESERVED_H
#define FN_SERVER_RESERVED_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct fn_server;

struct fn_request {
	struct fn_server *srv;
	int fd;                          /* /dev/fuse, the one that the request came by */
	const struct fuse_in_header *in; /* whole, lengths checked */
	const void *arg;                 /* what follows it, without extensions */
	size_t arglen;
};

struct fn_reserved_ops {
	/* In one of the server's threads: must not block. */
	void (*request)(void *ctx, const struct fn_request *req);
	/* The kernel gives up waiting for a request that was kept: true if it is one of these,
	 * and was answered now (EINTR). May be NULL. */
	bool (*interrupt)(void *ctx, uint64_t unique);
	/* The server is being detached: answer or drop what was kept. May be NULL. */
	void (*close)(void *ctx);
};

/* name is borrowed. 0 or -ENOSPC. Before the loop starts. */
int fn_server_reserve(struct fn_server *srv, const char *name, const struct fn_reserved_ops *ops,
		      void *ctx, uint64_t *nodeid);

/* error: 0 or a negative errno; body only with 0. 0 or -errno. */
int fn_request_reply(const struct fn_request *req, int error, const void *body, size_t len);
int fn_request_reply_iov(const struct fn_request *req, int error, const struct iovec *body,
			 int count);

/* A copy with a descriptor and bytes of its own, or NULL without memory (answer ENOMEM then).
 * Afterwards: fn_request_reply() on it, then fn_request_drop(). */
struct fn_request *fn_request_keep(const struct fn_request *req);
void fn_request_drop(struct fn_request *kept);

/* Write a notification, such as FUSE_NOTIFY_POLL; code is positive. Any thread but one that
 * serves a request which holds what the notification needs. */
int fn_server_notify(struct fn_server *srv, int code, const void *body, size_t len);
/* The mount's nodes: what the kernel holds (replay/nodes.h), for whoever resolves paths. */
struct fn_nodes;
struct fn_nodes *fn_server_nodes(struct fn_server *srv);
/* True for requests of the replay thread. */
bool fn_server_is_replay(const struct fn_server *srv, uint32_t pid);

#endif
