/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture of a directory tree: names, and what lstat() last said of each. */
#ifndef FNWATCH_TREE_H
#define FNWATCH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "event/event.h"
#include "text/buf.h"

struct stamp {
	uint64_t dev, ino;
	int64_t size, mtime_ns, ctime_ns;
	uint32_t mode; /* 0: the name is known, but nothing of what it stands for */
};

struct node {
	struct node *parent, *child, *next, *prev, *hash_next;
	struct stamp stamp;
	unsigned hash;
	unsigned round; /* of the walk that saw it last */
	unsigned short len;
	char name[];
};

struct tree {
	struct node **buckets;
	size_t nbuckets, n;
	struct node *root;
};

int tree_init(struct tree *t); /* 0 or -ENOMEM */
void tree_free(struct tree *t);
struct node *tree_child(const struct tree *t, const struct node *dir, const char *name, size_t len);
struct node *tree_add(struct tree *t, struct node *dir, const char *name, size_t len);
void tree_remove(struct tree *t, struct node *n); /* and all below; not for the root */
int tree_move(struct tree *t, struct node **n, struct node *dir, const char *name, size_t len);
/* The node of a path below the root, "" the root; with add, made where it is missing. */
struct node *tree_find(struct tree *t, struct fn_str path, bool add);
/* Appends the path of n below the root. */
void tree_path(const struct node *n, struct fn_buf *path);
/* Depth first, children before their directory. */
struct node *tree_deepest_first(struct node *top);
struct node *tree_deepest_next(struct node *n, const struct node *top);

void stamp_set(struct stamp *s, const struct stat *st);

#endif
