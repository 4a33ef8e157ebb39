/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mount's server repeats the operation: INJECT over its control file, many at a time. The
 * answer says that the server took it; the event follows as soon as it was replayed.
 */
#include "fnsend/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/control.h"

struct replay {
	struct fn_control_file *file;
	size_t base_len; /* of what stands before each path, with its slash */
	char base[PATH_MAX];
	char path[PATH_MAX], old_path[PATH_MAX];
	struct fn_event *batch[FN_CONTROL_BATCH];
	size_t n;
};

static const char *open_file(struct sender *s, struct replay *r, int *err)
{
	const char *base;
	size_t len;

	*err = fn_control_open(&r->file, s->root, true);
	if (*err)
		return *err == -EOPNOTSUPP ? "its server has no control file" : strerror(-*err);
	*err = -EPERM;
	if (!(fn_control_hello(r->file)->flags & FN1_HELLO_MAY_INJECT))
		return "only root and the mount's owner may inject";
	*err = -EXDEV;
	base = fn_control_relative(r->file, s->root);
	len = base ? strlen(base) : 0;
	if (!base || len + 1 >= sizeof(r->base))
		return "its control file is elsewhere";
	if (fn_control_fd(r->file) < 0 && s->set->via == VIA_AUTO)
		return "the control file is that of another mount below this one";
	memcpy(r->base, base, len + 1);
	if (len)
		r->base[len++] = '/';
	r->base_len = len;
	*err = 0;
	return NULL;
}

int replay_open(struct sender *s, const char **why)
{
	struct replay *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	*why = r ? open_file(s, r, &err) : "out of memory";
	if (!err) {
		s->replay = r;
		return 0;
	}
	if (r)
		fn_control_close(r->file);
	free(r);
	return err;
}

void replay_close(struct sender *s)
{
	if (!s->replay)
		return;
	for (size_t i = 0; i < s->replay->n; i++)
		fn_event_free(s->replay->batch[i]);
	fn_control_close(s->replay->file);
	free(s->replay);
	s->replay = NULL;
}

/* The path as the server has it, and the name at its end. */
static bool full(const struct replay *r, struct fn_str *path, struct fn_str *name, char *room)
{
	const char *slash;

	if (!path->data)
		return true;
	if (r->base_len + path->len >= PATH_MAX)
		return false;
	memcpy(room, r->base, r->base_len);
	memcpy(room + r->base_len, path->data, path->len);
	path->len += r->base_len;
	/* The root of a base is the base, without its slash. */
	if (path->len && room[path->len - 1] == '/')
		path->len--;
	room[path->len] = '\0';
	path->data = room;
	slash = memrchr(room, '/', path->len);
	name->data = slash ? slash + 1 : room;
	name->len = path->len - (size_t)(name->data - room);
	return true;
}

/* Halves are renames with one side. */
static void settle_half(struct fn_event *ev)
{
	uint64_t half = ev->mask & (FN_MOVED_FROM | FN_MOVED_TO);

	if (!half)
		return;
	if (half == FN_MOVED_FROM) {
		ev->old_path = ev->path;
		ev->path = (struct fn_str){NULL, 0};
	}
	ev->mask = (ev->mask & ~half) | FN_RENAME;
	ev->flags |= FN_EV_PARTIAL;
}

void replay_event(struct sender *s, const struct fn_event *given)
{
	struct replay *r = s->replay;
	struct fn_event ev = *given;

	settle_half(&ev);
	ev.name = ev.old_name = (struct fn_str){NULL, 0};
	ev.root = ev.old_root = 0;
	if (!full(r, &ev.path, &ev.name, r->path) ||
	    !full(r, &ev.old_path, &ev.old_name, r->old_path)) {
		settle(s, given, "replay", -ENAMETOOLONG);
		return;
	}
	/* Identities of another file system mean nothing here. */
	if (ev.path.data || ev.old_path.data) {
		fn_object_clear(&ev.object);
		fn_object_clear(&ev.parent);
		fn_object_clear(&ev.old_parent);
		fn_object_clear(&ev.target);
	}
	r->batch[r->n] = fn_event_dup(&ev);
	if (!r->batch[r->n])
		settle(s, given, "replay", -ENOMEM);
	else if (++r->n == FN_CONTROL_BATCH)
		replay_flush(s);
}

/* Back to what the user calls it. */
static void below_root(const struct replay *r, struct fn_event *ev)
{
	struct fn_str *paths[] = {&ev->path, &ev->old_path};

	for (size_t i = 0; i < 2; i++)
		if (paths[i]->data) {
			size_t n = paths[i]->len < r->base_len ? paths[i]->len : r->base_len;

			paths[i]->data += n;
			paths[i]->len -= n;
		}
}

static void answered(struct sender *s, struct fn_event *ev, int err)
{
	below_root(s->replay, ev);
	if (err == -EOPNOTSUPP || err == -EINVAL) {
		if (s->set->via == VIA_AUTO)
			nudge_event(s, ev, 0);
		else
			report_missed(s, ev, ev->mask, "its server does not replay this");
	} else {
		settle(s, ev, "replay", err);
	}
}

/* The connection is gone, and with it what was not answered. */
static void cut(struct sender *s, int err)
{
	s->tally.cut += s->replay->n;
	if (say_once(s, SAID_CUT))
		fn_warn("%s: the control file: %s", s->mountpoint, strerror(-err));
}

void replay_flush(struct sender *s)
{
	struct replay *r = s->replay;
	int errs[FN_CONTROL_BATCH], err;

	if (!r || !r->n)
		return;
	err = fn_control_inject_many(r->file, r->batch, r->n, errs);
	if (err)
		cut(s, err);
	for (size_t i = 0; i < r->n; i++) {
		if (!err)
			answered(s, r->batch[i], errs[i]);
		fn_event_free(r->batch[i]);
	}
	r->n = 0;
}
