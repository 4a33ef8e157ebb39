/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/reserved.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/server_impl.h"

int fn_server_reserve(struct fn_server *srv, const char *name, const struct fn_reserved_ops *ops,
		      void *ctx, uint64_t *nodeid)
{
	size_t n = atomic_load(&srv->nreserved);

	if (n == FN_NODE_FILES_MAX)
		return -ENOSPC;
	srv->reserved[n] = (struct fn_reserved){name, ops, ctx};
	*nodeid = FN_NODE_FILES + n;
	atomic_store(&srv->nreserved, n + 1);
	return 0;
}

int fn_request_reply_iov(const struct fn_request *req, int error, const struct iovec *body,
			 int count)
{
	struct fuse_out_header out = {.error = error, .unique = req->in->unique};
	struct iovec iov[8] = {{&out, sizeof(out)}};

	if (count > 7)
		return -EINVAL;
	for (int i = 0; !error && i < count; i++)
		iov[i + 1] = body[i];
	count = error ? 1 : count + 1;
	out.len = (uint32_t)fn_iov_len(iov, count);
	return writev(req->fd, iov, count) < 0 ? -errno : 0;
}

int fn_request_reply(const struct fn_request *req, int error, const void *body, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)body, len};

	return fn_request_reply_iov(req, error, &iov, len ? 1 : 0);
}

struct fn_request *fn_request_keep(const struct fn_request *req)
{
	struct fn_request *kept = malloc(sizeof(*kept) + sizeof(*req->in) + req->arglen);
	struct fuse_in_header *in = (struct fuse_in_header *)(kept + 1);

	if (!kept)
		return NULL;
	*kept = *req;
	/* The thread that serves this descriptor may end before the answer does. */
	kept->fd = fcntl(req->fd, F_DUPFD_CLOEXEC, 0);
	if (kept->fd < 0) {
		free(kept);
		return NULL;
	}
	*in = *req->in;
	if (req->arglen)
		memcpy(in + 1, req->arg, req->arglen);
	kept->in = in;
	kept->arg = in + 1;
	return kept;
}

void fn_request_drop(struct fn_request *kept)
{
	if (!kept)
		return;
	close(kept->fd);
	free(kept);
}

int fn_server_notify(struct fn_server *srv, int code, const void *body, size_t len)
{
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + len), .error = code};
	struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)body, len}};

	return writev(fuse_session_fd(srv->se), iov, 2) < 0 ? -errno : 0;
}

struct fn_nodes *fn_server_nodes(struct fn_server *srv)
{
	return srv->nodes;
}

bool fn_server_is_replay(const struct fn_server *srv, uint32_t pid)
{
	return pid && atomic_load_explicit(&srv->replay_tid, memory_order_relaxed) == pid;
}

static void hand_over(struct fn_server *srv, size_t i, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	uint16_t ext;
	struct fn_request req = {.srv = srv, .fd = fd, .in = in, .arg = in + 1};

	memcpy(&ext, msg->buf + 36, sizeof(ext)); /* total_extlen, checked with the header */
	req.arglen = msg->len - sizeof(*in) - (size_t)ext * 8;
	srv->reserved[i].ops->request(srv->reserved[i].ctx, &req);
}

/* Where the first name of a request stands; false: it has none. */
static bool names_fixed(uint32_t opcode, size_t *fixed)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_SYMLINK:
		*fixed = 0;
		return true;
	case FUSE_MKNOD:
		*fixed = sizeof(struct fuse_mknod_in);
		return true;
	case FUSE_MKDIR:
		*fixed = sizeof(struct fuse_mkdir_in);
		return true;
	case FUSE_CREATE:
		*fixed = sizeof(struct fuse_create_in);
		return true;
	case FUSE_LINK:
		*fixed = sizeof(struct fuse_link_in);
		return true;
	case FUSE_RENAME:
		*fixed = sizeof(struct fuse_rename_in);
		return true;
	case FUSE_RENAME2:
		*fixed = sizeof(struct fuse_rename2_in);
		return true;
	default:
		return false;
	}
}

static int named(struct fn_server *srv, const struct fn_msg *msg, size_t fixed, int nth)
{
	size_t len, n = atomic_load(&srv->nreserved);
	const char *name = fn_msg_name(msg, fixed, nth, &len);

	for (size_t i = 0; name && i < n; i++)
		if (strlen(srv->reserved[i].name) == len &&
		    !memcmp(srv->reserved[i].name, name, len))
			return (int)i;
	return -1;
}

static bool root_request(struct fn_server *srv, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	struct fn_request req = {.srv = srv, .fd = fd, .in = in};
	size_t fixed;
	int i, error = -EEXIST;

	if (!names_fixed(in->opcode, &fixed))
		return false;
	i = named(srv, msg, fixed, 0);
	if (i >= 0 && in->opcode == FUSE_LOOKUP) {
		hand_over(srv, (size_t)i, fd, msg);
		return true;
	}
	if (in->opcode == FUSE_UNLINK || in->opcode == FUSE_RMDIR || in->opcode == FUSE_RENAME ||
	    in->opcode == FUSE_RENAME2)
		error = -EPERM;
	if (i < 0)
		return false;
	fn_request_reply(&req, error, NULL, 0);
	return true;
}

static bool is_reserved(struct fn_server *srv, uint64_t nodeid)
{
	return nodeid >= FN_NODE_FILES && nodeid < FN_NODE_FILES + atomic_load(&srv->nreserved);
}

/* A rename onto the file, or into a directory of ours, from any directory. */
static bool renames_onto(struct fn_server *srv, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	struct fn_request req = {.srv = srv, .fd = fd, .in = in};
	size_t fixed;
	const uint64_t *newdir;

	if (in->opcode != FUSE_RENAME && in->opcode != FUSE_RENAME2)
		return false;
	names_fixed(in->opcode, &fixed);
	newdir = fn_msg_body(msg, fixed);
	if (!newdir || (!is_reserved(srv, *newdir) &&
			(*newdir != FUSE_ROOT_ID || named(srv, msg, fixed, 1) < 0)))
		return false;
	fn_request_reply(&req, -EPERM, NULL, 0);
	return true;
}

static bool interrupts(struct fn_server *srv, const struct fn_msg *msg)
{
	const struct fuse_interrupt_in *arg = fn_msg_body(msg, sizeof(*arg));

	for (size_t i = 0; arg && i < atomic_load(&srv->nreserved); i++) {
		const struct fn_reserved *r = &srv->reserved[i];

		if (r->ops->interrupt && r->ops->interrupt(r->ctx, arg->unique))
			return true;
	}
	return false;
}

bool fn_reserved_request(struct fn_server *srv, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	size_t n = atomic_load(&srv->nreserved);

	if (!n || !in)
		return false;
	if (is_reserved(srv, in->nodeid)) {
		hand_over(srv, in->nodeid - FN_NODE_FILES, fd, msg);
		return true;
	}
	if (in->opcode == FUSE_INTERRUPT)
		return interrupts(srv, msg);
	if (in->nodeid == FUSE_ROOT_ID && root_request(srv, fd, msg))
		return true;
	return renames_onto(srv, fd, msg);
}
