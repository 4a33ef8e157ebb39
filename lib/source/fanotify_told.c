/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: what a record is to say after what was told already. See fanotify_told.h. */
#include "source/fanotify_impl.h"

#define LOOP ((uint64_t)1 << 63) /* in renames: comes to the same place twice */
#define LOOK_MAX 4096            /* records */
#define LOST ((uint64_t)1)       /* in objects: that it left its place of old has been told */

static uint64_t id_of(const struct fn_object *o)
{
	uint64_t id = o->has ? (fn_object_hash(o) ^ o->fsid) & ~(uint64_t)1 : 0;

	return o->has && id < 2 ? 2 : id;
}

static uint64_t key_of(const struct fn_object *dir, struct fn_str name)
{
	return dir->has && name.len ? fn_keymap_key(id_of(dir), name) & ~(uint64_t)1 : 0;
}

void fan_sides_keys(struct fan_sides *w)
{
	w->id = id_of(&w->object);
	w->key = key_of(&w->dir, w->name);
	w->old_key = key_of(&w->old_dir, w->old_name);
}

uint64_t fan_told_occupant(const struct fan_source *s, uint64_t key)
{
	uint64_t id;

	return key && fn_keymap_get(&s->told.places, key, &id) ? id : 0;
}

/* *place: 0 if the receiver does not know the object. */
static bool state_of(const struct fan_source *s, uint64_t id, uint64_t *place)
{
	return id && fn_keymap_get(&s->told.objects, id, place);
}

bool fan_told_any(const struct fan_source *s)
{
	return s->told.places.used || s->told.objects.used || s->told.walked.used;
}

void fan_told_forget(struct fan_source *s)
{
	fn_keymap_clear(&s->told.places);
	fn_keymap_clear(&s->told.objects);
	fn_keymap_clear(&s->told.walked);
	fn_keymap_clear(&s->told.renames);
	fn_keymap_clear(&s->told.visited);
	for (const struct fan_track *t = s->told.tracks; t; t = t->next)
		if (t->known)
			fn_keymap_put(&s->told.places, t->spots[t->at].key, t->id);
		else
			fn_keymap_put(&s->told.objects, t->id, 0);
}

/* Has the object been there before? */
static bool visit(struct fan_source *s, uint64_t id, const struct fn_fan_fid *at)
{
	struct fn_object dir;
	uint64_t key;
	bool before;

	if (!at->present)
		return false;
	fn_fan_object(&dir, at);
	key = (key_of(&dir, at->name) ^ id * 3) | 2;
	before = fn_keymap_has(&s->told.visited, key);
	if (!before)
		fn_keymap_put(&s->told.visited, key, 0);
	return before;
}

void fan_told_learn(struct fan_source *s, const struct fn_fan_record *rec)
{
	struct fn_object object;
	uint64_t id, n = 0;

	fn_fan_object(&object, &rec->object);
	id = id_of(&object);
	if (!id)
		return;
	fn_keymap_get(&s->told.renames, id, &n);
	visit(s, id, &rec->old_dir);
	if (visit(s, id, &rec->dir))
		n |= LOOP;
	fn_keymap_put(&s->told.renames, id, n + 1);
}

uint64_t fan_told_left(const struct fan_source *s, uint64_t id)
{
	uint64_t n;

	return id && fn_keymap_get(&s->told.renames, id, &n) ? n & ~LOOP : 0;
}

void fan_told_turn(struct fan_source *s, const struct fan_sides *w)
{
	uint64_t n;

	if (fan_told_left(s, w->id) && fn_keymap_get(&s->told.renames, w->id, &n))
		fn_keymap_put(&s->told.renames, w->id, n - 1);
}

static bool loops(const struct fan_source *s, uint64_t id)
{
	uint64_t n;

	return id && fn_keymap_get(&s->told.renames, id, &n) && n & LOOP;
}

void fan_told_at(struct fan_source *s, uint64_t id, uint64_t key)
{
	fn_keymap_put(&s->told.objects, id, key | LOST);
	fn_keymap_put(&s->told.places, key, id);
}

void fan_told_free(struct fan_source *s, uint64_t id, uint64_t key)
{
	if (fan_told_occupant(s, key) == id)
		fn_keymap_take(&s->told.places, key);
}

bool fan_told_secret(const struct fan_source *s, const struct fn_object *object)
{
	uint64_t at;

	return s->told.objects.used && state_of(s, id_of(object), &at) && !at;
}

