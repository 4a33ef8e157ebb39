/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line a message, or with .tree a line a field. */
#include <errno.h>
#include <string.h>

#include "text/escape.h"
#include "trace/printer.h"
#include "trace/values.h"

static void separator(struct fn_printer *p, bool first_of_item)
{
	if (!p->opts.tree) {
		if (!first_of_item)
			fn_buf_char(p->out, ' ');
		return;
	}
	fn_buf_char(p->out, '\n');
	for (int i = 0; i <= p->depth; i++)
		fn_buf_add(p->out, "    ", 4);
}

static bool fresh_item(const struct fn_printer *p)
{
	return p->out->len && p->out->data[p->out->len - 1] == '{';
}

static void key(struct fn_printer *p, const char *name)
{
	separator(p, fresh_item(p));
	fn_buf_str(p->out, name);
	fn_buf_char(p->out, '=');
}

static void add_node_path(struct fn_printer *p, uint64_t nodeid)
{
	fn_buf_clear(&p->scratch);
	if (!fn_trace_nodes_path(fn_session_nodes(p->session), p->seen->msg->conn, nodeid, NULL, 0,
				 &p->scratch))
		return;
	fn_buf_char(p->out, '<');
	fn_escape(p->out, p->scratch.data, p->scratch.len);
	fn_buf_char(p->out, '>');
}

/* What a line leaves out: what is zero and says nothing by that, and most of an inode. */
static bool brief_skips(const struct fn_printer *p, const struct fn_wire_field *f, uint64_t v)
{
	bool attr = f->name[0] == 'a' && !strncmp(f->name, "attr.", 5);

	if (p->depth)
		return f->fmt != FN_FMT_NODE && f->fmt != FN_FMT_ENUM && strcmp(f->name, "gid") &&
		       strcmp(f->name, "nlookup");
	if (attr || !strncmp(f->name, "stat.", 5)) {
		if (f->fmt == FN_FMT_SEC || f->fmt == FN_FMT_NSEC || f->fmt == FN_FMT_DEV)
			return true;
		if (f->name[5] == 'b' || !strncmp(f->name, "stat.dev", 8))
			return true;
	}
	if (v)
		return false;
	switch ((enum fn_wire_fmt)f->fmt) {
	case FN_FMT_FLAGS:
		return f->set != FN_SET_o;
	case FN_FMT_FLAGS2:
	case FN_FMT_HEX:
	case FN_FMT_NSEC:
	case FN_FMT_DEV:
		return true;
	case FN_FMT_UINT:
		return strcmp(f->name, "attr.size") && strcmp(f->name, "size");
	default:
		return false;
	}
}

static void text_field_u(struct fn_emit *e, const struct fn_wire_field *f, uint64_t v)
{
	struct fn_printer *p = (struct fn_printer *)e;

	if (!p->opts.tree && brief_skips(p, f, v))
		return;
	key(p, f->name);
	fn_value_text(p->out, f, v);
	if (f->fmt == FN_FMT_NODE && v)
		add_node_path(p, v);
}

static void text_field_str(struct fn_emit *e, const char *name, const char *text, size_t len)
{
	struct fn_printer *p = (struct fn_printer *)e;

	key(p, name);
	fn_value_quoted(p->out, text, len, 4096);
}

static void text_field_data(struct fn_emit *e, const char *name, const uint8_t *data, size_t have,
			    size_t len)
{
	struct fn_printer *p = (struct fn_printer *)e;
	size_t max = p->opts.string_max < have ? p->opts.string_max : have;

	separator(p, fresh_item(p));
	fn_buf_str(p->out, name);
	fn_buf_char(p->out, '[');
	fn_buf_u64(p->out, len);
	fn_buf_add(p->out, "]", 1);
	if (!len)
		return;
	fn_buf_char(p->out, '=');
	fn_value_quoted(p->out, (const char *)data, max < len && max == have ? max : have, max);
	if (max < len && max == have)
		fn_buf_add(p->out, "...", 3);
}

static void text_open_list(struct fn_emit *e, const char *name)
{
	struct fn_printer *p = (struct fn_printer *)e;

	key(p, name);
	fn_buf_char(p->out, '[');
	p->depth++;
}

static void text_open_item(struct fn_emit *e)
{
	struct fn_printer *p = (struct fn_printer *)e;

	if (p->opts.tree)
		separator(p, false);
	else if (p->out->data[p->out->len - 1] != '[')
		fn_buf_char(p->out, ' ');
	fn_buf_char(p->out, '{');
	p->depth++;
}

static void text_close_item(struct fn_emit *e)
{
	struct fn_printer *p = (struct fn_printer *)e;

	p->depth--;
	fn_buf_char(p->out, '}');
}

static void text_close_list(struct fn_emit *e)
{
	struct fn_printer *p = (struct fn_printer *)e;

	p->depth--;
	fn_buf_char(p->out, ']');
}

