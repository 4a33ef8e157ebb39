/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "trace/fusedump.h"
#include "trace/writer.h"

static void put16(struct fn_buf *b, uint16_t v, bool swap)
{
	fn_put_u16(&v, v, swap);
	fn_buf_add(b, &v, 2);
}

static void put32(struct fn_buf *b, uint32_t v, bool swap)
{
	fn_put_u32(&v, v, swap);
	fn_buf_add(b, &v, 4);
}

static void put64(struct fn_buf *b, uint64_t v, bool swap)
{
	fn_put_u64(&v, v, swap);
	fn_buf_add(b, &v, 8);
}

/* Old readers take the first item for the time if it has the length of one: a message without
 * time gets none, and ours first. */
static void put_time(struct fn_buf *b, int64_t ns, bool swap)
{
	int64_t sec = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		sec--;
		rest += 1000000000;
	}
	put32(b, FUSEDUMP_TIME_LEN, swap);
	put64(b, (uint64_t)sec, swap);
	put32(b, (uint32_t)rest, swap);
}

static void put_ours(struct fn_buf *b, const struct fn_trace_msg *m, bool swap)
{
	put32(b, FUSEDUMP_FN_LEN, swap);
	fn_buf_add(b, FUSEDUMP_FN_SIGNATURE, 4);
	put16(b, FUSEDUMP_FN_VERSION, swap);
	put16(b, (uint16_t)(m->flags & (FN_MSG_SWAP - 1)), swap);
	put32(b, m->conn, swap);
	put32(b, (uint32_t)m->tid, swap);
	put32(b, (uint32_t)m->refused, swap);
	put32(b, m->have, swap);
}

int fn_write_fusedump(struct fn_buf *b, const struct fn_trace_msg *m)
{
	bool swap = fn_msg_swapped(m);
	uint8_t header[FN_WIRE_IN_HEADER];
	char *room;
	size_t n;

	if (m->len > FN_TRACE_MSG_MAX || m->have > m->len)
		return -EMSGSIZE;
	fn_buf_char(b, m->kind == FN_MSG_REQUEST ? 'R' : 'W');
	put32(b, m->time != FN_TIME_NONE ? 3 : 2, swap);
	if (m->time != FN_TIME_NONE)
		put_time(b, m->time, swap);
	put_ours(b, m, swap);
	room = fn_buf_room(b, m->len);
	if (!room)
		return -ENOMEM;
	memset(room, 0, m->len);
	if (m->have) {
		memcpy(room, m->data, m->have);
	} else {
		n = fn_msg_build_header(m, header);
		memcpy(room, header, n < m->len ? n : m->len);
	}
	b->len += m->len;
	return b->failed ? -ENOMEM : 0;
}
