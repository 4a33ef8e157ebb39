/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/watch_table.h"

#include <stdlib.h>
#include <string.h>

#include "source/keymap.h"

void fn_watch_table_init(struct fn_watch_table *t)
{
	memset(t, 0, sizeof(*t));
	t->free = t->path_node = FN_NO_NODE;
}

void fn_watch_table_done(struct fn_watch_table *t)
{
	for (uint32_t i = 0; i < t->used; i++)
		if (t->nodes[i].wd)
			free(t->nodes[i].name);
	free(t->nodes);
	free(t->by_wd);
	free(t->by_name);
	free(t->path);
	fn_watch_table_init(t);
}

static uint32_t wd_bucket(const struct fn_watch_table *t, int wd)
{
	return (uint32_t)wd & (t->nbuckets - 1); /* descriptors count up: no better hash */
}

static uint32_t name_bucket(const struct fn_watch_table *t, uint32_t parent, struct fn_str name)
{
	return (uint32_t)(fn_keymap_key(parent, name) >> 7) & (t->nbuckets - 1);
}

static struct fn_str name_of(const struct fn_watch_node *n)
{
	return (struct fn_str){n->name, n->name_len};
}

static void link_wd(struct fn_watch_table *t, uint32_t i)
{
	uint32_t *head = &t->by_wd[wd_bucket(t, t->nodes[i].wd)];

	t->nodes[i].next_wd = *head;
	*head = i;
}

static void unlink_wd(struct fn_watch_table *t, uint32_t i)
{
	uint32_t *at = &t->by_wd[wd_bucket(t, t->nodes[i].wd)];

	while (*at != i)
		at = &t->nodes[*at].next_wd;
	*at = t->nodes[i].next_wd;
}

static void hash_name(struct fn_watch_table *t, uint32_t i)
{
	struct fn_watch_node *n = &t->nodes[i];
	uint32_t *head = &t->by_name[name_bucket(t, n->parent, name_of(n))];

	n->next_name = *head;
	*head = i;
}

/* Into its parent's list and the index of names. */
static void link_name(struct fn_watch_table *t, uint32_t i)
{
	struct fn_watch_node *n = &t->nodes[i], *p = &t->nodes[n->parent];

	hash_name(t, i);
	n->prev = FN_NO_NODE;
	n->next = p->child;
	if (p->child != FN_NO_NODE)
		t->nodes[p->child].prev = i;
	p->child = i;
}

static void unlink_name(struct fn_watch_table *t, uint32_t i)
{
	struct fn_watch_node *n = &t->nodes[i];
	uint32_t *at = &t->by_name[name_bucket(t, n->parent, name_of(n))];

	while (*at != i)
		at = &t->nodes[*at].next_name;
	*at = n->next_name;
	*(n->prev != FN_NO_NODE ? &t->nodes[n->prev].next : &t->nodes[n->parent].child) = n->next;
	if (n->next != FN_NO_NODE)
		t->nodes[n->next].prev = n->prev;
}

static bool rehash(struct fn_watch_table *t, uint32_t nbuckets)
{
	uint32_t *by_wd = malloc(nbuckets * sizeof(*by_wd));
	uint32_t *by_name = malloc(nbuckets * sizeof(*by_name));

	if (!by_wd || !by_name) {
		free(by_wd);
		free(by_name);
		return t->nbuckets != 0; /* longer chains, no harm */
	}
	free(t->by_wd);
	free(t->by_name);
	t->by_wd = by_wd;
	t->by_name = by_name;
	t->nbuckets = nbuckets;
	memset(by_wd, 0xff, nbuckets * sizeof(*by_wd));
	memset(by_name, 0xff, nbuckets * sizeof(*by_name));
	for (uint32_t i = 0; i < t->used; i++) {
		if (!t->nodes[i].wd)
			continue;
		link_wd(t, i);
		if (t->nodes[i].parent != FN_NO_NODE)
			hash_name(t, i);
	}
	return true;
}

static uint32_t take_node(struct fn_watch_table *t)
{
	uint32_t i = t->free;

	if (i != FN_NO_NODE) {
		t->free = t->nodes[i].next;
		return i;
	}
	if (t->used == t->cap) {
		uint32_t cap = t->cap ? t->cap + t->cap / 2 : 64;
		struct fn_watch_node *nodes = realloc(t->nodes, cap * sizeof(*nodes));

		if (!nodes)
			return FN_NO_NODE;
		t->nodes = nodes;
		t->cap = cap;
	}
	return t->used++;
}

static void give_node(struct fn_watch_table *t, uint32_t i)
{
	t->nodes[i] = (struct fn_watch_node){.next = t->free};
	t->free = i;
}

static char *copy_name(struct fn_str name)
{
	char *copy = malloc(name.len ? name.len : 1);

	if (copy && name.len)
		memcpy(copy, name.data, name.len);
	return copy;
}

