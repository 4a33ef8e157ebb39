/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on names in directories. */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What "." and ".." would say, the kernel knows; a server that followed ".." could be led out of
 * the backing directory. How long a name may be, the backing file system says. */
bool is_name(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/');
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *dir = inode_get(&m->inodes, parent);
	struct fuse_entry_param e = {0};
	int r = dir ? -EINVAL : -ESTALE;
	double negative = dir && is_told(m, dir) ? m->negative : 0;

	if (dir && is_name(name))
		r = lookup_entry(m, dir, name, &e);
	inode_put(&m->inodes, dir);
	if (r == -ENOENT && negative > 0) {
		e.entry_timeout = negative;
		fuse_reply_entry(req, &e);
	} else if (r) {
		reply_errno(req, r);
	} else if (fuse_reply_entry(req, &e) == -ENOENT) {
		inode_forget(&m->inodes, e.ino, 1);
	}
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	inode_forget(&fnmount_of(req)->inodes, ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t n = 0; n < count; n++)
		inode_forget(&fnmount_of(req)->inodes, forgets[n].ino, forgets[n].nlookup);
	fuse_reply_none(req);
}

/* What makes a new name: kind by mode, or a symlink. */
struct making {
	mode_t mode;
	dev_t rdev;
	const char *link;
};

static int make(int dirfd, const char *name, const struct making *what)
{
	int r;

	if (what->link)
		r = symlinkat(what->link, dirfd, name);
	else if (S_ISDIR(what->mode))
		r = mkdirat(dirfd, name, what->mode & ~S_IFMT);
	else
		r = mknodat(dirfd, name, what->mode, what->rdev);
	return r ? -errno : 0;
}

static void make_entry(fuse_req_t req, fuse_ino_t parent, const char *name,
		       const struct making *what)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *dir = inode_get(&m->inodes, parent);
	struct cred cred;
	int dirfd, r = dir ? -EINVAL : -ESTALE;

	if (dir && is_name(name)) {
		dirfd = inode_fd(&m->inodes, dir);
		cred = cred_enter(req, what->mode);
		r = dirfd < 0 ? dirfd : make(dirfd, name, what);
		cred_restore(cred);
	}
	if (r)
		reply_errno(req, r);
	else
		reply_new_entry(req, dir, name);
	inode_put(&m->inodes, dir);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	make_entry(req, parent, name, &(struct making){.mode = mode, .rdev = rdev});
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make_entry(req, parent, name, &(struct making){.mode = (mode & ~S_IFMT) | S_IFDIR});
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	make_entry(req, parent, name, &(struct making){.link = link});
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *i = inode_get(&m->inodes, ino), *dir = inode_get(&m->inodes, newparent);
	struct proc_path p;
	int fd, dirfd, r = i && dir ? -EINVAL : -ESTALE;

	if (i && dir && is_name(newname)) {
		fd = inode_fd(&m->inodes, i);
		dirfd = inode_fd(&m->inodes, dir);
		r = fd < 0 ? fd : dirfd < 0 ? dirfd : 0;
		if (!r && linkat(AT_FDCWD, proc_path(&p, fd), dirfd, newname, AT_SYMLINK_FOLLOW))
			r = -errno;
	}
	if (r)
		reply_errno(req, r);
	else
		reply_new_entry(req, dir, newname);
	inode_put(&m->inodes, i);
	inode_put(&m->inodes, dir);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, int flags)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *dir = inode_get(&m->inodes, parent);
	int dirfd, r = dir ? -EINVAL : -ESTALE;

	if (dir && is_name(name)) {
		dirfd = inode_fd(&m->inodes, dir);
		r = dirfd < 0 ? dirfd : unlinkat(dirfd, name, flags) ? -errno : 0;
	}
	inode_put(&m->inodes, dir);
	reply_errno(req, r);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, 0);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, AT_REMOVEDIR);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned int flags)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *from = inode_get(&m->inodes, parent);
	struct inode *to = inode_get(&m->inodes, newparent);
	struct cred cred;
	int fd, tofd, r = from && to ? -EINVAL : -ESTALE;

	if (from && to && is_name(name) && is_name(newname)) {
		fd = inode_fd(&m->inodes, from);
		tofd = inode_fd(&m->inodes, to);
		cred = cred_enter(req, 0); /* RENAME_WHITEOUT makes a file */
		r = fd < 0 ? fd : tofd < 0 ? tofd : 0;
		if (!r && renameat2(fd, name, tofd, newname, flags))
			r = -errno;
		cred_restore(cred);
	}
	inode_put(&m->inodes, from);
	inode_put(&m->inodes, to);
	reply_errno(req, r);
}

void ops_name(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->link = op_link;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
}