void fan_told_hide(struct fan_source *s, const struct fn_object *object, uint64_t id, bool dir)
{
	fn_keymap_put(&s->told.objects, id, 0);
	if (!dir)
		return;
	fn_pathmap_drop(s->map, object);
	fn_pathmap_add_failed(s->map, object);
}

void fan_told_walk(struct fan_source *s, const struct fn_object *dir)
{
	fn_keymap_put(&s->told.walked, id_of(dir), 0);
}

static bool walked(const struct fan_source *s, const struct fn_object *dir)
{
	return s->told.walked.used && fn_keymap_has(&s->told.walked, id_of(dir));
}

bool fan_told_hidden(const struct fan_source *s, const struct fn_object *dir)
{
	struct fn_object here, up;
	struct fn_str name;

	if (!s->told.walked.used)
		return false;
	fn_object_copy(&here, dir);
	while (fn_pathmap_lookup(s->map, &here, &up, &name)) {
		if (walked(s, &up) && fan_told_occupant(s, key_of(&up, name)) != id_of(&here))
			return true;
		fn_object_copy(&here, &up);
	}
	return false;
}

/* The receiver knows, or may know, the object at this place. */
static bool known_at(const struct fan_source *s, uint64_t id, uint64_t key,
		     const struct fn_object *dir)
{
	uint64_t who = fan_told_occupant(s, key);

	return who ? who == id : !walked(s, dir);
}

/* It comes to its new side, as the queue tells it. */
static void arrive(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
		   bool follow)
{
	if (follow || loops(s, w->id))
		fan_track_at(s, rec, w);
	else if (walked(s, &w->dir))
		fn_keymap_put(&s->told.places, w->key, w->id);
}

void fan_told_walked(struct fan_source *s, const struct fn_object *object,
		     const struct fn_object *dir, struct fn_str name)
{
	uint64_t id = id_of(object), key = key_of(dir, name);
	struct fan_track *t = fan_track_find(s, id);

	if (t)
		fan_track_end(s, t);
	fn_keymap_put(&s->told.objects, id, key);
	fn_keymap_put(&s->told.places, key, id);
}

/* Is its creation still to come in what was read? A bounded look. */
static bool created_later(const struct fan_source *s, uint64_t id)
{
	struct fn_fan_record rec;
	struct fn_object object;
	size_t at = s->pos;

	for (int i = 0; i < LOOK_MAX && at < s->len; i++) {
		int n = fn_fan_parse(s->buf + at, s->len - at, &rec);

		if (n < 0)
			return false;
		at += (size_t)n;
		fn_fan_object(&object, &rec.object);
		if (rec.mask & FN_CREATE && id_of(&object) == id)
			return true;
	}
	return false;
}

/* Room for the object of w at its new side. False: a walk found somebody else there, who is still
 * to come in the queue, so that w's object was there before and the receiver never hears of it. */
static bool make_room(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	uint64_t who = fan_told_occupant(s, w->key);

	if (!who || who == w->id || fan_track_evict(s, who, rec->mask & FN_DIRENT_EVENTS))
		return true;
	if (fan_told_left(s, who) || created_later(s, who)) {
		fan_told_hide(s, &w->object, w->id, rec->mask & FN_ISDIR);
		w->stays = true;
		return false;
	}
	fn_keymap_put(&s->told.objects, who, 0);
	fn_keymap_take(&s->told.places, w->key);
	return true;
}

bool fan_told_create(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	uint64_t who = fan_told_occupant(s, w->key), at;

	if (!w->id)
		return !fn_keymap_take(&s->told.places, w->key);
	if (state_of(s, w->id, &at)) {
		w->stays = true;
		return who != w->id && at && !(rec->mask & FN_ISDIR) &&
		       fan_is_at(s, &w->object, w->root, w->path);
	}
	if (!make_room(s, rec, w))
		return false;
	arrive(s, rec, w, false);
	return true;
}

static bool told_delete(struct fan_source *s, const struct fan_sides *w, uint64_t at)
{
	struct fan_track *t = fan_track_find(s, w->id);
	bool here = fan_told_occupant(s, w->key) == w->id;

	if (!at && fan_told_left(s, w->id))
		return false;
	if (!at || (at & ~LOST) == w->key)
		fn_keymap_take(&s->told.objects, w->id);
	fan_told_free(s, w->id, w->key);
	if (t)
		fan_track_end(s, t);
	return at && here;
}

