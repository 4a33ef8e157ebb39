/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded map of 64-bit hashes to 64-bit values: what was told of names and objects ahead of the
 * kernel's queue. */
#ifndef FN_SOURCE_KEYMAP_H
#define FN_SOURCE_KEYMAP_H

#include "event/event.h"

struct fn_keymap_slot {
	uint64_t key, value;
};

struct fn_keymap {
	struct fn_keymap_slot *slots;
	size_t size, used; /* used: also by what was taken out; 0: nothing is in it */
};

/* dir is whatever names a directory in the source: a hash or a watch descriptor. Never below 2. */
uint64_t fn_keymap_key(uint64_t dir, struct fn_str name);
/* Without memory, or beyond the bound, it is not remembered. */
void fn_keymap_put(struct fn_keymap *map, uint64_t key, uint64_t value);
bool fn_keymap_get(const struct fn_keymap *map, uint64_t key, uint64_t *value);
bool fn_keymap_has(const struct fn_keymap *map, uint64_t key);
bool fn_keymap_take(struct fn_keymap *map, uint64_t key); /* was it there? it is not any more */
void fn_keymap_clear(struct fn_keymap *map);              /* frees all; zeroed is empty */

#endif
