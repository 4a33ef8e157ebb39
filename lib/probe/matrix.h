/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which changes make which native events: the kinds of change, and the verdict on what a watcher
 * saw of one. Pure.
 */
#ifndef FN_PROBE_MATRIX_H
#define FN_PROBE_MATRIX_H

#include "event/event.h"

enum fn_change {
	FN_CHANGE_CREATE,
	FN_CHANGE_APPEND,
	FN_CHANGE_TRUNCATE,
	FN_CHANGE_OPEN_CLOSE, /* for writing, and nothing is written */
	FN_CHANGE_CHMOD,
	FN_CHANGE_RENAME,
	FN_CHANGE_LINK,
	FN_CHANGE_SYMLINK,
	FN_CHANGE_MKDIR,
	FN_CHANGE_UNLINK,
	FN_CHANGE_RMDIR,
};

enum fn_kind_flags {
	FN_KIND_HAS_A = 1 << 0, /* a is there before */
	FN_KIND_HAS_B = 1 << 1,
	FN_KIND_DIR = 1 << 2,  /* it is a directory */
	FN_KIND_SELF = 1 << 3, /* the watch is on a itself */
};

/* Every kind has names of its own, so that an event that comes late is still told apart. */
struct fn_kind {
	const char *name;
	enum fn_change change;
	const char *a, *b; /* relative to the directory that is watched; b NULL: none */
	uint64_t want;     /* FN_* bits; both halves stand for a whole rename */
	unsigned flags;
};
const struct fn_kind *fn_kinds(size_t *count);
#define FN_KIND_SUBDIR "sub" /* not watched */

/* What a watcher read. */
struct fn_sight {
	uint64_t mask;              /* FN_* bits, FN_ISDIR */
	uint32_t cookie;            /* of inotify */
	struct fn_str name;         /* of fanotify's RENAME the new one */
	struct fn_str old_name;     /* of fanotify's RENAME */
	const struct fn_kind *self; /* seen by the watch on this kind's own object */
};

struct fn_seen_of_kind {
	uint64_t seen, wrong; /* bits on its names: any, and those that say something else */
	unsigned times[2];    /* the wanted entry event (of a rename: old and new) came */
	uint32_t cookie[2];
	bool whole;      /* one event with both names */
	int64_t when_ns; /* when it was complete */
};

enum fn_verdict { FN_VERDICT_NONE, FN_VERDICT_EXACT, FN_VERDICT_DEGRADED, FN_VERDICT_WRONG };

/* True when the sight belongs to this kind; it is taken then. */
bool fn_kind_see(const struct fn_kind *k, struct fn_seen_of_kind *s, const struct fn_sight *sight,
		 int64_t now_ns);
/* Everything that an exact mount gives has come. */
bool fn_kind_complete(const struct fn_kind *k, const struct fn_seen_of_kind *s);
/* text says "degraded to ATTRIB" and the like. */
enum fn_verdict fn_kind_verdict(const struct fn_kind *k, const struct fn_seen_of_kind *s,
				char *text, size_t size);

#endif