uint32_t fn_watch_add(struct fn_watch_table *t, int wd, uint32_t parent, struct fn_str name,
		      int root)
{
	uint32_t i;

	if (wd <= 0 || (t->count >= t->nbuckets && !rehash(t, t->nbuckets ? t->nbuckets * 2 : 64)))
		return FN_NO_NODE;
	i = take_node(t);
	if (i == FN_NO_NODE)
		return i;
	t->nodes[i] = (struct fn_watch_node){.wd = wd,
					     .parent = parent,
					     .child = FN_NO_NODE,
					     .root = (int16_t)root,
					     .name_len = (uint8_t)name.len,
					     .name = copy_name(name)};
	if (!t->nodes[i].name) {
		give_node(t, i);
		return FN_NO_NODE;
	}
	link_wd(t, i);
	if (parent != FN_NO_NODE)
		link_name(t, i);
	t->count++;
	return i;
}

uint32_t fn_watch_by_wd(const struct fn_watch_table *t, int wd)
{
	uint32_t i;

	if (!t->nbuckets)
		return FN_NO_NODE;
	for (i = t->by_wd[wd_bucket(t, wd)]; i != FN_NO_NODE; i = t->nodes[i].next_wd)
		if (t->nodes[i].wd == wd)
			break;
	return i;
}

uint32_t fn_watch_child(const struct fn_watch_table *t, uint32_t parent, struct fn_str name)
{
	uint32_t i;

	if (!t->nbuckets)
		return FN_NO_NODE;
	for (i = t->by_name[name_bucket(t, parent, name)]; i != FN_NO_NODE;
	     i = t->nodes[i].next_name)
		if (t->nodes[i].parent == parent && t->nodes[i].name_len == name.len &&
		    memcmp(t->nodes[i].name, name.data, name.len) == 0)
			break;
	return i;
}

bool fn_watch_move(struct fn_watch_table *t, uint32_t node, uint32_t parent, struct fn_str name)
{
	char *copy = copy_name(name);
	struct fn_watch_node *n = &t->nodes[node];

	if (!copy)
		return false;
	unlink_name(t, node);
	free(n->name);
	n->name = copy;
	n->name_len = (uint8_t)name.len;
	n->parent = parent;
	link_name(t, node);
	t->path_node = FN_NO_NODE;
	return true;
}

void fn_watch_swap(struct fn_watch_table *t, uint32_t a, uint32_t b)
{
	struct fn_watch_node *x = &t->nodes[a], *y = &t->nodes[b];
	struct fn_watch_node was = *x;

	unlink_name(t, a);
	unlink_name(t, b);
	x->name = y->name;
	x->name_len = y->name_len;
	x->parent = y->parent;
	y->name = was.name;
	y->name_len = was.name_len;
	y->parent = was.parent;
	link_name(t, a);
	link_name(t, b);
	t->path_node = FN_NO_NODE;
}

bool fn_watch_below(const struct fn_watch_table *t, uint32_t node, uint32_t top)
{
	while (node != top && node != FN_NO_NODE)
		node = t->nodes[node].parent;
	return node == top;
}

void fn_watch_remove(struct fn_watch_table *t, uint32_t node)
{
	unlink_wd(t, node);
	if (t->nodes[node].parent != FN_NO_NODE)
		unlink_name(t, node);
	free(t->nodes[node].name);
	give_node(t, node);
	t->count--;
	t->path_node = FN_NO_NODE;
}

uint32_t fn_watch_leaf(const struct fn_watch_table *t, uint32_t top)
{
	while (t->nodes[top].child != FN_NO_NODE)
		top = t->nodes[top].child;
	return top;
}

static bool room(struct fn_watch_table *t, size_t size)
{
	char *path;

	if (size <= t->path_size)
		return true;
	path = realloc(t->path, size + 256);
	if (!path)
		return false;
	t->path = path;
	t->path_size = size + 256;
	return true;
}

static bool dir_path(struct fn_watch_table *t, uint32_t node)
{
	size_t len = 0, at;
	uint32_t i;

	for (i = node; t->nodes[i].parent != FN_NO_NODE; i = t->nodes[i].parent)
		len += t->nodes[i].name_len + 1u;
	if (!room(t, len + 1))
		return false;
	t->path_root = t->nodes[i].root;
	at = len;
	for (i = node; t->nodes[i].parent != FN_NO_NODE; i = t->nodes[i].parent) {
		at -= t->nodes[i].name_len + 1u;
		memcpy(t->path + at, t->nodes[i].name, t->nodes[i].name_len);
		t->path[at + t->nodes[i].name_len] = '/';
	}
	t->path_len = len ? len - 1 : 0;
	t->path_node = node;
	return true;
}

bool fn_watch_path(struct fn_watch_table *t, uint32_t node, struct fn_str name, struct fn_str *path,
		   int *root)
{
	size_t at;

	if (t->path_node != node && !dir_path(t, node))
		return false;
	if (!room(t, t->path_len + name.len + 2))
		return false;
	at = t->path_len;
	if (name.len) {
		if (at)
			t->path[at++] = '/';
		memcpy(t->path + at, name.data, name.len);
	}
	*path = (struct fn_str){t->path, at + name.len};
	*root = t->path_root;
	return true;
}
