/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/echoes.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (1u << 14)
#define BITS 6 /* ACCESS … OPEN: the low bits of the mask */

/* One object; a newer one with the same slot takes its place. */
struct slot {
	uint64_t key; /* of the path, 0: free */
	int64_t when;
	uint64_t ino, size;
	struct statx_timestamp atime, mtime, ctime;
	uint16_t due[BITS];
};

struct fn_echoes {
	int64_t keep_ns;
	struct slot slots[SLOTS];
};

struct fn_echoes *fn_echoes_new(int64_t keep_ns)
{
	struct fn_echoes *l = calloc(1, sizeof(*l));

	if (l)
		l->keep_ns = keep_ns;
	return l;
}

void fn_echoes_free(struct fn_echoes *l)
{
	free(l);
}

static uint64_t path_key(const char *path, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)path[i]) * 0x100000001b3u;
	h ^= h >> 32;
	return h ? h : 1;
}

static bool same_time(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_state(const struct slot *s, const struct statx *state)
{
	return s->ino == state->stx_ino && s->size == state->stx_size &&
	       same_time(&s->ctime, &state->stx_ctime) && same_time(&s->mtime, &state->stx_mtime) &&
	       same_time(&s->atime, &state->stx_atime);
}

void fn_echoes_expect(struct fn_echoes *l, const char *path, size_t len, uint64_t bits,
		      const struct statx *state, int64_t now)
{
	uint64_t key = path_key(path, len);
	struct slot *s = &l->slots[key % SLOTS];

	if (s->key != key || now - s->when > l->keep_ns)
		memset(s->due, 0, sizeof(s->due));
	s->key = key;
	s->when = now;
	s->ino = state->stx_ino;
	s->size = state->stx_size;
	s->atime = state->stx_atime;
	s->mtime = state->stx_mtime;
	s->ctime = state->stx_ctime;
	for (unsigned i = 0; i < BITS; i++)
		if (bits >> i & 1 && s->due[i] < UINT16_MAX)
			s->due[i]++;
}

bool fn_echoes_take(struct fn_echoes *l, const char *path, size_t len, uint64_t bits,
		    const struct statx *state, int64_t read_ns)
{
	uint64_t key = path_key(path, len);
	struct slot *s = &l->slots[key % SLOTS];

	if (s->key != key || read_ns < s->when || read_ns - s->when > l->keep_ns)
		return false;
	if (!bits || bits >> BITS || !same_state(s, state))
		return false;
	for (unsigned i = 0; i < BITS; i++)
		if (bits >> i & 1 && !s->due[i])
			return false;
	for (unsigned i = 0; i < BITS; i++)
		s->due[i] -= bits >> i & 1;
	return true;
}
