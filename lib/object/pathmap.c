/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "object/pathmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* PATH_MAX holds at most this many components; deeper is a circle or hostile. */
#define MAX_DEPTH 2048

enum kind { KIND_LOST, KIND_LINK, KIND_ROOT, KIND_TOP };

/* lru: most recently used first. A walk touches the parents after the child, so that a parent is
 * always nearer to the front and the last node is always a leaf. */
struct node {
	struct node *hash_next, *newer, *older, *parent;
	char *name;
	uint64_t hash, fsid;
	uint64_t prune_gen; /* when `pruned` was found out */
	uint32_t nchildren;
	int32_t handle_type, root;
	uint8_t name_len, handle_len, kind, has;
	bool pinned, pruned;
	uint8_t handle[];
};

struct fn_pathmap {
	struct node **buckets;
	size_t nbuckets, count, npinned, max;
	struct node *newest, *oldest;
	uint64_t gen;      /* counts what can make a struct fn_pathbuf stale */
	uint64_t move_gen; /* counts what can move a path */
	fn_prune_cb prune;
	void *prune_arg;
	struct fn_pathbuf prune_buf;
};

struct fn_pathmap *fn_pathmap_new(size_t max)
{
	struct fn_pathmap *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->max = max;
	map->gen = map->move_gen = 1;
	map->nbuckets = 256;
	map->buckets = calloc(map->nbuckets, sizeof(*map->buckets));
	if (map->buckets)
		return map;
	free(map);
	return NULL;
}

static void moved(struct fn_pathmap *map)
{
	map->gen++;
	map->move_gen++;
}

void fn_pathmap_set_prune(struct fn_pathmap *map, fn_prune_cb prune, void *arg)
{
	map->prune = prune;
	map->prune_arg = arg;
	moved(map);
}

static void lru_unlink(struct fn_pathmap *map, struct node *n)
{
	*(n->newer ? &n->newer->older : &map->newest) = n->older;
	*(n->older ? &n->older->newer : &map->oldest) = n->newer;
}

static void lru_front(struct fn_pathmap *map, struct node *n)
{
	n->newer = NULL;
	n->older = map->newest;
	*(map->newest ? &map->newest->newer : &map->oldest) = n;
	map->newest = n;
}

static void touch(struct fn_pathmap *map, struct node *n)
{
	for (int depth = 0; n && depth < MAX_DEPTH; n = n->parent, depth++) {
		if (n->pinned || map->newest == n)
			continue;
		lru_unlink(map, n);
		lru_front(map, n);
	}
}

static void unparent(struct node *n)
{
	if (n->parent)
		n->parent->nchildren--;
	n->parent = NULL;
	free(n->name);
	n->name = NULL;
	n->name_len = 0;
	n->kind = KIND_LOST;
}

static bool is_handle(const struct node *n, uint64_t hash, const struct fn_object *o)
{
	return n->hash == hash && n->handle_len == o->handle_len &&
	       n->handle_type == o->handle_type && n->fsid == o->fsid &&
	       memcmp(n->handle, o->handle, o->handle_len) == 0;
}

static struct node *find(const struct fn_pathmap *map, const struct fn_object *o)
{
	uint64_t hash;
	struct node *n;

	if (!(o->has & FN_OBJ_HANDLE))
		return NULL;
	hash = fn_object_hash(o);
	for (n = map->buckets[hash & (map->nbuckets - 1)]; n; n = n->hash_next)
		if (is_handle(n, hash, o))
			return n;
	return NULL;
}

static void unhash(struct fn_pathmap *map, struct node *n)
{
	struct node **at = &map->buckets[n->hash & (map->nbuckets - 1)];

	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
}

static void delete_node(struct fn_pathmap *map, struct node *n)
{
	unhash(map, n);
	if (n->pinned)
		map->npinned--;
	else
		lru_unlink(map, n);
	unparent(n);
	map->count--;
	map->gen++;
	free(n);
}

void fn_pathmap_free(struct fn_pathmap *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->nbuckets; i++)
		for (struct node *n = map->buckets[i], *next; n; n = next) {
			next = n->hash_next;
			free(n->name);
			free(n);
		}
	free(map->prune_buf.data);
	free(map->buckets);
	free(map);
}

