/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/nodes_impl.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

static size_t id_slot(const struct fn_nodes *t, uint64_t id)
{
	return (id * 0x9e3779b97f4a7c15ULL >> 32) & (t->size - 1);
}

static uint32_t hash_name(uint64_t parent, const char *name, size_t len)
{
	uint64_t h = parent * 0x9e3779b97f4a7c15ULL ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL;
	return (uint32_t)(h >> 32 ^ h);
}

struct fn_nodes *fn_nodes_new(void)
{
	struct fn_nodes *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->size = FIRST_SIZE;
	t->by_id = calloc(t->size, sizeof(*t->by_id));
	t->by_name = calloc(t->size, sizeof(*t->by_name));
	if (!t->by_id || !t->by_name) {
		free(t->by_id);
		free(t->by_name);
		free(t);
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->root.id = FUSE_ROOT_ID;
	t->root.nlookup = 1;
	t->root.attr.mode = 0040755;
	t->by_id[id_slot(t, FUSE_ROOT_ID)] = &t->root;
	return t;
}

void fn_nodes_free(struct fn_nodes *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->size; i++)
		for (struct node *n = t->by_id[i], *next; n; n = next) {
			next = n->id_next;
			if (n == &t->root)
				continue;
			free(n->name);
			free(n);
		}
	pthread_mutex_destroy(&t->lock);
	free(t->by_id);
	free(t->by_name);
	free(t);
}

struct node *fn_node_find(const struct fn_nodes *t, uint64_t id)
{
	struct node *n = t->by_id[id_slot(t, id)];

	while (n && n->id != id)
		n = n->id_next;
	return n;
}

struct node *fn_node_child(const struct fn_nodes *t, const struct node *parent, const char *name,
			   size_t len)
{
	uint32_t hash = hash_name(parent->id, name, len);
	struct node *n = t->by_name[hash & (t->size - 1)];

	while (n && (n->name_hash != hash || n->parent != parent || n->name_len != len ||
		     memcmp(n->name, name, len)))
		n = n->name_next;
	return n;
}

/* Without memory for a larger table the chains just grow. */
static void grow(struct fn_nodes *t)
{
	size_t old = t->size, size = old * 2;
	struct node **ids = calloc(size, sizeof(*ids)), **names = calloc(size, sizeof(*names));
	struct node **old_ids = t->by_id;

	if (!ids || !names) {
		free(ids);
		free(names);
		return;
	}
	free(t->by_name);
	t->by_id = ids;
	t->by_name = names;
	t->size = size;
	for (size_t i = 0; i < old; i++)
		for (struct node *n = old_ids[i], *next; n; n = next) {
			size_t slot = id_slot(t, n->id);

			next = n->id_next;
			n->id_next = ids[slot];
			ids[slot] = n;
			if (!n->parent)
				continue;
			n->name_next = names[n->name_hash & (size - 1)];
			names[n->name_hash & (size - 1)] = n;
		}
	free(old_ids);
}

static void unchain(struct node **head, struct node *n, bool by_name)
{
	while (*head != n)
		head = by_name ? &(*head)->name_next : &(*head)->id_next;
	*head = by_name ? n->name_next : n->id_next;
}

static void drop_if_unused(struct fn_nodes *t, struct node *n);

static void unbind(struct fn_nodes *t, struct node *n)
{
	struct node *parent = n->parent;

	if (!parent)
		return;
	unchain(&t->by_name[n->name_hash & (t->size - 1)], n, true);
	n->parent = NULL;
	n->flags &= ~(unsigned)FN_NODE_ANNOUNCED;
	parent->children--;
	drop_if_unused(t, parent);
}

/* A node that nothing counts stays only as the way to what is below it. */
static void drop_if_unused(struct fn_nodes *t, struct node *n)
{
	if (n->nlookup || n->children || n->pins || n == &t->root)
		return;
	unbind(t, n);
	unchain(&t->by_id[id_slot(t, n->id)], n, false);
	t->count--;
	if (n->bump)
		atomic_fetch_sub(&t->dead, 1);
	free(n->name);
	free(n);
}

static struct node *add(struct fn_nodes *t, uint64_t id)
{
	struct node *n = calloc(1, sizeof(*n));
	size_t slot;

	if (!n)
		return NULL;
	if (t->count >= t->size)
		grow(t);
	slot = id_slot(t, id);
	n->id = id;
	n->id_next = t->by_id[slot];
	t->by_id[slot] = n;
	t->count++;
	return n;
}

static bool is_above(const struct node *n, const struct node *below)
{
	while (below && below != n)
		below = below->parent;
	return below == n;
}

static void rehash(struct fn_nodes *t, struct node *n, struct node *parent)
{
	unchain(&t->by_name[n->name_hash & (t->size - 1)], n, true);
	n->parent->children--;
	n->parent = parent;
	parent->children++;
	n->name_hash = hash_name(parent->id, n->name, n->name_len);
	n->name_next = t->by_name[n->name_hash & (t->size - 1)];
	t->by_name[n->name_hash & (t->size - 1)] = n;
}

/* The directory's node was forgotten while something below it was not, and it comes back under
 * another id. Rare, hence the walk over everything. */
static void adopt(struct fn_nodes *t, struct node *from, struct node *to)
{
	for (size_t i = 0; i < t->size && from->children; i++)
		for (struct node *n = t->by_id[i]; n; n = n->id_next)
			if (n->parent == from && !is_above(n, to))
				rehash(t, n, to);
}

