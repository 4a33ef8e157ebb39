/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "trace/writer.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET 6
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_USER0 147
#define OPT_TSRESOL 9

static void put32(struct fn_buf *b, uint32_t v)
{
	fn_buf_add(b, &v, 4);
}

static void put16(struct fn_buf *b, uint16_t v)
{
	fn_buf_add(b, &v, 2);
}

void fn_write_pcapng_head(struct fn_buf *b)
{
	/* Section: version 1.0, length not known. */
	put32(b, BLOCK_SECTION);
	put32(b, 28);
	put32(b, BYTE_ORDER_MAGIC);
	put16(b, 1);
	put16(b, 0);
	put32(b, UINT32_MAX);
	put32(b, UINT32_MAX);
	put32(b, 28);
	/* Interface: times in nanoseconds. */
	put32(b, BLOCK_INTERFACE);
	put32(b, 32);
	put16(b, LINKTYPE_USER0);
	put16(b, 0);
	put32(b, 0);
	put16(b, OPT_TSRESOL);
	put16(b, 1);
	put32(b, 9);
	put32(b, 0); /* end of options */
	put32(b, 32);
}

int fn_write_pcapng(struct fn_buf *b, const struct fn_trace_msg *m)
{
	uint8_t header[FN_WIRE_IN_HEADER];
	const uint8_t *data = m->data;
	size_t have = m->have, pad;
	uint64_t time = m->time == FN_TIME_NONE ? 0 : (uint64_t)m->time;
	uint32_t total, caplen;

	if (!have) {
		have = fn_msg_build_header(m, header);
		data = header;
	}
	if (have > FN_TRACE_MSG_MAX)
		return -EMSGSIZE;
	caplen = (uint32_t)have + FN_PCAPNG_HEAD;
	pad = -caplen & 3;
	total = 32 + caplen + (uint32_t)pad;
	put32(b, BLOCK_PACKET);
	put32(b, total);
	put32(b, 0);
	put32(b, (uint32_t)(time >> 32));
	put32(b, (uint32_t)time);
	put32(b, caplen);
	put32(b, m->len > UINT32_MAX - FN_PCAPNG_HEAD ? UINT32_MAX : m->len + FN_PCAPNG_HEAD);
	fn_buf_char(b, m->kind == FN_MSG_REQUEST ? 'R' : 'W');
	fn_buf_char(b, fn_msg_swapped(m));
	put16(b, 0);
	put32(b, m->conn);
	put32(b, (uint32_t)m->tid);
	fn_buf_add(b, data, have);
	fn_buf_add(b, "\0\0\0", pad);
	put32(b, total);
	return b->failed ? -ENOMEM : 0;
}
