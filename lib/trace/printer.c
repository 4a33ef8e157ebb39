/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the printers share. */
#include "trace/printer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "trace/values.h"

#define NS INT64_C(1000000000)

struct fn_printer *fn_printer_new(size_t size, const struct fn_emit_ops *ops,
				  const struct fn_print_opts *o, const struct fn_session *s)
{
	struct fn_printer *p = calloc(1, size);

	if (!p)
		return NULL;
	p->emit.ops = ops;
	p->opts = *o;
	p->session = s;
	p->first_time = p->last_time = FN_TIME_NONE;
	p->minute = INT64_MIN;
	return p;
}

void fn_printer_free(struct fn_printer *p)
{
	if (!p)
		return;
	if (p->free)
		p->free(p);
	fn_buf_free(&p->scratch);
	free(p);
}

int fn_print(struct fn_printer *p, const struct fn_seen *seen, struct fn_buf *out)
{
	int r;

	p->out = out;
	p->seen = seen;
	p->depth = p->half = 0;
	r = p->print(p, seen);
	return out->failed || p->scratch.failed ? -ENOMEM : r;
}

/* Breaking time down costs more than all the rest: once a minute is enough. */
static void time_of_day(struct fn_printer *p, int64_t ns, bool date)
{
	int64_t sec = ns / NS - (ns % NS < 0), minute = sec / 60 - (sec % 60 < 0);
	char tail[9];
	uint64_t us;
	struct tm tm;
	time_t t = (time_t)(minute * 60);

	if (minute != p->minute) {
		p->minute = minute;
		if (!localtime_r(&t, &tm) ||
		    !strftime(p->clock, sizeof(p->clock), date ? "%Y-%m-%d %H:%M:" : "%H:%M:", &tm))
			p->clock[0] = '\0';
	}
	fn_buf_str(p->out, p->clock);
	us = (uint64_t)(ns - minute * 60 * NS) / 1000;
	for (int i = 8; i >= 0; i--) {
		tail[i] = i == 2 ? '.' : (char)('0' + us % 10);
		us /= i == 2 ? 1 : 10;
	}
	fn_buf_add(p->out, tail, sizeof(tail));
}

/* Seconds with microseconds, as strace has them. */
static void seconds(struct fn_buf *b, int64_t ns)
{
	uint64_t us = (uint64_t)(ns < 0 ? -ns : ns) / 1000;
	char tail[7];

	if (ns < 0)
		fn_buf_char(b, '-');
	fn_buf_u64(b, us / 1000000);
	us %= 1000000;
	tail[0] = '.';
	for (int i = 6; i > 0; i--, us /= 10)
		tail[i] = (char)('0' + us % 10);
	fn_buf_add(b, tail, 7);
}

void fn_print_time(struct fn_printer *p, int64_t ns, bool date)
{
	if (ns == FN_TIME_NONE)
		return;
	if (p->first_time == FN_TIME_NONE)
		p->first_time = p->last_time = ns;
	switch (p->opts.time) {
	case FN_PRINT_TIME_NONE:
		break;
	case FN_PRINT_TIME_START:
		seconds(p->out, ns - p->first_time);
		break;
	case FN_PRINT_TIME_DELTA:
		seconds(p->out, ns - p->last_time);
		break;
	case FN_PRINT_TIME_AUTO:
	case FN_PRINT_TIME_DATE:
		if (date) {
			time_of_day(p, ns, p->opts.time == FN_PRINT_TIME_DATE);
			break;
		}
		/* fallthrough */
	case FN_PRINT_TIME_EPOCH:
		seconds(p->out, ns);
		break;
	}
	p->last_time = ns;
}

void fn_seen_request(const struct fn_seen *reply, struct fn_seen *seen, struct fn_trace_msg *m)
{
	const struct fn_request *r = reply->req;

	*m = (struct fn_trace_msg){
		.kind = FN_MSG_REQUEST,
		.flags = r->flags,
		.offset = r->offset,
		.time = r->time,
		.conn = r->key.conn,
		.tid = r->tid,
		.len = r->len,
		.opcode = r->opcode,
		.unique = r->key.id,
		.nodeid = r->nodeid,
		.uid = r->uid,
		.gid = r->gid,
		.pid = r->pid,
		.extlen = r->copied >= FN_WIRE_IN_HEADER
				  ? fn_get_u16(r->copy + 36, r->flags & FN_MSG_SWAP)
				  : 0,
		.data = r->copy ? r->copy : fn_msg_nothing,
		.have = r->copied,
	};
	*seen = *reply;
	seen->msg = m;
	seen->req = NULL;
	seen->latency = FN_TIME_NONE;
}

