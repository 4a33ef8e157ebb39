/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of a message are, by its kind. */
#include <string.h>

#include "trace/decode.h"

#define OP_INIT 26

static size_t left(const struct fn_decoder *d)
{
	return (size_t)(d->end - d->p);
}

/* Versions differ in how much they send: INIT's length is not known before INIT. */
static bool init_struct(struct fn_decoder *d, uint8_t id)
{
	size_t n = left(d), whole = fn_wire_struct_size(id, NULL);

	if (n < 8)
		return fn_decode_struct(d, id);
	fn_decode_fields(d, &fn_wire_structs[id], n < whole ? n : whole);
	d->p += n < whole ? n : whole;
	return true;
}

static void rest(struct fn_decoder *d)
{
	if (!left(d))
		return;
	fn_decode_fault(d, "more than the message should hold");
	d->emit->ops->field_data(d->emit, "rest", d->p, left(d), left(d));
}

static void request(struct fn_decoder *d)
{
	const struct fn_trace_msg *m = d->seen->msg;
	const struct fn_wire_op *op = d->seen->op;
	const uint8_t *end = d->end;
	size_t n;

	if (m->have <= FN_WIRE_IN_HEADER)
		return;
	d->p = fn_request_body(m, &n);
	d->end = d->p + n;
	if ((size_t)m->extlen * 8 <= m->len - FN_WIRE_IN_HEADER)
		d->ext = (size_t)m->extlen * 8;
	else
		fn_decode_fault(d, "extensions longer than the message");
	if (!op) {
		d->emit->ops->field_data(d->emit, "data", d->p, n, m->len - FN_WIRE_IN_HEADER);
		return;
	}
	if (op->code == OP_INIT ? init_struct(d, op->in) : fn_decode_struct(d, op->in))
		fn_decode_tail(d, op->in_tail, op->in);
	/* Before 7.38 a security context came without saying so in the header. */
	if (op->flags & FN_OP_EXT && !m->extlen && left(d) >= 8) {
		fn_decode_extensions(d, end);
		return;
	}
	rest(d);
	if (d->ext && d->end < end) {
		d->p = d->end;
		d->end = end;
		fn_decode_extensions(d, end);
	}
}

static void reply_body(struct fn_decoder *d, const struct fn_wire_op *op)
{
	bool size_asked = d->seen->req && d->seen->req->want == 0;

	if (op->flags & FN_OP_SIZE_OR_DATA && !size_asked) {
		fn_decode_tail(d, op->out_tail, FN_STRUCT_none);
		return;
	}
	if (op->code == OP_INIT ? !init_struct(d, op->out) : !fn_decode_struct(d, op->out))
		return;
	if (!fn_decode_struct(d, op->out2) || op->flags & FN_OP_SIZE_OR_DATA)
		return;
	fn_decode_tail(d, op->out_tail, op->out);
}

static void reply(struct fn_decoder *d)
{
	const struct fn_trace_msg *m = d->seen->msg;
	const struct fn_wire_op *op = d->seen->op;

	if (m->have <= FN_WIRE_OUT_HEADER && (m->error || !op || d->cut))
		return;
	if (!op) {
		d->emit->ops->field_data(d->emit, "data", d->p, left(d),
					 m->len - FN_WIRE_OUT_HEADER);
		return;
	}
	if (!m->error)
		reply_body(d, op);
	rest(d);
}

static void notification(struct fn_decoder *d)
{
	const struct fn_wire_notify *n = d->seen->notify;

	if (!n) {
		if (left(d))
			d->emit->ops->field_data(d->emit, "data", d->p, left(d),
						 d->seen->msg->len - FN_WIRE_OUT_HEADER);
		return;
	}
	if (fn_decode_struct(d, n->out))
		fn_decode_tail(d, n->tail, n->out);
	rest(d);
}

int fn_decode(const struct fn_seen *seen, struct fn_emit *e)
{
	const struct fn_trace_msg *m = seen->msg;
	struct fn_decoder d = {
		.seen = seen,
		.wire = &seen->conn->wire,
		.emit = e,
		.cut = m->have < m->len,
	};

	e->ops->begin_msg(e, seen);
	if (m->have >= FN_WIRE_OUT_HEADER) {
		d.p = m->data + FN_WIRE_OUT_HEADER;
		d.end = m->data + m->have;
		if (m->kind == FN_MSG_REQUEST)
			request(&d);
		else if (m->kind == FN_MSG_REPLY)
			reply(&d);
		else
			notification(&d);
	}
	e->ops->end_msg(e, seen);
	return d.faults;
}
