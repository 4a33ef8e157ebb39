/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files. fi->fh is the descriptor of the backing file. */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How the backing file is opened. O_DIRECT asks for buffers aligned as a request's are not: the
 * kernel honours it itself with passthrough, and without, nothing is cached on this side. */
static int backing_flags(const struct fnmount *m, int flags)
{
	flags &= ~(O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_DIRECT);
	if (m->config.writeback) {
		/* the kernel reads what it writes back in part, and knows where the end is */
		if ((flags & O_ACCMODE) == O_WRONLY)
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		flags &= ~O_APPEND;
	}
	return flags;
}

static int reopen(struct fnmount *m, int fd, int flags)
{
	struct proc_path p;

	return table_openat(&m->inodes, AT_FDCWD, proc_path(&p, fd), backing_flags(m, flags), 0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int fd;
	struct inode *i = hold(req, ino, &fd);

	if (!i)
		return;
	/* the kernel opens special files itself; the object behind the name may have changed */
	fd = i->type == S_IFREG ? reopen(fnmount_of(req), fd, fi->flags) : -EOPNOTSUPP;
	if (fd < 0) {
		reply_errno(req, fd);
	} else {
		/* What such a mount keeps of it may be old, if it was written twice within a tick
		 * of its store's clock. This one keeps it, too. */
		if (i->store->remote)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		fi->fh = (uint64_t)fd;
		reply_opened(req, i, fi);
	}
	inode_put(&m->inodes, i);
}

/* Enters the object behind an open descriptor. */
static int enter_opened(struct fnmount *m, int fd, struct fuse_entry_param *e, struct inode **i)
{
	int path = table_again(&m->inodes, fd), r;

	if (path < 0)
		return path;
	if (fstat(fd, &e->attr)) {
		r = -errno;
		syscall(SYS_close, path);
		return r;
	}
	r = inode_enter(&m->inodes, path, &e->attr, i);
	if (!r)
		fill_entry(m, *i, e);
	return r;
}

/* The name was there already: what it names is opened, if it can be without waiting. */
static int open_existing(struct fnmount *m, int dirfd, const char *name, int flags)
{
	struct stat st;
	int fd = table_openat(&m->inodes, dirfd, name, O_PATH | O_NOFOLLOW, 0), r;

	if (fd < 0)
		return fd;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH))
		r = -errno;
	else if (S_ISREG(st.st_mode))
		r = reopen(m, fd, flags);
	else
		r = S_ISLNK(st.st_mode) ? -ELOOP : -EEXIST;
	close(fd);
	return r;
}

/* O_EXCL always: else the name could lead to a FIFO, or elsewhere, by now. */
static int create_file(fuse_req_t req, int dirfd, const char *name, mode_t mode, int flags)
{
	struct fnmount *m = fnmount_of(req);
	struct cred cred = cred_enter(req, mode);
	int r = table_openat(&m->inodes, dirfd, name,
			     backing_flags(m, flags) | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 07777);

	cred_restore(cred);
	if (r == -EEXIST && !(flags & O_EXCL))
		r = open_existing(m, dirfd, name, flags);
	return r;
}

/* Answers with the entry and the open file behind fd, which is taken. */
static void reply_new_file(fuse_req_t req, int fd, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	struct fuse_entry_param e = {0};
	struct inode *i = NULL;
	int r = fd < 0 ? fd : enter_opened(m, fd, &e, &i);

	if (r) {
		if (fd >= 0)
			close(fd);
		reply_errno(req, r);
		return;
	}
	fi->fh = (uint64_t)fd;
	reply_created(req, i, &e, fi);
	inode_put(&m->inodes, i);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	int fd;
	struct inode *dir = hold(req, parent, &fd);

	if (!dir)
		return;
	if (is_name(name))
		fd = create_file(req, fd, name, mode, fi->flags);
	else
		fd = -EINVAL;
	reply_new_file(req, fd, fi);
	inode_put(&m->inodes, dir);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
static void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	struct cred cred;
	int fd, excl = fi->flags & O_EXCL;
	struct inode *dir = hold(req, parent, &fd);

	if (!dir)
		return;
	cred = cred_enter(req, mode);
	fd = table_openat(&m->inodes, fd, ".", backing_flags(m, fi->flags) | O_TMPFILE | excl,
			  mode & 07777);
	cred_restore(cred);
	reply_new_file(req, fd, fi);
	inode_put(&m->inodes, dir);
}
#endif

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(size);

	(void)ino;
	buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buf.buf[0].fd = (int)fi->fh;
	buf.buf[0].pos = off;
	fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
}

static void op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			 struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t n;

	(void)ino;
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = (int)fi->fh;
	out.buf[0].pos = off;
	n = fuse_buf_copy(&out, in, 0);
	if (n < 0)
		reply_errno(req, (int)n);
	else
		fuse_reply_write(req, (size_t)n);
}

/* One of the file's descriptors is closed: its owner's POSIX locks go, and the backing store may
 * have an error to tell (NFS, quota). */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	int r = 0;

	if (i)
		locks_drop(m, i, fi->lock_owner);
	inode_put(&m->inodes, i);
	if ((fi->flags & O_ACCMODE) != O_RDONLY && close(dup((int)fi->fh)))
		r = -errno;
	reply_errno(req, r);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);

	/* Not close(): the kernel sends no other request once it releases, and ThreadSanitizer,
	 * which does not see the kernel's order, takes that for a race. */
	syscall(SYS_close, (int)fi->fh);
	if (i) {
		locks_drop(m, i, fi->lock_owner);
		backing_put(m, i);
	}
	inode_put(&m->inodes, i);
	reply_errno(req, 0);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int r = datasync ? fdatasync((int)fi->fh) : fsync((int)fi->fh);

	(void)ino;
	reply_errno(req, r ? -errno : 0);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	(void)ino;
	reply_errno(req, fallocate((int)fi->fh, mode, off, len) ? -errno : 0);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			       struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			       struct fuse_file_info *fi_out, size_t len, int flags)
{
	ssize_t n = copy_file_range((int)fi_in->fh, &off_in, (int)fi_out->fh, &off_out, len,
				    (unsigned)flags);

	(void)ino_in;
	(void)ino_out;
	if (n < 0)
		reply_errno(req, -errno);
	else
		fuse_reply_write(req, (size_t)n);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	off_t r;

	(void)ino;
	/* The kernel asks before it has written back what it holds: it is to take all for data. */
	if (fnmount_of(req)->config.writeback) {
		reply_errno(req, -ENOSYS);
		return;
	}
	r = lseek((int)fi->fh, off, whence);
	if (r < 0)
		reply_errno(req, -errno);
	else
		fuse_reply_lseek(req, r);
}

void ops_file(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->create = op_create;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	ops->tmpfile = op_tmpfile;
#endif
	ops->read = op_read;
	ops->write_buf = op_write_buf;
	ops->flush = op_flush;
	ops->release = op_release;
	ops->fsync = op_fsync;
	ops->fallocate = op_fallocate;
	ops->copy_file_range = op_copy_file_range;
	ops->lseek = op_lseek;
	ops->getlk = op_getlk;
	ops->setlk = op_setlk;
	ops->flock = op_flock;
}
