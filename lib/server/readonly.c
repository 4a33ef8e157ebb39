/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which requests change the store. */
#include "server/readonly.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <unistd.h>

static bool opens_to_write(const struct fn_msg *msg)
{
	const struct fuse_open_in *in = fn_msg_body(msg, sizeof(*in));

	return !in || (in->flags & O_ACCMODE) != O_RDONLY || in->flags & O_TRUNC;
}

static bool asks_to_write(const struct fn_msg *msg)
{
	const struct fuse_access_in *in = fn_msg_body(msg, sizeof(*in));

	return in && in->mask & W_OK;
}

bool fn_readonly_refuses(const struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);

	switch (in ? in->opcode : 0) {
	case FUSE_SETATTR:
	case FUSE_SYMLINK:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_LINK:
	case FUSE_WRITE:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_CREATE:
	case OP_TMPFILE:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
		return true;
	case FUSE_OPEN:
		return opens_to_write(msg);
	case FUSE_ACCESS:
		return asks_to_write(msg);
	default:
		return false;
	}
}
