/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One JSON object a line. Keys are stable; new ones may come at the end of an object. */
#include <errno.h>
#include <stdio.h>

#include "text/json.h"
#include "trace/printer.h"
#include "trace/values.h"

struct json_printer {
	struct fn_printer p; /* first */
	struct fn_json j;
	struct fn_buf faults;
};

static struct json_printer *of(struct fn_emit *e)
{
	return (struct json_printer *)e;
}

static void add_name(void *arg, const char *prefix, const char *name)
{
	struct fn_json *j = arg;
	char text[64];

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	fn_json_text(j, NULL, text);
}

/* A number, and beside it what the number means, under the key with an ending. */
static void meaning(struct fn_json *j, const struct fn_wire_field *f, uint64_t v)
{
	char key[64];
	const char *name;

	if (f->fmt == FN_FMT_FLAGS || f->fmt == FN_FMT_FLAGS2) {
		snprintf(key, sizeof(key), "%s_names", f->name);
		fn_json_open(j, key, '[');
		fn_value_each_flag(f->set, f->fmt == FN_FMT_FLAGS2 ? v << 32 : v, add_name, j);
		fn_json_close(j, ']');
	} else if (f->fmt == FN_FMT_ENUM && (name = fn_wire_value_name(f->set, v))) {
		snprintf(key, sizeof(key), "%s_name", f->name);
		fn_json_text(j, key, name);
	}
}

static void json_field_u(struct fn_emit *e, const struct fn_wire_field *f, uint64_t v)
{
	struct fn_json *j = &of(e)->j;

	if (f->type == FN_S32 || f->type == FN_S64 || f->fmt == FN_FMT_SEC)
		fn_json_i64(j, f->name, (int64_t)v);
	else
		fn_json_u64(j, f->name, v);
	meaning(j, f, v);
}

static void json_field_str(struct fn_emit *e, const char *name, const char *text, size_t len)
{
	fn_json_bytes(&of(e)->j, name, text, len);
}

static void json_field_data(struct fn_emit *e, const char *name, const uint8_t *data, size_t have,
			    size_t len)
{
	struct json_printer *p = of(e);
	char key[64];

	snprintf(key, sizeof(key), "%s_len", name);
	fn_json_u64(&p->j, key, len);
	snprintf(key, sizeof(key), "%s_hex", name);
	fn_json_hex_bytes(&p->j, key, data,
			  have < p->p.opts.string_max ? have : p->p.opts.string_max);
}

static void json_open_list(struct fn_emit *e, const char *name)
{
	fn_json_open(&of(e)->j, name, '[');
}

static void json_open_item(struct fn_emit *e)
{
	fn_json_open(&of(e)->j, NULL, '{');
}

static void json_close_item(struct fn_emit *e)
{
	fn_json_close(&of(e)->j, '}');
}

static void json_close_list(struct fn_emit *e)
{
	fn_json_close(&of(e)->j, ']');
}

/* Kept until the body is closed: a key may not come twice. */
static void json_fault(struct fn_emit *e, size_t offset, const char *what)
{
	struct json_printer *p = of(e);
	struct fn_json j = {&p->faults, p->faults.len != 0};

	fn_json_open(&j, NULL, '{');
	fn_json_u64(&j, "at", offset);
	fn_json_text(&j, "what", what);
	fn_json_close(&j, '}');
}

static void head(struct json_printer *p, const struct fn_seen *seen)
{
	static const char *const kinds[] = {"request", "reply", "notify"};
	const struct fn_trace_msg *m = seen->msg;
	struct fn_json *j = &p->j;
	char room[24];

	if (m->time != FN_TIME_NONE)
		fn_json_seconds(j, "time", m->time);
	fn_json_u64(j, "conn", m->conn);
	if (m->tid)
		fn_json_i64(j, "tid", m->tid);
	fn_json_u64(j, "offset", m->offset);
	fn_json_text(j, "kind", kinds[m->kind]);
	fn_json_u64(j, "unique", m->unique & ~FN_WIRE_RESEND);
	if (m->unique & FN_WIRE_RESEND)
		fn_json_bool(j, "resent", true);
	fn_json_text(j, "op", fn_seen_op_name(seen, room));
	fn_json_u64(j, "len", m->len);
}

