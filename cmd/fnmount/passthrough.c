/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE passthrough (Linux 6.9): the kernel reads, writes and maps the backing file itself. All
 * opens of an inode at one time must name the same backing id (fs/fuse/iomode.c), so it belongs
 * to the inode. An id stays a while after the last close: files are opened again soon. An open
 * that is replayed has none where it can (FOPEN_DIRECT_IO, while nobody has the file open with
 * one): the kernel would open the backing file for it, and who watches that would hear of a close
 * that nobody did.
 */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "server/init_flags.h"

struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define DEV_BACKING_OPEN _IOW(229, 1, struct backing_map)
#define DEV_BACKING_CLOSE _IOW(229, 2, uint32_t)

#define IDLE_MAX (sizeof(((struct fnmount *)0)->idle) / sizeof(struct inode *))

static bool is_fuse(const struct fnmount *m)
{
	struct statfs fs;

	return !statfs(m->backing, &fs) && fs.f_type == FUSE_SUPER_MAGIC;
}

uint64_t passthrough_init_flags(const struct fnmount *m)
{
	/* fanotify alone tells what passes through in the kernel from what others write; to any
	 * other source, and to whoever injects what the far side of a FUSE mount tells, it is news.
	 * The kernel refuses passthrough beside its own writeback cache. */
	bool blind = m->source ? m->elsewhere : is_fuse(m);
	bool pass = !m->config.no_passthrough && !m->config.writeback && m->as_caller && !blind;

	return FN_INITF_HANDLE_KILLPRIV_V2 | (pass ? FN_INITF_PASSTHROUGH : 0);
}

/* What may lie below us: with 2 nothing can be stacked on this mount any more. */
unsigned passthrough_stack_depth(const struct fnmount *m)
{
	struct statfs fs;

	if (statfs(m->backing, &fs))
		return 1;
	return fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == FUSE_SUPER_MAGIC ? 2 : 1;
}

static int32_t map_fd(const struct fnmount *m, int fd)
{
	struct backing_map map = {.fd = fd};
	int32_t id = ioctl(fuse_session_fd(m->session), DEV_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

/* The kernel keeps what it is given for as long as the id, and takes no more of it than the place:
 * the descriptor by which the inode is known will do, which is open neither for reading nor for
 * writing and holds no locks. Where a kernel wants an open file it gets one of its own, so that a
 * client's locks go with the client's, and for reading, so that a program just written can be run.
 */
static int32_t map_open(struct fnmount *m, const struct inode *i, int client)
{
	struct proc_path p;
	int32_t id = map_fd(m, i->fd);
	int fd;

	if (id != -EBADF)
		return id;
	fd = table_openat(&m->inodes, AT_FDCWD, proc_path(&p, client), O_RDONLY, 0);
	if (fd < 0)
		return fd;
	id = map_fd(m, fd);
	close(fd);
	return id;
}

static void map_close(struct fnmount *m, struct inode *i)
{
	uint32_t id = (uint32_t)i->backing_id;

	if (m->session)
		ioctl(fuse_session_fd(m->session), DEV_BACKING_CLOSE, &id);
	i->backing_id = 0;
}

static void idle_remove(struct fnmount *m, struct inode *i)
{
	for (size_t n = 0; i->idle && n < IDLE_MAX; n++) {
		if (m->idle[n] == i) {
			m->idle[n] = NULL;
			i->idle = false;
		}
	}
}

static void idle_add(struct fnmount *m, struct inode *i)
{
	struct inode **slot = &m->idle[m->idle_next++ % IDLE_MAX];

	if (*slot) {
		(*slot)->idle = false;
		map_close(m, *slot);
	}
	*slot = i;
	i->idle = true;
}

int32_t backing_get(struct fnmount *m, struct inode *i, int fd)
{
	int32_t id;

	if (!(fn_server_init_flags(m->server) & FN_INITF_PASSTHROUGH) || i->type != S_IFREG)
		return 0;
	pthread_mutex_lock(&m->backing_lock);
	idle_remove(m, i);
	if (!i->backing_id && !i->no_backing) {
		id = map_open(m, i, fd);
		i->backing_id = id > 0 ? id : 0;
		i->no_backing = id <= 0;
	}
	if (i->backing_id)
		i->opens++;
	id = i->backing_id;
	pthread_mutex_unlock(&m->backing_lock);
	return id;
}

int32_t backing_join(struct fnmount *m, struct inode *i)
{
	int32_t id;

	pthread_mutex_lock(&m->backing_lock);
	id = i->opens ? i->backing_id : 0;
	if (id)
		i->opens++;
	pthread_mutex_unlock(&m->backing_lock);
	return id;
}

/* The last one leaves the id to the next open or the end of the inode. */
void backing_leave(struct fnmount *m, struct inode *i)
{
	pthread_mutex_lock(&m->backing_lock);
	if (i->opens)
		i->opens--;
	pthread_mutex_unlock(&m->backing_lock);
}

void backing_put(struct fnmount *m, struct inode *i)
{
	pthread_mutex_lock(&m->backing_lock);
	if (i->opens && !--i->opens)
		idle_add(m, i);
	pthread_mutex_unlock(&m->backing_lock);
}

void backing_forget(struct fnmount *m, struct inode *i)
{
	pthread_mutex_lock(&m->backing_lock);
	idle_remove(m, i);
	if (i->backing_id)
		map_close(m, i);
	pthread_mutex_unlock(&m->backing_lock);
}
