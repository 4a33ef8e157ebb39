/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes, extended attributes, links' targets, the file system's figures. */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTR_MAX 65536

/* The number of links tells whether it is gone: where others change it, they are asked. */
static void reply_attr(fuse_req_t req, const struct inode *i, int fd)
{
	struct statx sync;
	struct stat st;

	if (i->store->remote)
		statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &sync);
	if (fstatat(fd, "", &st, AT_EMPTY_PATH)) {
		reply_errno(req, -errno);
		return;
	}
	st.st_ino = inode_number(i, st.st_ino);
	fuse_reply_attr(req, &st, timeout_of(fnmount_of(req), i));
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int fd;
	struct inode *i = hold(req, ino, &fd);

	(void)fi;
	if (!i)
		return;
	reply_attr(req, i, fd);
	inode_put(&m->inodes, i);
}

static int set_owner(int fd, const struct stat *attr, int to_set)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int set_mode(const char *path, mode_t mode)
{
	struct cred cred = cred_setgid(mode);
	int r = chmod(path, mode & 07777) ? -errno : 0;

	cred_restore(cred);
	return r;
}

static int set_times(const char *path, const struct stat *attr, int to_set)
{
	struct timespec tv[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		tv[0].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_ATIME)
		tv[0] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		tv[1].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		tv[1] = attr->st_mtim;
	return utimensat(AT_FDCWD, path, tv, 0) ? -errno : 0;
}

/* A request that sets nothing is how the kernel tells that set-id bits have to go (a write by
 * passthrough): FUSE_HANDLE_KILLPRIV_V2. */
static int drop_setid(int fd, const char *path)
{
	struct stat st;
	mode_t drop = S_ISUID;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH))
		return -errno;
	if (st.st_mode & S_IXGRP)
		drop |= S_ISGID;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & drop))
		return 0;
	return set_mode(path, st.st_mode & ~drop);
}

static int set_attr(int fd, struct stat *attr, int to_set, const struct fuse_file_info *fi)
{
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME |
			  FUSE_SET_ATTR_MTIME_NOW;
	struct proc_path p;
	int r = 0;

	proc_path(&p, fd);
	if (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		r = set_owner(fd, attr, to_set);
	if (!r && to_set & FUSE_SET_ATTR_SIZE)
		r = (fi ? ftruncate((int)fi->fh, attr->st_size) : truncate(p.s, attr->st_size))
			    ? -errno
			    : 0;
	if (!r && to_set & FUSE_SET_ATTR_MODE)
		r = set_mode(p.s, attr->st_mode);
	if (!r && to_set & times)
		r = set_times(p.s, attr, to_set);
	if (!r && !to_set)
		r = drop_setid(fd, p.s);
	return r;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int fd, r;
	struct inode *i = hold(req, ino, &fd);

	if (!i)
		return;
	r = set_attr(fd, attr, to_set, fi);
	if (r)
		reply_errno(req, r);
	else
		reply_attr(req, i, fd);
	inode_put(&m->inodes, i);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fnmount *m = fnmount_of(req);
	char buf[PATH_MAX + 1];
	int fd;
	struct inode *i = hold(req, ino, &fd);
	ssize_t n;

	if (!i)
		return;
	n = readlinkat(fd, "", buf, sizeof(buf));
	if (n < 0) {
		reply_errno(req, -errno);
	} else if ((size_t)n == sizeof(buf)) {
		reply_errno(req, -ENAMETOOLONG);
	} else {
		buf[n] = '\0';
		fuse_reply_readlink(req, buf);
	}
	inode_put(&m->inodes, i);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fnmount *m = fnmount_of(req);
	struct statvfs st;
	int fd;
	struct inode *i = hold(req, ino, &fd);

	if (!i)
		return;
	if (fstatvfs(fd, &st))
		reply_errno(req, -errno);
	else
		fuse_reply_statfs(req, &st);
	inode_put(&m->inodes, i);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	struct fnmount *m = fnmount_of(req);
	struct proc_path p;
	struct cred cred = {0};
	bool acl = !strncmp(name, "system.posix_acl_", strlen("system.posix_acl_"));
	int fd, r;
	struct inode *i = hold(req, ino, &fd);

	if (!i)
		return;
	if (acl)
		cred = cred_enter(req, 0); /* the group decides on the set-group-id bit */
	r = setxattr(proc_path(&p, fd), name, value, size, flags) ? -errno : 0;
	cred_restore(cred);
	reply_errno(req, r);
	inode_put(&m->inodes, i);
}

static ssize_t read_xattr(const char *path, const char *name, char *buf, size_t size)
{
	ssize_t n = name ? getxattr(path, name, buf, size) : listxattr(path, buf, size);

	return n < 0 ? -errno : n;
}

/* A value by name, or the list of names where name is NULL. */
static void reply_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fnmount *m = fnmount_of(req);
	struct proc_path p;
	char *buf = NULL;
	int fd;
	struct inode *i = hold(req, ino, &fd);
	ssize_t n;

	if (!i)
		return;
	if (size > XATTR_MAX)
		size = XATTR_MAX;
	if (size)
		buf = malloc(size);
	n = size && !buf ? -ENOMEM : read_xattr(proc_path(&p, fd), name, buf, size);
	if (n < 0)
		reply_errno(req, (int)n);
	else if (size)
		fuse_reply_buf(req, buf, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
	free(buf);
	inode_put(&m->inodes, i);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	reply_xattr(req, ino, name, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	reply_xattr(req, ino, NULL, size);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fnmount *m = fnmount_of(req);
	struct proc_path p;
	int fd;
	struct inode *i = hold(req, ino, &fd);

	if (!i)
		return;
	reply_errno(req, removexattr(proc_path(&p, fd), name) ? -errno : 0);
	inode_put(&m->inodes, i);
}

void ops_attr(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->readlink = op_readlink;
	ops->statfs = op_statfs;
	ops->setxattr = op_setxattr;
	ops->getxattr = op_getxattr;
	ops->listxattr = op_listxattr;
	ops->removexattr = op_removexattr;
}
