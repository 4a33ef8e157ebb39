/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/keymap.h"

#include <stdlib.h>
#include <string.h>

#define BOUND (1u << 20) /* slots; beyond half of that, new names are not remembered */
#define EMPTY 0u
#define TAKEN 1u

uint64_t fn_keymap_key(uint64_t dir, struct fn_str name)
{
	uint64_t h = dir * 0x9e3779b97f4a7c15u + 0x6a09e667f3bcc909u;

	for (size_t i = 0; i < name.len; i++) {
		h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3u;
		h ^= h >> 29;
	}
	return h < 2 ? h + 2 : h;
}

static struct fn_keymap_slot *slot_of(const struct fn_keymap *map, uint64_t key)
{
	size_t i = (size_t)(key >> 1) & (map->size - 1);

	while (map->slots[i].key != key && map->slots[i].key != EMPTY)
		i = (i + 1) & (map->size - 1);
	return &map->slots[i];
}

static bool resize(struct fn_keymap *map)
{
	struct fn_keymap old = *map;

	if (map->size >= BOUND)
		return false;
	map->size = old.size ? old.size * 2 : 64;
	map->slots = calloc(map->size, sizeof(*map->slots));
	if (!map->slots) {
		*map = old;
		return false;
	}
	map->used = 0;
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].key > TAKEN) {
			*slot_of(map, old.slots[i].key) = old.slots[i];
			map->used++;
		}
	free(old.slots);
	return true;
}

void fn_keymap_put(struct fn_keymap *map, uint64_t key, uint64_t value)
{
	struct fn_keymap_slot *slot;

	if (map->used * 2 >= map->size && !resize(map) && !fn_keymap_has(map, key))
		return;
	slot = slot_of(map, key);
	map->used += slot->key == EMPTY;
	*slot = (struct fn_keymap_slot){key, value};
}

bool fn_keymap_get(const struct fn_keymap *map, uint64_t key, uint64_t *value)
{
	const struct fn_keymap_slot *slot;

	if (!map->used)
		return false;
	slot = slot_of(map, key);
	*value = slot->key == key ? slot->value : 0;
	return slot->key == key;
}

bool fn_keymap_has(const struct fn_keymap *map, uint64_t key)
{
	uint64_t ignored;

	return fn_keymap_get(map, key, &ignored);
}

bool fn_keymap_take(struct fn_keymap *map, uint64_t key)
{
	if (!fn_keymap_has(map, key))
		return false;
	slot_of(map, key)->key = TAKEN;
	return true;
}

void fn_keymap_clear(struct fn_keymap *map)
{
	free(map->slots);
	*map = (struct fn_keymap){NULL, 0, 0};
}
