/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: the names and objects of which something was told. See fanotify_told.h. */
#include "source/fanotify_impl.h"

#include <stdlib.h>
#include <string.h>

#define HIDDEN_ROUNDS 64

uint64_t fan_id(const struct fn_object *o)
{
	uint64_t id = o->has ? fn_object_hash(o) ^ o->fsid : 0;

	return o->has && id < 2 ? 2 : id;
}

static uint64_t key_of(const struct fn_object *dir, struct fn_str name)
{
	return dir->has && name.len ? fn_keymap_key(fan_id(dir), name) : 0;
}

void fan_sides_swap(const struct fan_sides *w, struct fan_sides *v)
{
	*v = (struct fan_sides){.root = w->old_root, .old_root = w->root};
	fn_object_copy(&v->dir, &w->old_dir);
	fn_object_copy(&v->old_dir, &w->dir);
	v->name = w->old_name;
	v->old_name = w->name;
	v->path = w->old_path;
	v->old_path = w->path;
	v->in = w->old_in;
	v->old_in = w->in;
}

static void *find(const struct fn_keymap *map, uint64_t key)
{
	uint64_t at;

	return key && fn_keymap_get(map, key, &at) ? (void *)(uintptr_t)at : NULL;
}

static bool add(struct fan_source *s, struct fn_keymap *map, uint64_t key, const void *p)
{
	if (p)
		fn_keymap_put(map, key, (uint64_t)(uintptr_t)p);
	if (p && fn_keymap_has(map, key))
		return true;
	s->told.full = s->told.any = true;
	return false;
}

struct fan_thing *fan_thing_find(const struct fan_source *s, const struct fn_object *o)
{
	return find(&s->told.thing_of, fan_id(o));
}

struct fan_thing *fan_thing_of(struct fan_source *s, const struct fn_object *o, bool isdir)
{
	uint64_t id = fan_id(o);
	struct fan_thing *t = find(&s->told.thing_of, id);

	if (t || !id)
		return t;
	t = calloc(1, sizeof(*t) + o->handle_len);
	if (!add(s, &s->told.thing_of, id, t)) {
		free(t);
		return NULL;
	}
	t->id = id;
	t->isdir = isdir;
	t->has = o->has & (FN_OBJ_HANDLE | FN_OBJ_FSID);
	t->fsid = o->fsid;
	t->type = o->handle_type;
	t->len = o->handle_len;
	memcpy(t->handle, o->handle, o->handle_len);
	t->next = s->told.things;
	s->told.things = t;
	return t;
}

void fan_thing_object(const struct fan_thing *t, struct fn_object *o)
{
	fn_object_clear(o);
	if (!t)
		return;
	fn_object_set_handle(o, t->type, t->handle, t->len);
	o->has = t->has;
	o->fsid = t->fsid;
	fn_object_learn_node(o);
}

struct fan_spot *fan_spot_find(const struct fan_source *s, const struct fn_object *dir,
			       struct fn_str name)
{
	return s->told.spots ? find(&s->told.spot_of, key_of(dir, name)) : NULL;
}

struct fan_spot *fan_spot_of(struct fan_source *s, const struct fn_object *dir, struct fn_str name)
{
	uint64_t key = key_of(dir, name);
	struct fan_spot *p = find(&s->told.spot_of, key);
	struct fan_thing *in = p || !key ? NULL : fan_thing_of(s, dir, true);

	if (!in)
		return p;
	p = calloc(1, sizeof(*p) + name.len);
	if (!add(s, &s->told.spot_of, key, p)) {
		free(p);
		return NULL;
	}
	p->key = key;
	p->dir = in;
	p->age = in->age;
	p->state = in->bare ? FAN_EMPTY : FAN_UNTOLD;
	p->len = (uint8_t)name.len;
	memcpy(p->name, name.data, name.len);
	p->next = s->told.spots;
	s->told.spots = p;
	return p;
}

