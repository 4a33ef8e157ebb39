/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify: raw events -> events, by way of the joiner. */
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RENAMES (FN_RENAME | FN_MOVED_FROM | FN_MOVED_TO)

static bool there(struct in_source *s, int root, struct fn_str path)
{
	struct stat st;

	return path.data && fstatat(in_root_fd(s, root), path.data, &st,
				    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
}

/* The joiner asks only about events it holds, whose paths end in a NUL. */
bool in_both_there(void *arg, const struct fn_event *ev)
{
	return there(arg, ev->root, ev->path) &&
	       there(arg, ev->old_root ? ev->old_root - 1 : ev->root, ev->old_path);
}

static void fill_mode(struct in_source *s, struct fn_event *ev)
{
	struct stat st;
	char path[4096];

	if (ev->mask & FN_ISDIR)
		ev->mode = S_IFDIR;
	if (!(s->flags & FN_SOURCE_MODE) || !ev->path.data || ev->path.len >= sizeof(path) ||
	    ev->mask & (FN_DELETE | FN_DELETE_SELF))
		return;
	memcpy(path, ev->path.data, ev->path.len);
	path[ev->path.len] = '\0';
	if (fstatat(in_root_fd(s, ev->root), path, &st,
		    AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT) == 0)
		ev->mode = st.st_mode;
}

static void end_limbo(struct in_source *s, uint32_t cookie)
{
	for (size_t i = 0; i < s->nlimbo; i++)
		if (s->limbo[i].cookie == cookie) {
			in_drop(s, s->limbo[i].node);
			s->limbo[i] = s->limbo[--s->nlimbo];
			return;
		}
}

static bool expected(struct in_source *s, const struct fn_event *ev)
{
	struct fn_str path = ev->path.data ? ev->path : ev->old_path;

	return s->flags & FN_SOURCE_NO_SELF &&
	       fn_ledger_take(s->ledger, ev->mask & ~(uint64_t)FN_ISDIR, path);
}

int in_emit(const struct fn_event *from_joiner, void *arg)
{
	struct in_source *s = arg;
	struct fn_event *ev = (struct fn_event *)(uintptr_t)from_joiner;
	uint64_t always = FN_Q_OVERFLOW | FN_UNMOUNT | FN_IGNORED | FN_DELETE_SELF;
	uint64_t want = s->want | always | (s->want & RENAMES ? FN_RENAME : 0);

	/* A directory that left the tree for good. */
	if (ev->mask & FN_RENAME && ev->mask & FN_ISDIR && ev->flags & FN_EV_PARTIAL &&
	    fn_event_has_old(ev))
		end_limbo(s, ev->cookie);
	ev->cookie = 0;
	if (!(ev->mask & want) || expected(s, ev))
		return s->base.stop;
	if (!ev->mode)
		fill_mode(s, ev);
	return fn_source_emit(&s->base, ev);
}

static int64_t now(const struct in_source *s)
{
	return s->base.mono_ns;
}

static int push(struct in_source *s, struct fn_event *ev)
{
	ev->wall_ns = s->base.wall_ns;
	ev->mono_ns = s->base.mono_ns;
	return fn_join_push(s->join, ev, now(s), in_emit, s);
}

int in_idle(struct in_source *s)
{
	return fn_join_idle(s->join, now(s), in_emit, s);
}

static bool start_event(struct in_source *s, uint32_t node, const struct in_raw *raw, uint64_t bit)
{
	struct fn_event *ev = &s->ev;

	fn_event_clear(ev);
	ev->mask = bit | (raw->mask & IN_ISDIR ? FN_ISDIR : 0);
	ev->cookie = raw->cookie;
	ev->name = raw->name;
	if (!fn_watch_path(&s->table, node, raw->name, &ev->path, &ev->root))
		return false;
	if (!raw->name.len && s->roots[ev->root].dir)
		ev->mask |= FN_ISDIR;
	return true;
}

static int push_lost(struct in_source *s, uint32_t node, const struct in_raw *raw, uint64_t bit)
{
	if (!start_event(s, node, raw, bit))
		return -ENOMEM;
	s->ev.flags = FN_EV_GONE;
	return push(s, &s->ev);
}

static int overflow(struct in_source *s)
{
	int rc = fn_join_flush(s->join, in_emit, s);

	s->stats.overflows++;
	fn_event_clear(&s->ev);
	s->ev.mask = FN_Q_OVERFLOW;
	rc = push(s, &s->ev) ? s->base.stop : rc;
	in_rescan(s);
	return rc;
}

/* The kernel queues MOVED_FROM, MOVED_TO, MOVE_SELF in this order: without the second, nobody
 * watches where the directory went, and what happens in it is no longer ours. */
static void moved_self(struct in_source *s, uint32_t node)
{
	for (size_t i = 0; i < s->nlimbo; i++)
		if (s->limbo[i].node == node)
			fn_join_alone(s->join, s->limbo[i].cookie);
}

/* Events of a directory itself also come with its name from its parent, unless it is a root. */
static int self_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	uint64_t bit = raw->mask & (FN_CONTENT_EVENTS | FN_DELETE_SELF | FN_MOVE_SELF);
	const struct fn_watch_node *n = &s->table.nodes[node];

	if (raw->mask & IN_UNMOUNT || raw->mask & IN_DELETE_SELF) {
		if (n->parent == FN_NO_NODE)
			s->table.nodes[node].mark = true;
		bit = raw->mask & IN_UNMOUNT ? FN_UNMOUNT : FN_DELETE_SELF;
		return push_lost(s, node, raw, bit);
	}
	if (n->parent != FN_NO_NODE && raw->mask & IN_MOVE_SELF) {
		moved_self(s, node);
		return in_idle(s);
	}
	if (n->parent != FN_NO_NODE || !bit || !start_event(s, node, raw, bit))
		return 0;
	return push(s, &s->ev);
}