bool fan_told_delete(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	struct fan_track *t;
	uint64_t at;

	if (rec->mask & FN_ISDIR)
		fan_track_empty(s, &w->object);
	if (!w->id) {
		fn_keymap_take(&s->told.places, w->key);
		return true;
	}
	if (state_of(s, w->id, &at))
		return told_delete(s, w, at);
	t = fan_track_find(s, w->id);
	if (!t && !known_at(s, w->id, w->key, &w->dir))
		return false;
	if (fan_told_left(s, w->id)) {
		if (!t)
			t = fan_track_at(s, rec, w);
		if (t)
			t->doomed = true;
		return !t;
	}
	if (t) {
		w->in = fan_track_place(s, t, w, false);
		fan_track_end(s, t);
	}
	fan_told_free(s, w->id, w->key);
	return w->in;
}

static bool same(uint64_t at, uint64_t key)
{
	return key && (at & ~LOST) == key;
}

bool fan_told_known(const struct fan_source *s, const struct fan_sides *w)
{
	const struct fan_track *t = fan_track_find(s, w->id);
	uint64_t at;

	if (state_of(s, w->id, &at))
		return w->old_in && same(at, w->old_key);
	if (t)
		return t->known && t->spots[t->at].key == w->old_key;
	return w->old_in && known_at(s, w->id, w->old_key, &w->old_dir);
}

/* The old side becomes what the receiver believes. False: a walk found the object where it came to
 * be later, so that all there is to tell is that it left its old place. */
static bool told_from(struct fan_source *s, struct fan_sides *w, struct fan_track *t)
{
	bool known = w->old_in && known_at(s, w->id, w->old_key, &w->old_dir);
	uint64_t at;

	if (state_of(s, w->id, &at) && at && !same(at, w->old_key)) {
		w->old_in = known && !(at & LOST);
		w->in = false;
		w->stays = true;
		fn_keymap_put(&s->told.objects, w->id, at | LOST);
		return false;
	}
	if (fn_keymap_take(&s->told.objects, w->id))
		w->old_in = w->old_in && at;
	else if (t)
		w->old_in = fan_track_place(s, t, w, true);
	else
		w->old_in = known;
	if (t && t->known)
		fan_told_free(s, w->id, t->spots[t->at].key);
	fan_told_free(s, w->id, w->old_key);
	return true;
}

static void told_to(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w,
		    struct fan_track *t)
{
	if (!make_room(s, rec, w)) {
		w->in = false;
		if (t)
			fan_track_end(s, t);
	} else {
		arrive(s, rec, w, t);
	}
}

bool fan_told_rename(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	struct fan_track *t = fan_track_find(s, w->id);
	uint64_t at;
	bool was = state_of(s, w->id, &at) && at;

	if (!w->id) {
		w->in = w->in && !fn_keymap_has(&s->told.places, w->key);
		fn_keymap_take(&s->told.places, w->old_key);
		return w->in || w->old_in;
	}
	if (!told_from(s, w, t))
		return w->old_in;
	if (w->in)
		told_to(s, rec, w, t);
	else if (t)
		fan_track_end(s, t);
	if (w->in && was && !fan_track_find(s, w->id))
		fan_told_at(s, w->id, w->key);
	return w->in || w->old_in;
}

bool fan_told_leave(struct fan_source *s, const struct fan_sides *w, bool dir)
{
	struct fan_track *t = fan_track_find(s, w->id);
	bool known = w->old_in && known_at(s, w->id, w->old_key, &w->old_dir);
	uint64_t at;

	if (state_of(s, w->id, &at) && at && !same(at, w->old_key)) {
		fn_keymap_put(&s->told.objects, w->id, at | LOST);
		return known && !(at & LOST);
	}
	if (!fan_told_known(s, w))
		return false;
	if (t)
		fan_track_end(s, t);
	fan_told_free(s, w->id, w->old_key);
	fan_told_hide(s, &w->object, w->id, dir);
	return true;
}

static void told_swapped(struct fan_source *s, const struct fn_fan_record *rec,
			 const struct fan_sides *w)
{
	if (fn_keymap_take(&s->told.objects, w->id) && !loops(s, w->id))
		fan_told_at(s, w->id, w->key);
	else
		arrive(s, rec, w, fan_track_find(s, w->id));
}

void fan_told_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		       const struct fan_sides *w, const struct fn_fan_record *back,
		       const struct fan_sides *v)
{
	fan_told_free(s, w->id, w->old_key);
	fan_told_free(s, v->id, v->old_key);
	told_swapped(s, rec, w);
	told_swapped(s, back, v);
}
