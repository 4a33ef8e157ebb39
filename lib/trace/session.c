/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/session_impl.h"

int fn_session_new(struct fn_session **out, const struct fn_session_opts *opts)
{
	struct fn_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (opts)
		s->opts = *opts;
	if (!s->opts.max_outstanding)
		s->opts.max_outstanding = FN_SESSION_MAX_OUTSTANDING;
	if (!s->opts.max_nodes)
		s->opts.max_nodes = FN_SESSION_MAX_NODES;
	fn_map_init(&s->requests, sizeof(struct fn_request));
	fn_map_init(&s->conns, sizeof(struct fn_conn));
	fn_trace_nodes_init(&s->nodes, s->opts.max_nodes);
	*out = s;
	return 0;
}

static void free_request(struct fn_request *r)
{
	free(r->names);
	free(r->copy);
	r->names = NULL;
	r->copy = NULL;
}

void fn_session_free(struct fn_session *s)
{
	if (!s)
		return;
	for (struct fn_request *r = NULL; (r = fn_map_next(&s->requests, r));)
		free_request(r);
	free_request(&s->answered);
	fn_map_free(&s->requests);
	fn_map_free(&s->conns);
	fn_trace_nodes_free(&s->nodes);
	free(s);
}

const struct fn_trace_nodes *fn_session_nodes(const struct fn_session *s)
{
	return &s->nodes;
}

const struct fn_request *fn_session_outstanding(const struct fn_session *s,
						const struct fn_request *r)
{
	return fn_map_next(&s->requests, r);
}

uint64_t fn_session_dropped(const struct fn_session *s)
{
	return s->dropped;
}

const struct fn_wire_op *fn_session_op(const struct fn_wire_conn *c, uint32_t code)
{
	static const enum fn_dialect others[] = {FN_DIALECT_fn1, FN_DIALECT_fn_native};
	const struct fn_wire_op *op = fn_wire_opcode(code, c->dialect);

	for (size_t i = 0; !op && i < 2; i++)
		op = fn_wire_opcode(code, others[i]);
	return op;
}

const struct fn_wire_notify *fn_session_notify(const struct fn_wire_conn *c, uint32_t code)
{
	static const enum fn_dialect others[] = {FN_DIALECT_fn1, FN_DIALECT_fn_native};
	const struct fn_wire_notify *n = fn_wire_notify(code, c->dialect);

	for (size_t i = 0; !n && i < 2; i++)
		n = fn_wire_notify(code, others[i]);
	return n;
}

const uint8_t *fn_request_body(const struct fn_trace_msg *m, size_t *len)
{
	size_t ext = (size_t)m->extlen * 8, all = m->len - FN_WIRE_IN_HEADER;

	*len = m->have > FN_WIRE_IN_HEADER ? m->have - FN_WIRE_IN_HEADER : 0;
	if (ext <= all && *len > all - ext)
		*len = all - ext;
	return m->data + FN_WIRE_IN_HEADER;
}

static struct fn_conn *conn_of(struct fn_session *s, const struct fn_trace_msg *m)
{
	struct fn_conn *c = s->last_conn;

	if (c && c->key.conn == m->conn)
		return c;
	if (s->conns.count >= MAX_CONNS && !fn_map_get(&s->conns, m->conn, 0))
		fn_map_del(&s->conns, fn_map_victim(&s->conns));
	c = fn_map_add(&s->conns, m->conn, 0);
	if (c && !c->messages)
		c->wire.dialect = s->opts.dialect_set ? s->opts.dialect : FN_DIALECT_mainline;
	s->last_conn = c;
	return c;
}

/* The strings of a request; false when the body does not hold them. */
static void split_names(struct fn_seen *seen, const uint8_t *p, size_t n, bool two)
{
	const uint8_t *nul = memchr(p, '\0', n);

	seen->name = (const char *)p;
	seen->name_len = nul ? (size_t)(nul - p) : n;
	if (!nul || !two)
		return;
	n -= seen->name_len + 1;
	p = nul + 1;
	nul = memchr(p, '\0', n);
	seen->newname = (const char *)p;
	seen->newname_len = nul ? (size_t)(nul - p) : n;
}

