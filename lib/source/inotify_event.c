/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify: raw events -> events, by way of the joiner. */
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NEAR 16 /* how far apart the events of one rename may be */
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

int in_emit(const struct fn_event *from_joiner, void *arg)
{
	struct in_source *s = arg;
	struct fn_event *ev = (struct fn_event *)(uintptr_t)from_joiner;
	uint64_t always = FN_Q_OVERFLOW | FN_UNMOUNT | FN_IGNORED | FN_DELETE_SELF;
	uint64_t want = s->want | always | (s->want & RENAMES ? FN_RENAME : 0);

	ev->cookie = 0;
	fn_object_clear(&ev->object); /* see tell_objects() */
	fn_object_clear(&ev->target);
	if (!(ev->mask & want))
		return s->base.stop;
	if (s->flags & FN_SOURCE_NO_SELF && fn_ledger_expected(s->ledger, ev))
		return s->base.stop;
	if (!(ev->mode & ~(uint32_t)S_IFMT))
		fill_mode(s, ev);
	return fn_source_emit(&s->base, ev);
}

static int push(struct in_source *s, struct fn_event *ev)
{
	ev->wall_ns = s->base.wall_ns;
	ev->mono_ns = s->base.mono_ns;
	return fn_join_push(s->join, ev, s->base.mono_ns, in_emit, s);
}

int in_idle(struct in_source *s)
{
	return fn_join_idle(s->join, s->base.mono_ns, in_emit, s);
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

int in_push_lost(struct in_source *s, uint32_t node, const struct in_raw *raw, uint64_t bit)
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

/* Is the move of this watched directory about to be told? */
static bool moves_soon(const struct in_source *s, int wd)
{
	struct in_raw raw;

	for (int i = 0; i < NEAR && peek(s, i, &raw); i++)
		if (raw.mask & IN_MOVE_SELF && raw.wd == wd)
			return true;
	return false;
}

/* Is what has just moved a directory that is watched? Then that comes before any other move. */
static bool moved_watched(const struct in_source *s)
{
	struct in_raw raw;

	for (int i = 0; i < NEAR && peek(s, i, &raw) && !(raw.mask & IN_MOVE); i++)
		if (raw.mask & IN_MOVE_SELF)
			return fn_watch_by_wd(&s->table, raw.wd) != FN_NO_NODE;
	return false;
}

/* A directory that is overwritten is dead; one that moves right after was exchanged. */
static void move_node(struct in_source *s, uint32_t node, uint32_t parent, struct fn_str name)
{
	uint32_t over = fn_watch_child(&s->table, parent, name);
	bool apart = over != FN_NO_NODE && !fn_watch_below(&s->table, over, node) &&
		     !fn_watch_below(&s->table, node, over);

	if (over == node || s->table.nodes[node].parent == FN_NO_NODE)
		return;
	if (apart && moves_soon(s, s->table.nodes[over].wd)) {
		fn_watch_swap(&s->table, node, over);
		return;
	}
	if (apart)
		in_drop(s, over);
	if (fn_watch_below(&s->table, parent, node) ||
	    !fn_watch_move(&s->table, node, parent, name))
		in_drop(s, node);
}

/*
 * The kernel queues MOVED_FROM, MOVED_TO and MOVE_SELF in this order, and only MOVE_SELF says which
 * watch it is that moved: the name may stand for another directory by now. Without a MOVED_TO,
 * nobody watches where it went, and what happens in it is no longer ours.
 */
static void moved_self(struct in_source *s, uint32_t node)
{
	struct in_moving *m = &s->moving;
	uint32_t parent;

	if (!m->valid)
		return;
	m->valid = false;
	parent = m->has_to ? fn_watch_by_wd(&s->table, m->to_wd) : FN_NO_NODE;
	if (parent != FN_NO_NODE) {
		move_node(s, node, parent, (struct fn_str){m->to, m->to_len});
		return;
	}
	fn_join_alone(s->join, m->cookie);
	in_drop(s, node);
}

static void find_unmounted(struct in_source *s, const struct in_raw *first)
{
	struct in_raw raw = *first;

	for (size_t at = s->pos;; at += raw.size) {
		if (raw.mask & IN_UNMOUNT)
			fn_keymap_put(&s->unmounted, (uint64_t)raw.wd + 2, 0);
		if (!in_parse(s->buf + at, s->len - at, &raw))
			break;
	}
}

/* Every directory of a file system tells of its end, in no order: the topmost one is enough. */
static int unmounted(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	const struct fn_watch_node *n = &s->table.nodes[node];
	struct fn_str path;
	int root;

	if (!fn_keymap_has(&s->unmounted, (uint64_t)raw->wd + 2))
		find_unmounted(s, raw);
	if (n->parent == FN_NO_NODE)
		return in_push_lost(s, node, raw, FN_UNMOUNT);
	if (fn_keymap_has(&s->unmounted, (uint64_t)s->table.nodes[n->parent].wd + 2) ||
	    !fn_watch_path(&s->table, node, (struct fn_str){"", 0}, &path, &root) ||
	    in_root_fd(s, root) < 0)
		return s->base.stop;
	return in_push_lost(s, node, raw, FN_UNMOUNT);
}

/* Events of a directory itself also come with its name from its parent, unless it is a root. */
static int self_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	uint64_t bit = raw->mask & (FN_CONTENT_EVENTS | FN_DELETE_SELF | FN_MOVE_SELF);
	bool root = s->table.nodes[node].parent == FN_NO_NODE;

	if (raw->mask & (IN_UNMOUNT | IN_DELETE_SELF))
		s->table.nodes[node].mark |= root;
	if (raw->mask & IN_UNMOUNT)
		return unmounted(s, node, raw);
	if (raw->mask & IN_DELETE_SELF)
		return in_push_lost(s, node, raw, FN_DELETE_SELF);
	if (root && bit && start_event(s, node, raw, bit))
		return push(s, &s->ev);
	if (!root && raw->mask & IN_MOVE_SELF)
		moved_self(s, node);
	return s->base.stop;
}