bool fn_seen_node(const struct fn_seen *seen, uint64_t *nodeid)
{
	const struct fn_trace_msg *m = seen->msg;
	uint32_t flags = m->kind == FN_MSG_REQUEST ? m->flags : seen->req ? seen->req->flags : 0;

	*nodeid = m->kind == FN_MSG_REQUEST ? m->nodeid : seen->req ? seen->req->nodeid : 0;
	return *nodeid && !(flags & FN_MSG_NO_NODEID);
}

bool fn_seen_path(const struct fn_session *s, const struct fn_seen *seen, struct fn_buf *out)
{
	uint64_t nodeid;

	if (!fn_seen_node(seen, &nodeid))
		return false;
	/* The name of an xattr is no name in a directory. */
	if (seen->op && seen->op->in_tail == FN_TAIL_NAME_DATA)
		return fn_trace_nodes_path(fn_session_nodes(s), seen->msg->conn, nodeid, NULL, 0,
					   out);
	if (seen->op && (seen->op->code == 22 || seen->op->code == 24))
		return fn_trace_nodes_path(fn_session_nodes(s), seen->msg->conn, nodeid, NULL, 0,
					   out);
	return fn_trace_nodes_path(fn_session_nodes(s), seen->msg->conn, nodeid, seen->name,
				   seen->name_len, out);
}

const char *fn_seen_op_name(const struct fn_seen *seen, char room[24])
{
	if (seen->msg->kind == FN_MSG_NOTIFY) {
		if (seen->notify)
			return seen->notify->name;
		snprintf(room, 24, "NOTIFY_%d", seen->msg->error);
		return room;
	}
	if (seen->op)
		return seen->op->name;
	if (seen->msg->kind == FN_MSG_REPLY && !seen->req)
		return "?";
	snprintf(room, 24, "OP_%u",
		 seen->msg->kind == FN_MSG_REQUEST ? seen->msg->opcode : seen->req->opcode);
	return room;
}

const char *fn_seen_status(const struct fn_seen *seen, char room[16])
{
	int error = seen->msg->error;
	const char *name = error < 0 && error > -512 ? fn_errno_name(error) : NULL;

	if (!error)
		return "ok";
	if (name)
		return name;
	snprintf(room, 16, "%d", error);
	return room;
}

void fn_print_hexdump(struct fn_buf *b, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at += 16) {
		size_t n = len - at < 16 ? len - at : 16;

		fn_buf_add(b, "  ", 2);
		fn_buf_hex(b, at, 6);
		for (size_t i = 0; i < 16; i++) {
			fn_buf_add(b, i == 8 ? "  " : " ", i == 8 ? 2 : 1);
			if (i < n)
				fn_buf_hex_bytes(b, data + at + i, 1);
			else
				fn_buf_add(b, "  ", 2);
		}
		fn_buf_add(b, "  |", 3);
		for (size_t i = 0; i < n; i++) {
			uint8_t c = data[at + i];

			fn_buf_char(b, c >= 0x20 && c < 0x7f ? (char)c : '.');
		}
		fn_buf_add(b, "|\n", 2);
	}
}

/* A request that will have a reply is printed with it. */
static int print_pair(struct fn_printer *p, const struct fn_seen *seen)
{
	struct fn_trace_msg m;
	struct fn_seen request;
	int faults;

	if (seen->msg->kind == FN_MSG_REQUEST && !(seen->op && seen->op->flags & FN_OP_NO_REPLY))
		return 0;
	if (!seen->req)
		return fn_decode(seen, &p->emit);
	fn_seen_request(seen, &request, &m);
	p->half = 1;
	p->seen = &request;
	faults = fn_decode(&request, &p->emit);
	p->half = 2;
	p->seen = seen;
	return faults + fn_decode(seen, &p->emit);
}

int fn_print_message(struct fn_printer *p, const struct fn_seen *seen)
{
	return p->opts.pair ? print_pair(p, seen) : fn_decode(seen, &p->emit);
}
