/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libfuse servers print with -d: headers alone, without time. The C virtiofsd, a relative, has
 * "[2026-11-24 13:01:50.835700+0000] [ID: 00000004] " before it, and tells of data that it sends
 * without saying what they answer.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "trace/cursor.h"
#include "trace/reader.h"

static bool number_after(struct fn_cursor *c, const char *word, uint64_t *v)
{
	struct fn_cursor d = *c;
	const char *q = memmem(d.p, (size_t)(d.end - d.p), word, strlen(word));

	if (!q)
		return false;
	d.p = q + strlen(word);
	fn_cur_blanks(&d);
	if (!fn_cur_u64(&d, v))
		return false;
	*c = d;
	return true;
}

/* "unique: 2, opcode: INIT (26), nodeid: 0, insize: 104, pid: 0" after "unique: 2". */
static bool request(struct fn_cursor c, struct fn_trace_msg *m)
{
	uint64_t opcode, nodeid, len, pid;

	if (!fn_cur_after(&c, '(') || !fn_cur_u64(&c, &opcode) || opcode > UINT32_MAX ||
	    !number_after(&c, "nodeid:", &nodeid) || !number_after(&c, "insize:", &len) ||
	    len > UINT32_MAX || len < FN_WIRE_IN_HEADER)
		return false;
	m->kind = FN_MSG_REQUEST;
	m->opcode = (uint32_t)opcode;
	m->nodeid = nodeid;
	m->len = (uint32_t)len;
	m->flags |= FN_MSG_NO_CRED;
	if (number_after(&c, "pid:", &pid))
		m->pid = (uint32_t)pid;
	else
		m->flags |= FN_MSG_NO_PID;
	return true;
}

/* "success, outsize: 80" or "error: -2 (No such file or directory), outsize: 16". */
static bool reply(struct fn_cursor c, struct fn_trace_msg *m)
{
	uint64_t len;
	int64_t error = 0;

	if (fn_cur_eat_str(&c, "error:")) {
		fn_cur_blanks(&c);
		if (!fn_cur_i64(&c, &error) || error > 0 || error < -4095)
			return false;
	} else if (!fn_cur_eat_str(&c, "success")) {
		return false;
	}
	if (!number_after(&c, "outsize:", &len) || len > UINT32_MAX || len < FN_WIRE_OUT_HEADER)
		return false;
	m->kind = FN_MSG_REPLY;
	m->error = (int32_t)error;
	m->len = (uint32_t)len;
	return true;
}

/* "NOTIFY: code=2 length=40". */
static bool notify(struct fn_cursor c, struct fn_trace_msg *m)
{
	uint64_t code, len;

	if (!number_after(&c, "code=", &code) || !number_after(&c, "length=", &len) ||
	    code > INT32_MAX || len > UINT32_MAX || len < FN_WIRE_OUT_HEADER)
		return false;
	m->kind = FN_MSG_NOTIFY;
	m->error = (int32_t)code;
	m->len = (uint32_t)len;
	return true;
}

/* A number of so many digits, and what has to stand behind it. */
static bool part(struct fn_cursor *c, char behind, int *v)
{
	uint64_t n;

	if (!fn_cur_u64(c, &n) || n > 9999 || (behind && !fn_cur_eat(c, behind)))
		return false;
	*v = (int)n;
	return true;
}

static bool date(struct fn_cursor *c, int64_t *ns)
{
	struct tm tm = {0};
	int zone;
	int64_t sec;
	uint32_t fraction;
	bool west;

	if (!part(c, '-', &tm.tm_year) || !part(c, '-', &tm.tm_mon) || !part(c, ' ', &tm.tm_mday) ||
	    !part(c, ':', &tm.tm_hour) || !part(c, ':', &tm.tm_min) || !part(c, '.', &tm.tm_sec))
		return false;
	fraction = fn_cur_fraction(c);
	west = fn_cur_eat(c, '-');
	if ((!west && !fn_cur_eat(c, '+')) || !part(c, ']', &zone))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	zone = (zone / 100 * 60 + zone % 100) * 60;
	sec = (int64_t)timegm(&tm) + (west ? zone : -zone);
	if (sec < 0 || sec >= INT64_MAX / 1000000000)
		return false;
	*ns = sec * 1000000000 + fraction;
	return true;
}

static void virtiofsd_prefix(struct fn_cursor *c, struct fn_trace_msg *m)
{
	struct fn_cursor d = *c;
	uint64_t id;
	int64_t ns;

	if (!fn_cur_eat(&d, '[') || !date(&d, &ns) || !fn_cur_eat_str(&d, " [ID: ") ||
	    !fn_cur_u64(&d, &id) || !fn_cur_eat(&d, ']'))
		return;
	m->time = ns;
	m->tid = id <= INT32_MAX ? (int32_t)id : 0;
	*c = d;
	fn_cur_blanks(c);
}

/* 1: a message, 0: some other line, -1: one that should be a message and is not. */
static int parse(struct fn_trace *t, const char *p, size_t len, struct fn_trace_msg *m)
{
	struct fn_cursor c = {p, p + len};
	uint64_t unique;

	m->flags = FN_MSG_NO_BODY;
	virtiofsd_prefix(&c, m);
	fn_cur_blanks(&c);
	if (fn_cur_eat_str(&c, "NOTIFY:"))
		return notify(c, m) ? 1 : -1;
	if (fn_cur_eat_str(&c, "dev ") || fn_cur_eat_str(&c, "cqe "))
		fn_cur_blanks(&c);
	if (fn_cur_eat_str(&c, "virtio_send_data_iov: count="))
		t->unseen++;
	if (!fn_cur_eat_str(&c, "unique: "))
		return 0;
	if (!fn_cur_u64(&c, &unique) || !fn_cur_eat(&c, ','))
		return -1;
	m->unique = unique;
	fn_cur_blanks(&c);
	if (fn_cur_eat_str(&c, "opcode:"))
		return request(c, m) ? 1 : -1;
	return reply(c, m) ? 1 : -1;
}

static int next(struct fn_trace *t, struct fn_trace_msg *m)
{
	int r = fn_trace_next_line(t, m, parse);

	if (r == FN_TRACE_MSG)
		fn_trace_count_conn(t, m);
	return r;
}

static int detect(const uint8_t *p, size_t n)
{
	return memmem(p, n, "unique: ", 8) && memmem(p, n, "opcode: ", 8) ? 100 : 0;
}

const struct fn_reader fn_reader_libfuse = {
	.format = FN_TRACE_LIBFUSE,
	.name = "libfuse",
	.detect = detect,
	.next = next,
};