static int ignored(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	bool root = s->table.nodes[node].parent == FN_NO_NODE;
	int rc = root && !s->table.nodes[node].mark ? in_push_lost(s, node, raw, FN_IGNORED) : 0;

	in_drop(s, node);
	return rc;
}

static void dir_to(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	struct in_moving *m = &s->moving;

	m->valid = m->has_to = true;
	m->cookie = raw->cookie;
	m->to_wd = raw->wd;
	m->to_len = (uint8_t)raw->name.len;
	memcpy(m->to, raw->name.data, raw->name.len);
	if (!moved_watched(s))
		in_fresh_add(s, node, raw->name);
}

static bool same_name(const struct in_raw *a, const struct in_raw *b)
{
	return a->wd == b->wd && a->name.len == b->name.len &&
	       memcmp(a->name.data, b->name.data, a->name.len) == 0;
}

/*
 * Is the name there after what comes at `from`? The next event of the name tells, else the file
 * system: nothing that was read says otherwise. What is renamed to it may take its place or not;
 * then it does no harm to take it for there.
 */
static bool there_after(struct in_source *s, size_t from, const struct in_raw *raw)
{
	uint32_t node = fn_watch_by_wd(&s->table, raw->wd);
	struct in_raw next;
	struct fn_str path;
	int root;

	for (size_t at = from; in_parse(s->buf + at, s->len - at, &next); at += next.size)
		if (same_name(&next, raw))
			return !(next.mask & IN_CREATE);
	if (node == FN_NO_NODE || !fn_watch_path(&s->table, node, raw->name, &path, &root))
		return false;
	s->table.path[path.len] = '\0';
	return there(s, root, path);
}

/* The four halves of two renames, and the watches that moved with them, 0 if none did. */
struct pair {
	struct in_raw half[4];
	int moved[2];
	size_t end;
};

static bool find_pair(const struct in_source *s, const struct in_raw *from, struct pair *p)
{
	size_t at = s->pos;
	int n = 1;

	*p = (struct pair){.half = {*from}};
	for (int i = 0; i < NEAR; i++) {
		struct in_raw *raw = &p->half[n < 4 ? n : 3], next;

		if (!in_parse(s->buf + at, s->len - at, &next))
			break;
		if (n == 4 && !(next.mask & IN_MOVE_SELF))
			break;
		at += next.size;
		if (next.mask & IN_MOVE_SELF && n % 2 == 0)
			p->moved[n / 2 - 1] = next.wd;
		else if (next.mask & IN_MOVE && n < 4)
			*raw = next, n++;
		p->end = at;
	}
	return n == 4 && p->half[1].cookie == from->cookie &&
	       p->half[2].cookie == p->half[3].cookie && p->half[2].cookie != from->cookie &&
	       same_name(&p->half[1], &p->half[2]) && same_name(from, &p->half[3]);
}