static void grow(struct fn_pathmap *map)
{
	size_t nbuckets = map->nbuckets * 2;
	struct node **buckets = calloc(nbuckets, sizeof(*buckets));

	if (!buckets)
		return; /* longer chains, no harm */
	for (size_t i = 0; i < map->nbuckets; i++)
		for (struct node *n = map->buckets[i], *next; n; n = next) {
			struct node **at = &buckets[n->hash & (nbuckets - 1)];

			next = n->hash_next;
			n->hash_next = *at;
			*at = n;
		}
	free(map->buckets);
	map->buckets = buckets;
	map->nbuckets = nbuckets;
}

/* Nodes with children are passed over: they can be last only while their child is being added. */
static void evict(struct fn_pathmap *map, const struct node *keep)
{
	struct node *n = map->oldest;

	while (n && map->count - map->npinned > map->max) {
		struct node *newer = n->newer;

		if (n != keep && n->nchildren == 0)
			delete_node(map, n);
		n = newer;
	}
}

/* Unpinned nodes without children; the others have lost their place already. */
static void evict_all(struct fn_pathmap *map)
{
	for (struct node *n = map->oldest, *newer; n; n = newer) {
		newer = n->newer;
		if (n->nchildren == 0)
			delete_node(map, n);
	}
}

static struct node *find_or_add(struct fn_pathmap *map, const struct fn_object *o)
{
	struct node *n = find(map, o);

	if (n || !(o->has & FN_OBJ_HANDLE))
		return n;
	n = calloc(1, sizeof(*n) + o->handle_len);
	if (!n)
		return NULL;
	n->hash = fn_object_hash(o);
	n->fsid = o->fsid;
	n->has = o->has & (FN_OBJ_HANDLE | FN_OBJ_FSID);
	n->handle_type = o->handle_type;
	n->handle_len = o->handle_len;
	memcpy(n->handle, o->handle, o->handle_len);
	if (map->count >= map->nbuckets)
		grow(map);
	n->hash_next = map->buckets[n->hash & (map->nbuckets - 1)];
	map->buckets[n->hash & (map->nbuckets - 1)] = n;
	map->count++;
	lru_front(map, n);
	return n;
}

static void pin(struct fn_pathmap *map, struct node *n, bool pinned)
{
	if (n->pinned == pinned)
		return;
	if (pinned)
		lru_unlink(map, n);
	n->pinned = pinned;
	map->npinned += pinned ? 1 : (size_t)-1;
	if (!pinned)
		lru_front(map, n);
}

static int add_fixed(struct fn_pathmap *map, const struct fn_object *dir, enum kind kind, int root)
{
	struct node *n = find_or_add(map, dir);

	if (!n)
		return dir->has & FN_OBJ_HANDLE ? -ENOMEM : -EINVAL;
	unparent(n);
	n->kind = kind;
	n->root = root;
	pin(map, n, true);
	moved(map);
	return 0;
}

int fn_pathmap_add_root(struct fn_pathmap *map, const struct fn_object *dir, int root)
{
	return add_fixed(map, dir, KIND_ROOT, root);
}

int fn_pathmap_add_top(struct fn_pathmap *map, const struct fn_object *dir)
{
	const struct node *n = find(map, dir);

	return n && n->kind == KIND_ROOT ? 0 : add_fixed(map, dir, KIND_TOP, -1);
}

int fn_pathmap_add_failed(struct fn_pathmap *map, const struct fn_object *dir)
{
	struct node *n = find_or_add(map, dir);

	if (!n)
		return dir->has & FN_OBJ_HANDLE ? -ENOMEM : -EINVAL;
	if (n->pinned)
		return 0;
	unparent(n);
	n->kind = KIND_TOP;
	n->root = -1;
	moved(map);
	evict(map, n);
	return 0;
}

static bool below(const struct node *n, const struct node *top)
{
	for (int depth = 0; n; n = n->parent, depth++)
		if (n == top || depth >= MAX_DEPTH)
			return true;
	return false;
}

static bool same_link(const struct node *n, const struct node *parent, struct fn_str name)
{
	return n->kind == KIND_LINK && n->parent == parent && n->name_len == name.len &&
	       memcmp(n->name, name.data, name.len) == 0;
}

