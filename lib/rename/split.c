/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rename/split.h"

static void start_half(struct fn_event *half, const struct fn_event *ev, uint64_t bit,
		       uint32_t cookie)
{
	*half = *ev;
	half->mask = bit | (ev->mask & FN_ISDIR);
	half->flags &= ~(uint32_t)(FN_EV_EXCHANGE | FN_EV_PARTIAL | FN_EV_TARGET_DIR);
	half->cookie = cookie;
	half->old_root = 0;
	half->old_name = half->old_path = (struct fn_str){NULL, 0};
	fn_object_clear(&half->old_parent);
}

/* The half at the old place. */
static void old_half(struct fn_event *half, const struct fn_event *ev, uint64_t bit,
		     uint32_t cookie)
{
	start_half(half, ev, bit, cookie);
	fn_object_copy(&half->parent, &ev->old_parent);
	half->name = ev->old_name;
	half->path = ev->old_path;
	half->root = ev->old_root ? ev->old_root - 1 : ev->root;
	fn_object_clear(&half->target);
}

static uint32_t next_cookie(struct fn_split *sp)
{
	return ++sp->cookie ? sp->cookie : ++sp->cookie;
}

static int split_pair(struct fn_split *sp, const struct fn_event *ev, fn_event_cb cb, void *arg)
{
	struct fn_event half;
	uint32_t cookie = next_cookie(sp);
	int rc = 0;

	if (fn_event_has_old(ev)) {
		old_half(&half, ev, FN_MOVED_FROM, cookie);
		rc = cb(&half, arg);
	}
	if (rc || !fn_event_has_new(ev))
		return rc;
	start_half(&half, ev, FN_MOVED_TO, cookie);
	if (ev->flags & FN_EV_EXCHANGE)
		fn_object_clear(&half.target);
	return cb(&half, arg);
}

static void as_target(struct fn_event *half, const struct fn_event *ev)
{
	half->mask &= ~(uint64_t)FN_ISDIR;
	if (ev->flags & FN_EV_TARGET_DIR)
		half->mask |= FN_ISDIR;
	half->mode = 0;
	fn_object_copy(&half->object, &ev->target);
	fn_object_clear(&half->target);
}

/* The way back of an exchange: the other object, from the new place to the old one. */
static int split_back(struct fn_split *sp, const struct fn_event *ev, fn_event_cb cb, void *arg)
{
	struct fn_event half;
	uint32_t cookie = next_cookie(sp);
	int rc;

	start_half(&half, ev, FN_MOVED_FROM, cookie);
	as_target(&half, ev);
	rc = cb(&half, arg);
	if (rc)
		return rc;
	old_half(&half, ev, FN_MOVED_TO, cookie);
	as_target(&half, ev);
	return cb(&half, arg);
}

int fn_split_event(struct fn_split *sp, const struct fn_event *ev, fn_event_cb cb, void *arg)
{
	int rc;

	if (!(ev->mask & FN_RENAME))
		return cb(ev, arg);
	rc = split_pair(sp, ev, cb, arg);
	if (rc || !(ev->flags & FN_EV_EXCHANGE) || ev->flags & FN_EV_PARTIAL)
		return rc;
	return split_back(sp, ev, cb, arg);
}