static void find_names(struct fn_seen *seen)
{
	size_t n, skip = fn_wire_struct_size(seen->op->in, &seen->conn->wire);
	const uint8_t *p = fn_request_body(seen->msg, &n);

	if (skip > n)
		return;
	switch (seen->op->in_tail) {
	case FN_TAIL_NAME:
	case FN_TAIL_NAME_DATA:
		split_names(seen, p + skip, n - skip, false);
		break;
	case FN_TAIL_NAME_NEWNAME:
	case FN_TAIL_NAME_TARGET:
		split_names(seen, p + skip, n - skip, true);
		break;
	default:
		break;
	}
}

static void keep_names(struct fn_request *r, const struct fn_seen *seen)
{
	size_t a = seen->name_len, b = seen->newname_len;

	if (!seen->name || a > MAX_NAME || b > MAX_NAME || a + b == 0)
		return;
	r->names = malloc(a + b);
	if (!r->names)
		return;
	memcpy(r->names, seen->name, a);
	if (b)
		memcpy(r->names + a, seen->newname, b);
	r->name_len = (uint16_t)a;
	r->newname_len = (uint16_t)b;
}

static void keep_copy(struct fn_request *r, const struct fn_trace_msg *m)
{
	size_t n = m->have < FN_SESSION_KEEP ? m->have : FN_SESSION_KEEP;

	r->copy = n ? malloc(n) : NULL;
	if (!r->copy)
		return;
	memcpy(r->copy, m->data, n);
	r->copied = (uint32_t)n;
}

/* What the reply's meaning depends on. */
static void keep_arguments(struct fn_request *r, const struct fn_trace_msg *m)
{
	bool swap = fn_msg_swapped(m);
	size_t n;
	const uint8_t *p;

	if (m->have <= FN_WIRE_IN_HEADER)
		return;
	p = fn_request_body(m, &n);
	switch (m->opcode) {
	case OP_READ:
	case OP_READDIR:
	case OP_READDIRPLUS:
	case OP_WRITE:
		r->want = n >= 20 ? fn_get_u32(p + 16, swap) : 0;
		break;
	case OP_GETXATTR:
	case OP_LISTXATTR:
		r->want = n >= 4 ? fn_get_u32(p, swap) : 0;
		break;
	case OP_RENAME2:
		r->rename_flags = n >= 12 ? fn_get_u32(p + 8, swap) : 0;
		/* fallthrough */
	case OP_RENAME:
	case OP_LINK:
		r->newdir = n >= 8 ? fn_get_u64(p, swap) : 0;
		break;
	default:
		break;
	}
}

static struct fn_request *request_add(struct fn_session *s, const struct fn_trace_msg *m)
{
	uint64_t unique = m->unique & ~FN_WIRE_RESEND;

	if (s->requests.count >= s->opts.max_outstanding &&
	    !fn_map_get(&s->requests, m->conn, unique)) {
		struct fn_request *old = fn_map_victim(&s->requests);

		free_request(old);
		fn_map_del(&s->requests, old);
		s->dropped++;
	}
	return fn_map_add(&s->requests, m->conn, unique);
}

/* A request again under its unique replaces what was kept of it. */
static int remember(struct fn_session *s, const struct fn_trace_msg *m, const struct fn_seen *seen)
{
	struct fn_request *r = request_add(s, m);
	struct fn_map_key key;

	if (!r)
		return -ENOMEM;
	free_request(r);
	key = r->key;
	*r = (struct fn_request){
		.key = key,
		.opcode = m->opcode,
		.flags = m->flags,
		.nodeid = m->nodeid,
		.time = m->time,
		.offset = m->offset,
		.number = s->number,
		.len = m->len,
		.pid = m->pid,
		.uid = m->uid,
		.gid = m->gid,
		.tid = m->tid,
	};
	keep_arguments(r, m);
	if (seen->name && !s->opts.no_nodes)
		keep_names(r, seen);
	if (s->opts.keep)
		keep_copy(r, m);
	return 0;
}

