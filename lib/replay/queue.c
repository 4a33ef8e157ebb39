/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_MAX 65536
#define RECENT 4096 /* names whose last event is known */

struct recent {
	uint64_t key; /* hash of the name in its directory */
	uint64_t seq; /* of its last event */
};

struct fn_queue {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct fn_item **ring;
	size_t size;         /* a power of two */
	uint64_t head, tail; /* head is the next to pop */
	bool closed;
	atomic_size_t moves;
	atomic_bool waits;
	struct recent recent[RECENT];
	uint64_t lost[FN_QUEUE_LOST_MAX]; /* directories that lost events */
	size_t nlost;
};

struct fn_queue *fn_queue_new(size_t max)
{
	struct fn_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;
	size_t size = 16;

	if (!q)
		return NULL;
	while (size < (max ? max : DEFAULT_MAX))
		size *= 2;
	q->size = size;
	q->ring = calloc(size, sizeof(*q->ring));
	if (!q->ring) {
		free(q);
		return NULL;
	}
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->some, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

void fn_item_free(struct fn_item *item)
{
	if (item)
		fn_event_free(item->late);
	free(item);
}

void fn_queue_free(struct fn_queue *q)
{
	if (!q)
		return;
	for (; q->head != q->tail; q->head++)
		fn_item_free(q->ring[q->head & (q->size - 1)]);
	pthread_cond_destroy(&q->some);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q);
}

static uint64_t name_key(uint64_t parent, const char *name, size_t len)
{
	uint64_t h = parent ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL;
	return h * 0x9e3779b97f4a7c15ULL;
}

static bool same_attr(const struct fn_item *a, const struct fn_item *b)
{
	return a->kind == FN_OP_ATTR && a->mask == b->mask && a->parent == b->parent &&
	       a->node == b->node && a->name_len == b->name_len &&
	       !memcmp(a->name, b->name, a->name_len);
}

static void note(struct fn_queue *q, uint64_t key)
{
	struct recent *r = &q->recent[key >> 40 & (RECENT - 1)];

	r->key = key;
	r->seq = q->tail;
}

/* A MODIFY or ATTRIB is the same as one that waits, if nothing else happened to its name since. */
static bool coalesces(struct fn_queue *q, const struct fn_item *item, uint64_t key)
{
	const struct recent *r = &q->recent[key >> 40 & (RECENT - 1)];

	if (item->kind != FN_OP_ATTR || r->key != key || r->seq < q->head || r->seq >= q->tail)
		return false;
	return same_attr(item, q->ring[r->seq & (q->size - 1)]);
}

/* The root stands for directories that there is no room to remember. */
static void note_lost(struct fn_queue *q, uint64_t parent)
{
	if (!parent)
		return;
	for (size_t i = q->nlost; i-- > 0 && i + 64 > q->nlost;)
		if (q->lost[i] == parent)
			return;
	if (q->nlost < FN_QUEUE_LOST_MAX)
		q->lost[q->nlost++] = parent;
	else
		q->lost[0] = FUSE_ROOT_ID;
}

static struct fn_item *copy_item(const struct fn_item *item)
{
	struct fn_item *copy = malloc(sizeof(*copy) + item->name_len + item->old_len + 2u);
	char *to = (char *)(copy + 1);

	if (!copy)
		return NULL;
	*copy = *item;
	copy->name = to;
	if (item->name_len)
		memcpy(to, item->name, item->name_len);
	to += item->name_len;
	*to++ = '\0';
	copy->old_name = to;
	if (item->old_len)
		memcpy(to, item->old_name, item->old_len);
	to[item->old_len] = '\0';
	return copy;
}

static bool moves_names(const struct fn_item *item)
{
	return (item->kind == FN_OP_RENAME || item->kind == FN_OP_EXCHANGE) &&
	       (item->mask & FN_ISDIR);
}

static enum fn_push push_locked(struct fn_queue *q, const struct fn_item *item)
{
	uint64_t key = name_key(item->parent, item->name, item->name_len);
	struct fn_item *copy;

