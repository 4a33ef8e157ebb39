/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify: raw events -> events, by way of the joiner. */
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NEAR 16 /* how far apart the events of one rename may be */
#define FAR 256
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

/* Is the move of a watched directory (this one, or any for 0) about to be told? */
static bool moves_soon(const struct in_source *s, int wd)
{
	struct in_raw raw;

	for (int i = 0; i < NEAR && peek(s, i, &raw); i++)
		if (raw.mask & IN_MOVE_SELF && (wd == 0 || raw.wd == wd))
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

/* Events of a directory itself also come with its name from its parent, unless it is a root. */
static int self_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	uint64_t bit = raw->mask & (FN_CONTENT_EVENTS | FN_DELETE_SELF | FN_MOVE_SELF);
	bool root = s->table.nodes[node].parent == FN_NO_NODE;

	if (raw->mask & (IN_UNMOUNT | IN_DELETE_SELF)) {
		s->table.nodes[node].mark |= root;
		bit = raw->mask & IN_UNMOUNT ? FN_UNMOUNT : FN_DELETE_SELF;
		return push_lost(s, node, raw, bit);
	}
	if (root && bit && start_event(s, node, raw, bit))
		return push(s, &s->ev);
	if (!root && raw->mask & IN_MOVE_SELF)
		moved_self(s, node);
	return s->base.stop;
}

static int ignored(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	bool root = s->table.nodes[node].parent == FN_NO_NODE;
	int rc = root && !s->table.nodes[node].mark ? push_lost(s, node, raw, FN_IGNORED) : 0;

	in_drop(s, node);
	return rc;
}

static bool same_name(const struct in_raw *a, const struct in_raw *b)
{
	return a->wd == b->wd && a->name.len == b->name.len &&
	       memcmp(a->name.data, b->name.data, a->name.len) == 0;
}

/* Does the queue say that this name is given up or taken over? Then what has it now is something
 * else, which has an event of its own. */
static bool given_up(const struct in_source *s, const struct in_raw *raw)
{
	size_t at = s->pos;
	struct in_raw next;

	for (int i = 0; i < FAR && in_parse(s->buf + at, s->len - at, &next); i++) {
		at += next.size;
		if (next.mask & (IN_MOVE | IN_DELETE) && same_name(raw, &next))
			return true;
	}
	return false;
}

static int appeared(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	int rc = given_up(s, raw) ? 1 : in_watch_new(s, node, raw->name, true);

	return rc < 0 ? push_lost(s, node, raw, FN_IGNORED) : s->base.stop;
}

static int dir_to(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	struct in_moving *m = &s->moving;

	m->valid = m->has_to = true;
	m->cookie = raw->cookie;
	m->to_wd = raw->wd;
	m->to_len = (uint8_t)raw->name.len;
	memcpy(m->to, raw->name.data, raw->name.len);
	return moves_soon(s, 0) ? s->base.stop : appeared(s, node, raw);
}

static uint64_t key_of(const struct in_raw *raw)
{
	return fn_keymap_key((uint64_t)raw->wd, raw->name);
}

/* FROM a, TO b, FROM b, TO a, and a walk saw both afterwards: then the exchange is told. */
static bool exchange_told(struct in_source *s, const struct in_raw *from)
{
	struct in_raw e[3];
	int n = 0;

	for (int i = 0; n < 3 && i < NEAR && peek(s, i, &e[n]); i++)
		n += (e[n].mask & IN_MOVE) != 0;
	if (n < 3 || e[0].cookie != from->cookie || e[1].cookie != e[2].cookie ||
	    !same_name(&e[0], &e[1]) || !same_name(from, &e[2]) ||
	    !fn_keymap_has(&s->seen, key_of(from)) || !fn_keymap_has(&s->seen, key_of(&e[0])))
		return false;
	s->told[0] = from->cookie;
	s->told[1] = e[1].cookie;
	return true;
}

/*
 * What a walk found is told already, so the event that made it is not told again. A rename to
 * such a name is told as the loss of the old name only.
 */
static bool told(struct in_source *s, const struct in_raw *raw)
{
	if (raw->cookie && (raw->cookie == s->told[0] || raw->cookie == s->told[1]))
		return true;
	if (!s->seen.used)
		return false;
	if (raw->mask & IN_MOVED_FROM && exchange_told(s, raw))
		return true;
	if (raw->mask & (IN_DELETE | IN_MOVED_FROM)) {
		fn_keymap_take(&s->seen, key_of(raw));
	} else if (raw->mask & IN_CREATE) {
		return fn_keymap_take(&s->seen, key_of(raw));
	} else if (raw->mask & IN_MOVED_TO && fn_keymap_has(&s->seen, key_of(raw))) {
		fn_join_alone(s->join, raw->cookie);
		return true;
	}
	return false;
}

static int dir_event(struct in_source *s, uint32_t node, const struct in_raw *raw, bool known)
{
	uint32_t child;

	if (raw->mask & IN_MOVED_FROM) {
		s->moving = (struct in_moving){.valid = true, .cookie = raw->cookie};
	} else if (raw->mask & IN_MOVED_TO) {
		return dir_to(s, node, raw);
	} else if (raw->mask & IN_CREATE && !known) {
		return appeared(s, node, raw);
	} else if (raw->mask & IN_DELETE) {
		child = fn_watch_child(&s->table, node, raw->name);
		if (child != FN_NO_NODE)
			in_drop(s, child);
	}
	return s->base.stop;
}

static int named_event(struct in_source *s, uint32_t node, const struct in_raw *raw)
{
	bool known;
	int rc = s->base.stop;

	if (!fn_name_ok(raw->name.data, raw->name.len))
		return 0;
	known = told(s, raw);
	if (!known && start_event(s, node, raw, raw->mask & IN_ALL_EVENTS))
		rc = push(s, &s->ev);
	if (raw->mask & IN_ISDIR && s->flags & FN_SOURCE_RECURSIVE)
		rc = dir_event(s, node, raw, known);
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
