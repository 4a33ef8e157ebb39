/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/map.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(uint32_t conn, uint64_t id)
{
	uint64_t h = (id ^ (uint64_t)conn << 40) * UINT64_C(0x9e3779b97f4a7c15);

	return h ^ h >> 29;
}

static struct fn_map_key *slot(const struct fn_map *m, size_t i)
{
	return (struct fn_map_key *)(void *)(m->slots + i * m->entry_size);
}

void fn_map_init(struct fn_map *m, size_t entry_size)
{
	memset(m, 0, sizeof(*m));
	m->entry_size = entry_size;
}

void fn_map_free(struct fn_map *m)
{
	free(m->slots);
	fn_map_init(m, m->entry_size);
}

/* The slot of the key, or the free one where it belongs. */
static struct fn_map_key *probe(const struct fn_map *m, uint32_t conn, uint64_t id)
{
	size_t i = hash(conn, id) & m->mask;

	for (;; i = (i + 1) & m->mask) {
		struct fn_map_key *k = slot(m, i);

		if (!k->used || (k->id == id && k->conn == conn))
			return k;
	}
}

void *fn_map_get(const struct fn_map *m, uint32_t conn, uint64_t id)
{
	struct fn_map_key *k = m->count ? probe(m, conn, id) : NULL;

	return k && k->used ? k : NULL;
}

static bool grow(struct fn_map *m)
{
	struct fn_map bigger = {.entry_size = m->entry_size};
	size_t cap = m->slots ? (m->mask + 1) * 2 : 64;

	bigger.slots = calloc(cap, m->entry_size);
	if (!bigger.slots)
		return false;
	bigger.mask = cap - 1;
	bigger.count = m->count;
	for (void *e = NULL; (e = fn_map_next(m, e));) {
		const struct fn_map_key *k = e;

		memcpy(probe(&bigger, k->conn, k->id), e, m->entry_size);
	}
	free(m->slots);
	*m = bigger;
	return true;
}

void *fn_map_add(struct fn_map *m, uint32_t conn, uint64_t id)
{
	struct fn_map_key *k;

	if ((!m->slots || m->count * 4 >= (m->mask + 1) * 3) && !grow(m))
		return NULL;
	k = probe(m, conn, id);
	if (!k->used) {
		memset(k, 0, m->entry_size);
		*k = (struct fn_map_key){.id = id, .conn = conn, .used = 1};
		m->count++;
	}
	return k;
}

/* Close the gap by moving back what was pushed past it. */
void fn_map_del(struct fn_map *m, void *entry)
{
	size_t gap = (size_t)((uint8_t *)entry - m->slots) / m->entry_size;

	m->count--;
	for (size_t i = (gap + 1) & m->mask;; i = (i + 1) & m->mask) {
		const struct fn_map_key *k = slot(m, i);
		size_t home;

		if (!k->used)
			break;
		home = hash(k->conn, k->id) & m->mask;
		if (((i - home) & m->mask) < ((i - gap) & m->mask))
			continue;
		memcpy(slot(m, gap), k, m->entry_size);
		gap = i;
	}
	slot(m, gap)->used = 0;
}

void *fn_map_victim(struct fn_map *m)
{
	if (!m->count)
		return NULL;
	do
		m->hand = (m->hand + 1) & m->mask;
	while (!slot(m, m->hand)->used);
	return slot(m, m->hand);
}

void *fn_map_next(const struct fn_map *m, const void *entry)
{
	size_t i = 0;

	if (!m->slots)
		return NULL;
	if (entry)
		i = (size_t)((const uint8_t *)entry - m->slots) / m->entry_size + 1;
	for (; i <= m->mask; i++)
		if (slot(m, i)->used)
			return slot(m, i);
	return NULL;
}
