/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's watches by path: a hash table that grows. */
#include "server/control_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16

uint64_t fn_path_hash(const char *path, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)path[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

static void link_watch(struct fn_watches *ws, struct fn_watch *w)
{
	struct fn_watch **bucket = &ws->buckets[w->hash % ws->nbuckets];

	w->next = *bucket;
	*bucket = w;
}

/* A table that cannot grow still works. */
static int grow(struct fn_watches *ws)
{
	size_t n = ws->nbuckets ? ws->nbuckets * 2 : FIRST_BUCKETS, old_n = ws->nbuckets;
	struct fn_watch **old = ws->buckets, **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return old ? 0 : -ENOMEM;
	ws->buckets = buckets;
	ws->nbuckets = n;
	for (size_t i = 0; i < old_n; i++) {
		for (struct fn_watch *w = old[i], *next; w; w = next) {
			next = w->next;
			link_watch(ws, w);
		}
	}
	free(old);
	return 0;
}

void fn_watches_free(struct fn_watches *ws)
{
	for (size_t i = 0; i < ws->nbuckets; i++) {
		for (struct fn_watch *w = ws->buckets[i], *next; w; w = next) {
			next = w->next;
			free(w);
		}
	}
	free(ws->buckets);
	*ws = (struct fn_watches){0};
}

struct fn_watch *fn_watches_find(const struct fn_watches *ws, const char *path, size_t len)
{
	uint64_t hash;

	if (!ws->count)
		return NULL;
	hash = fn_path_hash(path, len);
	for (struct fn_watch *w = ws->buckets[hash % ws->nbuckets]; w; w = w->next)
		if (w->hash == hash && w->len == len && memcmp(w->path, path, len) == 0)
			return w;
	return NULL;
}

struct fn_watch *fn_watches_by_id(const struct fn_watches *ws, uint32_t id)
{
	for (size_t i = 0; i < ws->nbuckets; i++)
		for (struct fn_watch *w = ws->buckets[i]; w; w = w->next)
			if (w->id == id)
				return w;
	return NULL;
}

/* The mask of them all may be larger than what is left: it only saves work. */
static void count_in(struct fn_watches *ws, const struct fn_watch *w)
{
	ws->count++;
	ws->recursive += (w->flags & FN1_WATCH_RECURSIVE) != 0;
	ws->mask |= w->mask;
}

static struct fn_watch *watch_new(const char *path, size_t len)
{
	struct fn_watch *w = malloc(sizeof(*w) + len + 1);

	if (!w)
		return NULL;
	*w = (struct fn_watch){.hash = fn_path_hash(path, len), .len = len};
	memcpy(w->path, path, len);
	w->path[len] = '\0';
	return w;
}

void fn_watches_take(struct fn_watches *ws, struct fn_watch *watch)
{
	struct fn_watch **at = &ws->buckets[watch->hash % ws->nbuckets];

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	ws->count--;
	ws->recursive -= (watch->flags & FN1_WATCH_RECURSIVE) != 0;
	if (!ws->count)
		ws->mask = 0;
}

int fn_watches_set(struct fn_watches *ws, const char *path, size_t len, uint64_t mask,
		   uint32_t flags, struct fn_watch **watch)
{
	struct fn_watch *w = fn_watches_find(ws, path, len);

	if (w) {
		fn_watches_take(ws, w);
	} else {
		if (ws->count >= ws->nbuckets && grow(ws))
			return -ENOMEM;
		w = watch_new(path, len);
		if (!w)
			return -ENOMEM;
		w->id = ws->next_id++;
	}
	w->mask = mask;
	w->flags = flags & (FN1_WATCH_RECURSIVE | FN1_WATCH_NO_LOCAL | FN1_WATCH_NO_SELF);
	link_watch(ws, w);
	count_in(ws, w);
	*watch = w;
	return 0;
}

int fn_watches_move(struct fn_watches *ws, struct fn_watch **watch, const char *path, size_t len)
{
	struct fn_watch *old = *watch, *w = watch_new(path, len);

	if (!w)
		return -ENOMEM;
	w->id = old->id;
	w->mask = old->mask;
	w->flags = old->flags;
	free(old);
	link_watch(ws, w);
	count_in(ws, w);
	*watch = w;
	return 0;
}
