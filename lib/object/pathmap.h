/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where directories are: handle -> (parent, name). A path is built by walking to a root, so the
 * rename of a directory moves everything below it in O(1). Memory is bounded: the directories
 * longest not asked for are forgotten, children before their parents. Pure: no I/O.
 */
#ifndef FN_OBJECT_PATHMAP_H
#define FN_OBJECT_PATHMAP_H

#include "event/event.h"

struct fn_pathmap;

/* Names a directory that is not to be looked into. path is relative to the root. */
typedef bool (*fn_prune_cb)(void *arg, int root, const char *path, size_t len);

enum fn_place {
	FN_PLACE_UNKNOWN, /* not in the map, or its parent is not */
	FN_PLACE_INSIDE,  /* at or below a root */
	FN_PLACE_OUTSIDE, /* known not to be */
	FN_PLACE_PRUNED,  /* below a root, and in a directory that is pruned */
};

/* A path under construction. Zero it to begin with; reuse it freely; free(data) at the end.
 * It remembers the last directory, so that many names of one directory cost one walk. */
struct fn_pathbuf {
	char *data;
	size_t size;
	const void *dir; /* private to the map: whose path data starts with */
	uint64_t gen;
	size_t dir_len;
	int root;
	enum fn_place place;
};

/* max: how many directories to remember besides the roots and pinned ones. */
struct fn_pathmap *fn_pathmap_new(size_t max);
void fn_pathmap_free(struct fn_pathmap *map);
void fn_pathmap_set_prune(struct fn_pathmap *map, fn_prune_cb prune, void *arg);

/* Each 0 or -errno. A root and a top (of a file system, everything under it is outside) stay.
 * put: dir is `name` in parent now, wherever it was; -ELOOP if that would make a circle.
 * learn: the same, but what the map knows already is kept. */
int fn_pathmap_add_root(struct fn_pathmap *map, const struct fn_object *dir, int root);
int fn_pathmap_add_top(struct fn_pathmap *map, const struct fn_object *dir);
/* dir could not be found: outside, until put or learn say better. */
int fn_pathmap_add_failed(struct fn_pathmap *map, const struct fn_object *dir);
int fn_pathmap_put(struct fn_pathmap *map, const struct fn_object *dir,
		   const struct fn_object *parent, struct fn_str name);
int fn_pathmap_learn(struct fn_pathmap *map, const struct fn_object *dir,
		     const struct fn_object *parent, struct fn_str name);
/* Never forget dir (it is watched by itself) until unpin. */
void fn_pathmap_pin(struct fn_pathmap *map, const struct fn_object *dir, bool pinned);
/* Forget everything but roots, tops and what is pinned: events were lost, it may be wrong. */
void fn_pathmap_forget(struct fn_pathmap *map);
bool fn_pathmap_pinned(const struct fn_pathmap *map, const struct fn_object *dir);
/* Forget where dir is (not its children, which become unknown with it). */
void fn_pathmap_drop(struct fn_pathmap *map, const struct fn_object *dir);

/* The place of dir. Inside (or pruned): *path is `name` in it relative to the root, or dir itself
 * if name is empty; *root its root. The path lives in buf until it is used again. */
enum fn_place fn_pathmap_path(struct fn_pathmap *map, const struct fn_object *dir,
			      struct fn_str name, struct fn_pathbuf *buf, struct fn_str *path,
			      int *root);
enum fn_place fn_pathmap_place(struct fn_pathmap *map, const struct fn_object *dir);
/* The directory to find out about before dir has a place: dir itself or one above it. False if it
 * has one. */
bool fn_pathmap_missing(const struct fn_pathmap *map, const struct fn_object *dir,
			struct fn_object *missing);
/* dir's parent and name as the map has them, borrowed until the map changes; false if unknown. */
bool fn_pathmap_lookup(const struct fn_pathmap *map, const struct fn_object *dir,
		       struct fn_object *parent, struct fn_str *name);
/* Is dir at or below the directory `top`? */
bool fn_pathmap_below(const struct fn_pathmap *map, const struct fn_object *dir,
		      const struct fn_object *top);
size_t fn_pathmap_count(const struct fn_pathmap *map);

#endif
