/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The replay thread's way into the mount. Where it may, it works on a private clone of the mount:
 * then even while it is busy the visible one can be unmounted. A directory is opened by its FUSE
 * file handle, which is its node id and generation: no walk, no race with renames.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "object/object.h"
#include "replay/replay_impl.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

/* True unless something else is mounted there now. Asks the kernel alone, not the server. */
static bool is_ours(struct fn_replay *r, int fd)
{
	struct statx st;
	dev_t dev;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st))
		return false;
	dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	if (!r->dev)
		r->dev = dev;
	return r->dev == dev;
}

int fn_replay_mount(struct fn_replay *r)
{
	struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
	int fd;

	if (r->mount_fd >= 0)
		return r->mount_fd;
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, r->mountpoint,
			  OPEN_TREE_CLONE | O_CLOEXEC | AT_NO_AUTOMOUNT);
	r->is_clone = fd >= 0;
	if (fd >= 0) /* the clone of a read-only mount; where it stays so, replay fails */
		mount_setattr(fd, "", AT_EMPTY_PATH, &writable, sizeof(writable));
	else
		fd = open(r->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!is_ours(r, fd)) {
		close(fd);
		return -ENODEV;
	}
	r->mount_fd = fd;
	return fd;
}

static int open_handle(struct fn_replay *r, uint64_t nodeid, uint64_t generation)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + 12];
	} u;
	struct fn_object o;
	int fd;

	fn_object_clear(&o);
	fn_object_set_node(&o, nodeid, generation);
	u.h.handle_bytes = 12;
	u.h.handle_type = FN_HANDLE_FUSE;
	if (fn_object_to_fuse_handle(&o, u.h.f_handle))
		return -EINVAL;
	/* It takes no O_PATH descriptor to tell the mount by, but the working directory will do. */
	if (!r->in_mount && fchdir(r->mount_fd))
		return -errno;
	r->in_mount = true;
	fd = open_by_handle_at(AT_FDCWD, &u.h, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == EPERM)
		r->no_handles = true;
	return fd < 0 ? -errno : fd;
}

static int open_path(struct fn_replay *r, uint64_t nodeid)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char path[PATH_MAX];
	int res = fn_nodes_place(r->conf.nodes, nodeid, path, sizeof(path));

	if (res)
		return res;
	res = (int)syscall(SYS_openat2, r->mount_fd, path[0] ? path : ".", &how, sizeof(how));
	return res < 0 ? -errno : res;
}

int fn_replay_dir(struct fn_replay *r, uint64_t nodeid)
{
	struct fn_entry entry;
	int fd = fn_replay_mount(r);

	if (fd < 0 || nodeid == FUSE_ROOT_ID)
		return fd;
	if (r->dir_fd >= 0 && r->dir_node == nodeid)
		return r->dir_fd;
	if (fn_nodes_get(r->conf.nodes, nodeid, &entry))
		return -ESTALE;
	fd = r->no_handles ? -EPERM : open_handle(r, nodeid, entry.generation);
	if (fd < 0)
		fd = open_path(r, nodeid);
	if (fd < 0)
		return fd;
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	r->dir_fd = fd;
	r->dir_node = nodeid;
	return fd;
}

int fn_replay_limbo(struct fn_replay *r)
{
	int fd = fn_replay_mount(r);

	if (fd < 0 || r->limbo_fd >= 0)
		return fd < 0 ? fd : r->limbo_fd;
	r->limbo_fd = openat(fd, r->limbo, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->limbo_fd < 0 ? -errno : r->limbo_fd;
}

void fn_replay_close_dir(struct fn_replay *r)
{
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	r->dir_fd = -1;
}

void fn_replay_close(struct fn_replay *r)
{
	fn_replay_close_dir(r);
	if (r->in_mount && !chdir("/"))
		r->in_mount = false;
	if (r->limbo_fd >= 0)
		close(r->limbo_fd);
	if (r->mount_fd >= 0)
		close(r->mount_fd);
	r->limbo_fd = r->mount_fd = -1;
}
