/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open directories. */
#include "fnmount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dir {
	pthread_mutex_t lock;
	int fd;
	off_t pos; /* of the entry at buf + at */
	size_t at, len;
	char buf[32768] __attribute__((aligned(8)));
};

static struct dir *dir_of(const struct fuse_file_info *fi)
{
	return (struct dir *)(uintptr_t)fi->fh;
}

static void dir_free(struct dir *d)
{
	close(d->fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	struct dir *d = malloc(sizeof(*d));
	int fd;
	struct inode *i = hold(req, ino, &fd);

	if (!i || !d) {
		if (i)
			reply_errno(req, -ENOMEM);
		goto out;
	}
	d->fd = table_openat(&m->inodes, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (d->fd < 0) {
		reply_errno(req, d->fd);
		goto out;
	}
	pthread_mutex_init(&d->lock, NULL);
	d->pos = 0;
	d->at = d->len = 0;
	fi->fh = (uintptr_t)d;
	fi->cache_readdir = fi->keep_cache = is_told(m, i);
	if (fuse_reply_open(req, fi) == -ENOENT)
		dir_free(d);
	d = NULL;
out:
	if (i)
		inode_put(&m->inodes, i);
	free(d);
}

/* The entry at the position, NULL at the end or with *err set. */
static const struct dirent64 *peek(struct dir *d, int *err)
{
	ssize_t n;

	if (d->at >= d->len) {
		n = getdents64(d->fd, d->buf, sizeof(d->buf));
		if (n <= 0) {
			/* a removed directory has no entries */
			*err = n < 0 && errno != ENOENT ? -errno : 0;
			return NULL;
		}
		d->at = 0;
		d->len = (size_t)n;
	}
	return (const struct dirent64 *)(const void *)(d->buf + d->at);
}

static void advance(struct dir *d, const struct dirent64 *ent)
{
	d->pos = ent->d_off;
	d->at += ent->d_reclen;
}

/* The beginning is always sought: the kernel keeps a listing as of now, and on btrfs an open
 * directory shows what was there when it was opened or rewound. */
static void seek(struct dir *d, off_t off)
{
	if (off && off == d->pos)
		return;
	lseek(d->fd, off, SEEK_SET);
	d->pos = off;
	d->at = d->len = 0;
}

static bool dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

struct listing {
	fuse_req_t req;
	struct inode *dir;
	char *buf;
	size_t used, size;
};

/* Adds an entry; false when it does not fit. */
static bool add_plain(struct listing *l, const struct dirent64 *ent)
{
	struct stat st = {.st_ino = inode_number(l->dir, ent->d_ino),
			  .st_mode = DTTOIF(ent->d_type)};
	size_t rest = l->size - l->used;
	size_t n = fuse_add_direntry(l->req, l->buf + l->used, rest, ent->d_name, &st, ent->d_off);

	if (n > rest)
		return false;
	l->used += n;
	return true;
}

static bool add_plus(struct listing *l, const struct dirent64 *ent)
{
	struct fnmount *m = fnmount_of(l->req);
	struct fuse_entry_param e = {0};
	size_t rest = l->size - l->used;
	size_t n = fuse_add_direntry_plus(l->req, NULL, 0, ent->d_name, NULL, 0);

	if (n > rest)
		return false;
	if (dots(ent->d_name) || lookup_entry(m, l->dir, ent->d_name, &e)) {
		/* nodeid 0: only the name, its number and type */
		e = (struct fuse_entry_param){.attr = {.st_ino = inode_number(l->dir, ent->d_ino),
						       .st_mode = DTTOIF(ent->d_type)}};
	}
	fuse_add_direntry_plus(l->req, l->buf + l->used, rest, ent->d_name, &e, ent->d_off);
	l->used += n;
	return true;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct dir *d, bool plus)
{
	struct fnmount *m = fnmount_of(req);
	struct listing l = {.req = req, .size = size, .buf = malloc(size)};
	const struct dirent64 *ent;
	int fd, err = l.buf ? 0 : -ENOMEM;

	l.dir = hold(req, ino, &fd);
	if (!l.dir) {
		free(l.buf);
		return;
	}
	pthread_mutex_lock(&d->lock);
	seek(d, off);
	while (!err && (ent = peek(d, &err))) {
		if (!(plus ? add_plus(&l, ent) : add_plain(&l, ent)))
			break;
		advance(d, ent);
	}
	pthread_mutex_unlock(&d->lock);
	if (err && !l.used)
		reply_errno(req, err);
	else
		fuse_reply_buf(req, l.buf, l.used);
	free(l.buf);
	inode_put(&m->inodes, l.dir);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, ino, size, off, dir_of(fi), false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, ino, size, off, dir_of(fi), true);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	dir_free(dir_of(fi));
	reply_errno(req, 0);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int fd = dir_of(fi)->fd, r = datasync ? fdatasync(fd) : fsync(fd);

	(void)ino;
	reply_errno(req, r ? -errno : 0);
}

void ops_dir(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->releasedir = op_releasedir;
	ops->fsyncdir = op_fsyncdir;
}
