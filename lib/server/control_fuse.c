/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control file as FUSE sees it: a regular file that is in no directory listing. */
#include "server/control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>

#define VALID_SECONDS 1
#define STATX 52 /* FUSE_STATX; older headers lack it */

/* One request: its header, and its body as far as it goes. */
struct req {
	int fd;
	struct fuse_in_header in;
	const uint8_t *body;
	size_t len;
};

static void reply(struct fn_control *ctl, const struct req *r, int error, const void *data,
		  size_t len)
{
	struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + len), .error = error, .unique = r->in.unique};
	struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)data, len}};

	ctl->conf.send(ctl->conf.ctx, r->fd, iov, len ? 2 : 1);
}

static void fail(struct fn_control *ctl, const struct req *r, int error)
{
	reply(ctl, r, error, NULL, 0);
}

/* The fixed part of a body; what an older kernel does not send is 0. */
static void get(const struct req *r, void *to, size_t size)
{
	memset(to, 0, size);
	memcpy(to, r->body, r->len < size ? r->len : size);
}

static void fill_attr(const struct fn_control *ctl, struct fuse_attr *attr)
{
	*attr = (struct fuse_attr){.ino = ctl->conf.nodeid,
				   .size = FN_CONTROL_SIZE,
				   .mode = S_IFREG | 0666,
				   .nlink = 1,
				   .uid = ctl->conf.owner,
				   .blksize = 65536};
}

static void on_lookup(struct fn_control *ctl, const struct req *r)
{
	struct fuse_entry_out e = {.nodeid = ctl->conf.nodeid,
				   .generation = 1,
				   .entry_valid = VALID_SECONDS,
				   .attr_valid = VALID_SECONDS};

	fill_attr(ctl, &e.attr);
	reply(ctl, r, 0, &e, sizeof(e));
}

static void on_getattr(struct fn_control *ctl, const struct req *r)
{
	struct fuse_attr_out a = {.attr_valid = VALID_SECONDS};

	fill_attr(ctl, &a.attr);
	reply(ctl, r, 0, &a, sizeof(a));
}

static void on_statx(struct fn_control *ctl, const struct req *r)
{
	uint8_t out[288] = {0};
	const struct {
		const char *name;
		uint64_t value;
	} set[] = {{"attr_valid", VALID_SECONDS},  {"stat.mask", 0x7ff},
		   {"stat.blksize", 65536},        {"stat.nlink", 1},
		   {"stat.mode", S_IFREG | 0666},  {"stat.size", FN_CONTROL_SIZE},
		   {"stat.ino", ctl->conf.nodeid}, {"stat.uid", ctl->conf.owner}};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		fn_wire_member_put(FN_STRUCT_statx_out, set[i].name, out, set[i].value);
	reply(ctl, r, 0, out, sizeof(out));
}

/* Only who can write and read is a client: a daemon that exports the mount opens it for other
 * reasons as well. */
static void on_open(struct fn_control *ctl, const struct req *r)
{
	struct fuse_open_out o = {.open_flags = FOPEN_DIRECT_IO};
	struct fuse_open_in in;
	int rc = 0;

	get(r, &in, sizeof(in));
	if ((in.flags & O_ACCMODE) == O_RDWR) {
		struct fn_creds creds;

		fn_creds_read(&creds, r->in.uid, r->in.gid, (pid_t)r->in.pid);
		rc = fn_client_open(ctl, &creds, &o.fh);
	}
	if (rc)
		fail(ctl, r, rc);
	else
		reply(ctl, r, 0, &o, sizeof(o));
}

static void on_read(struct fn_control *ctl, const struct req *r)
{
	struct fuse_read_in in;
	struct fn_client *c;

	get(r, &in, sizeof(in));
	c = fn_client_get(ctl, in.fh);
	if (!c) {
		reply(ctl, r, 0, NULL, 0); /* no client: an empty file */
		return;
	}
	if (in.size > FN1_READ_MAX)
		fail(ctl, r, -EINVAL);
	else
		fn_client_read(c, &(struct fn_pending){r->in.unique, in.size, r->fd},
			       in.flags & O_NONBLOCK);
	fn_client_put(c);
}

static void on_write(struct fn_control *ctl, const struct req *r)
{
	struct fuse_write_in in;
	struct fuse_write_out o = {0};
	struct fn_client *c;
	int rc = -EINVAL;

	get(r, &in, sizeof(in));
	c = r->len >= sizeof(in) ? fn_client_get(ctl, in.fh) : NULL;
	if (!c) {
		fail(ctl, r, -EBADF);
		return;
	}
	if (in.size <= r->len - sizeof(in))
		rc = fn_client_write(c, r->body + sizeof(in), in.size);
	fn_client_put(c);
	o.size = in.size;
	if (rc)
		fail(ctl, r, rc);
	else
		reply(ctl, r, 0, &o, sizeof(o));
}

static void on_poll(struct fn_control *ctl, const struct req *r)
{
	struct fuse_poll_out o = {0};
	struct fuse_poll_in in;
	struct fn_client *c;

	get(r, &in, sizeof(in));
	c = fn_client_get(ctl, in.fh);
	if (c) {
		o.revents = fn_client_poll(c, in.kh, in.flags & FUSE_POLL_SCHEDULE_NOTIFY);
		fn_client_put(c);
	}
	reply(ctl, r, 0, &o, sizeof(o));
}

