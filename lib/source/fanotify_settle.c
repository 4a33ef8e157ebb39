/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fanotify: all that was read is worked off, and some names are in doubt. Look at each, and tell
 * what makes the receiver's state that of the file system. A directory that turns out to be
 * elsewhere makes other names reachable, or void, so that it takes several passes. What changes
 * meanwhile is in the queue.
 */
#include "source/fanotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSES 16
#define TRIES 20
#define RETRY_MS 2

/* A name that is not as it was told. */
struct fan_mend {
	struct fan_spot *spot;
	struct fan_thing *now; /* what is there, unless `empty` */
	bool empty, isdir, done;
};

struct mends {
	struct fan_mend *at;
	size_t n, cap;
};

static bool is_right(const struct fan_spot *p, const struct fan_mend *m)
{
	switch (fan_spot_state(p)) {
	case FAN_EMPTY:
		return m->empty;
	case FAN_TAKEN:
		return !m->empty && (p->who ? p->who == m->now : p->isdir == m->isdir);
	default:
		return false;
	}
}

static struct fn_str name_of(const struct fan_spot *p)
{
	return (struct fn_str){p->name, p->len};
}

static void note(struct fan_source *s, struct mends *m, const struct fan_mend *mend)
{
	struct fan_mend *at = m->at;

	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 64;
		at = realloc(m->at, m->cap * sizeof(*at));
	}
	if (!at) {
		m->cap = m->n;
		s->told.full = true;
		return;
	}
	m->at = at;
	at[m->n++] = *mend;
	mend->spot->mend = (uint32_t)m->n;
}

static void look(struct fan_source *s, struct mends *m, struct fan_spot *p)
{
	struct fan_mend mend = {.spot = p};
	struct fn_object dir, now;
	int rc;

	fan_thing_object(p->dir, &dir);
	rc = fan_look(s, &dir, name_of(p), &now, &mend.isdir);
	if (rc && rc != -ENOENT && rc != -ENOTDIR && rc != -EXDEV)
		return;
	p->doubt = p->left = false;
	p->round = s->told.round;
	mend.empty = rc;
	if (rc == 0)
		mend.now = fan_thing_of(s, &now, mend.isdir);
	if (rc != -EXDEV && !is_right(p, &mend))
		note(s, m, &mend);
}

static struct fan_mend *find(struct mends *m, const struct fan_spot *p)
{
	struct fan_mend *a = p && p->mend ? &m->at[p->mend - 1] : NULL;

	return a && !a->done ? a : NULL;
}

static bool path_of(struct fan_source *s, const struct fan_spot *p, struct fn_object *dir,
		    struct fn_pathbuf *buf, struct fn_str *path, int *root)
{
	fan_thing_object(p->dir, dir);
	return fn_pathmap_path(s->map, dir, name_of(p), buf, path, root) == FN_PLACE_INSIDE;
}

static bool new_side(struct fan_source *s, const struct fan_spot *p, struct fan_sides *w)
{
	w->name = name_of(p);
	w->in = path_of(s, p, &w->dir, &s->path, &w->path, &w->root);
	return w->in;
}

static bool old_side(struct fan_source *s, const struct fan_spot *p, struct fan_sides *w)
{
	w->old_name = name_of(p);
	w->old_in = path_of(s, p, &w->old_dir, &s->old_path, &w->old_path, &w->old_root);
	return w->old_in;
}

static struct fn_fan_record record_of(const struct fan_thing *t, bool isdir, uint64_t bit)
{
	return (struct fn_fan_record){
		.mask = bit | (isdir ? FN_ISDIR : 0), .pid = t && t->doomed ? t->pid : 0, .fd = -1};
}

