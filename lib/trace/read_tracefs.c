/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's tracepoints as tracefs prints them:
 *	  ls-123     [001] .....  1234.567890: fuse_request_send: connection 52 req 2 opcode 26
 *(FUSE_INIT) len 104 srv-45     [001] .....  1234.567999: fuse_request_end: connection 52 req 2 len
 *80 error 0
 */
#include <string.h>

#include "trace/cursor.h"
#include "trace/reader.h"

static bool word_number(struct fn_cursor *c, const char *word, uint64_t *v)
{
	fn_cur_blanks(c);
	if (!fn_cur_eat_str(c, word))
		return false;
	fn_cur_blanks(c);
	return fn_cur_u64(c, v);
}

/* The task and the time are before the event's name: read them from the right. */
static void before(const char *p, const char *event, struct fn_trace_msg *m)
{
	struct fn_cursor c = {p, event};
	const char *q = event;
	uint64_t sec, tid;

	while (q > p && (q[-1] == ' ' || q[-1] == ':'))
		q--;
	while (q > p && q[-1] != ' ')
		q--;
	c.p = q;
	if (fn_cur_u64(&c, &sec) && sec < INT64_MAX / 1000000000 - 1 && fn_cur_eat(&c, '.'))
		m->time = (int64_t)sec * 1000000000 + fn_cur_fraction(&c);
	c = (struct fn_cursor){p, q};
	if (!fn_cur_after(&c, '['))
		return;
	for (q = c.p - 1; q > p && q[-1] == ' ';)
		q--;
	while (q > p && q[-1] >= '0' && q[-1] <= '9')
		q--;
	c = (struct fn_cursor){q, event};
	if (q > p && q[-1] == '-' && fn_cur_u64(&c, &tid) && tid <= INT32_MAX)
		m->pid = (uint32_t)tid;
}

static bool send(struct fn_cursor c, struct fn_trace_msg *m)
{
	uint64_t conn, unique, opcode, len;

	if (!word_number(&c, "connection", &conn) || !word_number(&c, "req", &unique) ||
	    !word_number(&c, "opcode", &opcode) || !fn_cur_after(&c, ')') ||
	    !word_number(&c, "len", &len) || opcode > UINT32_MAX || len > UINT32_MAX ||
	    len < FN_WIRE_IN_HEADER)
		return false;
	m->kind = FN_MSG_REQUEST;
	m->conn = (uint32_t)conn;
	m->unique = unique;
	m->opcode = (uint32_t)opcode;
	m->len = (uint32_t)len;
	return true;
}

static bool end(struct fn_cursor c, struct fn_trace_msg *m)
{
	uint64_t conn, unique, len;
	int64_t error;

	if (!word_number(&c, "connection", &conn) || !word_number(&c, "req", &unique) ||
	    !word_number(&c, "len", &len) || len > UINT32_MAX)
		return false;
	fn_cur_blanks(&c);
	if (!fn_cur_eat_str(&c, "error"))
		return false;
	fn_cur_blanks(&c);
	if (!fn_cur_i64(&c, &error) || error < INT32_MIN || error > INT32_MAX)
		return false;
	m->kind = FN_MSG_REPLY;
	m->conn = (uint32_t)conn;
	m->unique = unique;
	m->error = (int32_t)error;
	/* An aborted request has no length. */
	m->len = len < FN_WIRE_OUT_HEADER ? FN_WIRE_OUT_HEADER : (uint32_t)len;
	return true;
}

/* 1: a message, 0: some other line, -1: one that should be a message and is not. */
static int parse(struct fn_trace *t, const char *p, size_t len, struct fn_trace_msg *m)
{
	static const char name[] = "fuse_request_";
	const char *q = memmem(p, len, name, sizeof(name) - 1);
	struct fn_cursor c = {q ? q + sizeof(name) - 1 : p, p + len};

	(void)t;
	if (!q || *p == '#')
		return 0;
	m->flags = FN_MSG_NO_BODY | FN_MSG_NO_NODEID | FN_MSG_NO_CRED | FN_MSG_MONO;
	before(p, q, m);
	if (!m->pid)
		m->flags |= FN_MSG_NO_PID;
	if (fn_cur_eat_str(&c, "send:"))
		return send(c, m) ? 1 : -1;
	if (fn_cur_eat_str(&c, "end:"))
		return end(c, m) ? 1 : -1;
	return 0;
}

static int next(struct fn_trace *t, struct fn_trace_msg *m)
{
	return fn_trace_next_line(t, m, parse);
}

static int detect(const uint8_t *p, size_t n)
{
	if (memmem(p, n, "fuse_request_send: connection", 29) ||
	    memmem(p, n, "fuse_request_end: connection", 28))
		return 100;
	return n >= 9 && !memcmp(p, "# tracer:", 9) ? 100 : 0;
}

const struct fn_reader fn_reader_tracefs = {
	.format = FN_TRACE_TRACEFS,
	.name = "tracefs",
	.detect = detect,
	.next = next,
};
