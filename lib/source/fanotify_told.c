/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: what a record is to say after what was told already. See fanotify_told.h. */
#include "source/fanotify_impl.h"

#include <string.h>

void fan_told_learn(struct fan_source *s, const struct fn_fan_record *rec)
{
	struct fn_object object;
	uint64_t n = 0, id;

	fn_fan_object(&object, &rec->object);
	id = fan_id(&object);
	if (!id)
		return;
	fn_keymap_get(&s->told.renames, id, &n);
	fn_keymap_put(&s->told.renames, id, n + 1);
}

static uint64_t to_come(const struct fan_source *s, uint64_t id)
{
	uint64_t n;

	return id && fn_keymap_get(&s->told.renames, id, &n) ? n : 0;
}

void fan_told_turn(struct fan_source *s, const struct fan_sides *w)
{
	uint64_t id = fan_id(&w->object), n = to_come(s, id);

	if (n)
		fn_keymap_put(&s->told.renames, id, n - 1);
}

bool fan_told_secret(const struct fan_source *s, const struct fn_object *object)
{
	const struct fan_thing *t = s->told.any ? fan_thing_find(s, object) : NULL;

	return t && t->hidden;
}

bool fan_told_hidden(const struct fan_source *s, const struct fn_object *dir)
{
	struct fn_object here, up;
	struct fn_str name;

	if (!s->told.any)
		return false;
	fn_object_copy(&here, dir);
	while (fn_pathmap_lookup(s->map, &here, &up, &name)) {
		const struct fan_spot *p = fan_spot_find(s, &up, name);
		const struct fan_thing *t = fan_thing_find(s, &here), *in;

		if (p && (!fan_spot_has(p, t) || (p->who && p->who != t)))
			return true;
		in = p ? NULL : fan_thing_find(s, &up);
		if (in && in->bare)
			return true;
		fn_object_copy(&here, &up);
	}
	return false;
}

static void set_late(struct fan_source *s, struct fan_thing *t, bool late)
{
	s->told.nlate += (uint32_t)late - t->late;
	t->late = late;
}

/* The receiver forgets what is in a directory. */
static void bare(struct fan_source *s, struct fan_thing *t)
{
	if (!t || !t->isdir)
		return;
	set_late(s, t, false);
	t->age++;
	t->bare = true;
	t->round = s->told.round;
}

void fan_told_hide(struct fan_source *s, struct fan_thing *t)
{
	struct fn_object o;

	if (!t)
		return;
	t->hidden = s->told.any = true;
	t->place = NULL;
	if (!t->isdir)
		return;
	bare(s, t);
	fan_thing_object(t, &o);
	fn_pathmap_drop(s->map, &o);
	fn_pathmap_add_failed(s->map, &o);
}

void fan_told_walk(struct fan_source *s, const struct fn_object *dir, bool late)
{
	struct fan_thing *t = fan_thing_of(s, dir, true);

	s->told.any = true;
	if (!t)
		return;
	/* What records have told since it was to be walked first is known. */
	if (!t->late)
		bare(s, t);
	set_late(s, t, late);
}

bool fan_told_walked(struct fan_source *s, const struct fn_object *object,
		     const struct fn_object *dir, struct fn_str name, bool isdir)
{
	struct fan_spot *p = fan_spot_of(s, dir, name);
	struct fan_thing *t = fan_thing_of(s, object, isdir);

	if (!p)
		return true;
	if (fan_spot_state(p) == FAN_TAKEN) {
		p->round = s->told.round;
		if (p->who != t || !t)
			fan_doubt(s, p);
		return false;
	}
	if (t && t->place && t->place != p)
		fan_doubt(s, t->place);
	p->round = s->told.round;
	fan_spot_set(p, FAN_TAKEN, t, isdir, true);
	bare(s, t);
	return true;
}

/* t is said to come to the name, or to leave it. */
static struct fan_spot *touch(struct fan_source *s, const struct fn_object *dir, struct fn_str name,
			      struct fan_thing *t, bool comes)
{
	struct fan_spot *p = fan_spot_of(s, dir, name);

	if (!p)
		return NULL;
	if (!p->touched) {
		p->came = comes ? t : NULL;
	} else if (!comes && t && !t->isdir && p->came == t && !p->left) {
		p->left = true;
		s->told.any |= t->again;
	} else {
		p->left = false;
		fan_doubt(s, p);
		if (comes && t)
			t->again = true;
	}
	p->touched = true;
	return p;
}

/* Not told: what the name is now, a look is to say. */
static bool pass(struct fan_source *s, struct fan_spot *p, struct fan_sides *w)
{
	fan_doubt(s, p);
	w->stays = true;
	return false;
}

/* A look found somebody else there, who is in the queue still, or has come since. */
static bool is_late(struct fan_source *s, const struct fan_spot *p, const struct fan_thing *t,
		    const struct fan_sides *w)
{
	return t && p->seen && fan_spot_state(p) == FAN_TAKEN && p->who != t && !fan_is_there(s, w);
}

/* t comes to p by what the queue says. */
static void arrive(struct fan_source *s, struct fan_spot *p, struct fan_thing *t, bool isdir)
{
	struct fan_thing *was = fan_spot_state(p) == FAN_TAKEN && p->who != t ? p->who : NULL;

	fan_spot_set(p, FAN_TAKEN, t, isdir, false);
	if (was)
		fan_told_hide(s, was);
}

