/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decoder's inside. */
#ifndef FN_TRACE_DECODE_H
#define FN_TRACE_DECODE_H

#include "trace/emit.h"

struct fn_decoder {
	const struct fn_seen *seen;
	const struct fn_wire_conn *wire;
	struct fn_emit *emit;
	const uint8_t *p, *end;
	const uint8_t *base; /* of the struct read last */
	uint64_t count;      /* its last field that is a count */
	size_t ext;          /* bytes of extensions behind the body */
	bool cut;            /* the source does not hold the whole message */
	int faults;
};

void fn_decode_fault(struct fn_decoder *d, const char *what);
/* Fields of s within n bytes at d->p, which stays. */
void fn_decode_fields(struct fn_decoder *d, const struct fn_wire_struct *s, size_t n);
/* A whole struct; false, after a fault, when there is less. */
bool fn_decode_struct(struct fn_decoder *d, uint8_t id);
/* What follows struct id. */
void fn_decode_tail(struct fn_decoder *d, uint8_t tail, uint8_t id);
void fn_decode_attrs(struct fn_decoder *d);
void fn_decode_extensions(struct fn_decoder *d, const uint8_t *end);

#endif