	if (!item->late && coalesces(q, item, key))
		return FN_COALESCED;
	copy = q->tail - q->head < q->size && !q->closed ? copy_item(item) : NULL;
	if (!copy) {
		note_lost(q, item->parent);
		note_lost(q, item->old_parent);
		return FN_LOST;
	}
	note(q, key);
	if (item->old_len)
		note(q, name_key(item->old_parent, item->old_name, item->old_len));
	if (item->late || moves_names(item))
		atomic_fetch_add(&q->moves, 1);
	q->ring[q->tail++ & (q->size - 1)] = copy;
	return FN_PUSHED;
}

enum fn_push fn_queue_push(struct fn_queue *q, const struct fn_item *item)
{
	enum fn_push res;
	bool waits;

	pthread_mutex_lock(&q->lock);
	res = push_locked(q, item);
	waits = atomic_load(&q->waits);
	pthread_mutex_unlock(&q->lock);
	if (waits)
		pthread_cond_signal(&q->some); /* whoever wakes finds the lock free */
	return res;
}

struct fn_item *fn_queue_pop(struct fn_queue *q)
{
	struct fn_item *item = NULL;

	pthread_mutex_lock(&q->lock);
	if (q->head != q->tail && !q->closed)
		item = q->ring[q->head++ & (q->size - 1)];
	pthread_mutex_unlock(&q->lock);
	return item;
}

void fn_queue_lose(struct fn_queue *q, const uint64_t *dirs, size_t n)
{
	pthread_mutex_lock(&q->lock);
	q->nlost = 0; /* these are all that matter */
	for (size_t i = 0; i < n && i < FN_QUEUE_LOST_MAX; i++)
		q->lost[q->nlost++] = dirs[i];
	pthread_cond_signal(&q->some);
	pthread_mutex_unlock(&q->lock);
}

uint64_t fn_queue_pop_lost(struct fn_queue *q)
{
	uint64_t nodeid = 0;

	pthread_mutex_lock(&q->lock);
	if (q->nlost && !q->closed)
		nodeid = q->lost[--q->nlost];
	pthread_mutex_unlock(&q->lock);
	return nodeid;
}

bool fn_queue_roomy(struct fn_queue *q)
{
	bool yes;

	pthread_mutex_lock(&q->lock);
	yes = q->tail - q->head < q->size / 2;
	pthread_mutex_unlock(&q->lock);
	return yes;
}

bool fn_queue_idle(struct fn_queue *q)
{
	bool idle;

	pthread_mutex_lock(&q->lock);
	idle = q->head == q->tail && !q->nlost;
	pthread_mutex_unlock(&q->lock);
	return idle;
}

static bool is_idle(const struct fn_queue *q)
{
	return q->head == q->tail && !q->nlost && !q->closed;
}

bool fn_queue_wait(struct fn_queue *q)
{
	bool open;

	pthread_mutex_lock(&q->lock);
	atomic_store(&q->waits, true);
	while (is_idle(q))
		pthread_cond_wait(&q->some, &q->lock);
	atomic_store(&q->waits, false);
	open = !q->closed;
	pthread_mutex_unlock(&q->lock);
	return open;
}

bool fn_queue_wait_ms(struct fn_queue *q, unsigned ms)
{
	struct timespec until;
	int res = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&q->lock);
	atomic_store(&q->waits, true);
	while (!res && is_idle(q))
		res = pthread_cond_timedwait(&q->some, &q->lock, &until);
	atomic_store(&q->waits, false);
	pthread_mutex_unlock(&q->lock);
	return !res;
}

bool fn_queue_waits(struct fn_queue *q)
{
	return atomic_load(&q->waits);
}

void fn_queue_close(struct fn_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->some);
	pthread_mutex_unlock(&q->lock);
}

size_t fn_queue_moves(const struct fn_queue *q)
{
	return atomic_load(&q->moves);
}

void fn_queue_moved(struct fn_queue *q)
{
	atomic_fetch_sub(&q->moves, 1);
}