/* An opcode that means two things, and nothing in the trace that decides. */
static void note_collision(const struct fn_session *s, struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	size_t body = m->len - FN_WIRE_IN_HEADER - (size_t)m->extlen * 8;

	if (s->opts.dialect_set || m->opcode != OP_TMPFILE)
		return;
	if (seen->conn->wire.minor && seen->conn->wire.minor < 37)
		seen->note = "not TMPFILE at this version: FSNOTIFY of the RFC? (--dialect)";
	else if (body == 8 || body == 24)
		seen->note = "or FSNOTIFY of the RFC (--dialect)";
}

static int see_request(struct fn_session *s, const struct fn_trace_msg *m, struct fn_seen *seen)
{
	seen->op = fn_session_op(&seen->conn->wire, m->opcode);
	if (m->opcode == OP_INIT && m->have >= FN_WIRE_IN_HEADER)
		fn_session_init_request(s, seen->conn, m);
	if (seen->op && m->have > FN_WIRE_IN_HEADER)
		find_names(seen);
	note_collision(s, seen);
	if (s->opts.finding)
		fn_check_request(s, seen);
	if (seen->op && seen->op->flags & FN_OP_NO_REPLY)
		return 0;
	return remember(s, m, seen);
}

static void see_reply(struct fn_session *s, const struct fn_trace_msg *m, struct fn_seen *seen)
{
	struct fn_request *r = fn_map_get(&s->requests, m->conn, m->unique & ~FN_WIRE_RESEND);

	if (r) {
		/* Lent to the caller until the next message. */
		s->answered = *r;
		fn_map_del(&s->requests, r);
		r = &s->answered;
		seen->req = r;
		seen->op = fn_session_op(&seen->conn->wire, r->opcode);
		seen->name = r->names;
		seen->name_len = r->name_len;
		seen->newname = r->newname_len ? r->names + r->name_len : NULL;
		seen->newname_len = r->newname_len;
		if (m->time != FN_TIME_NONE && r->time != FN_TIME_NONE)
			seen->latency = m->time - r->time;
	}
	if (s->opts.finding)
		fn_check_reply(s, seen);
	if (r && r->opcode == OP_INIT && m->error == 0)
		fn_session_init_reply(s, seen->conn, m);
	if (r && !s->opts.no_nodes && m->error == 0 && !m->refused)
		fn_session_learn(s, seen);
}

static void see_notify(struct fn_session *s, const struct fn_trace_msg *m, struct fn_seen *seen)
{
	seen->notify = fn_session_notify(&seen->conn->wire, (uint32_t)m->error);
	if (seen->notify && seen->notify->code == NOTIFY_INC_EPOCH && !s->opts.dialect_set &&
	    seen->notify->dialect == FN_DIALECT_mainline && m->len > FN_WIRE_OUT_HEADER)
		seen->note = "with a body: FSNOTIFY of the RFC? (--dialect)";
	if (s->opts.finding)
		fn_check_notify(s, seen);
}

int fn_session_see(struct fn_session *s, const struct fn_trace_msg *m, struct fn_seen *seen)
{
	int r = 0;

	free_request(&s->answered);
	memset(seen, 0, sizeof(*seen));
	seen->msg = m;
	seen->latency = FN_TIME_NONE;
	seen->conn = conn_of(s, m);
	if (!seen->conn)
		return -ENOMEM;
	s->number++;
	seen->conn->messages++;
	seen->conn->wire.swap = fn_msg_swapped(m);
	if (m->time != FN_TIME_NONE)
		seen->conn->last_time = m->time;
	if (m->kind == FN_MSG_REQUEST)
		r = see_request(s, m, seen);
	else if (m->kind == FN_MSG_REPLY)
		see_reply(s, m, seen);
	else
		see_notify(s, m, seen);
	return r;
}
