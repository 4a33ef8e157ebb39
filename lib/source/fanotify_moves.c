/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fanotify before Linux 5.17, which has no FAN_RENAME and names no objects with CREATE, DELETE and
 * moves: a rename is MOVED_FROM, MOVED_TO and MOVE_SELF, one after the other, by one process. Each
 * may be merged into what happened to the same name before. The first two become one rename here;
 * the third says what was renamed.
 */
#include "source/fanotify_impl.h"

#include <string.h>

#define MOVES (FN_MOVED_FROM | FN_MOVED_TO)
#define NEAR 4     /* records between the move and MOVE_SELF: the overwritten object's ATTRIB */
#define EXCHANGE 8 /* records of an exchange */
#define OTHERS 256 /* records of other processes in between */

static int parse(const struct fan_source *s, size_t at, struct fn_fan_record *rec)
{
	return at < s->len ? fn_fan_parse(s->buf + at, s->len - at, rec) : -1;
}

static bool same_maker(const struct fn_fan_record *a, const struct fn_fan_record *b)
{
	return a->pid == b->pid && !((a->mask ^ b->mask) & FN_ISDIR);
}

/* What was renamed, as each MOVE_SELF says that comes at or soon after `at`. How many, up to 2. */
static int find_objects(const struct fan_source *s, size_t at, const struct fn_fan_record *rec,
			struct fn_fan_fid object[2])
{
	struct fn_fan_record self;
	int n, found = 0, others = 0;

	for (int i = 0; i < NEAR && found < 2; i++) {
		n = parse(s, at, &self);
		if (n < 0 || (i && self.pid == rec->pid && self.mask & MOVES))
			break;
		at += (size_t)n;
		i -= self.pid != rec->pid && others++ < OTHERS;
		if (!(self.mask & FN_MOVE_SELF) || !same_maker(&self, rec))
			continue;
		object[found] = self.mask & FN_ISDIR ? self.dir : self.object;
		object[found++].name = (struct fn_str){NULL, 0};
	}
	return found;
}

void fan_moves_object(const struct fan_source *s, size_t at, struct fn_fan_record *rec)
{
	struct fn_fan_fid object[2];

	if (find_objects(s, at, rec, object))
		rec->object = object[0];
}

static bool is_there(struct fan_source *s, const struct fn_fan_fid *at)
{
	struct fn_object dir, any;
	struct fn_str path;
	int root;

	fn_fan_object(&dir, at);
	fn_object_clear(&any);
	return fn_pathmap_path(s->map, &dir, at->name, &s->spot_path, &path, &root) ==
		       FN_PLACE_INSIDE &&
	       fan_is_at(s, &any, root, path);
}

/* There and back again, or an exchange, of two names: each record is merged with the other. Files
 * under marks of single directories have no MOVE_SELF: then it is an exchange if both are there. */
static bool join_both(struct fan_source *s, int n, struct fn_fan_record *rec)
{
	size_t at = s->pos + (size_t)n;
	struct fn_fan_fid object[2] = {{.present = false}};
	struct fn_fan_record other;
	int m = parse(s, at, &other), found;

	if (m < 0 || (other.mask & ~(uint64_t)FN_ISDIR) != MOVES || !same_maker(&other, rec))
		return false;
	found = find_objects(s, at + (size_t)m, rec, object);
	s->back_at = at + 1;
	s->back_to = rec->dir;
	s->back_object = object[found == 2];
	s->exchanged = !found && is_there(s, &other.dir);
	rec->object = object[0];
	rec->old_dir = rec->dir;
	rec->dir = other.dir;
	rec->mask = FN_RENAME | (rec->mask & FN_ISDIR);
	return true;
}

static void join_back(struct fan_source *s, struct fn_fan_record *rec)
{
	rec->old_dir = rec->dir;
	rec->dir = s->back_to;
	rec->object = s->back_object;
	rec->mask = FN_RENAME | (rec->mask & FN_ISDIR);
}

