/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the receiver believes, where the queue alone does not say it.
 *
 * Between two moments at which all is settled, the state of every name that a record or a walk
 * speaks of is kept as it has been told. A record is told as what it means to a receiver in that
 * state. Two things can make a record lie: a walk reports names as they are now, while records
 * of how they came there are still queued; and a record that the kernel merged into an equal one
 * stands for several changes, in an order that the queue no longer says. So names of which more
 * than one thing was said are in doubt, and when all that was read is worked off, they are looked
 * at: what is told in the end is what is there (fanotify_settle.c). A name that was spoken of
 * once is as its record says. So is one to which a file came that left again: what is merged
 * into these needs a way back, which is a record of its own (but for a link made anew).
 */
#ifndef FN_SOURCE_FANOTIFY_TOLD_H
#define FN_SOURCE_FANOTIFY_TOLD_H

#include "source/fanotify_parse.h"
#include "source/keymap.h"

struct fan_source;
struct fan_spot;

/* An object, by its handle. */
struct fan_thing {
	struct fan_thing *next;
	struct fan_spot *place; /* where it was told to be last, or NULL */
	uint64_t id, fsid;
	uint32_t round; /* of the settling that spoke of it */
	uint32_t age;   /* of a directory: counts how often all that was told of it was void */
	int32_t type, pid;
	bool isdir;
	bool bare;   /* of a directory: the receiver knows nothing in it but what spots say */
	bool hidden; /* the receiver is not to hear of it */
	bool doomed; /* its DELETE was read: where it is not found, it is deleted */
	bool again;  /* came to a name of which something was said before */
	bool late;   /* of a directory: it could not be walked yet */
	bool keep;
	uint8_t has, len, handle[];
};

enum fan_state {
	FAN_UNTOLD, /* as it was before, whatever that is */
	FAN_EMPTY,
	FAN_TAKEN,
};

/* A name in a directory. */
struct fan_spot {
	struct fan_spot *next;
	struct fan_thing *dir, *who; /* FAN_TAKEN and NULL: by somebody */
	struct fan_thing *came;      /* what the first record says came here, or NULL */
	uint64_t key;
	uint32_t round, age;
	enum fan_state state;
	bool isdir;
	bool seen;    /* told from a look at the file system: older records may follow */
	bool touched; /* by a record */
	bool left;    /* `came` has left again, and nothing else was said */
	bool doubt;   /* to be looked at */
	uint32_t mend;
	uint8_t len;
	char name[];
};

/* A record's object and places. */
struct fan_sides {
	struct fn_object object, dir, old_dir;
	struct fn_str name, old_name, path, old_path;
	int root, old_root;
	const struct fn_object *target; /* overwritten by a rename, or NULL */
	bool in, old_in;                /* below a root, and the receiver is or was to know of it */
	bool stays;                     /* the map of directories is not to follow this record */
	bool fresh;                     /* a directory that was hidden: told with all it holds */
};

struct fan_told {
	struct fn_keymap spot_of, thing_of; /* by key; by id */
	struct fn_keymap renames;           /* object -> its renames read and not worked off yet */
	struct fan_spot *spots;
	struct fan_thing *things;
	uint32_t round;
	uint32_t nlate;
	unsigned tries;
	bool any;  /* something was told ahead of the queue, or is in doubt */
	bool full; /* more than can be remembered: as good as lost */
};

/* fanotify_spots.c: the state itself. */
uint64_t fan_id(const struct fn_object *o); /* never below 2; 0 where it is not known */
/* The places of the way back; its object is not set. */
void fan_sides_swap(const struct fan_sides *w, struct fan_sides *v);
struct fan_thing *fan_thing_find(const struct fan_source *s, const struct fn_object *o);
/* NULL: it is not known, or there is no room. */
struct fan_thing *fan_thing_of(struct fan_source *s, const struct fn_object *o, bool isdir);
void fan_thing_object(const struct fan_thing *t, struct fn_object *o);
struct fan_spot *fan_spot_of(struct fan_source *s, const struct fn_object *dir, struct fn_str name);
struct fan_spot *fan_spot_find(const struct fan_source *s, const struct fn_object *dir,
			       struct fn_str name);
/* What was told of the spot, void if its directory was told anew. */
enum fan_state fan_spot_state(const struct fan_spot *p);
void fan_spot_set(struct fan_spot *p, enum fan_state state, struct fan_thing *who, bool isdir,
		  bool seen);
void fan_doubt(struct fan_source *s, struct fan_spot *p);
/* The receiver knows the object at the spot. */
bool fan_spot_has(const struct fan_spot *p, const struct fan_thing *t);
/* Where the receiver knows the object, or NULL. */
struct fan_spot *fan_thing_place(const struct fan_source *s, const struct fan_thing *t);
bool fan_thing_inside(const struct fan_source *s, const struct fan_thing *dir);
/* All but what the last settling spoke of. */
void fan_told_sweep(struct fan_source *s);
void fan_told_forget(struct fan_source *s);

/* fanotify_told.c */
/* A rename was read; and is about to be worked off. */
void fan_told_learn(struct fan_source *s, const struct fn_fan_record *rec);
void fan_told_turn(struct fan_source *s, const struct fan_sides *w);
/* The receiver does not know the directory, or one above it, where the map has it. */
bool fan_told_hidden(const struct fan_source *s, const struct fn_object *dir);
bool fan_told_secret(const struct fan_source *s, const struct fn_object *object);
/* A walk is to report all that is in dir; late: not yet. Each object in it: is it news? */
void fan_told_walk(struct fan_source *s, const struct fn_object *dir, bool late);
bool fan_told_walked(struct fan_source *s, const struct fn_object *object,
		     const struct fn_object *dir, struct fn_str name, bool isdir);

/* Each: is it to be told (now)? The sides are corrected to what the receiver knows. */
bool fan_told_create(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
bool fan_told_delete(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
bool fan_told_rename(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w);
/* The receiver knows the object at the old side of the rename. */
bool fan_told_known(struct fan_source *s, const struct fan_sides *w, bool isdir);
/* Is it to be told that the object left its old side, whatever there is to tell of the new one? */
bool fan_told_leave(struct fan_source *s, const struct fan_sides *w, bool isdir);
/* Both objects of an exchange moved. */
void fan_told_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		       const struct fan_sides *w, const struct fn_fan_record *back,
		       const struct fan_sides *v);
/* What happens in a directory that the receiver does not know of is not told either. */
void fan_told_hide(struct fan_source *s, struct fan_thing *t);

/* fanotify_settle.c: all that was read is worked off. Look at what is in doubt, and tell what is
 * there; what was queued until then is read. */
void fan_settle(struct fan_source *s);
/* Milliseconds until it is worth while to settle again, or -1. */
int fan_unsettled(const struct fan_source *s);
/* Whoever was told to be at p is not. */
bool fan_tell_gone(struct fan_source *s, struct fan_spot *p);
/* A directory that was found in what was told to be below it: out of there, first. */
void fan_tell_out(struct fan_source *s, const struct fn_object *dir);

#endif
