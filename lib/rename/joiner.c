/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public face of events and of the joiner. */
#include <errno.h>
#include <stdlib.h>

#include "fnotify.h"
#include "rename/join.h"

static struct fn_str last_name(struct fn_str path)
{
	size_t at = path.len;

	while (at && path.data[at - 1] != '/')
		at--;
	return (struct fn_str){path.data ? path.data + at : NULL, path.len - at};
}

FN_EXPORT int fn_event_make(struct fn_event **ev, uint64_t mask, const char *path, size_t len,
			    const char *old_path, size_t old_len, uint32_t cookie)
{
	struct fn_event new;

	if ((path && !fn_path_ok(path, len)) || (old_path && !fn_path_ok(old_path, old_len)))
		return -EINVAL;
	fn_event_clear(&new);
	new.mask = mask;
	new.cookie = cookie;
	if (path)
		new.path = (struct fn_str){path, len};
	if (old_path)
		new.old_path = (struct fn_str){old_path, old_len};
	new.name = last_name(new.path);
	new.old_name = last_name(new.old_path);
	if (mask & FN_RENAME && (!path || !old_path))
		new.flags = FN_EV_PARTIAL;
	*ev = fn_event_dup(&new);
	return *ev ? 0 : -ENOMEM;
}

FN_EXPORT uint64_t fn_event_mask(const struct fn_event *ev)
{
	return ev->mask;
}

FN_EXPORT uint32_t fn_event_marks(const struct fn_event *ev)
{
	return ev->flags;
}

static const char *bytes(struct fn_str s, size_t *len)
{
	*len = s.len;
	return s.data;
}

FN_EXPORT const char *fn_event_path(const struct fn_event *ev, size_t *len)
{
	return bytes(ev->path, len);
}

FN_EXPORT const char *fn_event_old_path(const struct fn_event *ev, size_t *len)
{
	return bytes(ev->old_path, len);
}

struct fn_joiner {
	struct fn_join *join;
};

FN_EXPORT int fn_joiner_new(struct fn_joiner **joiner, int64_t wait_ns)
{
	struct fn_join_opts opts = {.wait_ns = wait_ns};
	struct fn_joiner *new = calloc(1, sizeof(*new));

	if (new)
		new->join = fn_join_new(&opts);
	if (!new || !new->join) {
		free(new);
		return -ENOMEM;
	}
	*joiner = new;
	return 0;
}

FN_EXPORT void fn_joiner_free(struct fn_joiner *joiner)
{
	if (joiner)
		fn_join_free(joiner->join);
	free(joiner);
}

FN_EXPORT int fn_joiner_push(struct fn_joiner *joiner, const struct fn_event *ev, int64_t now_ns,
			     fn_event_cb cb, void *arg)
{
	return fn_join_push(joiner->join, ev, now_ns, cb, arg);
}

FN_EXPORT int fn_joiner_idle(struct fn_joiner *joiner, int64_t now_ns, fn_event_cb cb, void *arg)
{
	return fn_join_idle(joiner->join, now_ns, cb, arg);
}

FN_EXPORT int64_t fn_joiner_due(const struct fn_joiner *joiner)
{
	return fn_join_due(joiner->join);
}

FN_EXPORT int fn_joiner_flush(struct fn_joiner *joiner, fn_event_cb cb, void *arg)
{
	return fn_join_flush(joiner->join, cb, arg);
}
