/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/nodes.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct node {
	struct node *id_next, *name_next; /* hash chains */
	struct node *parent;              /* NULL: no name, or the root */
	uint64_t id;
	uint64_t generation; /* as the server says */
	uint64_t nlookup;    /* the kernel's count */
	uint64_t excess;     /* of these, not known to the server */
	uint64_t owed;       /* forgotten by the kernel, the server not told yet */
	size_t children;     /* nodes whose parent this is */
	unsigned pins;
	uint32_t bump; /* added to the generation for the kernel */
	unsigned flags;
	struct fuse_attr attr;
	uint32_t name_hash;
	uint8_t name_len;
	char *name;
};

struct fn_nodes {
	pthread_mutex_t lock;
	struct node **by_id, **by_name;
	size_t size, count; /* buckets of each, nodes */
	atomic_size_t dead;
	struct node root;
};

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

static struct node *find(const struct fn_nodes *t, uint64_t id)
{
	struct node *n = t->by_id[id_slot(t, id)];

	while (n && n->id != id)
		n = n->id_next;
	return n;
}

static struct node *find_child(const struct fn_nodes *t, const struct node *parent,
			       const char *name, size_t len)
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
	struct node *was = find_child(t, parent, name, len);
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
	struct node *n = find(t, e->nodeid), *dir = name ? find(t, parent) : NULL;

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
	n = find(t, nodeid);
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
	n = find(t, nodeid);
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
	node = find(t, nodeid);
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
	n = find(t, nodeid);
	if (n)
		n->flags |= FN_NODE_OPENED;
	pthread_mutex_unlock(&t->lock);
}

static struct node *child_of(const struct fn_nodes *t, uint64_t parent, const char *name,
			     size_t len)
{
	struct node *dir = find(t, parent);

	return dir ? find_child(t, dir, name, len) : NULL;
}

void fn_nodes_announce(struct fn_nodes *t, uint64_t parent, const char *name, size_t len)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = child_of(t, parent, name, len);
	if (n)
		n->flags |= FN_NODE_ANNOUNCED;
	pthread_mutex_unlock(&t->lock);
}

void fn_nodes_unbind(struct fn_nodes *t, uint64_t parent, const char *name, size_t len)
{
	struct node *n;

	pthread_mutex_lock(&t->lock);
	n = child_of(t, parent, name, len);
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
	n = child_of(t, parent, name, len);
	dir = find(t, new_parent);
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
	a = child_of(t, parent, name, len);
	b = child_of(t, new_parent, new_name, new_len);
	dir_a = find(t, parent);
	dir_b = find(t, new_parent);
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
	n = find(t, nodeid);
	if (n && n != &t->root) {
		if (!n->bump)
			atomic_fetch_add(&t->dead, 1);
		/* Far from the small steps by which servers count generations themselves. */
		n->bump += 0x01000000;
	}
	pthread_mutex_unlock(&t->lock);
}

bool fn_nodes_any_dead(const struct fn_nodes *t)
{
	return atomic_load_explicit(&t->dead, memory_order_relaxed) != 0;
}

uint64_t fn_nodes_generation(struct fn_nodes *t, uint64_t nodeid, uint64_t generation)
{
	struct node *n;

	if (!fn_nodes_any_dead(t))
		return generation;
	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	if (n)
		generation += n->bump;
	pthread_mutex_unlock(&t->lock);
	return generation;
}

bool fn_nodes_held(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;
	bool held;

	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	held = n && n->nlookup;
	pthread_mutex_unlock(&t->lock);
	return held;
}

bool fn_nodes_seen(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;
	bool seen;

	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	seen = !n || n == &t->root || n->flags & FN_NODE_SEEN;
	pthread_mutex_unlock(&t->lock);
	return seen;
}

static int copy_entry(const struct node *n, struct fn_entry *entry)
{
	if (!n || !n->nlookup)
		return -ENOENT;
	entry->nodeid = n->id;
	entry->generation = n->generation + n->bump;
	entry->flags = n->flags;
	entry->attr = n->attr;
	return 0;
}