static int ignored(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	bool root = s->table.nodes[node].parent == FN_NO_NODE;
	int rc = root && !s->table.nodes[node].mark ? push_lost(s, node, raw, FN_IGNORED) : 0;

	for (size_t i = 0; i < s->nlimbo; i++)
		if (s->limbo[i].node == node)
			s->limbo[i--] = s->limbo[--s->nlimbo];
	in_drop(s, node);
	return rc;
}

static int appeared(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	int rc = in_watch_new(s, node, raw->name, true);

	if (rc >= 0)
		return s->base.stop;
	return push_lost(s, node, raw, FN_IGNORED);
}

static void move_node(struct in_source *s, uint32_t node, uint32_t parent, struct fn_str name)
{
	uint32_t over = fn_watch_child(&s->table, parent, name);

	if (over == node)
		return;
	if (over != FN_NO_NODE && !fn_watch_below(&s->table, parent, over))
		in_drop(s, over);
	if (fn_watch_below(&s->table, parent, node) ||
	    !fn_watch_move(&s->table, node, parent, name))
		in_drop(s, node);
}

/* The n-th event after the present one, if it has been read. */
static bool peek(const struct in_source *s, int n, struct in_raw *raw)
{
	size_t at = s->pos;

	while (in_parse(s->buf + at, s->len - at, raw)) {
		at += raw->size;
		if (n-- == 0)
			return true;
	}
	return false;
}

static bool same_name(const struct in_raw *a, const struct in_raw *b)
{
	return a->wd == b->wd && a->name.len == b->name.len &&
	       memcmp(a->name.data, b->name.data, a->name.len) == 0;
}

