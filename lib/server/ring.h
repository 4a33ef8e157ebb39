/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded queue of byte records in one buffer that grows up to a limit. Not locked. */
#ifndef FN_SERVER_RING_H
#define FN_SERVER_RING_H

#include <stddef.h>
#include <stdint.h>

struct fn_ring {
	uint8_t *buf;
	size_t size, max;  /* of buf now, and at most */
	size_t head, used; /* where the oldest record is; bytes taken, with what wrapping wastes */
	size_t count;
};

void fn_ring_init(struct fn_ring *r, size_t max);
void fn_ring_free(struct fn_ring *r);
/* Room for a record of up to n bytes, aligned to 8; NULL: full, or no memory. It becomes a record
 * with fn_ring_commit(), of as many bytes as were used. */
void *fn_ring_room(struct fn_ring *r, size_t n);
void fn_ring_commit(struct fn_ring *r, size_t n);
/* The oldest record, or NULL. */
void *fn_ring_first(const struct fn_ring *r, size_t *n);
void fn_ring_pop(struct fn_ring *r);

#endif
