/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hidden directory that has the control file a second time. Clients open it there: what they
 * do to the file is told to who watches its directory, and nobody watches this one.
 */
#include "server/control_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "server/control.h"
#include "wire/wire.h"

#define VALID_SECONDS 1
#define STATX 52 /* FUSE_STATX; older headers lack it */

static struct fuse_attr attr_of(const struct fn_control_dir *d)
{
	return (struct fuse_attr){.ino = d->nodeid,
				  .mode = S_IFDIR | 0555,
				  .nlink = 2,
				  .uid = d->owner,
				  .blksize = 4096};
}

static int on_lookup(const struct fn_control_dir *d, const struct fn_request *req)
{
	struct fuse_entry_out e = {.nodeid = d->nodeid,
				   .generation = 1,
				   .entry_valid = VALID_SECONDS,
				   .attr_valid = VALID_SECONDS,
				   .attr = attr_of(d)};

	if (req->in->nodeid == d->nodeid)
		return fn_request_reply(req, -ENOENT, NULL, 0); /* the file was looked for before */
	return fn_request_reply(req, 0, &e, sizeof(e));
}

static int on_getattr(const struct fn_control_dir *d, const struct fn_request *req)
{
	struct fuse_attr_out a = {.attr_valid = VALID_SECONDS, .attr = attr_of(d)};

	return fn_request_reply(req, 0, &a, sizeof(a));
}

static int on_statx(const struct fn_control_dir *d, const struct fn_request *req)
{
	uint8_t out[288] = {0};
	const struct {
		const char *name;
		uint64_t value;
	} set[] = {{"attr_valid", VALID_SECONDS}, {"stat.mask", 0x7ff},
		   {"stat.blksize", 4096},        {"stat.nlink", 2},
		   {"stat.mode", S_IFDIR | 0555}, {"stat.uid", d->owner},
		   {"stat.ino", d->nodeid}};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		fn_wire_member_put(FN_STRUCT_statx_out, set[i].name, out, set[i].value);
	return fn_request_reply(req, 0, out, sizeof(out));
}

static int on_statfs(const struct fn_request *req)
{
	struct fuse_statfs_out o = {.st = {.bsize = 4096, .namelen = 255, .frsize = 4096}};

	return fn_request_reply(req, 0, &o, sizeof(o));
}

static int on_xattr(const struct fn_request *req)
{
	const struct fuse_getxattr_in *in = req->arg;
	struct fuse_getxattr_out o = {0};

	if (req->in->opcode == FUSE_GETXATTR)
		return fn_request_reply(req, -ENODATA, NULL, 0);
	if (req->arglen >= sizeof(*in) && in->size)
		return fn_request_reply(req, 0, NULL, 0);
	return fn_request_reply(req, 0, &o, sizeof(o));
}

/* It is empty to who lists it. Never ENOSYS: the kernel would take it for all directories. */
void fn_control_dir_request(const struct fn_control_dir *d, const struct fn_request *req)
{
	struct fuse_open_out o = {0};

	switch (req->in->opcode) {
	case FUSE_LOOKUP:
		on_lookup(d, req);
		return;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		on_getattr(d, req);
		return;
	case STATX:
		on_statx(d, req);
		return;
	case FUSE_OPENDIR:
		fn_request_reply(req, 0, &o, sizeof(o));
		return;
	case FUSE_STATFS:
		on_statfs(req);
		return;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		on_xattr(req);
		return;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASEDIR:
	case FUSE_ACCESS:
	case FUSE_FSYNCDIR:
		fn_request_reply(req, 0, NULL, 0);
		return;
	case FUSE_IOCTL:
		fn_request_reply(req, -ENOTTY, NULL, 0);
		return;
	case FUSE_FORGET: /* no reply to these */
	case FUSE_BATCH_FORGET:
	case FUSE_NOTIFY_REPLY:
		return;
	default:
		fn_request_reply(req, -EPERM, NULL, 0);
		return;
	}
}
