/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the receiver has been told that the queue cannot say, or says too late.
 *
 * A walk reports names as they are now, while records of how they came there are still queued. And
 * a record that the kernel merged into an equal one stands for several changes: when an object
 * comes to the same place twice between two reads, the queue no longer says where it is in the end.
 * Such objects are followed, and are looked for when all that was read is worked off.
 */
#ifndef FN_SOURCE_FANOTIFY_TOLD_H
#define FN_SOURCE_FANOTIFY_TOLD_H

#include "source/fanotify_parse.h"
#include "source/keymap.h"

struct fan_source;

struct fan_spot {
	struct fn_object dir;
	uint64_t key;
	uint8_t len;
	char name[FN_NAME_MAX];
};

/* An object that is followed, and where it has been. */
#define FAN_SPOTS 6
struct fan_track {
	struct fan_track *next;
	struct fn_object object;
	uint64_t id;
	uint64_t isdir;
	int32_t pid;
	bool known;  /* the receiver believes it at spots[at] */
	bool doomed; /* its DELETE was read, but stands too early */
	uint8_t n, at;
	struct fan_spot spots[FAN_SPOTS];
};

/* A record's object and places; ids and keys are 0 where they are not known. */
struct fan_sides {
	struct fn_object object, dir, old_dir;
	struct fn_str name, old_name, path, old_path;
	uint64_t id, key, old_key;
	int root, old_root;
	const struct fn_object *target; /* overwritten by a rename, or NULL */
	bool in, old_in;                /* below a root, and the receiver is or was to know of it */
	bool stays;                     /* the map of directories is not to follow this record */
	bool secret; /* below a root, but the receiver knows another object of that name */
};

struct fan_told {
	struct fn_keymap places;  /* place -> object of which the receiver knows it there */
	struct fn_keymap walked;  /* directories of which the receiver knows only such places */
	struct fn_keymap objects; /* object -> place told ahead of its records, or 0: not known */
	struct fn_keymap renames; /* object -> its renames read and not worked off yet, and LOOP */
	struct fn_keymap visited; /* object and place, of the renames read */
	struct fan_track *tracks;
	size_t ntracks;
};

void fan_sides_keys(struct fan_sides *w);
bool fan_told_any(const struct fan_source *s);
void fan_told_forget(struct fan_source *s); /* all but the tracks */
/* A rename was read; and is about to be worked off. */
void fan_told_learn(struct fan_source *s, const struct fn_fan_record *rec);
void fan_told_turn(struct fan_source *s, const struct fan_sides *w);
/* The directory, or one above it, was gone from a directory that a walk has reported since. */
bool fan_told_hidden(const struct fan_source *s, const struct fn_object *dir);
bool fan_told_secret(const struct fan_source *s, const struct fn_object *object);
/* A walk reports all that is in dir, and so each object in it. */
void fan_told_walk(struct fan_source *s, const struct fn_object *dir);
void fan_told_walked(struct fan_source *s, const struct fn_object *object,
		     const struct fn_object *dir, struct fn_str name);

/* Each: is it to be told (now)? The sides are corrected to what the receiver knows. */
bool fan_told_create(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
bool fan_told_delete(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
bool fan_told_rename(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
/* The receiver knows the object at the old side of the rename. */
bool fan_told_known(const struct fan_source *s, const struct fan_sides *w);
/* Is it to be told that the object left its old side, whatever there is to tell of the new one? */
bool fan_told_leave(struct fan_source *s, const struct fan_sides *w, bool dir);
/* Both objects of an exchange moved. */
void fan_told_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		       const struct fan_sides *w, const struct fn_fan_record *back,
		       const struct fan_sides *v);
void fan_told_at(struct fan_source *s, uint64_t id, uint64_t key);
/* What happens in a directory that the receiver does not know of is not told either. */
void fan_told_hide(struct fan_source *s, const struct fn_object *object, uint64_t id, bool dir);
uint64_t fan_told_occupant(const struct fan_source *s, uint64_t key); /* its id, or 0 */
void fan_told_free(struct fan_source *s, uint64_t id, uint64_t key);
uint64_t fan_told_left(const struct fan_source *s, uint64_t id); /* renames to come */

/* fanotify_track.c */
struct fan_track *fan_track_find(const struct fan_source *s, uint64_t id);
/* The object is at the new side of w, and followed from now on. NULL: there are too many. */
struct fan_track *fan_track_at(struct fan_source *s, const struct fn_fan_record *rec,
			       const struct fan_sides *w);
/* One side of w becomes where the receiver believes it. False: it knows nothing of it. */
bool fan_track_place(struct fan_source *s, const struct fan_track *t, struct fan_sides *w,
		     bool old);
/* Somebody else takes the place of id, by CREATE or RENAME. False: it is not followed. */
bool fan_track_evict(struct fan_source *s, uint64_t id, uint64_t by);
/* A directory is removed: who is believed in it left before. */
void fan_track_empty(struct fan_source *s, const struct fn_object *dir);
void fan_track_end(struct fan_source *s, struct fan_track *t);
/* All that was read is worked off; last: and the queue is empty. */
void fan_track_settle(struct fan_source *s, bool last);

#endif
