/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own remote fsnotify, where a patched one negotiated it: FUSE_NOTIFY_FSNOTIFY
 * through the server's descriptor. A node that the kernel does not hold cannot be watched, so
 * that ENOENT is no failure.
 */
#include "fnsend/native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fnsend/message.h"
#include "source/beneath.h"

struct native {
	int fd;
	enum fn_dialect dialect;
	struct message m[MESSAGES_MAX];
};

int native_open(struct sender *s)
{
	struct native *n = calloc(1, sizeof(*n));
	int status = n ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");

	if (n)
		n->fd = -1;
	if (!status)
		status = message_dialect(s->set, FN_DIALECT_fn_native, &n->dialect);
	if (!status)
		status = take_server_fd(s->set, &n->fd);
	if (!status) {
		s->native = n;
		return 0;
	}
	free(n);
	return status;
}

void native_close(struct sender *s)
{
	if (!s->native)
		return;
	close(s->native->fd);
	free(s->native);
	s->native = NULL;
}

static int node_of(int fd, struct fn_object *o)
{
	int err = fn_object_at(o, fd, "", AT_EMPTY_PATH);

	return err ? err : o->has & FN_OBJ_NODE ? 0 : -EOPNOTSUPP;
}

/* The node of a path's directory, and its name there. */
static int parent_of(const struct sender *s, struct fn_str path, struct fn_object *dir,
		     struct fn_str *name)
{
	const char *slash = memrchr(path.data, '/', path.len);
	size_t n = slash ? (size_t)(slash - path.data) : 0;
	char place[PATH_MAX];
	int fd, err;

	if (path.len >= sizeof(place) || !path.len)
		return -EINVAL;
	memcpy(place, path.data, n);
	place[n] = '\0';
	*name = (struct fn_str){path.data + n + (slash != NULL), path.len - n - (slash != NULL)};
	fd = fn_open_beneath(s->root_fd, place, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	err = node_of(fd, dir);
	close(fd);
	return err;
}

static int object_of(const struct sender *s, const char *path, struct fn_object *o)
{
	int fd = fn_open_beneath(s->root_fd, path, O_PATH), err;

	if (fd < 0)
		return fd;
	err = node_of(fd, o);
	close(fd);
	return err;
}

/* Paths into nodes. */
static int locate(const struct sender *s, struct fn_event *ev)
{
	int err = 0;

	if (!ev->path.data)
		return ev->object.has & FN_OBJ_NODE ? 0 : -EOPNOTSUPP;
	if (!ev->path.len || ev->mask & (FN_DELETE_SELF | FN_MOVE_SELF))
		return object_of(s, ev->path.data, &ev->object);
	err = parent_of(s, ev->path, &ev->parent, &ev->name);
	if (!err && ev->old_path.data)
		err = parent_of(s, ev->old_path, &ev->old_parent, &ev->old_name);
	/* Content events reach a watch on the object itself too, if it can be named. */
	if (!err && !(ev->mask & FN_DIRENT_EVENTS) && object_of(s, ev->path.data, &ev->object))
		fn_object_clear(&ev->object);
	return err;
}

int native_event(struct sender *s, const struct fn_event *given)
{
	struct native *n = s->native;
	struct fn_event ev = *given;
	size_t count = 0;
	int err = locate(s, &ev);

	if (err)
		return err;
	if (message_event(&ev, n->dialect, n->m, &count))
		return -EOPNOTSUPP;
	for (size_t i = 0; !err && i < count; i++)
		err = write(n->fd, n->m[i].data, n->m[i].len) < 0 ? -errno : 0;
	if (err == -EINVAL)
		return -EOPNOTSUPP;
	return err == -ENOENT ? 0 : err;
}
