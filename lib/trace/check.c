/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Violations of the protocol. What only a trace from the beginning can tell (lookup counts,
 * replies to nothing) is looked for only on connections whose INIT was seen.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "trace/session_impl.h"

#define MAX_ERROR 511 /* the kernel takes none beyond -ERESTARTSYS */
#define ROOT 1
#define LATE_NS INT64_C(1000000000)

static void finding(const struct fn_session *s, const struct fn_trace_msg *m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void finding(const struct fn_session *s, const struct fn_trace_msg *m, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->opts.finding(s->opts.arg, m, text);
}

static const char *op_name(const struct fn_wire_op *op)
{
	return op ? op->name : "an unknown opcode";
}

/* Are all lookups of this connection in the table? */
static bool knows_nodes(const struct fn_session *s, const struct fn_conn *c)
{
	return c->whole && !c->lossy && !s->opts.no_nodes && c->evicted == s->nodes.evicted;
}

/* Header fields of other opcodes name no node. */
static bool names_node(const struct fn_trace_msg *m)
{
	if (m->flags & (FN_MSG_NO_NODEID | FN_MSG_NO_BODY) || m->nodeid <= ROOT)
		return false;
	return m->opcode != OP_INIT && m->opcode != OP_DESTROY && m->opcode != OP_STATFS &&
	       m->opcode != OP_INTERRUPT && m->opcode != OP_FORGET && m->opcode != OP_BATCH_FORGET;
}

void fn_check_request(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	const struct fn_request *old;

	if (!seen->op)
		finding(s, m, "unknown opcode %u", m->opcode);
	old = fn_map_get(&s->requests, m->conn, m->unique & ~FN_WIRE_RESEND);
	if (old && !(m->unique & FN_WIRE_RESEND) && !(seen->op && seen->op->flags & FN_OP_NO_REPLY))
		finding(s, m, "%s: unique %llu is still in use by %s", op_name(seen->op),
			(unsigned long long)m->unique,
			op_name(fn_session_op(&seen->conn->wire, old->opcode)));
	if (names_node(m) && knows_nodes(s, seen->conn) &&
	    !fn_trace_nodes_get(&s->nodes, m->conn, m->nodeid))
		finding(s, m, "%s: nodeid %llu was never looked up, or is forgotten",
			op_name(seen->op), (unsigned long long)m->nodeid);
}

void fn_check_forget(struct fn_session *s, const struct fn_seen *seen, uint64_t nodeid,
		     uint64_t nlookup, bool ok)
{
	if (!ok && knows_nodes(s, seen->conn) && !(seen->msg->flags & FN_MSG_NO_BODY))
		finding(s, seen->msg,
			"%s: nodeid %llu is forgotten %llu times, more than looked up",
			op_name(seen->op), (unsigned long long)nodeid, (unsigned long long)nlookup);
}

static void note_answered(struct fn_session *s, const struct fn_seen *seen)
{
	uint64_t unique = seen->msg->unique & ~FN_WIRE_RESEND;
	size_t i = (unique >> 1) % RECENT;

	s->recent[i].conn = seen->msg->conn;
	s->recent[i].unique = unique;
	s->recent[i].opcode = seen->req->opcode;
}

static void check_orphan(const struct fn_session *s, const struct fn_seen *seen)
{
	uint64_t unique = seen->msg->unique & ~FN_WIRE_RESEND;
	size_t i = (unique >> 1) % RECENT;

	if (s->recent[i].unique == unique && s->recent[i].conn == seen->msg->conn)
		finding(s, seen->msg, "second reply to unique %llu (%s)",
			(unsigned long long)unique,
			op_name(fn_session_op(&seen->conn->wire, s->recent[i].opcode)));
	else if (seen->conn->whole && !seen->conn->lossy && !s->dropped)
		finding(s, seen->msg, "reply to unique %llu, which was never sent or has no reply",
			(unsigned long long)unique);
}

/* The bytes that a successful reply may have: from least to most. */
static void reply_sizes(const struct fn_seen *seen, size_t *least, size_t *most)
{
	const struct fn_wire_op *op = seen->op;
	const struct fn_wire_conn *w = &seen->conn->wire;
	size_t n = fn_wire_struct_size(op->out, w) + fn_wire_struct_size(op->out2, w);

	*least = *most = n;
	if (op->flags & FN_OP_SIZE_OR_DATA && seen->req->want) {
		*least = 0;
		*most = seen->req->want;
	} else if (op->out_tail == FN_TAIL_DATA || op->out_tail == FN_TAIL_DIRENTS ||
		   op->out_tail == FN_TAIL_DIRENTSPLUS) {
		*most = seen->req->want && !(op->flags & FN_OP_SIZE_OR_DATA) ? seen->req->want
									     : SIZE_MAX;
		if (op->flags & FN_OP_SIZE_OR_DATA)
			*most = n;
	} else if (op->out_tail != FN_TAIL_NONE && !(op->flags & FN_OP_SIZE_OR_DATA)) {
		*most = SIZE_MAX;
	}
	if (op->code == OP_LOOKUP && w->minor && w->minor < 4)
		*least = 0;
}

static bool init_size_ok(size_t n)
{
	return n == 8 || n == 24 || n == 64;
}

static void check_size(const struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	size_t n = m->len - FN_WIRE_OUT_HEADER, least, most;

	if (m->error) {
		if (n)
			finding(s, m, "%s: an error with %zu bytes behind it", op_name(seen->op),
				n);
		return;
	}
	if (!seen->op || (m->flags & FN_MSG_NO_BODY && seen->op->flags & FN_OP_SIZE_OR_DATA))
		return;
	/* Without bytes the request's size was not seen; a version may not have been either. */
	reply_sizes(seen, &least, &most);
	if (seen->op->code == OP_INIT ? init_size_ok(n) : n >= least && n <= most)
		return;
	if (!seen->conn->wire.minor && n >= 8 && least >= 88 && n < least)
		return;
	if (most == SIZE_MAX || least == most)
		finding(s, m, "%s: reply of %zu bytes, not %zu", op_name(seen->op), n, least);
	else
		finding(s, m, "%s: reply of %zu bytes, not %zu to %zu", op_name(seen->op), n, least,
			most);
}

static void check_init(const struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	const uint8_t *p = m->data + FN_WIRE_OUT_HEADER;
	bool swap = fn_msg_swapped(m);
	uint64_t flags, extra;

	if (m->have < FN_WIRE_OUT_HEADER + 24)
		return;
	flags = fn_get_u32(p + 12, swap);
	if (m->have >= FN_WIRE_OUT_HEADER + 36 && flags & UINT64_C(1) << 30)
		flags |= (uint64_t)fn_get_u32(p + 32, swap) << 32;
	extra = flags & ~seen->conn->offered;
	if (extra)
		finding(s, m, "INIT: flags 0x%llx were not offered", (unsigned long long)extra);
}

/* WRITE and COPY_FILE_RANGE: no more than was given. */
static void check_write(const struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	uint32_t size;

	if (m->have < FN_WIRE_OUT_HEADER + 4 || !seen->req->want)
		return;
	size = fn_get_u32(m->data + FN_WIRE_OUT_HEADER, fn_msg_swapped(m));
	if (size > seen->req->want)
		finding(s, m, "WRITE: %u bytes written of %u", size, seen->req->want);
}

void fn_check_reply(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;

	if (m->error > 0 || m->error < -MAX_ERROR)
		finding(s, m, "%s: error %d is none", op_name(seen->op), m->error);
	if (!seen->req) {
		check_orphan(s, seen);
		return;
	}
	note_answered(s, seen);
	check_size(s, seen);
	if (m->error)
		return;
	if (seen->req->opcode == OP_INIT)
		check_init(s, seen);
	else if (seen->req->opcode == OP_WRITE)
		check_write(s, seen);
}

static uint64_t notify_node(const struct fn_trace_msg *m)
{
	const uint8_t *p = m->data + FN_WIRE_OUT_HEADER;

	switch (m->error) {
	case 2: /* INVAL_INODE, INVAL_ENTRY, STORE, DELETE begin with their node */
	case 3:
	case 4:
	case 6:
		return m->have >= FN_WIRE_OUT_HEADER + 8 ? fn_get_u64(p, fn_msg_swapped(m)) : 0;
	case 5:
		return m->have >= FN_WIRE_OUT_HEADER + 16 ? fn_get_u64(p + 8, fn_msg_swapped(m))
							  : 0;
	default:
		return 0;
	}
}

void fn_check_notify(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	uint64_t nodeid;

	if (!seen->notify) {
		finding(s, m, "unknown notification %d", m->error);
		return;
	}
	nodeid = notify_node(m);
	if (nodeid > ROOT && knows_nodes(s, seen->conn) &&
	    !fn_trace_nodes_get(&s->nodes, m->conn, nodeid))
		finding(s, m, "NOTIFY_%s: nodeid %llu was never looked up, or is forgotten",
			seen->notify->name, (unsigned long long)nodeid);
}

/* What waits at the end may just not have been answered yet; not where the connection is over,
 * nor when it is long ago and the request is none that waits. */
static bool overdue(const struct fn_conn *c, const struct fn_request *r)
{
	if (!c || !c->whole || c->lossy)
		return false;
	if (c->destroyed)
		return true;
	if (r->opcode == OP_SETLKW || r->opcode == OP_POLL || r->opcode == OP_READ ||
	    r->opcode == OP_IOCTL || r->time == FN_TIME_NONE)
		return false;
	return c->last_time - r->time > LATE_NS;
}

void fn_check_end(struct fn_session *s)
{
	for (struct fn_request *r = NULL; (r = fn_map_next(&s->requests, r));) {
		const struct fn_conn *c = fn_map_get(&s->conns, r->key.conn, 0);

		if (overdue(c, r))
			finding(s, NULL, "unique %llu (%s at offset %llu) has no reply",
				(unsigned long long)r->key.id,
				op_name(fn_session_op(&c->wire, r->opcode)),
				(unsigned long long)r->offset);
	}
}
