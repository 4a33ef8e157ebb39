/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/nudge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replay/echoes.h"
#include "replay/raise.h"
#include "replay/refresh.h"
#include "replay/watched.h"
#include "source/beneath.h"

/* An object that an event is about, opened. */
struct target {
	int fd;
	int64_t synced;           /* when, 0: not */
	struct statx before, stx; /* as the kernel had it, as it is */
};

/* A MODIFY and the CLOSE_WRITE after it come together: the second needs no look of its own. */
#define FRESH_NS 1000000

struct fn_nudge {
	int root, outside;
	int mount; /* of root, for handles; -1: not opened yet */
	enum fn_degrade degrade;
	struct fn_echoes *echoes;
	struct target last; /* fd -1: none */
	char last_path[PATH_MAX];
};

int fn_nudge_new(struct fn_nudge **nudge, int root, const struct fn_nudge_opts *opts)
{
	struct fn_nudge *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->root = root;
	n->mount = n->last.fd = -1;
	n->degrade = opts->degrade;
	n->outside = fn_refresh_outside();
	if (opts->echo_ns)
		n->echoes = fn_echoes_new(opts->echo_ns);
	if (n->outside < 0 || (opts->echo_ns && !n->echoes)) {
		int err = n->outside < 0 ? n->outside : -ENOMEM;

		fn_nudge_free(n);
		return err;
	}
	*nudge = n;
	return 0;
}

static void forget_last(struct fn_nudge *n)
{
	if (n->last.fd >= 0)
		close(n->last.fd);
	n->last.fd = -1;
}

void fn_nudge_free(struct fn_nudge *n)
{
	if (!n)
		return;
	forget_last(n);
	if (n->outside >= 0)
		close(n->outside);
	if (n->mount >= 0)
		close(n->mount);
	fn_echoes_free(n->echoes);
	free(n);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The directory that a path is in, opened, and the name there. */
static int open_parent(struct fn_nudge *n, const char *path, const char **name)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!*path)
		return -EINVAL; /* the root has no name that we may touch */
	memcpy(dir, path, len);
	dir[len] = '\0';
	*name = slash ? slash + 1 : path;
	return fn_open_beneath(n->root, dir, O_PATH | O_DIRECTORY);
}

/* Look one name up again: 1, 0 or -errno. */
static int refresh_path(struct fn_nudge *n, const char *path, bool *ended)
{
	const char *name;
	int dir = open_parent(n, path, &name), r;

	if (dir < 0)
		return dir;
	r = fn_refresh_entry(n->outside, dir, name, false, ended);
	close(dir);
	return r;
}

static int open_synced(struct fn_nudge *n, const char *path, struct target *t)
{
	int err;

	t->fd = fn_open_beneath(n->root, path, O_PATH);
	if (t->fd < 0)
		return t->fd;
	err = fn_cached_attr(t->fd, &t->before);
	if (!err)
		err = fn_refresh_attr(t->fd, &t->stx);
	if (!err && t->stx.stx_nlink == 0)
		err = -ENOENT;
	if (err) {
		close(t->fd);
		t->fd = -1;
	}
	return err;
}

/* A stale entry may hide what is there now, or show what is not. */
static int open_target(struct fn_nudge *n, const char *path, struct target *t)
{
	int err = open_synced(n, path, t);

	if (err != -ENOENT && err != -ESTALE && err != -ENOTDIR)
		return err;
	if (!*path || refresh_path(n, path, NULL) <= 0)
		return -ENOENT;
	return open_synced(n, path, t);
}

