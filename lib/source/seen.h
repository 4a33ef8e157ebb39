/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded set of names that were reported already, so that a real event that was queued
 * meanwhile is not a second report. Keys are 64-bit hashes. */
#ifndef FN_SOURCE_SEEN_H
#define FN_SOURCE_SEEN_H

#include "event/event.h"

struct fn_seen {
	uint64_t *slots;
	size_t size, count;
};

/* dir is whatever names a directory in the source: a hash or a watch descriptor. */
uint64_t fn_seen_key(uint64_t dir, struct fn_str name);
void fn_seen_add(struct fn_seen *set, uint64_t key);
bool fn_seen_take(struct fn_seen *set, uint64_t key); /* was it there? it is not any more */
bool fn_seen_has(const struct fn_seen *set, uint64_t key);
void fn_seen_clear(struct fn_seen *set); /* frees all; zeroed is empty */

#endif