static void about_request(struct json_printer *p, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;

	fn_json_u64(&p->j, "opcode", m->opcode);
	if (!(m->flags & FN_MSG_NO_CRED)) {
		fn_json_u64(&p->j, "uid", m->uid);
		fn_json_u64(&p->j, "gid", m->gid);
	}
	if (!(m->flags & FN_MSG_NO_PID))
		fn_json_u64(&p->j, "pid", m->pid);
}

static void about_answer(struct json_printer *p, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	char room[16];

	if (m->kind == FN_MSG_REPLY) {
		fn_json_i64(&p->j, "error", m->error);
		fn_json_text(&p->j, "status", fn_seen_status(seen, room));
		fn_json_bool(&p->j, "orphan", !seen->req);
	} else {
		fn_json_i64(&p->j, "code", m->error);
	}
	if (m->refused)
		fn_json_i64(&p->j, "refused", -m->refused);
	if (seen->latency != FN_TIME_NONE)
		fn_json_seconds(&p->j, "latency", seen->latency);
}

static void about_node(struct json_printer *p, const struct fn_seen *seen)
{
	uint64_t nodeid;

	if (fn_seen_node(seen, &nodeid))
		fn_json_u64(&p->j, "nodeid", nodeid);
	fn_buf_clear(&p->p.scratch);
	if (fn_seen_path(p->p.session, seen, &p->p.scratch))
		fn_json_bytes(&p->j, "path", p->p.scratch.data, p->p.scratch.len);
}

static void json_begin(struct fn_emit *e, const struct fn_seen *seen)
{
	struct json_printer *p = of(e);

	fn_buf_clear(&p->faults);
	if (p->p.half == 2) {
		fn_json_open(&p->j, "reply", '{');
	} else {
		fn_json_open(&p->j, NULL, '{');
		head(p, seen);
	}
	if (seen->msg->kind == FN_MSG_REQUEST)
		about_request(p, seen);
	else
		about_answer(p, seen);
	if (p->p.half != 2)
		about_node(p, seen);
	fn_json_open(&p->j, "body", '{');
}

static void json_end(struct fn_emit *e, const struct fn_seen *seen)
{
	struct json_printer *p = of(e);
	const struct fn_trace_msg *m = seen->msg;

	fn_json_close(&p->j, '}');
	if (m->have < m->len)
		fn_json_u64(&p->j, "have", m->have);
	if (seen->note && m->kind != FN_MSG_REPLY)
		fn_json_text(&p->j, "note", seen->note);
	if (p->faults.len) {
		fn_json_open(&p->j, "malformed", '[');
		fn_buf_add(p->p.out, p->faults.data, p->faults.len);
		fn_json_close(&p->j, ']');
	}
	if (p->p.opts.hex)
		fn_json_hex_bytes(&p->j, "hex", m->data, m->have);
	if (p->p.half == 1)
		return;
	fn_json_close(&p->j, '}');
	if (p->p.half == 2)
		fn_json_close(&p->j, '}');
	fn_buf_char(p->p.out, '\n');
}

static const struct fn_emit_ops json_ops = {
	.begin_msg = json_begin,
	.field_u = json_field_u,
	.field_str = json_field_str,
	.field_data = json_field_data,
	.open_list = json_open_list,
	.open_item = json_open_item,
	.close_item = json_close_item,
	.close_list = json_close_list,
	.fault = json_fault,
	.end_msg = json_end,
};

static int json_print(struct fn_printer *p, const struct fn_seen *seen)
{
	struct json_printer *jp = (struct json_printer *)p;

	jp->j = (struct fn_json){p->out, false};
	return fn_print_message(p, seen);
}

static void json_free(struct fn_printer *p)
{
	fn_buf_free(&((struct json_printer *)p)->faults);
}

int fn_printer_json(struct fn_printer **out, const struct fn_print_opts *o,
		    const struct fn_session *s)
{
	struct fn_printer *p = fn_printer_new(sizeof(struct json_printer), &json_ops, o, s);

	if (!p)
		return -ENOMEM;
	p->print = json_print;
	p->free = json_free;
	*out = p;
	return 0;
}
