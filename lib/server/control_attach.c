/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control file in the mount of a server: what it needs of the session and the store. */
#include "server/control_attach.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replay/armed.h"
#include "server/control_dir.h"
#include "server/control_impl.h"
#include "server/server_impl.h"

struct fn_control_mount {
	struct fn_server *srv;
	struct fn_control *ctl;
	struct fn_armed *armed;
	struct fn_control_dir dir;
	int store; /* the backing directory, or -1: the mount itself is asked */
};

static int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int send_message(void *ctx, int fd, const struct iovec *iov, int count)
{
	const struct fn_control_mount *m = ctx;

	if (fd < 0)
		fd = fuse_session_fd(m->srv->se);
	return writev(fd, iov, count) < 0 ? -errno : 0;
}

static int stat_in_store(void *ctx, const char *path, struct stat *st)
{
	const struct fn_control_mount *m = ctx;
	char full[PATH_MAX];

	if (m->store >= 0)
		return fstatat(m->store, path, st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -errno
											: 0;
	/* Through the mount: this is not a thread that serves it. */
	if (snprintf(full, sizeof(full), "%s/%s", m->srv->mountpoint, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	return lstat(full, st) ? -errno : 0;
}

static int path_of(void *ctx, const struct fn_object *object, char *buf, size_t size)
{
	const struct fn_control_mount *m = ctx;
	struct fn_object node;

	fn_object_copy(&node, object);
	if (!(node.has & FN_OBJ_NODE) && node.handle_type == FN_HANDLE_FUSE)
		fn_object_from_fuse_handle(&node, object->handle, object->handle_len);
	if (!(node.has & FN_OBJ_NODE)) {
		if (!m->srv->hooks.find)
			return -ESTALE;
		if (m->srv->hooks.find(m->srv->hooks_ctx, object, &node))
			return -ESTALE;
	}
	return fn_nodes_place(m->srv->nodes, node.nodeid, buf, size) ? -ESTALE : 0;
}

static int inject(void *ctx, const struct fn_event *ev)
{
	const struct fn_control_mount *m = ctx;

	return fn_server_inject(m->srv, ev);
}

/* The directory of path. */
static int parent_of(struct fn_server *srv, struct fn_str path, uint64_t *nodeid)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;

	return fn_nodes_resolve(srv->nodes, path.data, slash ? (size_t)(slash - path.data) : 0,
				nodeid);
}

/* The kernel here is to ask for the name again, whatever it has cached. */
static void expire(struct fn_server *srv, uint64_t parent, struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	const char *name = slash ? slash + 1 : path.data;
	char buf[sizeof(struct fuse_notify_inval_entry_out) + FN_NAME_MAX + 1] = {0};
	struct fuse_notify_inval_entry_out out = {.parent = parent};

	out.namelen = (uint32_t)(path.len - (size_t)(name - path.data));
	if (out.namelen > FN_NAME_MAX)
		return;
	memcpy(buf, &out, sizeof(out));
	memcpy(buf + sizeof(out), name, out.namelen);
	fn_server_notify(srv, FUSE_NOTIFY_INVAL_ENTRY, buf, sizeof(out) + out.namelen + 1);
}

static int set_armed(struct fn_control_mount *m, uint64_t owner, pid_t tgid,
		     const struct fn1_arm *arm)
{
	struct fn_arm_place place = {0};
	int rc;

	if (!arm->path.data || (arm->mask & FN_RENAME && !arm->old_path.data))
		return -EINVAL;
	if (arm->mask & (FN_MODIFY | FN_ATTRIB)) {
		rc = fn_nodes_resolve(m->srv->nodes, arm->path.data, arm->path.len, &place.node);
	} else {
		rc = parent_of(m->srv, arm->path, &place.parent);
		if (!rc && arm->mask & FN_RENAME)
			rc = parent_of(m->srv, arm->old_path, &place.old_parent);
	}
	if (rc)
		return rc;
	rc = fn_armed_set(m->armed, owner, tgid, arm, &place, monotonic_ns());
	if (rc || place.node)
		return rc;
	expire(m->srv, place.parent, arm->path);
	if (arm->mask & FN_RENAME)
		expire(m->srv, place.old_parent, arm->old_path);
	return 0;
}

static int on_arm(void *ctx, uint64_t owner, pid_t tgid, struct fn1_arm *arm)
{
	struct fn_control_mount *m = ctx;
	struct fn1_arm was = {0};

	if (arm->flags & FN1_ARM_END) {
		if (!fn_armed_end(m->armed, owner, &was))
			return -ENOENT;
		*arm = was;
		return 0;
	}
	return set_armed(m, owner, tgid, arm);
}

static pid_t tgid_of(void *ctx, uint32_t pid)
{
	struct fn_creds creds;

	(void)ctx;
	fn_creds_read(&creds, 0, 0, (pid_t)pid);
	return creds.tgid;
}

/* "NUMBER ARGUMENTS…", or "running". */
static long syscall_of(void *ctx, uint32_t pid)
{
	char name[40], line[32] = "";
	ssize_t n;
	int fd;

	(void)ctx;
	snprintf(name, sizeof(name), "/proc/%u/syscall", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	return n > 0 && line[0] >= '0' && line[0] <= '9' ? strtol(line, NULL, 10) : -1;
}

static uint64_t progress(void *ctx)
{
	const struct fn_control_mount *m = ctx;

	return fn_replay_done(m->srv->replay);
}

void fn_control_progressed(void *ctx)
{
	struct fn_server *srv = ctx;
	struct fn_control *ctl = atomic_load(&srv->control);

	if (ctl)
		fn_control_poke(ctl);
}

static void on_request(void *ctx, const struct fn_request *req)
{
	const struct fn_control_mount *m = ctx;

	fn_control_request(m->ctl, req->fd, req->in, sizeof(*req->in) + req->arglen);
}

/* In the hidden directory: the file's name is the control's, the rest the directory's. */
static void on_dir_request(void *ctx, const struct fn_request *req)
{
	struct fn_control_mount *m = ctx;

	if (req->in->nodeid != m->dir.nodeid ||
	    !fn_control_request(m->ctl, req->fd, req->in, sizeof(*req->in) + req->arglen))
		fn_control_dir_request(&m->dir, req);
}

static bool on_interrupt(void *ctx, uint64_t unique)
{
	const struct fn_control_mount *m = ctx;

	return fn_control_interrupt(m->ctl, unique);
}

/* Other threads may still have something to tell: what they hold on to goes with the server. */
static void on_close(void *ctx)
{
	struct fn_control_mount *m = ctx;

	if (!m->ctl)
		return;
	fn_control_unmount(m->ctl);
	fn_control_stop(m->ctl);
}

void fn_control_detach(struct fn_server *srv)
{
	struct fn_control_mount *m = srv->control_mount;

	if (!m)
		return;
	fn_control_free(m->ctl);
	fn_armed_free(m->armed);
	if (m->store >= 0)
		close(m->store);
	free(m);
}

static const struct fn_reserved_ops control_ops = {
	.request = on_request,
	.interrupt = on_interrupt,
	.close = on_close,
};

static const struct fn_reserved_ops dir_ops = {.request = on_dir_request};

static int start(struct fn_control_mount *m)
{
	const struct fn_armed_world world = {
		.ctx = m, .tgid = tgid_of, .syscall = syscall_of, .stat = stat_in_store};
	struct fn_control_conf conf = {
		.ctx = m,
		.owner = geteuid(),
		.send = send_message,
		.stat = stat_in_store,
		.path = path_of,
		.inject = inject,
		.progress = progress,
		.arm = m->store >= 0 ? on_arm : NULL, /* a server cannot ask its own mount */
		.server = "fnutils " FN_VERSION,
	};
	int rc = fn_server_reserve(m->srv, FN_CONTROL_NAME, &control_ops, m, &conf.nodeid);

	if (!rc)
		rc = fn_server_reserve(m->srv, FN_CONTROL_DIR, &dir_ops, m, &conf.dir);
	m->dir = (struct fn_control_dir){conf.dir, conf.owner};
	if (!rc)
		rc = fn_armed_new(&m->armed, &world);
	if (rc)
		return rc;
	rc = fn_control_new(&m->ctl, &conf);
	return rc ? rc : fn_control_start(m->ctl);
}

int fn_control_attach(struct fn_server *srv, const char *backing)
{
	struct fn_control_mount *m = calloc(1, sizeof(*m));
	int rc = 0;

	if (!m)
		return -ENOMEM;
	m->srv = srv;
	m->store = -1;
	if (backing) {
		m->store = open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
		rc = m->store < 0 ? -errno : 0;
	}
	if (!rc)
		rc = start(m);
	srv->control_mount = m;
	if (rc)
		return rc; /* what there is of it goes with the server */
	atomic_store(&srv->control, m->ctl);
	atomic_store(&srv->armed, m->armed);
	return 0;
}

/* dir of node, a slash, name. False: not known, or too long. */
static bool join_path(struct fn_server *srv, const struct fn_object *dir, const struct fn_str *name,
		      char *buf, size_t size, struct fn_str *path)
{
	struct fn_object node;
	size_t len;

	fn_object_clear(&node);
	if (dir->has & FN_OBJ_NODE)
		node.nodeid = dir->nodeid;
	else if (!(dir->has & FN_OBJ_HANDLE) || !srv->hooks.find ||
		 srv->hooks.find(srv->hooks_ctx, dir, &node))
		return false;
	if (fn_nodes_place(srv->nodes, node.nodeid, buf, size))
		return false;
	len = strlen(buf);
	if (name->len) {
		if (len + name->len + 2 > size)
			return false;
		if (len)
			buf[len++] = '/';
		memcpy(buf + len, name->data, name->len);
		len += name->len;
	}
	*path = (struct fn_str){buf, len};
	return true;
}

void fn_control_tell(struct fn_server *srv, const struct fn_event *ev)
{
	struct fn_control *ctl = atomic_load(&srv->control);
	char path[PATH_MAX], old_path[PATH_MAX];
	struct fn_event copy;

	if (!ctl || !(fn_control_wanted(ctl) & ev->mask || ev->mask & FN_Q_OVERFLOW))
		return;
	if (ev->path.data || ev->old_path.data) {
		fn_control_event_after(ctl, ev, fn_replay_taken(srv->replay));
		return;
	}
	copy = *ev;
	if (ev->name.len || !(ev->mask & FN_RENAME))
		join_path(srv, ev->name.len ? &ev->parent : &ev->object, &ev->name, path,
			  sizeof(path), &copy.path);
	if (ev->old_name.len)
		join_path(srv, &ev->old_parent, &ev->old_name, old_path, sizeof(old_path),
			  &copy.old_path);
	fn_control_event_after(ctl, &copy, fn_replay_taken(srv->replay));
}
