/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "trace/fusedump.h"
#include "trace/reader.h"

#define SEARCH 262144 /* bytes of a doubtful record that are searched */

struct fusedump {
	bool known_order, swap;
};

struct record {
	size_t total;
	size_t msg, msg_len; /* offsets from the record's beginning */
	size_t time, ours;   /* 0: not there */
	size_t ours_len;
};

enum scan { SCAN_BAD, SCAN_OK, SCAN_SHORT };

static bool read_dir(const uint8_t *p)
{
	return *p == 'R';
}

/* Have n bytes from the head, or say why not. */
static bool have(struct fn_trace *t, size_t n)
{
	return fn_input_need(&t->in, n) >= n;
}

static void note_item(const struct fn_trace *t, struct record *r, size_t at, uint32_t len, int i)
{
	const uint8_t *p = fn_input_ptr(&t->in) + at;

	if (i == 0 && len == FUSEDUMP_TIME_LEN)
		r->time = at;
	else if (len >= FUSEDUMP_FN_LEN && !memcmp(p + 4, FUSEDUMP_FN_SIGNATURE, 4))
		r->ours = at, r->ours_len = len;
}

/* Where the parts of the record at the head are, at most up to t->max_message. */
static enum scan scan_record(struct fn_trace *t, bool swap, struct record *r)
{
	uint32_t len, count;
	size_t at = 1;

	memset(r, 0, sizeof(*r));
	if (!have(t, 5))
		return SCAN_SHORT;
	if (*fn_input_ptr(&t->in) != 'R' && *fn_input_ptr(&t->in) != 'W')
		return SCAN_BAD;
	count = fn_get_u32(fn_input_ptr(&t->in) + 1, swap);
	if (count == 0)
		return SCAN_BAD;
	if (count <= FUSEDUMP_MAX_ITEMS)
		at += 4;
	else
		count = 1;
	for (uint32_t i = 0; i < count; i++, at += len) {
		bool last = i + 1 == count;

		if (!have(t, at + 4))
			return SCAN_SHORT;
		len = fn_get_u32(fn_input_ptr(&t->in) + at, swap);
		if (len < (last ? FN_WIRE_OUT_HEADER : 4) ||
		    len > (last ? t->max_message : FUSEDUMP_MAX_META))
			return SCAN_BAD;
		if (!have(t, at + (last ? FN_WIRE_OUT_HEADER : len)))
			return SCAN_SHORT;
		if (!last)
			note_item(t, r, at, len, (int)i);
		else
			r->msg = at, r->msg_len = len;
	}
	r->total = at;
	return SCAN_OK;
}

static bool plausible(struct fn_trace *t, const struct record *r, bool swap)
{
	const uint8_t *p = fn_input_ptr(&t->in);
	size_t n = fn_input_have(&t->in) - r->msg;

	return (read_dir(p) ? fn_plausible_request : fn_plausible_answer)(p + r->msg, n, swap,
									  t->max_message);
}

static void find_order(struct fn_trace *t, struct fusedump *s)
{
	struct record r;

	for (int swap = 0; swap < 2; swap++) {
		if (scan_record(t, swap, &r) != SCAN_OK || !plausible(t, &r, swap))
			continue;
		s->known_order = true;
		s->swap = swap;
		return;
	}
}

static bool at_record(struct fn_trace *t, bool swap)
{
	struct record r;

	return scan_record(t, swap, &r) == SCAN_OK && plausible(t, &r, swap) && have(t, r.total);
}

/* Pass over bytes up to what looks like a record again, or to the end. */
static int resync(struct fn_trace *t, struct fusedump *s, const char *why)
{
	uint64_t begin = t->in.base;

	do {
		fn_input_skip(&t->in, 1);
		if (!have(t, 1))
			break;
		if (!s->known_order)
			find_order(t, s);
	} while (!at_record(t, s->swap));
	return fn_trace_bad(t, begin, "%s; %llu bytes passed over", why,
			    (unsigned long long)(t->in.base - begin));
}

static void apply_time(const uint8_t *p, bool swap, struct fn_trace_msg *m)
{
	uint64_t sec = fn_get_u64(p + 4, swap);
	uint32_t nsec = fn_get_u32(p + 12, swap);

	if (sec < INT64_MAX / 1000000000 && nsec < 1000000000)
		m->time = (int64_t)(sec * 1000000000 + nsec);
}

static void apply_ours(const uint8_t *p, bool swap, struct fn_trace_msg *m)
{
	uint32_t have_bytes = fn_get_u32(p + 24, swap);

	m->flags |= fn_get_u16(p + 10, swap) & (FN_MSG_SWAP - 1);
	m->conn = fn_get_u32(p + 12, swap);
	m->tid = (int32_t)fn_get_u32(p + 16, swap);
	m->refused = (int32_t)fn_get_u32(p + 20, swap);
	if (have_bytes < m->have) {
		m->have = have_bytes;
		m->flags |= FN_MSG_CUT;
	}
	if (m->flags & FN_MSG_NO_BODY)
		m->have = 0;
}

