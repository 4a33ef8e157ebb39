/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rename/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum state {
	READY, /* any event that only waits for those before it */
	WHOLE, /* a joined rename: its way back may follow */
	HALF,  /* a MOVED_FROM */
};

struct held {
	struct held *next;
	struct fn_event *ev;
	enum state state;
	int64_t due;
};

struct fn_join {
	struct fn_join_opts opts;
	struct held *first, *last;
	size_t nheld, nhalves;
	uint64_t expired;
};

struct fn_join *fn_join_new(const struct fn_join_opts *opts)
{
	struct fn_join *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->opts = *opts;
	if (!j->opts.max_halves)
		j->opts.max_halves = 64;
	if (!j->opts.max_held)
		j->opts.max_held = 4096;
	if (!j->opts.wait_ns)
		j->opts.wait_ns = 25000000;
	return j;
}

static void drop_after(struct fn_join *j, struct held *prev)
{
	struct held *h = prev ? prev->next : j->first;

	*(prev ? &prev->next : &j->first) = h->next;
	if (j->last == h)
		j->last = prev;
	j->nheld--;
	j->nhalves -= h->state == HALF;
	fn_event_free(h->ev);
	free(h);
}

void fn_join_free(struct fn_join *j)
{
	if (!j)
		return;
	while (j->first)
		drop_after(j, NULL);
	free(j);
}

static struct fn_str dir_of(struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;

	return (struct fn_str){path.data, slash ? (size_t)(slash - path.data) : 0};
}

static bool same_str(struct fn_str a, struct fn_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Directories by object where both are known, else by path. */
static bool same_dir(const struct fn_object *a, struct fn_str a_path, int a_root,
		     const struct fn_object *b, struct fn_str b_path, int b_root)
{
	if (fn_object_known(a) && fn_object_known(b))
		return fn_object_equal(a, b);
	return a_path.data && b_path.data && a_root == b_root &&
	       same_str(dir_of(a_path), dir_of(b_path));
}

static int old_root(const struct fn_event *ev)
{
	return ev->old_root ? ev->old_root - 1 : ev->root;
}

static void as_half_rename(struct fn_event *ev)
{
	bool from = ev->mask & FN_MOVED_FROM;

	ev->mask = FN_RENAME | (ev->mask & FN_ISDIR);
	ev->flags |= FN_EV_PARTIAL;
	if (!from)
		return;
	fn_object_copy(&ev->old_parent, &ev->parent);
	ev->old_name = ev->name;
	ev->old_path = ev->path;
	fn_object_clear(&ev->parent);
	ev->name = ev->path = (struct fn_str){NULL, 0};
}

/* The event that from and to are together; its strings are theirs. */
static void join_halves(struct fn_event *ev, const struct fn_event *from, const struct fn_event *to)
{
	*ev = *to;
	ev->mask = FN_RENAME | ((from->mask | to->mask) & FN_ISDIR);
	ev->flags = from->flags | to->flags;
	ev->cookie = 0;
	ev->seq = from->seq;
	ev->wall_ns = from->wall_ns;
	ev->mono_ns = from->mono_ns;
	if (!fn_object_known(&ev->object))
		fn_object_copy(&ev->object, &from->object);
	if (!fn_object_known(&ev->target))
		fn_object_copy(&ev->target, &from->target);
	fn_object_copy(&ev->old_parent, &from->parent);
	ev->old_name = from->name;
	ev->old_path = from->path;
	ev->old_root = from->root != to->root ? from->root + 1 : 0;
}

static bool is_way_back(const struct fn_join *j, const struct fn_event *a, const struct fn_event *b)
{
	if (!same_str(a->name, b->old_name) || !same_str(a->old_name, b->name) ||
	    !same_dir(&a->parent, a->path, a->root, &b->old_parent, b->old_path, old_root(b)) ||
	    !same_dir(&a->old_parent, a->old_path, old_root(a), &b->parent, b->path, b->root))
		return false;
	if (fn_object_known(&a->object) && fn_object_known(&b->object))
		return !fn_object_equal(&a->object, &b->object);
	return j->opts.both && j->opts.both(j->opts.arg, a);
}

/* h may be the first half of an exchange and what tells is still to come. */
static bool waits_for_way_back(const struct fn_join *j, const struct held *h, bool idle)
{
	const struct held *n = h->next;

	if (!j->opts.exchange || h->state != WHOLE)
		return false;
	if (!n)
		return !idle;
	return n->state == HALF && same_str(n->ev->name, h->ev->name) &&
	       same_dir(&n->ev->parent, n->ev->path, n->ev->root, &h->ev->parent, h->ev->path,
			h->ev->root);
}

static void try_exchange(struct fn_join *j, struct held *h)
{
	struct held *n = h->next;

	if (!j->opts.exchange || h->state != WHOLE || !n || n->state != WHOLE ||
	    !is_way_back(j, h->ev, n->ev))
		return;
	h->ev->flags |= FN_EV_EXCHANGE;
	if (n->ev->mask & FN_ISDIR)
		h->ev->flags |= FN_EV_TARGET_DIR;
	fn_object_copy(&h->ev->target, &n->ev->object);
	h->state = READY;
	drop_after(j, h);
}

static void give_up(struct fn_join *j, struct held *h)
{
	h->state = READY;
	j->nhalves--;
	as_half_rename(h->ev);
}

static void expire(struct fn_join *j, struct held *h, int64_t now)
{
	if (!h || h->state != HALF ||
	    (now < h->due && j->nheld <= j->opts.max_held && j->nhalves <= j->opts.max_halves))
		return;
	j->expired++;
	give_up(j, h);
}

/* Let go what is ready: everything up to the first half whose time is not up. */
static int drain(struct fn_join *j, int64_t now, bool idle, fn_event_cb cb, void *arg)
{
	int rc = 0;

	while (rc == 0 && j->first) {
		struct held *h = j->first;

		expire(j, h, now);
		if (h->state == HALF)
			break;
		if (h->state == WHOLE)
			expire(j, h->next, now); /* it waits for this one */
		try_exchange(j, h);
		if (waits_for_way_back(j, h, idle) && j->nheld <= j->opts.max_held)
			break;
		rc = cb(h->ev, arg);
		drop_after(j, NULL);
	}
	return rc;
}

static int hold(struct fn_join *j, const struct fn_event *ev, enum state state, int64_t due)
{
	struct held *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct held){NULL, fn_event_dup(ev), state, due};
	if (!h->ev) {
		free(h);
		return -ENOMEM;
	}
	*(j->first ? &j->last->next : &j->first) = h;
	j->last = h;
	j->nheld++;
	j->nhalves += state == HALF;
	return 0;
}

