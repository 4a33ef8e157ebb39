/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What messages say about the connection and its nodes. */
#include <string.h>

#include "trace/session_impl.h"

static uint64_t init_flags(const uint8_t *p, size_t n, bool swap, size_t flags2_at)
{
	uint64_t flags = n >= 16 ? fn_get_u32(p + 12, swap) : 0;

	if (n >= flags2_at + 4 && flags & UINT64_C(1) << 30)
		flags |= (uint64_t)fn_get_u32(p + flags2_at, swap) << 32;
	return flags;
}

/* Until the reply the version is the smaller of what the request says and what we know. */
void fn_session_init_request(struct fn_session *s, struct fn_conn *c, const struct fn_trace_msg *m)
{
	size_t n;
	const uint8_t *p = fn_request_body(m, &n);
	bool swap = fn_msg_swapped(m);

	fn_trace_nodes_reset(&s->nodes, c->key.conn);
	c->whole = true;
	c->destroyed = c->lossy = false;
	c->evicted = s->nodes.evicted;
	c->offered = init_flags(p, n, swap, 16);
	c->offered_minor = n >= 8 ? fn_get_u32(p + 4, swap) : 0;
	c->wire.minor = 0;
	c->wire.flags = 0;
}

static enum fn_dialect dialect_of(const struct fn_session *s, uint64_t flags)
{
	if (s->opts.dialect_set)
		return s->opts.dialect;
	/* The other dialects' bits mean something else in mainline. */
	if (flags & fn_wire_dialects[FN_DIALECT_fn_native].init_flag)
		return FN_DIALECT_fn_native;
	return FN_DIALECT_mainline;
}

void fn_session_init_reply(struct fn_session *s, struct fn_conn *c, const struct fn_trace_msg *m)
{
	const uint8_t *p = m->data + FN_WIRE_OUT_HEADER;
	size_t n = m->have > FN_WIRE_OUT_HEADER ? m->have - FN_WIRE_OUT_HEADER : 0;
	bool swap = fn_msg_swapped(m);
	uint32_t minor = n >= 8 ? fn_get_u32(p + 4, swap) : 0;

	if (c->offered_minor && minor > c->offered_minor)
		minor = c->offered_minor;
	c->wire.minor = minor > 255 ? 0 : (uint8_t)minor;
	c->wire.flags = init_flags(p, n, swap, 32);
	c->wire.dialect = (uint8_t)dialect_of(s, c->wire.flags);
}

static void learn_dirents(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	const uint8_t *p = m->data + FN_WIRE_OUT_HEADER;
	size_t n = m->have - FN_WIRE_OUT_HEADER;
	size_t entry = fn_wire_struct_size(FN_STRUCT_entry_out, &seen->conn->wire);

	while (n >= entry + 24) {
		uint64_t nodeid = fn_get_u64(p, fn_msg_swapped(m));
		uint32_t len = fn_get_u32(p + entry + 16, fn_msg_swapped(m));
		const char *name = (const char *)p + entry + 24;
		size_t step = entry + 24 + (((size_t)len + 7) & ~(size_t)7);
		bool dot = (len == 1 && name[0] == '.') ||
			   (len == 2 && n >= entry + 26 && name[0] == '.' && name[1] == '.');

		if (len > MAX_NAME || n < entry + 24 + len)
			break;
		if (nodeid && !dot)
			fn_trace_nodes_entry(&s->nodes, m->conn, nodeid, seen->req->nodeid, name,
					     len);
		if (step > n)
			break;
		p += step;
		n -= step;
	}
}

void fn_session_learn(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	uint64_t nodeid;

	switch (seen->req->opcode) {
	case OP_READDIRPLUS:
		if (m->have > FN_WIRE_OUT_HEADER)
			learn_dirents(s, seen);
		seen->conn->lossy |= m->have < m->len;
		return;
	case OP_LOOKUP:
	case OP_SYMLINK:
	case OP_MKNOD:
	case OP_MKDIR:
	case OP_LINK:
	case OP_CREATE:
		break;
	case OP_TMPFILE:
		if (seen->op && seen->op->out == FN_STRUCT_entry_out)
			break;
		return;
	default:
		return;
	}
	if (m->have < FN_WIRE_OUT_HEADER + 8) {
		seen->conn->lossy = true;
		return;
	}
	nodeid = fn_get_u64(m->data + FN_WIRE_OUT_HEADER, fn_msg_swapped(m));
	if (nodeid)
		fn_trace_nodes_entry(&s->nodes, m->conn, nodeid, seen->req->nodeid,
				     seen->req->opcode == OP_TMPFILE ? NULL : seen->name,
				     seen->name_len);
}

static void forget(struct fn_session *s, const struct fn_seen *seen, const uint8_t *p,
		   uint64_t nodeid)
{
	uint64_t nlookup = fn_get_u64(p, fn_msg_swapped(seen->msg));
	bool ok = fn_trace_nodes_forget(&s->nodes, seen->msg->conn, nodeid, nlookup);

	if (!ok && s->opts.finding)
		fn_check_forget(s, seen, nodeid, nlookup, ok);
}

static void done_request(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	size_t n;
	const uint8_t *p;
	uint32_t count;

	if (m->have <= FN_WIRE_IN_HEADER ||
	    (m->opcode != OP_FORGET && m->opcode != OP_BATCH_FORGET))
		return;
	p = fn_request_body(m, &n);
	if (m->opcode == OP_FORGET && n >= 8) {
		forget(s, seen, p, m->nodeid);
	} else if (m->opcode == OP_BATCH_FORGET && n >= 8) {
		count = fn_get_u32(p, fn_msg_swapped(m));
		for (p += 8, n -= 8; count && n >= 16; count--, p += 16, n -= 16)
			forget(s, seen, p + 8, fn_get_u64(p, fn_msg_swapped(m)));
	}
}

static void done_reply(struct fn_session *s, const struct fn_seen *seen)
{
	const struct fn_request *r = seen->req;
	uint32_t conn = seen->msg->conn;

	if (!r || seen->msg->error || seen->msg->refused)
		return;
	switch (r->opcode) {
	case OP_UNLINK:
	case OP_RMDIR:
		if (seen->name)
			fn_trace_nodes_unlink(&s->nodes, conn, r->nodeid, seen->name,
					      seen->name_len);
		break;
	case OP_RENAME:
	case OP_RENAME2:
		if (seen->newname)
			fn_trace_nodes_rename(&s->nodes, conn, r->nodeid, seen->name,
					      seen->name_len, r->newdir, seen->newname,
					      seen->newname_len,
					      r->rename_flags & RENAME_EXCHANGE_FLAG);
		break;
	case OP_DESTROY:
		seen->conn->destroyed = true;
		break;
	default:
		break;
	}
}

void fn_session_done(struct fn_session *s, const struct fn_seen *seen)
{
	if (s->opts.no_nodes)
		return;
	if (seen->msg->kind == FN_MSG_REQUEST)
		done_request(s, seen);
	else if (seen->msg->kind == FN_MSG_REPLY)
		done_reply(s, seen);
}

void fn_session_lossy(struct fn_session *s)
{
	for (struct fn_conn *c = NULL; (c = fn_map_next(&s->conns, c));)
		c->lossy = true;
}

void fn_session_end(struct fn_session *s)
{
	if (s->opts.finding)
		fn_check_end(s);
}