/* FROM a, TO b, FROM b, TO a: an exchange, or there and back again? The joiner tells by the
 * objects, which have no names here: any that differ will do. */
static void tell_objects(struct in_source *s, const struct in_raw *from)
{
	struct pair p;
	bool two;

	if (from->cookie == s->pair[1] || !find_pair(s, from, &p))
		return;
	if ((p.half[0].mask ^ p.half[2].mask) & IN_ISDIR)
		two = true;
	else if (p.moved[0] || p.moved[1])
		two = p.moved[0] != p.moved[1];
	else
		two = there_after(s, p.end, &p.half[1]);
	s->pair[0] = from->cookie;
	s->pair[1] = p.half[2].cookie;
	s->two = two;
}

static void set_object(struct in_source *s, const struct in_raw *raw)
{
	if (raw->cookie && (raw->cookie == s->pair[0] || raw->cookie == s->pair[1]))
		fn_object_set_node(&s->ev.object, s->two && raw->cookie == s->pair[1] ? 2 : 1, 0);
}

static void dir_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	uint32_t child;

	/* The second half of an exchange takes away what was there before the first. */
	if (!(raw->mask & IN_MOVED_FROM && s->two && raw->cookie == s->pair[1]))
		in_fresh_gone(s, raw->wd, raw->name);
	if (raw->mask & IN_MOVED_FROM) {
		s->moving = (struct in_moving){.valid = true, .cookie = raw->cookie};
	} else if (raw->mask & IN_MOVED_TO) {
		dir_to(s, node, raw);
	} else if (raw->mask & IN_CREATE) {
		in_fresh_add(s, node, raw->name);
	} else if (raw->mask & IN_DELETE) {
		child = fn_watch_child(&s->table, node, raw->name);
		if (child != FN_NO_NODE)
			in_drop(s, child);
	}
}

static int named_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	int rc = s->base.stop;

	if (!fn_name_ok(raw->name.data, raw->name.len))
		return 0;
	if (raw->mask & IN_MOVED_FROM)
		tell_objects(s, raw);
	if (start_event(s, node, raw, raw->mask & IN_ALL_EVENTS)) {
		set_object(s, raw);
		rc = push(s, &s->ev);
	}
	if (raw->mask & IN_ISDIR && s->flags & FN_SOURCE_RECURSIVE)
		dir_event(s, node, raw);
	return rc;
}

static int one_event(struct in_source *s, const struct in_raw *raw)
{
	uint32_t node = fn_watch_by_wd(&s->table, raw->wd);

	if (node == FN_NO_NODE)
		return 0; /* of a watch that was removed meanwhile */
	if (raw->mask & IN_IGNORED)
		return ignored(s, node, raw);
	return raw->name.len ? named_event(s, node, raw) : self_event(s, node, raw);
}

/*
 * Half an exchange with a directory that is not watched: TO a, FROM a. What leaves was there
 * before, and is told first. How many events are to go ahead, 0 if it is none.
 */
static int half_exchange(struct in_source *s, const struct in_raw *to, struct in_raw ahead[2])
{
	uint32_t node;

	if (!(to->mask & IN_MOVED_TO) || to->cookie == s->from || !peek(s, 0, &ahead[0]) ||
	    !(ahead[0].mask & IN_MOVED_FROM) || !same_name(to, &ahead[0]))
		return 0;
	if (!peek(s, 1, &ahead[1]))
		ahead[1].mask = 0;
	if (ahead[1].mask & IN_MOVED_TO && ahead[1].cookie == ahead[0].cookie)
		return 0;
	if (!(ahead[1].mask & IN_MOVE_SELF))
		return (to->mask ^ ahead[0].mask) & IN_ISDIR ||
				       there_after(s, s->pos + ahead[0].size, to)
			       ? 1
			       : 0;
	node = fn_watch_by_wd(&s->table, to->wd);
	if (node != FN_NO_NODE)
		node = fn_watch_child(&s->table, node, to->name);
	return node != FN_NO_NODE && s->table.nodes[node].wd == ahead[1].wd ? 2 : 0;
}

int in_event(struct in_source *s, const struct in_raw *raw)
{
	struct in_raw ahead[2];
	int n;

	if (raw->mask & IN_Q_OVERFLOW)
		return overflow(s);
	n = half_exchange(s, raw, ahead);
	for (int i = 0; i < n; i++) {
		s->pos += ahead[i].size;
		one_event(s, &ahead[i]);
	}
	if (raw->mask & IN_MOVED_FROM)
		s->from = raw->cookie;
	return one_event(s, raw);
}
