/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bounded queue before the replay thread. */
#ifndef FN_REPLAY_QUEUE_H
#define FN_REPLAY_QUEUE_H

#include "replay/replay.h"

struct fn_queue;

/* Directories that can be remembered to have lost events. */
#define FN_QUEUE_LOST_MAX 4096

enum fn_push {
	FN_PUSHED,
	FN_COALESCED, /* the same is waiting already */
	FN_LOST,      /* no room: noted for its directory */
};

struct fn_queue *fn_queue_new(size_t max);
void fn_queue_free(struct fn_queue *q);
enum fn_push fn_queue_push(struct fn_queue *q, const struct fn_item *item);
/* The oldest, or NULL when there is none; the caller frees it with fn_item_free(). */
struct fn_item *fn_queue_pop(struct fn_queue *q);
/* Events of these directories are gone, before they came here. */
void fn_queue_lose(struct fn_queue *q, const uint64_t *dirs, size_t n);
/* A directory that lost events since it was last returned here, or 0. */
uint64_t fn_queue_pop_lost(struct fn_queue *q);
/* Wait until there is something or the queue was closed; false: closed. */
bool fn_queue_wait(struct fn_queue *q);
/* The same for ms at most; true: there is something, or it was closed. */
bool fn_queue_wait_ms(struct fn_queue *q, unsigned ms);
/* Somebody waits. */
bool fn_queue_waits(struct fn_queue *q);
bool fn_queue_idle(struct fn_queue *q);
/* Less than half full. */
bool fn_queue_roomy(struct fn_queue *q);
void fn_queue_close(struct fn_queue *q);
/* Renames of directories that wait. */
size_t fn_queue_moves(const struct fn_queue *q);
/* One of them, or a late item, is done. */
void fn_queue_moved(struct fn_queue *q);
void fn_item_free(struct fn_item *item);

#endif