bool fan_told_create(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	bool isdir = rec->mask & FN_ISDIR;
	struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	struct fan_spot *p = touch(s, &w->dir, w->name, t, true), *place;

	if (!p)
		return true;
	if (p->state == FAN_UNTOLD)
		p->state = FAN_EMPTY;
	if (fan_spot_state(p) == FAN_TAKEN && (t ? p->who == t : p->seen)) {
		p->seen = t;
		w->stays = t;
		return false;
	}
	place = fan_thing_place(s, t);
	if (place && (isdir || (place->seen && !fan_is_there(s, w))))
		return pass(s, p, w);
	if (is_late(s, p, t, w) || (t && t->hidden && !fan_is_there(s, w))) {
		fan_told_hide(s, t);
		return pass(s, p, w);
	}
	w->fresh = t && t->hidden;
	if (fan_spot_state(p) == FAN_TAKEN && p->who && p->who != t)
		fan_tell_gone(s, p);
	arrive(s, p, t, isdir);
	return true;
}

bool fan_told_delete(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	bool isdir = rec->mask & FN_ISDIR, had;
	struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	struct fan_spot *p = touch(s, &w->dir, w->name, t, false);

	if (!p)
		return true;
	had = fan_spot_has(p, t);
	if (t) {
		t->doomed = true;
		t->pid = rec->pid;
	}
	if (had && (to_come(s, fan_id(&w->object)) || (isdir && rec->mask & FN_CREATE))) {
		/* it stands too early */
		if (p->state == FAN_UNTOLD)
			fan_spot_set(p, FAN_TAKEN, t, isdir, false);
		return pass(s, p, w);
	}
	if (!had) {
		if (t)
			fan_doubt(s, t->place);
		return pass(s, p, w);
	}
	fan_spot_set(p, FAN_EMPTY, NULL, false, false);
	bare(s, t);
	if (isdir)
		fn_pathmap_drop(s->map, &w->object);
	return true;
}

bool fan_told_known(struct fan_source *s, const struct fan_sides *w, bool isdir)
{
	const struct fan_spot *p = w->old_in ? fan_spot_of(s, &w->old_dir, w->old_name) : NULL;
	const struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	const struct fan_spot *place = fan_thing_place(s, t);

	return p && fan_spot_has(p, t) && (!place || place == p);
}

/* The old side of w becomes where the receiver knows the object. */
static void old_side(struct fan_source *s, struct fan_sides *w, struct fan_spot *place)
{
	struct fn_object dir;

	fan_thing_object(place->dir, &dir);
	fn_object_copy(&w->old_dir, &dir);
	memcpy(s->name, place->name, place->len);
	w->old_name = (struct fn_str){s->name, place->len};
	w->old_in = fn_pathmap_path(s->map, &dir, w->old_name, &s->old_path, &w->old_path,
				    &w->old_root) == FN_PLACE_INSIDE;
	fan_spot_set(place, FAN_EMPTY, NULL, false, false);
	fan_doubt(s, place);
}

/* The new side of w is news to the receiver. place: where it knows the object, but for the old
 * side, or NULL. */
static bool is_new(struct fan_source *s, struct fan_spot *to, struct fan_thing *t,
		   struct fan_sides *w, const struct fan_spot *place, bool had)
{
	if (fan_spot_state(to) == FAN_TAKEN && (t ? to->who == t : to->seen))
		return false;
	if (place && place->seen) /* by way of here, to where it was found */
		return false;
	if (t && !place && !had && w->old_in)
		return fan_is_there(s, w);
	return !is_late(s, to, t, w);
}

/* The receiver has the directory above its new place. */
static bool is_loop(const struct fan_source *s, const struct fan_thing *t,
		    const struct fan_sides *w)
{
	return t && t->isdir && fn_pathmap_below(s->map, &w->dir, &w->object);
}

bool fan_told_rename(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	bool isdir = rec->mask & FN_ISDIR, had;
	struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	struct fan_spot *from = w->old_in ? touch(s, &w->old_dir, w->old_name, t, false) : NULL;
	struct fan_spot *to = w->in ? touch(s, &w->dir, w->name, t, true) : NULL;
	struct fan_spot *place = fan_thing_place(s, t);

	place = place == from ? NULL : place;
	had = from && fan_spot_has(from, t);
	if (to && (is_loop(s, t, w) || !is_new(s, to, t, w, place, had))) {
		w->in = pass(s, to, w);
		if (!place && !(fan_spot_state(to) == FAN_TAKEN && to->who == t))
			fan_told_hide(s, t);
	}
	if (had)
		fan_spot_set(from, FAN_EMPTY, NULL, false, false);
	else
		fan_doubt(s, from);
	w->old_in = had;
	if (w->in && to) {
		if (!had && place)
			old_side(s, w, place);
		else if (!had)
			bare(s, t);
		arrive(s, to, t, isdir);
	} else if (!place && (!to || to->who != t)) {
		bare(s, t);
	} else {
		w->stays = true; /* where a walk has found it since */
	}
	return w->in || w->old_in;
}

bool fan_told_leave(struct fan_source *s, const struct fan_sides *w, bool isdir)
{
	struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	struct fan_spot *from = w->old_in ? fan_spot_of(s, &w->old_dir, w->old_name) : NULL;

	if (!from || !fan_spot_has(from, t))
		return false;
	fan_spot_set(from, FAN_EMPTY, NULL, false, false);
	if (!fan_thing_place(s, t))
		fan_told_hide(s, t);
	return true;
}

static void swapped(struct fan_source *s, const struct fn_fan_record *rec,
		    const struct fan_sides *w)
{
	bool isdir = rec->mask & FN_ISDIR;
	struct fan_thing *t = fan_thing_of(s, &w->object, isdir);
	struct fan_spot *p = touch(s, &w->dir, w->name, t, true);

	if (p)
		fan_spot_set(p, FAN_TAKEN, t, isdir, false);
}

void fan_told_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		       const struct fan_sides *w, const struct fn_fan_record *back,
		       const struct fan_sides *v)
{
	swapped(s, rec, w);
	swapped(s, back, v);
}
