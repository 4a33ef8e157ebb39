/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/ring.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 16384
#define HEADER 8
#define WRAP UINT32_MAX /* in place of a length: go on at the start of the buffer */

static size_t record_size(size_t n)
{
	return HEADER + ((n + 7) & ~(size_t)7);
}

void fn_ring_init(struct fn_ring *r, size_t max)
{
	*r = (struct fn_ring){.max = max};
}

void fn_ring_free(struct fn_ring *r)
{
	free(r->buf);
	*r = (struct fn_ring){.max = r->max};
}

static uint32_t length_at(const struct fn_ring *r, size_t at)
{
	uint32_t len;

	memcpy(&len, r->buf + at, sizeof(len));
	return len;
}

static void set_length(struct fn_ring *r, size_t at, uint32_t len)
{
	memcpy(r->buf + at, &len, sizeof(len));
}

static size_t tail(const struct fn_ring *r)
{
	size_t at = r->head + r->used;

	return at >= r->size ? at - r->size : at;
}

/* Into a buffer of twice the size, record by record. */
static int grow(struct fn_ring *r)
{
	struct fn_ring to = {.size = r->size ? r->size * 2 : FIRST_SIZE, .max = r->max};
	size_t n;

	if (to.size > r->max || !(to.buf = malloc(to.size)))
		return -1;
	for (; r->count; fn_ring_pop(r)) {
		const uint8_t *p = fn_ring_first(r, &n);

		memcpy(to.buf + to.used, p - HEADER, record_size(n));
		to.used += record_size(n);
		to.count++;
	}
	free(r->buf);
	*r = to;
	return 0;
}

/* Contiguous room at the tail, marking what is too short before the end of the buffer. */
static uint8_t *room(struct fn_ring *r, size_t need)
{
	size_t at, rest;

	if (r->used + need > r->size)
		return NULL;
	at = tail(r);
	rest = r->size - at;
	if (at < r->head || need <= rest)
		return r->buf + at;
	if (r->used + rest + need > r->size)
		return NULL;
	set_length(r, at, WRAP);
	r->used += rest;
	return r->buf;
}

void *fn_ring_room(struct fn_ring *r, size_t n)
{
	size_t need = record_size(n);
	uint8_t *p;

	if (r->count == 0)
		r->head = r->used = 0;
	while (!(p = room(r, need)))
		if (grow(r))
			return NULL;
	return p + HEADER;
}

void fn_ring_commit(struct fn_ring *r, size_t n)
{
	set_length(r, tail(r), (uint32_t)n);
	r->used += record_size(n);
	r->count++;
}

static void skip_wrap(struct fn_ring *r)
{
	if (r->count && length_at(r, r->head) == WRAP) {
		r->used -= r->size - r->head;
		r->head = 0;
	}
}

void *fn_ring_first(const struct fn_ring *r, size_t *n)
{
	if (r->count == 0)
		return NULL;
	*n = length_at(r, r->head);
	return r->buf + r->head + HEADER;
}

void fn_ring_pop(struct fn_ring *r)
{
	size_t size = record_size(length_at(r, r->head));

	r->head += size;
	r->used -= size;
	r->count--;
	if (r->head == r->size)
		r->head = 0;
	skip_wrap(r);
}