static void on_release(struct fn_control *ctl, const struct req *r)
{
	struct fuse_release_in in;

	get(r, &in, sizeof(in));
	fn_client_release(ctl, in.fh);
	fail(ctl, r, 0);
}

static void on_xattr(struct fn_control *ctl, const struct req *r)
{
	struct fuse_getxattr_out o = {0};
	struct fuse_getxattr_in in;

	get(r, &in, sizeof(in));
	if (r->in.opcode == FUSE_GETXATTR)
		fail(ctl, r, -ENODATA);
	else if (in.size)
		reply(ctl, r, 0, NULL, 0);
	else
		reply(ctl, r, 0, &o, sizeof(o));
}

static void on_statfs(struct fn_control *ctl, const struct req *r)
{
	struct fuse_statfs_out o = {.st = {.bsize = 4096, .namelen = 255, .frsize = 4096}};

	reply(ctl, r, 0, &o, sizeof(o));
}

/* What makes no sense for it. Never ENOSYS: the kernel would take it for all files. */
static void on_other(struct fn_control *ctl, const struct req *r)
{
	switch (r->in.opcode) {
	case FUSE_ACCESS:
	case FUSE_FLUSH: /* of any descriptor, a copy too: the client lives until RELEASE */
	case FUSE_FSYNC:
		fail(ctl, r, 0);
		return;
	case FUSE_LOOKUP:
	case FUSE_OPENDIR:
		fail(ctl, r, -ENOTDIR);
		return;
	case FUSE_FORGET: /* no reply to these */
	case FUSE_BATCH_FORGET:
	case FUSE_NOTIFY_REPLY:
		return;
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_LINK:
		fail(ctl, r, -EPERM);
		return;
	case FUSE_LSEEK:
	case FUSE_BMAP:
		fail(ctl, r, -EINVAL);
		return;
	case FUSE_IOCTL:
		fail(ctl, r, -ENOTTY);
		return;
	default:
		fail(ctl, r, -EOPNOTSUPP);
		return;
	}
}

static void on_node(struct fn_control *ctl, const struct req *r)
{
	switch (r->in.opcode) {
	case FUSE_GETATTR:
	case FUSE_SETATTR: /* an open with O_TRUNC, a touch: nothing changes */
		on_getattr(ctl, r);
		return;
	case FUSE_OPEN:
		on_open(ctl, r);
		return;
	case FUSE_READ:
		on_read(ctl, r);
		return;
	case FUSE_WRITE:
		on_write(ctl, r);
		return;
	case FUSE_POLL:
		on_poll(ctl, r);
		return;
	case FUSE_RELEASE:
		on_release(ctl, r);
		return;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		on_xattr(ctl, r);
		return;
	case FUSE_STATFS:
		on_statfs(ctl, r);
		return;
	case STATX:
		on_statx(ctl, r);
		return;
	default:
		on_other(ctl, r);
		return;
	}
}

bool fn_control_interrupt(struct fn_control *ctl, uint64_t unique)
{
	bool found = false;

	for (unsigned i = 0; i < ctl->conf.max_clients && !found; i++) {
		struct fn_client *c;

		pthread_mutex_lock(&ctl->lock);
		c = ctl->clients[i];
		if (c)
			c->refs++;
		pthread_mutex_unlock(&ctl->lock);
		if (!c)
			continue;
		found = fn_client_interrupt(c, unique);
		fn_client_put(c);
	}
	return found;
}

static bool is_name(const struct req *r, const char *name)
{
	size_t size = strlen(name) + 1;

	return r->len >= size && memcmp(r->body, name, size) == 0;
}

/* Of the root's names only LOOKUP comes here: server/reserved.c guards the name. */
static bool looks_for_us(const struct fn_control *ctl, const struct req *r)
{
	if (r->in.opcode != FUSE_LOOKUP)
		return false;
	if (ctl->conf.dir && r->in.nodeid == ctl->conf.dir)
		return is_name(r, FN_CONTROL_IN_DIR);
	return r->in.nodeid == FUSE_ROOT_ID && is_name(r, FN_CONTROL_NAME);
}

bool fn_control_request(struct fn_control *ctl, int fd, const void *msg, size_t len)
{
	struct req r = {.fd = fd};

	if (len < sizeof(r.in))
		return false;
	memcpy(&r.in, msg, sizeof(r.in));
	r.body = (const uint8_t *)msg + sizeof(r.in);
	r.len = len - sizeof(r.in);
	if (r.in.nodeid == ctl->conf.nodeid) {
		on_node(ctl, &r);
		return true;
	}
	if (looks_for_us(ctl, &r)) {
		on_lookup(ctl, &r);
		return true;
	}
	if (r.in.opcode == FUSE_INTERRUPT) {
		struct fuse_interrupt_in in;

		get(&r, &in, sizeof(in));
		return fn_control_interrupt(ctl, in.unique);
	}
	return false;
}
