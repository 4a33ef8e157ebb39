/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: objects whose place the queue alone does not tell. See fanotify_told.h. */
#include "source/fanotify_impl.h"

#include <stdlib.h>
#include <string.h>

#define TRACKS 1024

struct fan_track *fan_track_find(const struct fan_source *s, uint64_t id)
{
	struct fan_track *t = id ? s->told.tracks : NULL;

	while (t && t->id != id)
		t = t->next;
	return t;
}

void fan_track_end(struct fan_source *s, struct fan_track *t)
{
	struct fan_track **at = &s->told.tracks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	s->told.ntracks--;
	fan_told_free(s, t->id, t->spots[t->at].key);
	free(t);
}

static struct fan_track *begin(struct fan_source *s, const struct fn_fan_record *rec,
			       const struct fan_sides *w)
{
	struct fan_track *t = s->told.ntracks < TRACKS ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return NULL;
	fn_object_copy(&t->object, &w->object);
	t->id = w->id;
	t->isdir = rec->mask & FN_ISDIR;
	t->next = s->told.tracks;
	s->told.tracks = t;
	s->told.ntracks++;
	return t;
}

static uint8_t spot_of(struct fan_track *t, const struct fan_sides *w)
{
	uint8_t i = 0;

	while (i < t->n && t->spots[i].key != w->key)
		i++;
	if (i == FAN_SPOTS)
		i = (uint8_t)((t->at + 1) % FAN_SPOTS);
	if (i == t->n)
		t->n++;
	fn_object_copy(&t->spots[i].dir, &w->dir);
	t->spots[i].key = w->key;
	t->spots[i].len = (uint8_t)w->name.len;
	memcpy(t->spots[i].name, w->name.data, w->name.len);
	return i;
}

struct fan_track *fan_track_at(struct fan_source *s, const struct fn_fan_record *rec,
			       const struct fan_sides *w)
{
	struct fan_track *t = fan_track_find(s, w->id);

	t = t ? t : begin(s, rec, w);
	if (!t)
		return NULL;
	t->at = spot_of(t, w);
	t->known = true;
	t->pid = rec->pid;
	fn_keymap_put(&s->told.places, w->key, w->id);
	return t;
}

static bool path_of(struct fan_source *s, const struct fan_spot *spot, struct fn_pathbuf *buf,
		    struct fn_str *path, int *root)
{
	return fn_pathmap_path(s->map, &spot->dir, (struct fn_str){spot->name, spot->len}, buf,
			       path, root) == FN_PLACE_INSIDE;
}

bool fan_track_place(struct fan_source *s, const struct fan_track *t, struct fan_sides *w, bool old)
{
	const struct fan_spot *spot = &t->spots[t->at];
	struct fn_str name = {s->name[old], spot->len};

	if (!t->known)
		return false;
	memcpy(s->name[old], spot->name, spot->len);
	if (old) {
		fn_object_copy(&w->old_dir, &spot->dir);
		w->old_name = name;
		return path_of(s, spot, &s->old_path, &w->old_path, &w->old_root);
	}
	fn_object_copy(&w->dir, &spot->dir);
	w->name = name;
	return path_of(s, spot, &s->path, &w->path, &w->root);
}

/* Where is it now? The number of the spot, or -1. */
static int look(struct fan_source *s, const struct fan_track *t)
{
	struct fn_str path;
	int root;

	for (int i = 0; i < t->n; i++) {
		int at = (t->at + i) % t->n;

		if (path_of(s, &t->spots[at], &s->spot_path, &path, &root) &&
		    fan_is_at(s, &t->object, root, path))
			return at;
	}
	return -1;
}

static struct fn_fan_record record_of(const struct fan_track *t, uint64_t bit)
{
	return (struct fn_fan_record){.mask = bit | t->isdir, .pid = t->pid, .fd = -1};
}

/* Its disappearance from where the receiver believes it: DELETE, or RENAME to nowhere. */
static void tell_gone(struct fan_source *s, const struct fan_track *t, uint64_t bit)
{
	const struct fan_spot *spot = &t->spots[t->at];
	struct fn_fan_record rec = record_of(t, bit);
	struct fan_sides w = {.root = -1};
	struct fn_str name = {spot->name, spot->len};
	bool in = path_of(s, spot, &s->spot_path, &w.path, &w.root);

	if (!t->known || !in)
		return;
	fn_object_copy(&w.object, &t->object);
	fn_object_copy(&w.dir, &spot->dir);
	w.name = name;
	w.in = true;
	if (bit == FN_RENAME) {
		fn_object_copy(&w.old_dir, &w.dir);
		w.old_name = name;
		w.old_path = w.path;
		w.old_root = w.root;
		w.old_in = true;
		w.in = false;
	}
	fan_tell(s, &rec, &w, bit);
}

