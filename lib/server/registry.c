/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which events are for whom. Watches are kept by path: an event meets those on its own path, on
 * its directory, and the recursive ones above it, each found by one look into a table. A watch
 * goes along when its object is renamed, and ends with GONE when that is deleted or leaves.
 */
#include "server/control_impl.h"

#include <string.h>

#define MOVE_BITS (FN_RENAME | FN_MOVED_FROM | FN_MOVED_TO)
#define SELF_BITS (FN_DELETE_SELF | FN_MOVE_SELF)

/* What of one path a client watches. */
struct match {
	uint64_t mask;
	int watch;      /* number of the watch nearest to it, -1: none */
	size_t watched; /* length of the path of the nearest one that is recursive */
};

/* Watch flags that keep this event from a client. */
static uint32_t unwanted(struct fn_client *c, const struct fn_event *ev)
{
	if (!(ev->flags & FN_EV_LOCAL))
		return 0;
	if (ev->pid && c->creds.tgid && fn_tgid_get(c->ctl, ev->pid) == c->creds.tgid)
		return FN1_WATCH_NO_LOCAL | FN1_WATCH_NO_SELF;
	return FN1_WATCH_NO_LOCAL;
}

static void add_match(struct match *m, const struct fn_watch *w, uint64_t mask, uint32_t not_for)
{
	if (w->flags & not_for)
		return;
	m->mask |= w->mask & mask;
	m->watch = (int)w->id;
	m->watched = w->len;
}

static size_t parent_len(struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;

	return slash ? (size_t)(slash - path.data) : 0;
}

/* The watches on the way to path, then the one on path itself. */
static struct match match_path(const struct fn_watches *ws, struct fn_str path, uint32_t not_for)
{
	struct match m = {.watch = -1};
	size_t parent = parent_len(path), end = 0;
	const struct fn_watch *w;

	while (path.len) {
		bool is_parent = end == parent;

		w = is_parent || ws->recursive ? fn_watches_find(ws, path.data, end) : NULL;
		if (w && w->flags & FN1_WATCH_RECURSIVE)
			add_match(&m, w, UINT64_MAX, not_for);
		else if (w && is_parent)
			add_match(&m, w, ~(uint64_t)SELF_BITS, not_for);
		if (is_parent)
			break;
		end = (size_t)((const char *)memchr(path.data + end + 1, '/', path.len - end - 1) -
			       path.data);
	}
	w = fn_watches_find(ws, path.data, path.len);
	if (w)
		add_match(&m, w, ~(uint64_t)FN_DIRENT_EVENTS, not_for);
	return m;
}

static bool visible(struct fn_client *c, struct fn_str path, const struct match *m)
{
	return m->watch >= 0 && fn_access_event(c, path.data, parent_len(path), m->watched);
}

static void tell(struct fn_client *c, const struct fn_event *ev, uint64_t mask, int watch)
{
	struct fn_event copy = *ev;

	copy.mask = ev->mask & (mask | ~(uint64_t)FN_ALL_EVENTS);
	copy.root = watch;
	fn_client_event(c, &copy);
}

static void tell_rename(struct fn_client *c, const struct fn_event *ev)
{
	struct match to = {.watch = -1}, from = {.watch = -1};
	struct fn_event copy = *ev;
	bool new_side, old_side;

	if (ev->path.data)
		to = match_path(&c->watches, ev->path, unwanted(c, ev));
	if (ev->old_path.data)
		from = match_path(&c->watches, ev->old_path, unwanted(c, ev));
	new_side = to.mask & MOVE_BITS && visible(c, ev->path, &to);
	old_side = from.mask & MOVE_BITS && visible(c, ev->old_path, &from);
	if (!new_side && !old_side)
		return;
	/* What is outside of its watches is none of its business. */
	if (!new_side) {
		copy.path = copy.name = (struct fn_str){NULL, 0};
		fn_object_clear(&copy.parent);
		fn_object_clear(&copy.target);
	}
	if (!old_side) {
		copy.old_path = copy.old_name = (struct fn_str){NULL, 0};
		fn_object_clear(&copy.old_parent);
	}
	if (!new_side || !old_side)
		copy.flags |= FN_EV_PARTIAL;
	copy.root = new_side ? to.watch : from.watch;
	fn_client_event(c, &copy);
}

static void tell_other(struct fn_client *c, const struct fn_event *ev)
{
	struct match m = match_path(&c->watches, ev->path, unwanted(c, ev));

	if (ev->mask & m.mask & FN_ALL_EVENTS && visible(c, ev->path, &m))
		tell(c, ev, m.mask, m.watch);
}

/* The watch's own object: DELETE_SELF or MOVE_SELF, if it is wanted. */
static void tell_self(struct fn_client *c, const struct fn_event *ev, const struct fn_watch *w,
		      uint64_t bit)
{
	struct fn_event self = {.mask = bit | (ev->mask & FN_ISDIR),
				.flags = ev->flags & ~(uint32_t)(FN_EV_PARTIAL | FN_EV_EXCHANGE),
				.wall_ns = ev->wall_ns,
				.pid = ev->pid,
				.root = (int)w->id,
				.mode = ev->mode,
				.path = {w->path, w->len}};

	if (!(w->mask & bit))
		return;
	memcpy(self.comm, ev->comm, sizeof(self.comm));
	fn_object_copy(&self.object, &ev->object);
	fn_client_event(c, &self);
}

