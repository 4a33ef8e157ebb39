/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/nodes_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

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
	n = fn_node_find(t, nodeid);
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
	n = fn_node_find(t, nodeid);
	held = n && n->nlookup;
	pthread_mutex_unlock(&t->lock);
	return held;
}

bool fn_nodes_seen(struct fn_nodes *t, uint64_t nodeid)
{
	struct node *n;
	bool seen;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
	seen = !n || n == &t->root || n->flags & FN_NODE_SEEN;
	pthread_mutex_unlock(&t->lock);
	return seen;
}

int fn_node_entry(const struct node *n, struct fn_entry *entry)
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
	res = fn_node_entry(fn_node_find(t, nodeid), entry);
	pthread_mutex_unlock(&t->lock);
	return res;
}

int fn_nodes_child(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   struct fn_entry *entry)
{
	int res;

	pthread_mutex_lock(&t->lock);
	res = fn_node_entry(fn_node_child_of(t, parent, name, len), entry);
	pthread_mutex_unlock(&t->lock);
	return res;
}

bool fn_nodes_bound(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		    uint64_t nodeid)
{
	const struct node *n;
	bool bound;

	pthread_mutex_lock(&t->lock);
	n = fn_node_child_of(t, parent, name, len);
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

		n = fn_node_child(t, n, path, part);
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
	n = fn_node_find(t, nodeid);
	res = n ? path_of(t, n, buf, size) : -ENOENT;
	pthread_mutex_unlock(&t->lock);
	return res;
}

int fn_nodes_name(struct fn_nodes *t, uint64_t nodeid, uint64_t *parent, char *name, size_t *len)
{
	const struct node *n;
	int res = -ENOENT;

	pthread_mutex_lock(&t->lock);
	n = fn_node_find(t, nodeid);
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