static bool is_fixed(const struct node *n)
{
	return n->pinned && (n->kind == KIND_ROOT || n->kind == KIND_TOP);
}

static int set_link(struct fn_pathmap *map, struct node *n, struct node *parent, struct fn_str name)
{
	char *copy;

	if (same_link(n, parent, name))
		return 0;
	copy = malloc(name.len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name.data, name.len);
	if (n->kind != KIND_LOST || n->nchildren)
		moved(map);
	else
		map->gen++;
	unparent(n);
	n->parent = parent;
	parent->nchildren++;
	n->name = copy;
	n->name_len = (uint8_t)name.len;
	n->kind = KIND_LINK;
	return 0;
}

int fn_pathmap_put(struct fn_pathmap *map, const struct fn_object *dir,
		   const struct fn_object *parent, struct fn_str name)
{
	struct node *p, *n;
	int rc = -EINVAL;

	if (!fn_name_ok(name.data, name.len) || !(dir->has & parent->has & FN_OBJ_HANDLE))
		return rc;
	n = find_or_add(map, dir);
	p = find_or_add(map, parent);
	if (!n || !p)
		rc = -ENOMEM;
	else if (below(p, n))
		rc = -ELOOP;
	else if (is_fixed(n))
		return 0;
	else
		rc = set_link(map, n, p, name);
	if (n)
		touch(map, n);
	if (p)
		touch(map, p);
	evict(map, n);
	return rc;
}

int fn_pathmap_learn(struct fn_pathmap *map, const struct fn_object *dir,
		     const struct fn_object *parent, struct fn_str name)
{
	const struct node *n = find(map, dir);

	if (n && (n->kind == KIND_LINK || is_fixed(n)))
		return 0;
	return fn_pathmap_put(map, dir, parent, name);
}

void fn_pathmap_pin(struct fn_pathmap *map, const struct fn_object *dir, bool pinned)
{
	struct node *n = find(map, dir);

	if (!n || is_fixed(n))
		return;
	pin(map, n, pinned);
	if (!pinned) {
		touch(map, n);
		evict(map, NULL);
	}
}

bool fn_pathmap_pinned(const struct fn_pathmap *map, const struct fn_object *dir)
{
	const struct node *n = find(map, dir);

	return n && n->pinned;
}

void fn_pathmap_drop(struct fn_pathmap *map, const struct fn_object *dir)
{
	struct node *n = find(map, dir);

	if (!n || is_fixed(n))
		return;
	if (n->nchildren == 0) {
		delete_node(map, n);
		return;
	}
	unparent(n);
	pin(map, n, false);
	moved(map);
}

void fn_pathmap_forget(struct fn_pathmap *map)
{
	for (size_t i = 0; i < map->nbuckets; i++)
		for (struct node *n = map->buckets[i]; n; n = n->hash_next)
			if (!is_fixed(n) && !n->pinned)
				unparent(n);
	evict_all(map);
	moved(map);
}

static enum fn_place place_of(const struct node *n, int *root)
{
	int depth = 0;

	while (n && n->kind == KIND_LINK && depth++ < MAX_DEPTH)
		n = n->parent;
	*root = n && n->kind == KIND_ROOT ? n->root : -1;
	if (!n || n->kind == KIND_LOST || n->kind == KIND_LINK)
		return FN_PLACE_UNKNOWN;
	return n->kind == KIND_ROOT ? FN_PLACE_INSIDE : FN_PLACE_OUTSIDE;
}

static bool room(struct fn_pathbuf *buf, size_t size)
{
	char *data;

	if (size <= buf->size)
		return true;
	data = realloc(buf->data, size + 256);
	if (!data)
		return false;
	buf->data = data;
	buf->size = size + 256;
	return true;
}

/* The path of n from its root, without a slash at the end. */
static bool write_dir(struct fn_pathbuf *buf, const struct node *n)
{
	const struct node *up;
	size_t len = 0, at;

	for (up = n; up->kind == KIND_LINK; up = up->parent)
		len += up->name_len + 1u;
	if (!room(buf, len + 1))
		return false;
	at = len;
	for (up = n; up->kind == KIND_LINK; up = up->parent) {
		at -= up->name_len + 1u;
		memcpy(buf->data + at, up->name, up->name_len);
		buf->data[at + up->name_len] = '/';
	}
	buf->dir_len = len ? len - 1 : 0;
	return true;
}