static void end_watch(struct fn_client *c, const struct fn_event *ev, struct fn_watch *w,
		      uint64_t self, uint64_t why)
{
	if (self)
		tell_self(c, ev, w, self);
	fn_watches_take(&c->watches, w);
	w->mask = why;
	fn_client_gone(c, w);
}

/* True for path itself and what lies below. */
static bool is_below(const struct fn_watch *w, struct fn_str path)
{
	return w->len >= path.len && memcmp(w->path, path.data, path.len) == 0 &&
	       (w->len == path.len || path.len == 0 || w->path[path.len] == '/');
}

/* All watches on and below a path that is gone. Only a directory has some below. */
static void end_below(struct fn_client *c, const struct fn_event *ev, struct fn_str path,
		      uint64_t self)
{
	struct fn_watches *ws = &c->watches;
	struct fn_watch *w, *next;

	w = fn_watches_find(ws, path.data, path.len);
	if (w)
		end_watch(c, ev, w, self, FN_IGNORED);
	for (size_t i = 0; i < ws->nbuckets && ws->count && ev->mask & FN_ISDIR; i++) {
		for (w = ws->buckets[i]; w; w = next) {
			next = w->next;
			if (is_below(w, path))
				end_watch(c, ev, w, self, FN_IGNORED);
		}
	}
}

/* Take out what is at and below path, as a chain. */
static struct fn_watch *take_below(struct fn_watches *ws, struct fn_str path, bool dir)
{
	struct fn_watch *taken = NULL, *w, *next;

	if (!dir) {
		w = fn_watches_find(ws, path.data, path.len);
		if (w) {
			fn_watches_take(ws, w);
			w->next = NULL;
		}
		return w;
	}
	for (size_t i = 0; i < ws->nbuckets && ws->count; i++) {
		for (w = ws->buckets[i]; w; w = next) {
			next = w->next;
			if (!is_below(w, path))
				continue;
			fn_watches_take(ws, w);
			w->next = taken;
			taken = w;
		}
	}
	return taken;
}

/* Put a chain back, with from replaced by to in front. */
static void put_moved(struct fn_client *c, const struct fn_event *ev, struct fn_watch *w,
		      struct fn_str from, struct fn_str to)
{
	for (struct fn_watch *next; w; w = next) {
		char path[2 * FN1_PATH_MAX];
		size_t rest = w->len - from.len, len = to.len + rest;

		next = w->next;
		memcpy(path, to.data, to.len);
		memcpy(path + to.len, w->path + from.len, rest);
		/* Without memory, or with a path that has become too long, it ends. */
		if (len >= FN1_PATH_MAX || fn_watches_move(&c->watches, &w, path, len)) {
			w->mask = FN_IGNORED;
			fn_client_gone(c, w);
		} else if (rest == 0) {
			tell_self(c, ev, w, FN_MOVE_SELF);
		}
	}
}

static void moved(struct fn_client *c, const struct fn_event *ev)
{
	struct fn_watches *ws = &c->watches;
	bool dir = ev->mask & FN_ISDIR, swap = ev->flags & FN_EV_EXCHANGE;
	struct fn_watch *from, *to = NULL;

	if (!ev->path.data) {
		end_below(c, ev, ev->old_path, 0); /* out of the mount */
		return;
	}
	if (!ev->old_path.data)
		return;
	if (!swap)
		end_below(c, ev, ev->path, FN_DELETE_SELF); /* overwritten */
	from = take_below(ws, ev->old_path, dir || swap);
	if (swap)
		to = take_below(ws, ev->path, true);
	put_moved(c, ev, from, ev->old_path, ev->path);
	put_moved(c, ev, to, ev->path, ev->old_path);
}

/* What an event does to the watches themselves. */
static void follow(struct fn_client *c, const struct fn_event *ev)
{
	struct fn_watch *w;

	if (ev->mask & FN_RENAME) {
		moved(c, ev);
	} else if (ev->mask & FN_MOVED_FROM) {
		end_below(c, ev, ev->path, 0);
	} else if (ev->mask & FN_DELETE) {
		end_below(c, ev, ev->path, FN_DELETE_SELF);
	} else if (ev->mask & FN_DELETE_SELF && !ev->name.len) {
		w = fn_watches_find(&c->watches, ev->path.data, ev->path.len);
		if (w)
			end_watch(c, ev, w, 0, FN_IGNORED); /* it was told as it came */
	}
}

void fn_registry_event(struct fn_client *c, const struct fn_event *ev)
{
	if (!c->watches.count || (!ev->path.data && !ev->old_path.data))
		return;
	if (ev->mask & FN_RENAME)
		tell_rename(c, ev);
	else if (ev->path.data)
		tell_other(c, ev);
	else
		return;
	follow(c, ev);
}

void fn_registry_gone_all(struct fn_client *c, uint64_t mask)
{
	struct fn_watches *ws = &c->watches;

	for (size_t i = 0; i < ws->nbuckets; i++) {
		while (ws->buckets[i]) {
			struct fn_watch *w = ws->buckets[i];

			fn_watches_take(ws, w);
			w->mask = mask;
			fn_client_gone(c, w);
		}
	}
}