static int deliver(struct fn_trace *t, const struct record *r, bool swap, struct fn_trace_msg *m)
{
	const uint8_t *p = fn_input_ptr(&t->in);
	bool read = read_dir(p);

	m->offset = t->in.base;
	m->data = p + r->msg;
	m->have = (uint32_t)r->msg_len;
	m->flags = swap ? FN_MSG_SWAP : 0;
	fn_input_skip(&t->in, r->total);
	if (fn_trace_msg_header(m, read) < 0)
		return fn_trace_bad(t, m->offset, "message of %zu bytes is shorter than its header",
				    r->msg_len);
	if (r->time)
		apply_time(p + r->time, swap, m);
	if (r->ours)
		apply_ours(p + r->ours, swap, m);
	if (!m->conn)
		fn_trace_count_conn(t, m);
	return FN_TRACE_MSG;
}

static bool item_ok(const uint8_t *p, size_t n, char dir, bool last, bool swap)
{
	uint32_t len = fn_get_u32(p, swap);

	if (!last)
		return len >= 4 && len <= FUSEDUMP_MAX_META;
	if (n < FN_WIRE_OUT_HEADER)
		return len >= FN_WIRE_OUT_HEADER && len <= FN_TRACE_MSG_MAX;
	return dir == 'R' ? fn_plausible_request(p, n, swap, FN_TRACE_MSG_MAX)
			  : fn_plausible_answer(p, n, swap, FN_TRACE_MSG_MAX);
}

/* Is there a chain of records at p? Counts them; half a record at the end is no fault. */
static int chain(const uint8_t *p, size_t n, bool swap)
{
	int records = 0;

	while (n >= 5 && records < 8) {
		uint32_t count = fn_get_u32(p + 1, swap), len;
		bool counted = count <= FUSEDUMP_MAX_ITEMS;
		size_t at = counted ? 5 : 1;

		if ((*p != 'R' && *p != 'W') || !count)
			return 0;
		for (uint32_t i = counted ? count : 1; i > 0; i--, at += len) {
			if (at + 4 > n)
				return records + 1;
			if (!item_ok(p + at, n - at, (char)*p, i == 1, swap))
				return 0;
			len = fn_get_u32(p + at, swap);
		}
		records++;
		if (at >= n)
			break;
		p += at;
		n -= at;
	}
	return records;
}

/* Few requests are long. */
static bool absurd(const uint8_t *p, const struct record *r, bool swap)
{
	uint32_t op = fn_get_u32(p + r->msg + 4, swap);
	bool carries = op == 16 || op == 21 || op == 39 || op == 41 || op == 42 || op >= 64;

	return read_dir(p) && r->msg_len > 65536 && !carries;
}

/* A record that is not followed by another may have a wrong length, which swallows those behind
 * it: then some of them begin within it. What is not in the buffer yet is not waited for. */
static bool swallows(const struct fn_trace *t, const struct record *r, bool swap)
{
	const uint8_t *p = fn_input_ptr(&t->in);
	size_t n = fn_input_have(&t->in), end = r->total;

	if (!absurd(p, r, swap) && (n < r->total + 5 || chain(p + r->total, n - r->total, swap)))
		return false;
	if (end > r->msg + SEARCH)
		end = r->msg + SEARCH;
	for (size_t at = r->msg + FN_WIRE_OUT_HEADER; at < end; at++)
		if ((p[at] == 'R' || p[at] == 'W') && chain(p + at, n - at, swap) > 2)
			return true;
	return false;
}

static int next(struct fn_trace *t, struct fn_trace_msg *m)
{
	struct fusedump *s = t->state;
	struct record r;
	enum scan got;

	if (!have(t, 1))
		return 0;
	if (!s->known_order)
		find_order(t, s);
	got = scan_record(t, s->swap, &r);
	if (got == SCAN_BAD)
		return resync(t, s, "no fusedump record");
	if (got == SCAN_OK && have(t, r.total) && swallows(t, &r, s->swap))
		return resync(t, s, "record of a wrong length");
	if (got == SCAN_OK && have(t, r.total))
		return deliver(t, &r, s->swap, m);
	return resync(t, s, "record cut short");
}

static int detect(const uint8_t *p, size_t n)
{
	int native = chain(p, n, false);

	return 10 * (native ? native : chain(p, n, true));
}

const struct fn_reader fn_reader_fusedump = {
	.format = FN_TRACE_FUSEDUMP,
	.name = "fusedump",
	.detect = detect,
	.next = next,
	.state_size = sizeof(struct fusedump),
};
