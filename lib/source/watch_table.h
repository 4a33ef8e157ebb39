/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotify's watches: descriptor -> (parent, name). Paths are built by walking up, so the rename of
 * a directory is O(1). Nodes are numbers into one array, 40 bytes and a name each.
 */
#ifndef FN_SOURCE_WATCH_TABLE_H
#define FN_SOURCE_WATCH_TABLE_H

#include "event/event.h"

#define FN_NO_NODE UINT32_MAX

struct fn_watch_node {
	int32_t wd;      /* 0: free */
	uint32_t parent; /* of a root: FN_NO_NODE */
	uint32_t next_wd, next_name;
	uint32_t child, next, prev; /* first child; siblings */
	int16_t root;               /* of a root: its index, else -1 */
	uint8_t name_len;
	bool mark; /* free for the owner */
	char *name;
};

struct fn_watch_table {
	struct fn_watch_node *nodes;
	uint32_t *by_wd, *by_name; /* heads of chains */
	uint32_t nbuckets, count, used, cap, free;
	/* The path of the directory last asked for. */
	char *path; /* may be ended with a NUL by whoever got it last */
	size_t path_size, path_len;
	uint32_t path_node;
	int path_root;
};

void fn_watch_table_init(struct fn_watch_table *t);
void fn_watch_table_done(struct fn_watch_table *t);

/* A node number, or FN_NO_NODE without memory. A root has no parent and no name. */
uint32_t fn_watch_add(struct fn_watch_table *t, int wd, uint32_t parent, struct fn_str name,
		      int root);
uint32_t fn_watch_by_wd(const struct fn_watch_table *t, int wd);
uint32_t fn_watch_child(const struct fn_watch_table *t, uint32_t parent, struct fn_str name);
/* false without memory. The caller sees to it that parent is not below node. */
bool fn_watch_move(struct fn_watch_table *t, uint32_t node, uint32_t parent, struct fn_str name);
void fn_watch_swap(struct fn_watch_table *t, uint32_t a, uint32_t b);
bool fn_watch_below(const struct fn_watch_table *t, uint32_t node, uint32_t top);
/* Takes a node out; its children must be out already. */
void fn_watch_remove(struct fn_watch_table *t, uint32_t node);
/* Any node without children at or below top. */
uint32_t fn_watch_leaf(const struct fn_watch_table *t, uint32_t top);

/* The path of `name` in node, or of node itself if name is empty, relative to its root. Lives in
 * the table until the next call. false without memory. */
bool fn_watch_path(struct fn_watch_table *t, uint32_t node, struct fn_str name, struct fn_str *path,
		   int *root);

#endif