/* Pruned by itself or through a directory above. The answer is kept until a path moves. */
static bool is_pruned(struct fn_pathmap *map, struct node *n, int root)
{
	if (!map->prune || n->kind != KIND_LINK)
		return false;
	if (n->prune_gen == map->move_gen)
		return n->pruned;
	n->pruned = is_pruned(map, n->parent, root);
	if (!n->pruned && write_dir(&map->prune_buf, n))
		n->pruned = map->prune(map->prune_arg, root, map->prune_buf.data,
				       map->prune_buf.dir_len);
	n->prune_gen = map->move_gen;
	return n->pruned;
}

static bool fill(struct fn_pathmap *map, struct node *n, struct fn_pathbuf *buf)
{
	if (buf->dir == n && buf->gen == map->gen)
		return true;
	buf->dir = NULL;
	buf->place = place_of(n, &buf->root);
	if (buf->place == FN_PLACE_INSIDE) {
		if (is_pruned(map, n, buf->root))
			buf->place = FN_PLACE_PRUNED;
		if (!write_dir(buf, n))
			return false;
	}
	touch(map, n);
	buf->dir = n;
	buf->gen = map->gen;
	return true;
}

enum fn_place fn_pathmap_path(struct fn_pathmap *map, const struct fn_object *dir,
			      struct fn_str name, struct fn_pathbuf *buf, struct fn_str *path,
			      int *root)
{
	struct node *n = find(map, dir);
	size_t at;

	*path = (struct fn_str){NULL, 0};
	*root = -1;
	if (!n || !fill(map, n, buf))
		return FN_PLACE_UNKNOWN;
	if (buf->place == FN_PLACE_UNKNOWN || buf->place == FN_PLACE_OUTSIDE)
		return buf->place;
	at = buf->dir_len;
	if (!room(buf, at + name.len + 2))
		return FN_PLACE_UNKNOWN;
	if (name.len) {
		if (at)
			buf->data[at++] = '/';
		memcpy(buf->data + at, name.data, name.len);
	}
	*path = (struct fn_str){buf->data, at + name.len};
	*root = buf->root;
	return buf->place;
}

enum fn_place fn_pathmap_place(struct fn_pathmap *map, const struct fn_object *dir)
{
	int root;
	struct node *n = find(map, dir);
	enum fn_place place = place_of(n, &root);

	if (place == FN_PLACE_INSIDE && is_pruned(map, n, root))
		place = FN_PLACE_PRUNED;
	return place;
}

static void node_object(const struct node *n, struct fn_object *o)
{
	fn_object_clear(o);
	fn_object_set_handle(o, n->handle_type, n->handle, n->handle_len);
	o->has = n->has;
	o->fsid = n->fsid;
	fn_object_learn_node(o);
}

bool fn_pathmap_missing(const struct fn_pathmap *map, const struct fn_object *dir,
			struct fn_object *missing)
{
	const struct node *n = find(map, dir);

	if (!n) {
		fn_object_copy(missing, dir);
		return true;
	}
	for (int depth = 0; n->kind == KIND_LINK && depth < MAX_DEPTH; depth++)
		n = n->parent;
	if (n->kind == KIND_ROOT || n->kind == KIND_TOP)
		return false;
	node_object(n, missing);
	return true;
}

bool fn_pathmap_lookup(const struct fn_pathmap *map, const struct fn_object *dir,
		       struct fn_object *parent, struct fn_str *name)
{
	const struct node *n = find(map, dir);

	if (!n || n->kind != KIND_LINK)
		return false;
	node_object(n->parent, parent);
	*name = (struct fn_str){n->name, n->name_len};
	return true;
}

bool fn_pathmap_below(const struct fn_pathmap *map, const struct fn_object *dir,
		      const struct fn_object *top)
{
	const struct node *n = find(map, dir), *t = find(map, top);

	return n && t && below(n, t);
}

size_t fn_pathmap_count(const struct fn_pathmap *map)
{
	return map->count;
}
