/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/seen.h"

#include <stdlib.h>
#include <string.h>

#define BOUND (1u << 20) /* slots; beyond half of that, new names are not remembered */
#define EMPTY 0u
#define TAKEN 1u

uint64_t fn_seen_key(uint64_t dir, struct fn_str name)
{
	uint64_t h = dir * 0x9e3779b97f4a7c15u + 0x6a09e667f3bcc909u;

	for (size_t i = 0; i < name.len; i++) {
		h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3u;
		h ^= h >> 29;
	}
	return h < 2 ? h + 2 : h;
}

static uint64_t *slot_of(const struct fn_seen *set, uint64_t key)
{
	size_t i = (size_t)key & (set->size - 1);

	while (set->slots[i] != key && set->slots[i] != EMPTY)
		i = (i + 1) & (set->size - 1);
	return &set->slots[i];
}

static bool resize(struct fn_seen *set)
{
	struct fn_seen old = *set;

	if (set->size >= BOUND)
		return false;
	set->size = old.size ? old.size * 2 : 64;
	set->slots = calloc(set->size, sizeof(*set->slots));
	if (!set->slots) {
		*set = old;
		return false;
	}
	set->count = 0;
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i] > TAKEN) {
			*slot_of(set, old.slots[i]) = old.slots[i];
			set->count++;
		}
	free(old.slots);
	return true;
}

void fn_seen_add(struct fn_seen *set, uint64_t key)
{
	uint64_t *slot;

	if (set->count * 2 >= set->size && !resize(set))
		return;
	slot = slot_of(set, key);
	set->count += *slot == EMPTY;
	*slot = key;
}

bool fn_seen_take(struct fn_seen *set, uint64_t key)
{
	uint64_t *slot;

	if (!set->count)
		return false;
	slot = slot_of(set, key);
	if (*slot != key)
		return false;
	*slot = TAKEN;
	return true;
}

bool fn_seen_has(const struct fn_seen *set, uint64_t key)
{
	return set->count && *slot_of(set, key) == key;
}

void fn_seen_clear(struct fn_seen *set)
{
	free(set->slots);
	*set = (struct fn_seen){NULL, 0, 0};
}
