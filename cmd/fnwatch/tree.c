/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 1024

static unsigned hash_name(const struct node *dir, const char *name, size_t len)
{
	uint64_t h = 14695981039346656037u ^ (uintptr_t)dir;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 1099511628211u;
	return (unsigned)(h ^ h >> 32);
}

static struct node *new_node(const char *name, size_t len)
{
	struct node *n = calloc(1, sizeof(*n) + len + 1);

	if (!n)
		return NULL;
	memcpy(n->name, name, len);
	n->len = (unsigned short)len;
	return n;
}

int tree_init(struct tree *t)
{
	*t = (struct tree){.nbuckets = FIRST_BUCKETS};
	t->buckets = calloc(t->nbuckets, sizeof(*t->buckets));
	t->root = new_node("", 0);
	if (t->buckets && t->root)
		return 0;
	tree_free(t);
	return -ENOMEM;
}

static void grow(struct tree *t)
{
	size_t more = t->nbuckets * 2;
	struct node **buckets = calloc(more, sizeof(*buckets));

	if (!buckets)
		return; /* slower, not wrong */
	for (size_t i = 0; i < t->nbuckets; i++) {
		struct node *n = t->buckets[i], *next;

		for (; n; n = next) {
			next = n->hash_next;
			n->hash_next = buckets[n->hash % more];
			buckets[n->hash % more] = n;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->nbuckets = more;
}

struct node *tree_child(const struct tree *t, const struct node *dir, const char *name, size_t len)
{
	unsigned hash = hash_name(dir, name, len);
	struct node *n = t->buckets[hash % t->nbuckets];

	while (n && !(n->hash == hash && n->parent == dir && n->len == len &&
		      !memcmp(n->name, name, len)))
		n = n->hash_next;
	return n;
}

static void link_in(struct tree *t, struct node *n, struct node *dir)
{
	n->hash = hash_name(dir, n->name, n->len);
	n->hash_next = t->buckets[n->hash % t->nbuckets];
	t->buckets[n->hash % t->nbuckets] = n;
	n->parent = dir;
	n->prev = NULL;
	n->next = dir->child;
	if (n->next)
		n->next->prev = n;
	dir->child = n;
}

static void link_out(struct tree *t, struct node *n)
{
	struct node **link = &t->buckets[n->hash % t->nbuckets];

	while (*link != n)
		link = &(*link)->hash_next;
	*link = n->hash_next;
	*(n->prev ? &n->prev->next : &n->parent->child) = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

struct node *tree_add(struct tree *t, struct node *dir, const char *name, size_t len)
{
	struct node *n = tree_child(t, dir, name, len);

	if (n)
		return n;
	n = new_node(name, len);
	if (!n)
		return NULL;
	if (++t->n > t->nbuckets)
		grow(t);
	link_in(t, n, dir);
	return n;
}

struct node *tree_deepest_first(struct node *top)
{
	while (top->child)
		top = top->child;
	return top;
}

struct node *tree_deepest_next(struct node *n, const struct node *top)
{
	if (n == top)
		return NULL;
	return n->next ? tree_deepest_first(n->next) : n->parent;
}

void tree_remove(struct tree *t, struct node *top)
{
	struct node *n = tree_deepest_first(top), *next;

	for (; n; n = next) {
		next = tree_deepest_next(n, top);
		link_out(t, n);
		free(n);
		t->n--;
	}
}

void tree_free(struct tree *t)
{
	while (t->root && t->root->child)
		tree_remove(t, t->root->child);
	free(t->root);
	free(t->buckets);
	*t = (struct tree){0};
}

static bool below(const struct node *n, const struct node *top)
{
	for (; n; n = n->parent)
		if (n == top)
			return true;
	return false;
}

/* The name is part of the node, so a move makes a new one and hands the children over. */
int tree_move(struct tree *t, struct node **np, struct node *dir, const char *name, size_t len)
{
	struct node *n = *np, *there = tree_child(t, dir, name, len), *moved;

	if (there == n || below(dir, n))
		return 0;
	if (there)
		tree_remove(t, there);
	moved = tree_add(t, dir, name, len);
	if (!moved)
		return -ENOMEM;
	moved->stamp = n->stamp;
	moved->round = n->round;
	while (n->child) {
		struct node *child = n->child;

		link_out(t, child);
		link_in(t, child, moved);
	}
	tree_remove(t, n);
	*np = moved;
	return 0;
}

struct node *tree_find(struct tree *t, struct fn_str path, bool add)
{
	struct node *n = t->root;

	while (n && path.len) {
		const char *slash = memchr(path.data, '/', path.len);
		size_t len = slash ? (size_t)(slash - path.data) : path.len;

		n = add ? tree_add(t, n, path.data, len) : tree_child(t, n, path.data, len);
		path.data += len + (slash != NULL);
		path.len -= len + (slash != NULL);
	}
	return n;
}

void tree_path(const struct node *n, struct fn_buf *path)
{
	const struct node *up;
	size_t len = 0;
	char *p;

	for (up = n; up->parent; up = up->parent)
		len += up->len + (up->parent->parent != NULL);
	p = fn_buf_room(path, len);
	if (!p)
		return;
	path->len += len;
	p += len;
	for (up = n; up->parent; up = up->parent) {
		p -= up->len;
		memcpy(p, up->name, up->len);
		if (up->parent->parent)
			*--p = '/';
	}
}

void stamp_set(struct stamp *s, const struct stat *st)
{
	*s = (struct stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
		.mode = st->st_mode,
	};
}
