/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event model. A struct fn_event is a plain value: sources fill one on their stack and lend
 * it to a callback. Strings and paths in it are borrowed; fn_event_dup() makes a copy that owns
 * all of its bytes, for whoever has to keep one.
 */
#ifndef FN_EVENT_EVENT_H
#define FN_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object/object.h"

/* Mask bits: FS_* numbers. FN_ACCESS … FN_RENAME. */
enum {
#define FN_EVENT(name, bit, text, group, in_name, what) FN_##name = bit,
#include "event/events.def"
#undef FN_EVENT
};
#define FN_ISDIR 0x40000000u

/* The events of one name in its directory, and of an object's content and attributes. */
#define FN_DIRENT_EVENTS (FN_CREATE | FN_DELETE | FN_MOVED_FROM | FN_MOVED_TO | FN_RENAME)
#define FN_CONTENT_EVENTS                                                                  \
	(FN_ACCESS | FN_MODIFY | FN_ATTRIB | FN_CLOSE_WRITE | FN_CLOSE_NOWRITE | FN_OPEN | \
	 FN_OPEN_EXEC)
#define FN_ALL_EVENTS (FN_DIRENT_EVENTS | FN_CONTENT_EVENTS | FN_DELETE_SELF | FN_MOVE_SELF)
/* What a watcher of changes wants: no reads, no opens. */
#define FN_CHANGE_EVENTS \
	(FN_DIRENT_EVENTS | FN_MODIFY | FN_ATTRIB | FN_CLOSE_WRITE | FN_DELETE_SELF | FN_MOVE_SELF)

/* What else is known about an event. */
enum fn_event_flags {
	FN_EV_REMOTE = 1 << 0,    /* made where the local kernel cannot see it */
	FN_EV_LOCAL = 1 << 1,     /* made through this mount, by a local process */
	FN_EV_SYNTHETIC = 1 << 2, /* deduced (a rescan, a new directory's content), not observed */
	FN_EV_PARTIAL = 1 << 3,   /* half a rename: the side that is empty is not known */
	FN_EV_EXCHANGE = 1 << 4,  /* a rename that swapped two names */
	FN_EV_GONE = 1 << 5, /* a watch, a connection or a file system ended: no more from there */
	FN_EV_TARGET_DIR = 1 << 6, /* target is a directory (ISDIR speaks of object) */
};

/* Bytes, not NUL-terminated by promise; data is NULL when absent. Names hold no '/' and no NUL. */
struct fn_str {
	const char *data;
	size_t len;
};

#define FN_NAME_MAX 255

struct fn_event {
	uint64_t seq;    /* counts up by one per event of one source; 0: not numbered */
	int64_t wall_ns; /* CLOCK_REALTIME when it was read */
	int64_t mono_ns; /* CLOCK_MONOTONIC, the same moment */
	uint64_t mask;   /* FN_* bits, FN_ISDIR with them */
	uint32_t flags;  /* enum fn_event_flags */
	uint32_t cookie; /* only at the edges: what an inotify-like source said, or 0 */
	uint64_t lost;   /* with FN_Q_OVERFLOW: how many events are gone, 0 if that is not known */
	int32_t pid;     /* who caused it, 0 if not known */
	char comm[16];   /* its command name, "" if not known */
	uint32_t mode;   /* st_mode of the object, 0 if not known */
	int root;        /* which watched root of the source this belongs to, -1: none */
	int old_root;    /* of a rename out of another root: that root + 1; 0: the same */

	struct fn_object object; /* what it happened to */
	struct fn_object parent; /* the directory of name; of a rename, the new one */
	struct fn_object old_parent;
	struct fn_object target; /* what a rename overwrote, or the other side of an exchange */

	struct fn_str name; /* in parent; empty when it happened to a watched object itself */
	struct fn_str old_name;
	struct fn_str path; /* relative to the root ("" is the root itself); absent: not resolved */
	struct fn_str old_path;
};

/* A rename, whole or half: mask FN_RENAME, half when FN_EV_PARTIAL. */
bool fn_event_has_new(const struct fn_event *ev);
bool fn_event_has_old(const struct fn_event *ev);

/* True for a name that may stand in a directory entry: 1…255 bytes, no '/', no NUL, not . or .. */
bool fn_name_ok(const char *data, size_t len);
/* True for a relative path of such names with single slashes, or "" (the root). */
bool fn_path_ok(const char *data, size_t len);

/* Make an event empty (root -1) without touching handle bytes: cheap enough for every event. */
void fn_event_clear(struct fn_event *ev);

struct fn_event *fn_event_dup(const struct fn_event *ev);
void fn_event_free(struct fn_event *ev);

/* Names. fn_event_name() takes one bit; fn_event_mask_parse() one name or group, case-blind,
 * '-' and '_' alike, with or without IN_/FAN_/FS_; 0 if unknown. */
const char *fn_event_name(uint64_t bit);
const char *fn_event_in_name(uint64_t bit);
uint64_t fn_event_mask_parse(const char *name, size_t len);

struct fn_event_desc {
	uint64_t bit;
	const char *name, *group, *in_name, *what;
};
/* The table, for lists, completions and man pages. */
const struct fn_event_desc *fn_event_table(size_t *count);

typedef int (*fn_event_cb)(const struct fn_event *ev, void *arg);

#endif
