/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/behaviour.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A file of that name, open for both; or -errno. */
static int make(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int make_closed(int dir, const char *name)
{
	int fd = make(dir, name);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

static int try_rename(int dir, unsigned flags, const char *to)
{
	int r = make_closed(dir, "from");

	if (!r && (flags & RENAME_EXCHANGE))
		r = make_closed(dir, to);
	return r ? r : result(renameat2(dir, "from", dir, to, flags));
}

static int rename_noreplace(int dir)
{
	return try_rename(dir, RENAME_NOREPLACE, "to1");
}

static int rename_exchange(int dir)
{
	return try_rename(dir, RENAME_EXCHANGE, "to2");
}

static int rename_whiteout(int dir)
{
	return try_rename(dir, RENAME_WHITEOUT, "to3");
}

static int o_tmpfile(int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* EPERM is how a file system says that it has none. */
static int hard_links(int dir)
{
	int r = make_closed(dir, "linked");

	if (!r)
		r = result(linkat(dir, "linked", dir, "link", 0));
	return r == -EPERM ? -EOPNOTSUPP : r;
}

static int symlinks(int dir)
{
	int r = result(symlinkat("target", dir, "symlink"));

	return r == -EPERM ? -EOPNOTSUPP : r;
}

/* The rest work on one open file. */
static int locks(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

	return result(fcntl(fd, F_SETLK, &l));
}

static int flocks(int fd)
{
	return result(flock(fd, LOCK_EX | LOCK_NB));
}

static int mmap_shared(int fd)
{
	void *p;

	if (pwrite(fd, "x", 1, 0) != 1)
		return -errno;
	p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, 1);
	return 0;
}

static int o_direct(int fd)
{
	return result(fcntl(fd, F_SETFL, O_DIRECT));
}

static int fallocates(int fd)
{
	return result(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
}

static int copies(int fd)
{
	loff_t from = 0, to = 4096;

	if (pwrite(fd, "x", 1, 0) != 1)
		return -errno;
	return result((int)copy_file_range(fd, &from, fd, &to, 1, 0));
}

static int seek_hole(int fd)
{
	if (pwrite(fd, "x", 1, 0) != 1)
		return -errno;
	return result((int)lseek(fd, 0, SEEK_HOLE));
}

static int xattrs(int fd)
{
	return result(fsetxattr(fd, "user.fnprobe", "x", 1, 0));
}

/* The three entries that say what the mode says: struct posix_acl_xattr_header and _entry. */
static int acls(int fd)
{
	static const unsigned char acl[] = {
		2,    0, 0, 0,                         /* version */
		1,    0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* owner rw- */
		4,    0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* group --- */
		0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* others --- */
	};

	return result(fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0));
}

static void put_dax(struct fn_report *r, int fd)
{
	struct statx stx;

	fn_report_doing(r, "statx()");
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx))
		fn_fact_unknown(&r->facts, "dax", "statx()", "%s", strerror(errno));
	else if (stx.stx_attributes & STATX_ATTR_DAX)
		fn_fact_yes(&r->facts, "dax", "statx()");
	else
		fn_fact_no(&r->facts, "dax", "statx()", "STATX_ATTR_DAX is not set on a new file");
}

struct ability {
	const char *name, *how;
	int (*try)(int fd);
};

static void try_all(struct fn_report *r, const struct ability *a, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++) {
		fn_report_doing(r, a[i].name);
		fn_fact_result(&r->facts, a[i].name, a[i].how, a[i].try(fd));
	}
}

/* Of a directory. */
static const struct ability in_dir[] = {
	{"rename_noreplace", "renameat2()", rename_noreplace},
	{"rename_exchange", "renameat2()", rename_exchange},
	{"rename_whiteout", "renameat2()", rename_whiteout},
	{"o_tmpfile", "openat(O_TMPFILE)", o_tmpfile},
	{"hard_links", "linkat()", hard_links},
	{"symlinks", "symlinkat()", symlinks},
};

/* Of an open file. O_DIRECT last: it changes what the descriptor can write. */
static const struct ability in_file[] = {
	{"locks", "fcntl(F_SETLK)", locks},
	{"flock", "flock()", flocks},
	{"mmap_shared", "mmap()", mmap_shared},
	{"fallocate", "fallocate()", fallocates},
	{"copy_file_range", "copy_file_range()", copies},
	{"seek_hole", "lseek(SEEK_HOLE)", seek_hole},
	{"xattr", "fsetxattr()", xattrs},
	{"acl", "fsetxattr(system.posix_acl_access)", acls},
	{"o_direct", "fcntl(O_DIRECT)", o_direct},
};

void fn_probe_behaviour(struct fn_report *r, int dir)
{
	int fd;

	try_all(r, in_dir, sizeof(in_dir) / sizeof(in_dir[0]), dir);
	fn_report_doing(r, "creating a file");
	fd = make(dir, "file");
	if (fd < 0)
		return;
	put_dax(r, fd);
	try_all(r, in_file, sizeof(in_file) / sizeof(in_file[0]), fd);
	close(fd);
}