/* An event that cannot be held is better out of order than lost. */
static int pass(struct fn_join *j, const struct fn_event *ev, fn_event_cb cb, void *arg)
{
	if (j->first && hold(j, ev, READY, 0) == 0)
		return 0;
	return cb(ev, arg);
}

static struct held *find_half(struct fn_join *j, const struct fn_event *to)
{
	struct held *h = j->first;

	if (j->nhalves == 0)
		return NULL;
	if (!to->cookie)
		return j->last->state == HALF && !j->last->ev->cookie ? j->last : NULL;
	while (h && !(h->state == HALF && h->ev->cookie == to->cookie))
		h = h->next;
	return h;
}

/* A name changed in the directory of a half: its rename is over, so the other half went to where
 * nobody looks. */
static void prove(struct fn_join *j, const struct fn_event *ev)
{
	if (!j->opts.locked || !(ev->mask & FN_DIRENT_EVENTS))
		return;
	for (struct held *h = j->first; h && j->nhalves; h = h->next)
		if (h->state == HALF && same_dir(&h->ev->parent, h->ev->path, h->ev->root,
						 &ev->parent, ev->path, ev->root))
			give_up(j, h);
}

void fn_join_alone(struct fn_join *j, uint32_t cookie)
{
	for (struct held *h = j->first; h; h = h->next)
		if (h->state == HALF && h->ev->cookie == cookie)
			give_up(j, h);
}

static int push_to(struct fn_join *j, const struct fn_event *ev, fn_event_cb cb, void *arg)
{
	struct held *h = find_half(j, ev);
	struct fn_event whole, *copy;

	if (!h) {
		prove(j, ev);
		whole = *ev;
		as_half_rename(&whole);
		return pass(j, &whole, cb, arg);
	}
	join_halves(&whole, h->ev, ev);
	copy = fn_event_dup(&whole);
	if (!copy)
		return -ENOMEM;
	fn_event_free(h->ev);
	h->ev = copy;
	h->state = WHOLE;
	j->nhalves--;
	return 0;
}

int fn_join_push(struct fn_join *j, const struct fn_event *ev, int64_t now, fn_event_cb cb,
		 void *arg)
{
	struct fn_event half;
	int rc;

	if (!j->first && !(ev->mask & (FN_MOVED_FROM | FN_MOVED_TO)))
		return cb(ev, arg);
	if (ev->mask & FN_MOVED_TO) {
		rc = push_to(j, ev, cb, arg);
	} else if (ev->mask & FN_MOVED_FROM) {
		prove(j, ev);
		rc = hold(j, ev, HALF, now + j->opts.wait_ns);
		if (rc) {
			half = *ev;
			as_half_rename(&half);
			rc = cb(&half, arg);
		}
	} else {
		prove(j, ev);
		rc = pass(j, ev, cb, arg);
	}
	return rc ? rc : drain(j, now, false, cb, arg);
}

int fn_join_idle(struct fn_join *j, int64_t now, fn_event_cb cb, void *arg)
{
	return drain(j, now, true, cb, arg);
}

int64_t fn_join_due(const struct fn_join *j)
{
	const struct held *h = j->first;

	if (!h)
		return -1;
	if (waits_for_way_back(j, h, true))
		h = h->next;
	return h->state == HALF ? h->due : 0;
}

int fn_join_flush(struct fn_join *j, fn_event_cb cb, void *arg)
{
	for (struct held *h = j->first; h; h = h->next)
		if (h->state == HALF)
			give_up(j, h);
	return drain(j, 0, true, cb, arg);
}

size_t fn_join_held(const struct fn_join *j)
{
	return j->nheld;
}

uint64_t fn_join_expired(const struct fn_join *j)
{
	return j->expired;
}