static int open_mount(struct fn_nudge *n)
{
	if (n->mount < 0)
		n->mount = openat(n->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return n->mount < 0 ? -errno : 0;
}

static int open_by_handle(struct fn_nudge *n, const struct fn_object *o, struct target *t)
{
	int err = open_mount(n);

	if (err)
		return err;
	t->fd = fn_object_open(o, n->mount, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (t->fd < 0)
		return t->fd;
	err = fn_cached_attr(t->fd, &t->before);
	if (!err)
		err = fn_refresh_attr(t->fd, &t->stx);
	if (err)
		close(t->fd);
	return err;
}

/* Raise the bits on the target, and note what the far side will report. */
static int raise_on(struct fn_nudge *n, struct target *t, struct fn_str key, uint64_t bits,
		    struct fn_nudge_result *res)
{
	struct fn_raised raised = {0};
	struct statx after;
	int err = fn_raise(t->fd, &t->stx, bits, &raised);

	res->raised |= raised.bits;
	res->extra |= raised.extra;
	res->missed |= raised.missed;
	if (n->echoes && (raised.bits | raised.extra) && !fn_cached_attr(t->fd, &after))
		fn_echoes_expect(n->echoes, key.data, key.len, raised.bits | raised.extra, &after,
				 now_ns());
	return err;
}

/* The target of the event before, if it was looked at after this event was read, and just now. */
static bool is_last(const struct fn_nudge *n, struct fn_str path, int64_t read_ns)
{
	return n->last.fd >= 0 && path.data && !strcmp(n->last_path, path.data) &&
	       read_ns <= n->last.synced && now_ns() - n->last.synced < FRESH_NS;
}

static int find_target(struct fn_nudge *n, const struct fn_event *ev, int64_t read_ns)
{
	int err;

	if (is_last(n, ev->path, read_ns))
		return 0;
	forget_last(n);
	err = ev->path.data ? open_target(n, ev->path.data, &n->last)
			    : open_by_handle(n, &ev->object, &n->last);
	if (err) {
		n->last.fd = -1;
		return err;
	}
	n->last.synced = now_ns();
	if (ev->path.data)
		memcpy(n->last_path, ev->path.data, ev->path.len + 1);
	return 0;
}

static int content_event(struct fn_nudge *n, const struct fn_event *ev, uint64_t bits,
			 int64_t read_ns, struct fn_nudge_result *res)
{
	struct target *t = &n->last;
	struct fn_str key = ev->path;
	int err = find_target(n, ev, read_ns);

	if (err)
		return err;
	if (!key.data)
		key = (struct fn_str){(const char *)ev->object.handle, ev->object.handle_len};
	if (n->echoes && fn_echoes_take(n->echoes, key.data, key.len, bits, &t->stx, read_ns)) {
		res->echo = true;
	} else {
		if (bits & FN_MODIFY && fn_data_may_be_stale(&t->before, &t->stx))
			fn_refresh_data(t->fd);
		err = raise_on(n, t, key, bits, res);
	}
	if (!ev->path.data)
		forget_last(n);
	return err;
}

/* The nearest honest thing: on the object while it has a name, else on where it was. */
static int degrade(struct fn_nudge *n, const char *path, bool present, struct fn_nudge_result *res)
{
	uint64_t bit = n->degrade == FN_DEGRADE_ATTRIB ? FN_ATTRIB : FN_MODIFY;
	struct fn_nudge_result sub = {0};
	struct target t = {.fd = -1};
	const char *slash = strrchr(path, '/');
	char place[PATH_MAX];
	size_t len = present ? strlen(path) : slash ? (size_t)(slash - path) : 0;
	int err;

	memcpy(place, path, len);
	place[len] = '\0';
	err = open_target(n, place, &t);
	if (err)
		return err;
	err = raise_on(n, &t, (struct fn_str){place, len}, bit, &sub);
	res->degraded |= sub.raised;
	close(t.fd);
	return err;
}

static bool same_parent(struct fn_str a, struct fn_str b)
{
	const char *sa = strrchr(a.data, '/'), *sb = strrchr(b.data, '/');
	size_t na = sa ? (size_t)(sa - a.data) : 0, nb = sb ? (size_t)(sb - b.data) : 0;

	return na == nb && !memcmp(a.data, b.data, na);
}

/* Names came, went or changed: no call raises that, but everybody can be made to see it. */
static int name_event(struct fn_nudge *n, const struct fn_event *ev, uint64_t bits,
		      struct fn_nudge_result *res)
{
	bool has_old = ev->old_path.len, has_new = ev->path.len, ended = false;
	int old = has_old ? refresh_path(n, ev->old_path.data, NULL) : 0;
	int now = has_new ? refresh_path(n, ev->path.data, &ended) : 0;
	int err = old < 0 ? old : now < 0 ? now : 0;

	if (!has_old && !has_new)
		return -EINVAL;
	/* By the refresh, to whoever watched it. */
	if (bits & FN_DELETE_SELF && has_new && now == 0 &&
	    (ended || (!open_mount(n) && !fn_watched_refresh(n->mount))))
		res->raised |= FN_DELETE_SELF;
	res->missed |= bits & ~res->raised;
	/* A directory that is gone takes its names with it: nothing left to refresh. */
	if (err == -ENOENT || err == -ENOTDIR)
		err = 0;
	if (err || n->degrade == FN_DEGRADE_NONE || !res->missed)
		return err;
	if (has_new)
		err = degrade(n, ev->path.data, now > 0, res);
	if (!err && has_old && !(has_new && same_parent(ev->path, ev->old_path)))
		err = degrade(n, ev->old_path.data, old > 0, res);
	return err == -ENOENT ? 0 : err;
}

static bool path_usable(struct fn_str p)
{
	return !p.data || (p.len < PATH_MAX && fn_path_ok(p.data, p.len) && !p.data[p.len]);
}

int fn_nudge_event(struct fn_nudge *n, const struct fn_event *ev, int64_t read_ns,
		   struct fn_nudge_result *res)
{
	uint64_t mask = ev->mask & ~(uint64_t)FN_ISDIR;
	uint64_t content = mask & FN_RAISE_ALL;
	uint64_t names = mask & (FN_DIRENT_EVENTS | FN_DELETE_SELF | FN_MOVE_SELF);
	int err = 0;

	memset(res, 0, sizeof(*res));
	if (!path_usable(ev->path) || !path_usable(ev->old_path))
		return -EINVAL;
	if (!ev->path.data && !ev->old_path.data && !(ev->object.has & FN_OBJ_HANDLE) &&
	    mask != FN_Q_OVERFLOW)
		return -EINVAL;
	res->missed = mask & ~(content | names);
	if (names)
		forget_last(n);
	if (names)
		err = name_event(n, ev, names, res);
	if (!err && content)
		err = content_event(n, ev, content, read_ns ? read_ns : now_ns(), res);
	return err;
}