enum fan_state fan_spot_state(const struct fan_spot *p)
{
	return p->age == p->dir->age ? p->state : FAN_EMPTY;
}

void fan_spot_set(struct fan_spot *p, enum fan_state state, struct fan_thing *who, bool isdir,
		  bool seen)
{
	if (p->who && p->who != who && p->who->place == p)
		p->who->place = NULL;
	p->age = p->dir->age;
	p->state = state;
	p->who = who;
	p->isdir = isdir;
	p->seen = seen;
	if (!who)
		return;
	who->place = p;
	who->hidden = false;
}

void fan_doubt(struct fan_source *s, struct fan_spot *p)
{
	if (p)
		p->doubt = s->told.any = true;
}

bool fan_spot_has(const struct fan_spot *p, const struct fan_thing *t)
{
	switch (fan_spot_state(p)) {
	case FAN_UNTOLD:
		return !t || !t->hidden;
	case FAN_TAKEN:
		return !p->who || !t || p->who == t;
	default:
		return false;
	}
}

bool fan_thing_inside(const struct fan_source *s, const struct fan_thing *dir)
{
	struct fn_object o;

	fan_thing_object(dir, &o);
	return fn_pathmap_place(s->map, &o) == FN_PLACE_INSIDE && !fan_told_hidden(s, &o);
}

struct fan_spot *fan_thing_place(const struct fan_source *s, const struct fan_thing *t)
{
	struct fan_spot *p = t ? t->place : NULL;

	if (!p || fan_spot_state(p) != FAN_TAKEN || p->who != t || !fan_thing_inside(s, p->dir))
		return NULL;
	return p;
}

/* It is still to be looked at, and can be one day. */
static bool is_open(const struct fan_source *s, const struct fan_spot *p)
{
	return p->doubt && fan_thing_inside(s, p->dir);
}

static void keep_open(struct fan_source *s)
{
	for (struct fan_spot *p = s->told.spots; p; p = p->next)
		if (is_open(s, p))
			p->round = s->told.round;
}

static void sweep_spots(struct fan_source *s)
{
	struct fan_spot *p = s->told.spots, *next;

	s->told.spots = NULL;
	fn_keymap_clear(&s->told.spot_of);
	for (; p; p = next) {
		next = p->next;
		if (p->round == s->told.round && add(s, &s->told.spot_of, p->key, p)) {
			p->touched = p->left = false;
			p->came = NULL;
			p->next = s->told.spots;
			s->told.spots = p;
			p->dir->keep = true;
			if (p->who)
				p->who->keep = true;
			continue;
		}
		if (p->who && p->who->place == p)
			p->who->place = NULL;
		free(p);
	}
}

/* Where a hidden directory is, the queue is yet to say. */
static bool is_hidden(const struct fan_source *s, const struct fan_thing *t)
{
	return t->hidden && t->isdir && s->told.round - t->round < HIDDEN_ROUNDS;
}

static void sweep(struct fan_source *s, bool all)
{
	struct fan_thing *t = s->told.things, *next;

	if (!all)
		keep_open(s);
	sweep_spots(s);
	s->told.things = NULL;
	fn_keymap_clear(&s->told.thing_of);
	for (; t; t = next) {
		next = t->next;
		if (!all && (t->keep || t->late || t->round == s->told.round || is_hidden(s, t)) &&
		    (add(s, &s->told.thing_of, t->id, t) || t->keep)) {
			t->keep = t->again = false;
			t->bare = t->bare && (t->hidden || t->late || t->round == s->told.round);
			t->next = s->told.things;
			s->told.things = t;
		} else {
			s->told.nlate -= t->late;
			free(t);
		}
	}
}

void fan_told_sweep(struct fan_source *s)
{
	sweep(s, false);
}

void fan_told_forget(struct fan_source *s)
{
	s->told.round++; /* nothing is of this one */
	sweep(s, true);
	fn_keymap_clear(&s->told.renames);
	s->told.any = s->told.full = false;
	s->told.tries = 0;
}
