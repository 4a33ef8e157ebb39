/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table of fixed-size entries under a (connection, number) key. Entries begin with struct
 * fn_map_key; a pointer to one is good until the next fn_map_add() or fn_map_del().
 */
#ifndef FN_TRACE_MAP_H
#define FN_TRACE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fn_map_key {
	uint64_t id;
	uint32_t conn;
	uint32_t used;
};

struct fn_map {
	uint8_t *slots;
	size_t entry_size, mask, count, hand;
};

void fn_map_init(struct fn_map *m, size_t entry_size);
void fn_map_free(struct fn_map *m);
void *fn_map_get(const struct fn_map *m, uint32_t conn, uint64_t id);
/* The entry there is, or a new one, zero but for its key; NULL: no memory. */
void *fn_map_add(struct fn_map *m, uint32_t conn, uint64_t id);
void fn_map_del(struct fn_map *m, void *entry);
/* Any entry: what a full table gives up. NULL when empty. */
void *fn_map_victim(struct fn_map *m);
/* Each entry once, in no order; begin with NULL. */
void *fn_map_next(const struct fn_map *m, const void *entry);

#endif
