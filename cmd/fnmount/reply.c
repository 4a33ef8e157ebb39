/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* include/uapi/linux/fuse.h since 6.9 (7.40): fuse_open_out ends with the backing id. */
#define OPEN_PASSTHROUGH (1u << 7)

const char *proc_path(struct proc_path *p, int fd)
{
	snprintf(p->s, sizeof(p->s), "/proc/self/fd/%d", fd);
	return p->s;
}

void reply_errno(fuse_req_t req, int result)
{
	fuse_reply_err(req, -result);
}

struct inode *hold(fuse_req_t req, fuse_ino_t ino, int *fd)
{
	struct table *t = &fnmount_of(req)->inodes;
	struct inode *i = inode_get(t, ino);

	*fd = i ? inode_fd(t, i) : -ESTALE;
	if (*fd >= 0)
		return i;
	inode_put(t, i);
	reply_errno(req, *fd);
	return NULL;
}

bool is_told(const struct fnmount *m, const struct inode *i)
{
	return m->coherent && (m->elsewhere || !i->store->index ||
			       fn_submounts_have(&m->submounts, i->store->dev));
}

double timeout_of(const struct fnmount *m, const struct inode *i)
{
	return is_told(m, i) ? m->timeout : m->untold;
}

void fill_entry(const struct fnmount *m, const struct inode *i, struct fuse_entry_param *e)
{
	e->ino = i->nodeid;
	e->generation = 1;
	e->attr.st_ino = inode_number(i, e->attr.st_ino);
	e->attr_timeout = e->entry_timeout = timeout_of(m, i);
}

int lookup_entry(struct fnmount *m, struct inode *dir, const char *name, struct fuse_entry_param *e)
{
	struct inode *i;
	int dirfd = inode_fd(&m->inodes, dir), fd, r;

	if (dirfd < 0)
		return dirfd;
	fd = table_openat(&m->inodes, dirfd, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH)) {
		r = -errno;
		close(fd);
		return r;
	}
	r = inode_enter(&m->inodes, fd, &e->attr, &i);
	if (r)
		return r;
	fill_entry(m, i, e);
	inode_put(&m->inodes, i);
	return 0;
}

void reply_new_entry(fuse_req_t req, struct inode *dir, const char *name)
{
	struct fnmount *m = fnmount_of(req);
	struct fuse_entry_param e = {0};
	int r = lookup_entry(m, dir, name, &e);

	if (r)
		reply_errno(req, r);
	else if (fuse_reply_entry(req, &e) == -ENOENT)
		inode_forget(&m->inodes, e.ino, 1);
}

static void raw_time(double t, uint64_t *sec, uint32_t *nsec)
{
	*sec = (uint64_t)t;
	*nsec = (uint32_t)((t - (double)(uint64_t)t) * 1e9);
}

static void raw_attr(const struct stat *st, struct fuse_attr *a)
{
	*a = (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = (uint32_t)st->st_rdev,
		.blksize = (uint32_t)st->st_blksize,
	};
}

static void raw_entry(const struct fuse_entry_param *e, struct fuse_entry_out *out)
{
	*out = (struct fuse_entry_out){.nodeid = e->ino, .generation = e->generation};
	raw_time(e->entry_timeout, &out->entry_valid, &out->entry_valid_nsec);
	raw_time(e->attr_timeout, &out->attr_valid, &out->attr_valid_nsec);
	raw_attr(&e->attr, &out->attr);
}

/* libfuse before 3.16 cannot say FOPEN_PASSTHROUGH: these bytes are the kernel's own. */
static struct fuse_open_out raw_open(const struct fuse_file_info *fi, int32_t backing_id)
{
	return (struct fuse_open_out){.fh = fi->fh,
				      .open_flags = OPEN_PASSTHROUGH | (fi->noflush ? 1u << 5 : 0),
				      .padding = (uint32_t)backing_id};
}

static void open_flags(const struct fnmount *m, const struct inode *i, struct fuse_file_info *fi)
{
	if (fi->flags & O_DIRECT)
		fi->direct_io = 1;
	else
		fi->keep_cache = is_told(m, i);
}

/* Nobody is there any more: as if it had been released. */
static void undo_open(struct fnmount *m, struct inode *i, struct fuse_file_info *fi, int32_t id)
{
	if (id)
		backing_put(m, i);
	close((int)fi->fh);
}

void reply_opened(fuse_req_t req, struct inode *i, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int32_t id = backing_get(m, i, (int)fi->fh);
	struct fuse_open_out out;
	int r;

	if (id) {
		out = raw_open(fi, id);
		r = fuse_reply_buf(req, (const char *)&out, sizeof(out));
	} else {
		open_flags(m, i, fi);
		r = fuse_reply_open(req, fi);
	}
	if (r == -ENOENT)
		undo_open(m, i, fi, id);
}

void reply_created(fuse_req_t req, struct inode *i, const struct fuse_entry_param *e,
		   struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int32_t id = backing_get(m, i, (int)fi->fh);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int r;

	if (id) {
		raw_entry(e, &out.entry);
		out.open = raw_open(fi, id);
		r = fuse_reply_buf(req, (const char *)&out, sizeof(out));
	} else {
		open_flags(m, i, fi);
		r = fuse_reply_create(req, e, fi);
	}
	if (r == -ENOENT) {
		undo_open(m, i, fi, id);
		inode_forget(&m->inodes, e->ino, 1);
	}
}