/* It is somewhere, but not where the receiver believes it. */
static void lose(struct fan_source *s, struct fan_track *t)
{
	tell_gone(s, t, FN_RENAME);
	fan_told_free(s, t->id, t->spots[t->at].key);
	fan_told_hide(s, &t->object, t->id, t->isdir);
	t->known = false;
}

/* It left its place, rather than to be gone with it. */
static bool is_alive(struct fan_source *s, const struct fan_track *t)
{
	if (fan_told_left(s, t->id) || look(s, t) >= 0)
		return true;
	fan_drain(s); /* it may have moved on in what is not read yet */
	return fan_told_left(s, t->id);
}

bool fan_track_evict(struct fan_source *s, uint64_t id, uint64_t by)
{
	struct fan_track *t = fan_track_find(s, id);

	if (!t)
		return false;
	if (is_alive(s, t) || (by & FN_CREATE && !t->doomed)) {
		lose(s, t);
		return true;
	}
	if (t->doomed)
		tell_gone(s, t, FN_DELETE);
	fan_told_hide(s, &t->object, t->id, t->isdir);
	fan_track_end(s, t);
	return true;
}

void fan_track_empty(struct fan_source *s, const struct fn_object *dir)
{
	for (struct fan_track *t = s->told.tracks, *next; t; t = next) {
		next = t->next;
		if (t->known && fn_object_equal(&t->spots[t->at].dir, dir))
			fan_track_evict(s, t->id, FN_CREATE);
	}
}

static void fill(struct fan_source *s, const struct fan_track *t, int at, struct fan_sides *w)
{
	const struct fan_spot *spot = &t->spots[at];

	*w = (struct fan_sides){.root = -1, .old_root = -1};
	fn_object_copy(&w->object, &t->object);
	fn_object_copy(&w->dir, &spot->dir);
	w->name = (struct fn_str){spot->name, spot->len};
	w->in = path_of(s, spot, &s->path, &w->path, &w->root);
	w->old_in = fan_track_place(s, t, w, true);
	fan_sides_keys(w);
}

/* Each is where the receiver believes the other. */
static bool settle_exchange(struct fan_source *s, struct fan_track *t, int at, struct fan_track *u,
			    int u_at)
{
	struct fn_fan_record rec = record_of(t, FN_RENAME), back = record_of(u, FN_RENAME);
	struct fan_sides w, v;

	if (!t->known || !u->known || u_at < 0 || u->spots[u_at].key != t->spots[t->at].key)
		return false;
	fill(s, u, u_at, &v);
	fill(s, t, at, &w);
	fan_tell_exchange(s, &rec, &w, &back, &v);
	fan_track_end(s, t);
	fan_track_end(s, u);
	fan_told_at(s, w.id, w.key);
	fan_told_at(s, v.id, v.key);
	return true;
}

static bool settle(struct fan_source *s, struct fan_track *t)
{
	struct fn_fan_record rec = record_of(t, FN_RENAME);
	int at = look(s, t);
	struct fan_sides w;
	struct fan_track *u;
	uint64_t who;

	if (at < 0)
		return false;
	who = fan_told_occupant(s, t->spots[at].key);
	if (who == t->id && t->known && at == t->at) {
		fan_told_at(s, t->id, t->spots[at].key);
		fan_track_end(s, t);
		return true;
	}
	u = who == t->id ? NULL : fan_track_find(s, who);
	if (u && settle_exchange(s, t, at, u, look(s, u)))
		return true;
	if (u)
		lose(s, u);
	fill(s, t, at, &w);
	fan_tell(s, &rec, &w, FN_RENAME);
	fan_track_end(s, t);
	fan_told_at(s, w.id, w.key);
	return true;
}

/* One that settles may be a directory on the way to others, or end another with it. */
static bool settle_all(struct fan_source *s)
{
	struct fan_track *t = s->told.tracks;
	bool any = false;

	while (t) {
		uint64_t next = t->next ? t->next->id : 0;

		any |= settle(s, t);
		t = fan_track_find(s, next);
	}
	return any;
}

void fan_track_settle(struct fan_source *s, bool last)
{
	if (!s->told.tracks)
		return;
	for (int round = 0; round < 4 && settle_all(s); round++)
		;
	for (struct fan_track *t = s->told.tracks, *next; t; t = next) {
		next = t->next;
		if (!t->doomed && !last)
			continue;
		tell_gone(s, t, t->doomed ? FN_DELETE : FN_RENAME);
		fan_told_hide(s, &t->object, t->id, t->isdir);
		fan_track_end(s, t);
	}
	fan_drain(s);
}