/* FROM a, TO b, FROM b, TO a, and both are there: an exchange of two directories. */
static bool swap_nodes(struct in_source *s, const struct in_raw *from, const struct in_raw *to,
		       uint32_t node, uint32_t parent)
{
	uint32_t other = fn_watch_child(&s->table, parent, to->name);
	struct in_raw back_from, back_to;
	struct fn_str path;
	char name[FN_NAME_MAX + 1];
	int root;

	if (other == FN_NO_NODE || other == node || !peek(s, 1, &back_from) ||
	    !peek(s, 2, &back_to) || !same_name(to, &back_from) || !same_name(from, &back_to))
		return false;
	if (!(back_from.mask & IN_MOVED_FROM) || !(back_to.mask & IN_MOVED_TO) ||
	    back_from.cookie != back_to.cookie)
		return false;
	memcpy(name, to->name.data, to->name.len);
	if (!fn_watch_path(&s->table, parent, (struct fn_str){name, to->name.len}, &path, &root))
		return false;
	s->table.path[path.len] = '\0';
	if (!there(s, root, path))
		return false;
	fn_watch_swap(&s->table, node, other);
	s->moved[1] = back_from.cookie;
	return true;
}

/*
 * A directory moves at its MOVED_FROM already if its MOVED_TO was read with it, nearly always the
 * case, so that what is queued in between has the new path. Else it is in limbo until the joiner
 * has made up its mind.
 */
static void dir_from(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	uint32_t child = fn_watch_child(&s->table, node, raw->name), parent;
	struct in_raw to = {.mask = 0};

	if (child == FN_NO_NODE || raw->cookie == s->moved[0] || raw->cookie == s->moved[1])
		return;
	for (int i = 0; i < 16 && peek(s, i, &to); i++)
		if (to.mask & IN_MOVED_TO && to.cookie == raw->cookie)
			break;
	parent = to.mask & IN_MOVED_TO && to.cookie == raw->cookie
			 ? fn_watch_by_wd(&s->table, to.wd)
			 : FN_NO_NODE;
	if (parent != FN_NO_NODE) {
		s->moved[0] = raw->cookie;
		if (!swap_nodes(s, raw, &to, child, parent))
			move_node(s, child, parent, to.name);
	} else if (s->nlimbo < IN_LIMBO_MAX) {
		s->limbo[s->nlimbo++] = (struct in_limbo){raw->cookie, child};
	} else {
		in_drop(s, child);
	}
}

static int dir_to(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	if (raw->cookie == s->moved[0] || raw->cookie == s->moved[1])
		return 0;
	for (size_t i = 0; i < s->nlimbo; i++)
		if (s->limbo[i].cookie == raw->cookie) {
			move_node(s, s->limbo[i].node, node, raw->name);
			s->limbo[i] = s->limbo[--s->nlimbo];
			return 0;
		}
	return appeared(s, node, raw);
}

static int named_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	bool dir = raw->mask & IN_ISDIR && s->flags & FN_SOURCE_RECURSIVE;
	uint64_t bit = raw->mask & IN_ALL_EVENTS;
	bool known = false;
	int rc = 0;

	if (!fn_name_ok(raw->name.data, raw->name.len))
		return 0;
	if (bit & (FN_CREATE | FN_DELETE | FN_MOVED_FROM))
		known = fn_seen_take(&s->seen, fn_seen_key((uint64_t)raw->wd, raw->name));
	if (!(bit & FN_CREATE && known) && start_event(s, node, raw, bit))
		rc = push(s, &s->ev);
	if (!dir)
		return rc;
	if (bit & FN_MOVED_FROM)
		dir_from(s, node, raw);
	else if (bit & FN_MOVED_TO)
		rc = dir_to(s, node, raw);
	else if (bit & FN_CREATE && !known)
		rc = appeared(s, node, raw);
	else if (bit & FN_DELETE && fn_watch_child(&s->table, node, raw->name) != FN_NO_NODE)
		in_drop(s, fn_watch_child(&s->table, node, raw->name));
	return rc;
}

int in_event(struct in_source *s, const struct in_raw *raw)
{
	uint32_t node;

	if (raw->mask & IN_Q_OVERFLOW)
		return overflow(s);
	node = fn_watch_by_wd(&s->table, raw->wd);
	if (node == FN_NO_NODE)
		return 0; /* of a watch that was removed meanwhile */
	if (raw->mask & IN_IGNORED)
		return ignored(s, node, raw);
	return raw->name.len ? named_event(s, node, raw) : self_event(s, node, raw);
}