static void text_fault(struct fn_emit *e, size_t offset, const char *what)
{
	struct fn_printer *p = (struct fn_printer *)e;

	fn_buf_str(p->out, " [malformed at +");
	fn_buf_u64(p->out, offset);
	fn_buf_add(p->out, ": ", 2);
	fn_buf_str(p->out, what);
	fn_buf_char(p->out, ']');
}

static void request_head(struct fn_printer *p, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;

	if (m->nodeid && !(m->flags & FN_MSG_NO_NODEID)) {
		fn_buf_str(p->out, " nodeid=");
		fn_buf_u64(p->out, m->nodeid);
		add_node_path(p, m->nodeid);
	}
}

static void text_begin(struct fn_emit *e, const struct fn_seen *seen)
{
	struct fn_printer *p = (struct fn_printer *)e;
	const struct fn_trace_msg *m = seen->msg;
	char room[24];

	if (p->half != 2) {
		fn_print_time(p, m->time, !(m->flags & FN_MSG_MONO));
		if (m->time != FN_TIME_NONE && p->opts.time != FN_PRINT_TIME_NONE)
			fn_buf_char(p->out, ' ');
		if (p->opts.conn) {
			fn_buf_char(p->out, '#');
			fn_buf_u64(p->out, m->conn);
			fn_buf_char(p->out, ' ');
		}
		if (!p->half) {
			fn_buf_char(p->out, "><!"[m->kind]);
			fn_buf_char(p->out, ' ');
		}
		if (m->kind != FN_MSG_NOTIFY) {
			fn_buf_u64(p->out, m->unique & ~FN_WIRE_RESEND);
			fn_buf_str(p->out, m->unique & FN_WIRE_RESEND ? "(resent) " : " ");
		}
		fn_buf_str(p->out, fn_seen_op_name(seen, room));
	}
	if (m->kind == FN_MSG_REQUEST)
		request_head(p, seen);
	if (m->kind != FN_MSG_REPLY)
		return;
	fn_buf_str(p->out, p->half == 2 ? " = " : " ");
	fn_buf_str(p->out, fn_seen_status(seen, room));
}

static void ids(struct fn_printer *p, const struct fn_trace_msg *m)
{
	if (!(m->flags & FN_MSG_NO_PID)) {
		fn_buf_str(p->out, " pid=");
		fn_buf_u64(p->out, m->pid);
	}
	if (!(m->flags & FN_MSG_NO_CRED)) {
		fn_buf_str(p->out, " uid=");
		fn_buf_u64(p->out, m->uid);
		fn_buf_str(p->out, " gid=");
		fn_buf_u64(p->out, m->gid);
	}
}

static void remarks(struct fn_printer *p, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;

	if (m->flags & FN_MSG_NO_BODY) {
		fn_buf_str(p->out, " len=");
		fn_buf_u64(p->out, m->len);
	} else if (m->have < m->len) {
		fn_buf_str(p->out, " [");
		fn_buf_u64(p->out, m->have);
		fn_buf_str(p->out, " of ");
		fn_buf_u64(p->out, m->len);
		fn_buf_str(p->out, " bytes]");
	}
	if (m->refused) {
		const char *name = fn_errno_name(m->refused);

		fn_buf_str(p->out, " [refused by the kernel: ");
		fn_buf_str(p->out, name ? name : "?");
		fn_buf_char(p->out, ']');
	}
	if (seen->note && m->kind != FN_MSG_REPLY) {
		fn_buf_str(p->out, " [");
		fn_buf_str(p->out, seen->note);
		fn_buf_char(p->out, ']');
	}
	if (m->kind == FN_MSG_REPLY && !seen->req)
		fn_buf_str(p->out, " [no request]");
}

static void text_end(struct fn_emit *e, const struct fn_seen *seen)
{
	struct fn_printer *p = (struct fn_printer *)e;
	const struct fn_trace_msg *m = seen->msg;

	if (m->kind == FN_MSG_REQUEST)
		ids(p, m);
	if (p->half != 1)
		remarks(p, seen);
	if (seen->latency != FN_TIME_NONE) {
		fn_buf_str(p->out, " <");
		fn_buf_seconds(p->out, seen->latency);
		p->out->len -= p->out->len > 3 ? 3 : 0; /* microseconds */
		fn_buf_char(p->out, '>');
	}
	if (p->half == 1)
		return;
	fn_buf_char(p->out, '\n');
	if (p->opts.hex)
		fn_print_hexdump(p->out, m->data, m->have);
}

static const struct fn_emit_ops text_ops = {
	.begin_msg = text_begin,
	.field_u = text_field_u,
	.field_str = text_field_str,
	.field_data = text_field_data,
	.open_list = text_open_list,
	.open_item = text_open_item,
	.close_item = text_close_item,
	.close_list = text_close_list,
	.fault = text_fault,
	.end_msg = text_end,
};

int fn_printer_text(struct fn_printer **out, const struct fn_print_opts *o,
		    const struct fn_session *s)
{
	struct fn_printer *p = fn_printer_new(sizeof(*p), &text_ops, o, s);

	if (!p)
		return -ENOMEM;
	p->print = fn_print_message;
	*out = p;
	return 0;
}