/* The MOVED_FROM at s->pos, n bytes long, as the rename that it begins. */
static void join(struct fan_source *s, int n, struct fn_fan_record *rec)
{
	size_t at = s->pos + (size_t)n;
	struct fn_fan_record to;

	rec->old_dir = rec->dir;
	rec->dir.present = false;
	rec->dir.name = (struct fn_str){NULL, 0};
	if (parse(s, at, &to) > 0 && to.mask & FN_MOVED_TO && same_maker(&to, rec)) {
		rec->dir = to.dir;
		s->to_done = at + 1;
	}
	fan_moves_object(s, at, rec);
}

/* Both halves come of one system call: the other one is queued, or about to be. What says which
 * object it was, too. */
static void await_rest(struct fan_source *s, size_t at, const struct fn_fan_record *rec)
{
	int want = s->any_whole || rec->mask & FN_ISDIR ? 2 : 1;
	int64_t until = 0;

	while (fan_gather(s, at, rec->pid, EXCHANGE) < want && fan_await(s, &until))
		;
}

int fan_moves_next(struct fan_source *s, int n, struct fn_fan_record *rec)
{
	uint64_t isdir = rec->mask & FN_ISDIR, moves = rec->mask & MOVES;
	uint64_t rest = rec->mask & ~(isdir | MOVES | FN_MOVE_SELF);

	if (s->back_at == s->pos + 1) {
		join_back(s, rec);
		return n;
	}
	if (s->to_done == s->pos + 1)
		moves &= ~(uint64_t)FN_MOVED_TO;
	if (!moves || (rest && s->rest_done != s->pos + 1)) {
		s->rest_done = s->pos + 1;
		rec->mask = rest | isdir;
		return moves ? 0 : n;
	}
	await_rest(s, s->pos + (size_t)n, rec);
	if (moves == MOVES && join_both(s, n, rec))
		return n;
	rec->mask = FN_RENAME | isdir;
	if (moves & FN_MOVED_TO) {
		s->to_done = s->pos + 1;
		fan_moves_object(s, s->pos + (size_t)n, rec);
		return moves == MOVES ? 0 : n;
	}
	join(s, n, rec);
	return n;
}

/* The rename that comes next, after the rest of the one before it. Its end from s->pos, or -1. */
static int next_rename(struct fan_source *s, struct fn_fan_record *back)
{
	size_t at = s->pos;
	struct fn_fan_record to;
	int n = parse(s, at, back);

	while (n > 0 && (s->to_done == at + 1 || back->mask & FN_MOVE_SELF)) {
		at += (size_t)n;
		n = parse(s, at, back);
	}
	if (n < 0 || (back->mask & ~(uint64_t)FN_ISDIR) != FN_MOVED_FROM)
		return -1;
	at += (size_t)n;
	n = parse(s, at, &to);
	if (n < 0 || (to.mask & ~(uint64_t)FN_ISDIR) != FN_MOVED_TO || !same_maker(&to, back))
		return -1;
	at += (size_t)n;
	back->old_dir = back->dir;
	back->dir = to.dir;
	back->mask = FN_RENAME | (back->mask & FN_ISDIR);
	fan_moves_object(s, at, back);
	return (int)(at - s->pos);
}

int fan_moves_back(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
		   struct fn_fan_record *back, bool *two)
{
	struct fn_object any;
	int64_t until = 0;
	int n = parse(s, s->pos, back);

	if (n > 0 && s->back_at == s->pos + 1) {
		join_back(s, back);
		*two = s->exchanged;
		return n;
	}
	fn_object_clear(&any);
	n = next_rename(s, back);
	if (n > 0 || !w->old_in || !fan_is_at(s, &any, w->old_root, w->old_path))
		return n;
	fan_drain(s);
	while (fan_gather(s, s->pos, rec->pid, EXCHANGE) < EXCHANGE &&
	       (n = next_rename(s, back)) < 0 && fan_await(s, &until))
		;
	return n;
}