static bool is_alive(struct fan_source *s, const struct fan_thing *t)
{
	struct fn_object o;
	int fd;

	if (!t || t->doomed || !s->by_handle)
		return false;
	fan_thing_object(t, &o);
	fd = fan_open(s, &o, O_PATH);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Who was told to be at p is not. */
bool fan_tell_gone(struct fan_source *s, struct fan_spot *p)
{
	struct fan_thing *t = fan_spot_state(p) == FAN_TAKEN ? p->who : NULL;
	uint64_t bit = is_alive(s, t) ? FN_RENAME : FN_DELETE;
	struct fn_fan_record rec = record_of(t, p->isdir, bit);
	struct fan_sides w = {.root = -1};
	bool mending = s->mending;

	fan_thing_object(t, &w.object);
	if (!(bit == FN_RENAME ? old_side(s, p, &w) : new_side(s, p, &w)))
		return false;
	s->mending = !(t && t->doomed);
	fan_tell(s, &rec, &w, bit);
	s->mending = mending;
	fan_spot_set(p, FAN_EMPTY, NULL, false, true);
	if (!fan_thing_place(s, t))
		fan_told_hide(s, t);
	return true;
}

void fan_tell_out(struct fan_source *s, const struct fn_object *dir)
{
	struct fn_object up;
	struct fn_str name;
	struct fan_spot *p;

	if (!fn_pathmap_lookup(s->map, dir, &up, &name))
		return;
	p = fan_spot_of(s, &up, name);
	if (!p)
		return;
	fan_doubt(s, p);
	p->round = s->told.round;
	fan_spot_set(p, FAN_TAKEN, fan_thing_of(s, dir, true), true, true);
	fan_tell_gone(s, p);
}

/* Each is where the other was told to be. */
static bool mend_exchange(struct fan_source *s, struct mends *m, struct fan_mend *a)
{
	struct fan_thing *x = a->spot->who, *y = a->now;
	struct fan_mend *b = y ? find(m, fan_thing_place(s, y)) : NULL;
	struct fn_fan_record rec, back;
	struct fan_sides w = {.root = -1}, v = {.root = -1};

	if (!b || a == b || !x || b->now != x || fan_thing_place(s, x) != a->spot)
		return false;
	if (!old_side(s, a->spot, &w) || !new_side(s, b->spot, &w))
		return false;
	rec = record_of(x, x->isdir, FN_RENAME);
	back = record_of(y, y->isdir, FN_RENAME);
	fan_thing_object(x, &w.object);
	fan_sides_swap(&w, &v);
	fan_thing_object(y, &v.object);
	fan_spot_set(a->spot, FAN_TAKEN, y, y->isdir, true);
	fan_spot_set(b->spot, FAN_TAKEN, x, x->isdir, true);
	s->mending = true;
	fan_tell_exchange(s, &rec, &w, &back, &v);
	a->done = b->done = true;
	return true;
}

/* It was told to be at a name that it is not at any more. over: somebody else is still told to be
 * at its place of now. */
static bool mend_rename(struct fan_source *s, struct mends *m, struct fan_mend *a, bool over)
{
	struct fan_thing *t = a->now, *was = a->spot->who;
	struct fan_spot *from = fan_thing_place(s, t);
	struct fan_mend *left = find(m, from);
	struct fn_fan_record rec;
	struct fan_sides w = {.root = -1};

	if (!left || left == a || (!over && fan_spot_state(a->spot) != FAN_EMPTY))
		return false;
	fan_thing_object(t, &w.object);
	if (!new_side(s, a->spot, &w) || !old_side(s, from, &w) ||
	    (t->isdir && fn_pathmap_below(s->map, &w.dir, &w.object)))
		return false;
	if (fan_spot_state(a->spot) == FAN_TAKEN && was != t)
		fan_told_hide(s, was);
	if (!new_side(s, a->spot, &w) || !old_side(s, from, &w))
		return false;
	rec = record_of(t, t->isdir, FN_RENAME);
	fan_spot_set(from, FAN_EMPTY, NULL, false, true);
	fan_spot_set(a->spot, FAN_TAKEN, t, t->isdir, true);
	s->mending = true;
	fan_tell(s, &rec, &w, FN_RENAME);
	a->done = true;
	left->done = left->empty;
	return true;
}

/* Where the receiver knows the directory: of a name that nothing was said of, the map tells. */
static struct fan_spot *dir_place(struct fan_source *s, struct fan_thing *t)
{
	struct fan_spot *p = fan_thing_place(s, t);
	struct fn_object dir, up;
	struct fn_str name;

	if (p || !fan_thing_inside(s, t))
		return p;
	fan_thing_object(t, &dir);
	p = fn_pathmap_lookup(s->map, &dir, &up, &name) ? fan_spot_of(s, &up, name) : NULL;
	if (!p || fan_spot_state(p) != FAN_UNTOLD)
		return NULL;
	fan_spot_set(p, FAN_TAKEN, t, true, false);
	return p;
}

/* Room first: a directory that is still told to be elsewhere leaves there. */
static bool make_sure(struct fan_source *s, struct mends *m, const struct fan_mend *a)
{
	struct fan_spot *from = a->isdir ? dir_place(s, a->now) : NULL;

	if (!from || from == a->spot)
		return true;
	if (find(m, from) && fan_tell_gone(s, from))
		return true;
	fan_doubt(s, from);
	return false;
}

static bool mend_arrival(struct fan_source *s, struct mends *m, struct fan_mend *a)
{
	struct fn_fan_record rec = record_of(NULL, a->isdir, FN_CREATE);
	struct fan_sides w = {.root = -1};
	char *path;

	if (!make_sure(s, m, a)) {
		fan_doubt(s, a->spot);
		return true;
	}
	if (!new_side(s, a->spot, &w))
		return false;
	fan_thing_object(a->now, &w.object);
	fan_spot_set(a->spot, FAN_TAKEN, a->now, a->isdir, true);
	s->mending = true;
	if (a->isdir)
		fn_pathmap_put(s->map, &w.object, &w.dir, w.name);
	fan_tell(s, &rec, &w, FN_CREATE);
	path = a->isdir ? strndup(w.path.data, w.path.len) : NULL;
	if (path)
		fan_appeared(s, w.root, (struct fn_str){path, w.path.len}, &w.object);
	free(path);
	return true;
}

static bool mend_all(struct fan_source *s, struct mends *m)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++)
		any |= !m->at[i].done && mend_exchange(s, m, &m->at[i]);
	for (size_t i = 0; i < 2 * m->n; i++)
		any |= !m->at[i % m->n].done && mend_rename(s, m, &m->at[i % m->n], i >= m->n);
	for (size_t i = 0; i < m->n; i++)
		if (!m->at[i].done && fan_spot_state(m->at[i].spot) != FAN_EMPTY)
			any |= fan_tell_gone(s, m->at[i].spot);
	for (size_t i = 0; i < m->n; i++)
		if (!m->at[i].done && !m->at[i].empty)
			any |= mend_arrival(s, m, &m->at[i]);
	s->mending = false;
	return any;
}

