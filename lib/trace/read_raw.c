/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages one after the other: what a pipe, a socket or a control file carries. */
#include <string.h>

#include "trace/reader.h"

struct raw {
	bool known_order, swap;
};

static bool plausible(const uint8_t *p, size_t n, bool swap, uint32_t max)
{
	return fn_plausible_request(p, n, swap, max) || fn_plausible_answer(p, n, swap, max);
}

static void find_order(struct fn_trace *t, struct raw *s)
{
	for (int swap = 0; swap < 2 && !s->known_order; swap++)
		if (plausible(fn_input_ptr(&t->in), fn_input_have(&t->in), swap, t->max_message)) {
			s->known_order = true;
			s->swap = swap;
		}
}

/* Two plausible headers in a row, where there are two, are taken for a boundary. */
static bool boundary(struct fn_trace *t, bool swap)
{
	size_t n = fn_input_need(&t->in, FN_WIRE_OUT_HEADER);
	uint32_t len;

	if (n < FN_WIRE_OUT_HEADER || !plausible(fn_input_ptr(&t->in), n, swap, t->max_message))
		return false;
	len = fn_get_u32(fn_input_ptr(&t->in), swap);
	n = fn_input_need(&t->in, (size_t)len + FN_WIRE_OUT_HEADER);
	if (n < (size_t)len + FN_WIRE_OUT_HEADER)
		return n == len;
	return plausible(fn_input_ptr(&t->in) + len, n - len, swap, t->max_message);
}

static int resync(struct fn_trace *t, const struct raw *s, const char *why)
{
	uint64_t begin = t->in.base;

	do
		fn_input_skip(&t->in, 1);
	while (fn_input_need(&t->in, 1) && !boundary(t, s->swap));
	return fn_trace_bad(t, begin, "%s; %llu bytes passed over", why,
			    (unsigned long long)(t->in.base - begin));
}

static int next(struct fn_trace *t, struct fn_trace_msg *m)
{
	struct raw *s = t->state;
	size_t n = fn_input_need(&t->in, FN_WIRE_OUT_HEADER);
	uint32_t len;

	if (n == 0)
		return 0;
	if (n < FN_WIRE_OUT_HEADER)
		return resync(t, s, "message cut short");
	if (!s->known_order)
		find_order(t, s);
	if (!plausible(fn_input_ptr(&t->in), n, s->swap, t->max_message))
		return resync(t, s, "no message header");
	len = fn_get_u32(fn_input_ptr(&t->in), s->swap);
	if (fn_input_need(&t->in, len) < len)
		return resync(t, s, "message cut short");
	m->offset = t->in.base;
	m->data = fn_input_ptr(&t->in);
	m->have = len;
	m->flags = s->swap ? FN_MSG_SWAP : 0;
	fn_input_skip(&t->in, len);
	if (fn_msg_header_guess(m) < 0)
		return fn_trace_bad(t, m->offset, "message of %u bytes has no header", len);
	fn_trace_count_conn(t, m);
	return FN_TRACE_MSG;
}

static int chain(const uint8_t *p, size_t n, bool swap)
{
	int messages = 0;

	while (n >= FN_WIRE_OUT_HEADER && messages < 8) {
		uint32_t len = fn_get_u32(p, swap);

		if (!plausible(p, n, swap, FN_TRACE_MSG_MAX))
			return 0;
		messages++;
		if (len >= n)
			break;
		p += len;
		n -= len;
	}
	return messages;
}

static int detect(const uint8_t *p, size_t n)
{
	int native = chain(p, n, false);

	return 5 * (native ? native : chain(p, n, true));
}

const struct fn_reader fn_reader_raw = {
	.format = FN_TRACE_RAW,
	.name = "raw",
	.detect = detect,
	.next = next,
	.state_size = sizeof(struct raw),
};