static void bind(struct fn_nodes *t, struct node *n, struct node *parent, const char *name,
		 size_t len)
{
	struct node *was = fn_node_child(t, parent, name, len);
	char *copy;

	if (was == n || is_above(n, parent))
		return;
	copy = malloc(len);
	if (!copy)
		return;
	memcpy(copy, name, len);
	parent->children++; /* holds it while others leave */
	unbind(t, n);
	if (was) {
		if (!was->nlookup)
			adopt(t, was, n);
		unbind(t, was);
		drop_if_unused(t, was);
	}
	free(n->name);
	n->name = copy;
	n->name_len = (uint8_t)len;
	n->parent = parent;
	n->name_hash = hash_name(parent->id, name, len);
	n->name_next = t->by_name[n->name_hash & (t->size - 1)];
	t->by_name[n->name_hash & (t->size - 1)] = n;
}

static void count_entry(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
			struct fuse_entry_out *e, unsigned flags)
{
	struct node *n = fn_node_find(t, e->nodeid), *dir = name ? fn_node_find(t, parent) : NULL;

	if (!n)
		n = add(t, e->nodeid);
	if (!n)
		return;
	n->nlookup++;
	n->generation = e->generation;
	e->generation += n->bump;
	n->attr = e->attr;
	if (dir && len && len <= 255)
		bind(t, n, dir, name, len);
	n->flags |= flags;
}

void fn_nodes_entry(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		    struct fuse_entry_out *entry, unsigned flags)
{
	if (!entry->nodeid || entry->nodeid == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&t->lock);
	count_entry(t, parent, name, len, entry, flags);
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_entry_undo(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	if (n && n != &t->root && n->nlookup) {
		n->nlookup--;
		drop_if_unused(t, n);
	}
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_excess(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	if (n && n != &t->root) {
		n->nlookup++;
		if (n->owed)
			n->owed--;
		else
			n->excess++;
	}
	pthread_mutex_unlock(&t->lock);
}

uint64_t fn_nodes_forget(struct fn_nodes *t, uint64_t nodeid, uint64_t n)
{
	struct node *node;
	uint64_t ours = 0;

	pthread_mutex_lock(&t->lock);
	node = fn_node_find(t, nodeid);
	if (node && node != &t->root) {
		/* Ours first: the server must never lose a node that the kernel still holds. */
		ours = node->excess < n ? node->excess : n;
		node->excess -= ours;
		node->nlookup -= n < node->nlookup ? n : node->nlookup;
		if (node->pins) {
			node->owed += n - ours;
			ours = n;
		}
		drop_if_unused(t, node);
	}
	pthread_mutex_unlock(&t->lock);
	return n - ours;
}

void fn_nodes_opened(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	if (n)
		n->flags |= FN_NODE_OPENED;
	pthread_mutex_unlock(&t->lock);
}

struct node *fn_node_child_of(const struct fn_nodes *t, uint64_t parent, const char *name,
			      size_t len)
{
	struct node *dir = fn_node_find(t, parent);

	return dir ? fn_node_child(t, dir, name, len) : NULL;
}

void fn_nodes_announce(struct fn_nodes *t, uint64_t parent, const char *name, size_t len)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_child_of(t, parent, name, len);
	if (n)
		n->flags |= FN_NODE_ANNOUNCED;
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_unbind(struct fn_nodes *t, uint64_t parent, const char *name, size_t len)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_child_of(t, parent, name, len);
	if (n) {
		unbind(t, n);
		drop_if_unused(t, n);
	}
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_move(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   uint64_t new_parent, const char *new_name, size_t new_len)
{
	struct node *n, *dir;

	pthread_mutex_lock(&t->lock);
	n = fn_node_child_of(t, parent, name, len);
	dir = fn_node_find(t, new_parent);
	if (n && dir) {
		bind(t, n, dir, new_name, new_len);
		n->flags |= FN_NODE_ANNOUNCED;
	} else if (n) {
		unbind(t, n);
		drop_if_unused(t, n);
	}
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_swap(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   uint64_t new_parent, const char *new_name, size_t new_len)
{
	struct node *a, *b, *dir_a, *dir_b;

	pthread_mutex_lock(&t->lock);
	a = fn_node_child_of(t, parent, name, len);
	b = fn_node_child_of(t, new_parent, new_name, new_len);
	dir_a = fn_node_find(t, parent);
	dir_b = fn_node_find(t, new_parent);
	for (int i = 0; i < 2; i++) /* hold them while others leave */
		if (i ? dir_b : dir_a)
			(i ? dir_b : dir_a)->children++;
	if (b)
		unbind(t, b);
	if (a && dir_b)
		bind(t, a, dir_b, new_name, new_len);
	else if (a)
		unbind(t, a);
	if (b && dir_a)
		bind(t, b, dir_a, name, len);
	for (int i = 0; i < 2; i++)
		if (i ? dir_b : dir_a)
			(i ? dir_b : dir_a)->children--;
	if (dir_a)
		drop_if_unused(t, dir_a);
	if (dir_b && dir_b != dir_a)
		drop_if_unused(t, dir_b);
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_dead(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	if (n && n != &t->root) {
		if (!n->bump)
			atomic_fetch_add(&t->dead, 1);
		/* Far from the small steps by which servers count generations themselves. */
		n->bump += 0x01000000;
	}
	pthread_mutex_unlock(&t->lock);
}

int fn_nodes_pin(struct fn_nodes *t, uint64_t nodeid, struct fn_entry *entry)
{
	struct node *n;
	int res;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	res = fn_node_entry(n, entry);
	if (!res)
		n->pins++;
	pthread_mutex_unlock(&t->lock);
	return res;
}

uint64_t fn_nodes_unpin(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;
	uint64_t owed = 0;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	if (n && n->pins && !--n->pins) {
		owed = n->owed;
		n->owed = 0;
		drop_if_unused(t, n);
	}
	pthread_mutex_unlock(&t->lock);
	return owed;
}