static bool pass(struct fan_source *s)
{
	struct mends m = {NULL, 0, 0};
	bool any;

	for (struct fan_spot *p = s->told.spots; p; p = p->next)
		if ((p->doubt || (p->left && p->came->again)) && fan_thing_inside(s, p->dir))
			look(s, &m, p);
	any = mend_all(s, &m);
	for (size_t i = 0; i < m.n; i++)
		m.at[i].spot->mend = 0;
	free(m.at);
	return any;
}

static bool is_unsure(const struct fan_source *s)
{
	bool unsure = false;

	for (const struct fan_spot *p = s->told.spots; p && !unsure; p = p->next)
		unsure = p->doubt && fan_thing_inside(s, p->dir);
	for (const struct fan_thing *t = s->told.things; t && !unsure; t = t->next)
		unsure = t->late && fan_thing_inside(s, t);
	return unsure;
}

int fan_unsettled(const struct fan_source *s)
{
	return s->told.tries ? RETRY_MS : -1;
}

/* Nothing is queued, and yet something is not where it is believed to be: the record of a move
 * follows the move. Where none comes, the root itself is gone. */
static bool try_again(struct fan_source *s)
{
	if (is_unsure(s) && s->told.tries++ < TRIES)
		return true;
	for (size_t i = 0; s->told.tries > TRIES && i < s->nroots; i++)
		fan_root_lost(s, (int)i);
	return false;
}

void fan_settle(struct fan_source *s)
{
	bool again;

	if (!s->told.any) {
		fan_told_forget(s);
		return;
	}
	s->told.round++;
	for (int i = 0; i < PASSES && pass(s); i++)
		;
	if (s->told.full) {
		fan_lost(s);
		return;
	}
	fan_drain(s);
	again = s->pos < s->len || try_again(s);
	if (s->pos < s->len)
		s->told.tries = 0;
	if (again)
		fan_told_sweep(s);
	else
		fan_told_forget(s);
}