int fn_nodes_get(struct fn_nodes *t, uint64_t nodeid, struct fn_entry *entry)
{
	int res;

	pthread_mutex_lock(&t->lock);
	res = copy_entry(find(t, nodeid), entry);
	pthread_mutex_unlock(&t->lock);
	return res;
}

int fn_nodes_pin(struct fn_nodes *t, uint64_t nodeid, struct fn_entry *entry)
{
	struct node *n;
	int res;

	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	res = copy_entry(n, entry);
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
	n = find(t, nodeid);
	if (n && n->pins && !--n->pins) {
		owed = n->owed;
		n->owed = 0;
		drop_if_unused(t, n);
	}
	pthread_mutex_unlock(&t->lock);
	return owed;
}

int fn_nodes_child(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   struct fn_entry *entry)
{
	int res;

	pthread_mutex_lock(&t->lock);
	res = copy_entry(child_of(t, parent, name, len), entry);
	pthread_mutex_unlock(&t->lock);
	return res;
}

bool fn_nodes_bound(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		    uint64_t nodeid)
{
	const struct node *n;
	bool bound;

	pthread_mutex_lock(&t->lock);
	n = child_of(t, parent, name, len);
	bound = n && n->id == nodeid;
	pthread_mutex_unlock(&t->lock);
	return bound;
}

int fn_nodes_resolve(struct fn_nodes *t, const char *path, size_t len, uint64_t *nodeid)
{
	const struct node *n = &t->root;

	pthread_mutex_lock(&t->lock);
	while (n && len) {
		const char *slash = memchr(path, '/', len);
		size_t part = slash ? (size_t)(slash - path) : len;

		n = find_child(t, n, path, part);
		path += part + (slash != NULL);
		len -= part + (slash != NULL);
	}
	if (n && n->nlookup)
		*nodeid = n->id;
	else
		n = NULL;
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOENT;
}

static int path_of(const struct fn_nodes *t, const struct node *n, char *buf, size_t size)
{
	size_t len = 0;
	char *at;

	for (const struct node *i = n; i != &t->root; i = i->parent) {
		if (!i->parent)
			return -ENOENT;
		len += i->name_len + 1u;
	}
	if (len > size || !size)
		return -ENAMETOOLONG;
	at = buf + (len ? len - 1 : 0);
	*at = '\0';
	for (; n != &t->root; n = n->parent) {
		at -= n->name_len;
		memcpy(at, n->name, n->name_len);
		if (n->parent != &t->root)
			*--at = '/';
	}
	return 0;
}

int fn_nodes_place(struct fn_nodes *t, uint64_t nodeid, char *buf, size_t size)
{
	const struct node *n;
	int res;

	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	res = n ? path_of(t, n, buf, size) : -ENOENT;
	pthread_mutex_unlock(&t->lock);
	return res;
}

int fn_nodes_name(struct fn_nodes *t, uint64_t nodeid, uint64_t *parent, char *name, size_t *len)
{
	const struct node *n;
	int res = -ENOENT;

	pthread_mutex_lock(&t->lock);
	n = find(t, nodeid);
	if (n && n->parent) {
		*parent = n->parent->id;
		*len = n->name_len;
		memcpy(name, n->name, n->name_len);
		res = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return res;
}

size_t fn_nodes_dirs(struct fn_nodes *t, uint64_t *ids, size_t max)
{
	size_t n = 0;

	if (max)
		ids[n++] = FUSE_ROOT_ID;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->size; i++)
		for (const struct node *d = t->by_id[i]; d; d = d->id_next) {
			if (d == &t->root || !d->nlookup || (d->attr.mode & S_IFMT) != S_IFDIR)
				continue;
			if (n < max)
				ids[n] = d->id;
			n++;
		}
	pthread_mutex_unlock(&t->lock);
	return n;
}

size_t fn_nodes_count(struct fn_nodes *t)
{
	size_t count;

	pthread_mutex_lock(&t->lock);
	count = t->count;
	pthread_mutex_unlock(&t->lock);
	return count;
}
