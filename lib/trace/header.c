/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuse_in_header and fuse_out_header: the part of a message that needs no table. */
#include <errno.h>
#include <string.h>

#include "trace/reader.h"

#define MAX_ERRNO 4095
/* Opcodes that mainline, Android, CUSE and we have used; a limit for guesses, not a law. */
#define LIKELY_OPCODE 0x2000

const uint8_t fn_msg_nothing[FN_WIRE_IN_HEADER];

static void request_header(struct fn_trace_msg *m)
{
	const uint8_t *p = m->data;
	bool swap = fn_msg_swapped(m);

	m->kind = FN_MSG_REQUEST;
	m->opcode = fn_get_u32(p + 4, swap);
	m->unique = fn_get_u64(p + 8, swap);
	m->nodeid = fn_get_u64(p + 16, swap);
	m->uid = fn_get_u32(p + 24, swap);
	m->gid = fn_get_u32(p + 28, swap);
	m->pid = fn_get_u32(p + 32, swap);
	m->extlen = fn_get_u16(p + 36, swap);
}

static void answer_header(struct fn_trace_msg *m)
{
	bool swap = fn_msg_swapped(m);

	m->error = (int32_t)fn_get_u32(m->data + 4, swap);
	m->unique = fn_get_u64(m->data + 8, swap);
	m->kind = m->unique == 0 ? FN_MSG_NOTIFY : FN_MSG_REPLY;
}

int fn_trace_msg_header(struct fn_trace_msg *m, bool read)
{
	if (m->have < (read ? FN_WIRE_IN_HEADER : FN_WIRE_OUT_HEADER))
		return -EBADMSG;
	m->len = fn_get_u32(m->data, fn_msg_swapped(m));
	if (m->len < (read ? FN_WIRE_IN_HEADER : FN_WIRE_OUT_HEADER))
		return -EBADMSG;
	if (read)
		request_header(m);
	else
		answer_header(m);
	return 0;
}

/* A request has a positive opcode and a unique; an answer has an error of 0 or below, or, as a
 * notification, unique 0. */
int fn_msg_header_guess(struct fn_trace_msg *m)
{
	int32_t word;
	uint64_t unique;

	if (m->have < FN_WIRE_OUT_HEADER)
		return -EBADMSG;
	word = (int32_t)fn_get_u32(m->data + 4, fn_msg_swapped(m));
	unique = fn_get_u64(m->data + 8, fn_msg_swapped(m));
	return fn_trace_msg_header(m, word > 0 && unique != 0);
}

size_t fn_msg_build_header(const struct fn_trace_msg *m, uint8_t out[FN_WIRE_IN_HEADER])
{
	memset(out, 0, FN_WIRE_IN_HEADER);
	fn_put_u32(out, m->len, false);
	fn_put_u32(out + 4, m->kind == FN_MSG_REQUEST ? m->opcode : (uint32_t)m->error, false);
	fn_put_u64(out + 8, m->unique, false);
	if (m->kind != FN_MSG_REQUEST)
		return FN_WIRE_OUT_HEADER;
	fn_put_u64(out + 16, m->nodeid, false);
	fn_put_u32(out + 24, m->uid, false);
	fn_put_u32(out + 28, m->gid, false);
	fn_put_u32(out + 32, m->pid, false);
	fn_put_u16(out + 36, m->extlen, false);
	return FN_WIRE_IN_HEADER;
}

static bool likely_opcode(uint32_t op)
{
	return (op > 0 && op < LIKELY_OPCODE) || (op >> 16) == 0x666e;
}

bool fn_plausible_request(const uint8_t *p, size_t n, bool swap, uint32_t max)
{
	uint32_t len = fn_get_u32(p, swap);

	if (len < FN_WIRE_IN_HEADER || len > max || !likely_opcode(fn_get_u32(p + 4, swap)) ||
	    !fn_get_u64(p + 8, swap))
		return false;
	return n < FN_WIRE_IN_HEADER || fn_get_u16(p + 38, swap) == 0;
}

bool fn_plausible_answer(const uint8_t *p, size_t n, bool swap, uint32_t max)
{
	uint32_t len = fn_get_u32(p, swap);
	int32_t error = (int32_t)fn_get_u32(p + 4, swap);
	uint64_t unique = fn_get_u64(p + 8, swap);

	(void)n;
	if (len < FN_WIRE_OUT_HEADER || len > max)
		return false;
	return unique ? error <= 0 && error >= -MAX_ERRNO : error > 0;
}
