/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fanotify: the roots. No descriptor of a root is held, for that would keep its file system busy
 * and a removed root alive; it is opened when needed and closed at the end of the round. fanotify
 * says nothing when a file system is unmounted, so an inotify watch on each root itself does.
 */
#include "source/fanotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/refind.h"

int fan_fd_path(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return (int)n;
}

/* How many steps fd is below the root of its mount. */
static int mount_depth(int fd, int mount)
{
	struct fn_object here, up;
	int depth = 0, up_mount = mount;

	fd = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fn_object_clear(&here);
	fn_object_handle_at(&here, fd, "", AT_EMPTY_PATH, NULL);
	for (; fd >= 0; depth++) {
		int up_fd = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = up_fd;
		fn_object_clear(&up);
		if (fd < 0 || fn_object_handle_at(&up, fd, "", AT_EMPTY_PATH, &up_mount) ||
		    up_mount != mount || fn_object_equal(&here, &up))
			break;
		fn_object_copy(&here, &up);
	}
	if (fd >= 0)
		close(fd);
	return depth;
}

static int note_paths(struct fan_root *r)
{
	char path[PATH_MAX];
	int len = fan_fd_path(r->fd, path);
	int depth = r->dir ? mount_depth(r->fd, r->mount_id) : 0;

	if (len < 0)
		return len;
	r->path = strdup(path);
	while (depth-- > 0) {
		char *slash = strrchr(path, '/');

		slash[slash == path] = '\0';
	}
	r->mount_path = strdup(path);
	return r->path && r->mount_path ? 0 : -ENOMEM;
}

static int watch_self(struct fan_source *s, struct fan_root *r)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", r->fd);
	r->wd = inotify_add_watch(s->guard_fd, link, IN_DELETE_SELF | IN_MOVE_SELF);
	return r->wd < 0 ? -errno : 0;
}

int fan_open_roots(struct fan_source *s, const char *path, size_t i)
{
	struct fan_root *r = &s->roots[i];
	int nofollow = s->flags & FN_SOURCE_DONT_FOLLOW ? O_NOFOLLOW : 0;
	int rc;

	/* Readable if it can be: open_by_handle_at() takes no O_PATH descriptor. */
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | nofollow);
	if (r->fd < 0)
		r->fd = open(path, O_PATH | O_CLOEXEC | nofollow);
	if (r->fd < 0 || fstat(r->fd, &r->was) < 0)
		return -errno;
	r->dir = S_ISDIR(r->was.st_mode);
	rc = fn_object_at(&r->object, r->fd, "", AT_EMPTY_PATH);
	if (rc == 0)
		rc = fn_object_handle_at(&r->object, r->fd, "", AT_EMPTY_PATH, &r->mount_id);
	if (rc == 0)
		rc = note_paths(r);
	if (rc == 0)
		rc = watch_self(s, r);
	if (rc == 0)
		rc = fn_pathmap_add_root(s->map, &r->object, (int)i);
	return rc;
}

static int open_here(const struct fan_root *r)
{
	return open(r->path, r->dir ? O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
				    : O_PATH | O_CLOEXEC | O_NOFOLLOW);
}

/* It may have been renamed. */
static int open_by_handle(const struct fan_root *r)
{
	int mount = open(r->mount_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (mount < 0)
		return -1;
	fd = fn_object_open(&r->object, mount, r->dir ? O_RDONLY | O_DIRECTORY : O_PATH);
	close(mount);
	return fd;
}

static int check(struct fan_root *r, int fd)
{
	struct fn_object now;

	if (fd < 0)
		return -ESTALE;
	r->fd = fd;
	if (fn_object_at(&now, fd, "", AT_EMPTY_PATH) == 0 && fn_object_equal(&now, &r->object))
		return fd;
	close(fd);
	r->fd = -1;
	return -ESTALE;
}

int fan_root_fd(struct fan_source *s, int root)
{
	struct fan_root *r = &s->roots[root];
	int fd = r->fd;

	if (fd < 0 && !r->whole)
		fd = check(r, open_here(r));
	if (fd < 0)
		fd = check(r, open_by_handle(r));
	if (fd < 0 && !r->whole && fn_refind(&r->path, &r->was) == 0)
		fd = check(r, open_here(r));
	return fd;
}

void fan_close_roots(struct fan_source *s)
{
	for (size_t i = 0; i < s->nroots; i++) {
		if (s->roots[i].fd >= 0)
			close(s->roots[i].fd);
		s->roots[i].fd = -1;
	}
}

int fan_open_guard(struct fan_source *s)
{
	struct epoll_event ev = {.events = EPOLLIN};

	s->guard_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->guard_fd < 0 || s->poll_fd < 0 ||
	    epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->guard_fd, &ev) < 0 ||
	    epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		return -errno;
	return 0;
}

static void report_root(struct fan_source *s, size_t root, uint64_t bit)
{
	struct fn_event *ev = &s->ev;

	if (bit == FN_MOVE_SELF && !(s->want & FN_MOVE_SELF))
		return;
	if (bit != FN_MOVE_SELF && s->roots[root].gone)
		return;
	s->roots[root].gone |= bit != FN_MOVE_SELF;
	fn_event_clear(ev);
	ev->mask = bit | (s->roots[root].dir ? FN_ISDIR : 0);
	ev->flags = bit == FN_MOVE_SELF ? 0 : FN_EV_GONE;
	ev->root = (int)root;
	ev->path = (struct fn_str){"", 0};
	fn_object_copy(&ev->object, &s->roots[root].object);
	fn_source_emit(&s->base, ev);
}

void fan_root_lost(struct fan_source *s, int root)
{
	if (fan_root_fd(s, root) < 0)
		report_root(s, (size_t)root, FN_IGNORED);
}

int fan_read_guard(struct fan_source *s)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(s->guard_fd, buf, sizeof(buf));
	const struct inotify_event *in;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*in) + in->len)) {
		in = (const void *)(buf + at);
		if (!(in->mask & (IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)))
			continue;
		for (size_t i = 0; i < s->nroots; i++)
			if (s->roots[i].wd == in->wd)
				report_root(s, i,
					    in->mask & IN_UNMOUNT       ? FN_UNMOUNT
					    : in->mask & IN_DELETE_SELF ? FN_DELETE_SELF
									: FN_MOVE_SELF);
	}
	return s->base.stop;
}
