/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A format of one's own: text with %{name} for what is known of every message, and %{body.name}
 * for a field of its body by the header's name. \n, \t, \\ and \0 as in C, %% for a percent sign.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text/escape.h"
#include "trace/printer.h"
#include "trace/values.h"

enum part_kind {
	PART_TEXT,
	PART_BODY,
	PART_TIME,
	PART_CONN,
	PART_TID,
	PART_KIND,
	PART_UNIQUE,
	PART_OP,
	PART_OPCODE,
	PART_LEN,
	PART_NODEID,
	PART_PATH,
	PART_NAME,
	PART_NEWNAME,
	PART_UID,
	PART_GID,
	PART_PID,
	PART_STATUS,
	PART_ERROR,
	PART_LATENCY,
	PART_OFFSET,
};

static const struct {
	const char *name;
	enum part_kind kind;
} words[] = {
	{"time", PART_TIME},     {"conn", PART_CONN},     {"tid", PART_TID},
	{"kind", PART_KIND},     {"unique", PART_UNIQUE}, {"op", PART_OP},
	{"opcode", PART_OPCODE}, {"len", PART_LEN},       {"nodeid", PART_NODEID},
	{"path", PART_PATH},     {"name", PART_NAME},     {"newname", PART_NEWNAME},
	{"uid", PART_UID},       {"gid", PART_GID},       {"pid", PART_PID},
	{"status", PART_STATUS}, {"error", PART_ERROR},   {"latency", PART_LATENCY},
	{"offset", PART_OFFSET},
};

#define MAX_PARTS 64

struct part {
	enum part_kind kind;
	const char *text; /* of the format; for PART_BODY the field's name */
	size_t len;
	struct fn_buf value; /* PART_BODY */
};

struct format_printer {
	struct fn_printer p; /* first */
	struct part parts[MAX_PARTS];
	size_t nparts;
	char *text; /* the format with its escapes resolved */
};

static struct format_printer *of(struct fn_emit *e)
{
	return (struct format_printer *)e;
}

/* The first field of that name in the message. */
static struct fn_buf *wanted(struct format_printer *p, const char *name)
{
	for (size_t i = 0; i < p->nparts; i++) {
		struct part *part = &p->parts[i];

		if (part->kind == PART_BODY && !part->value.len && strlen(name) == part->len &&
		    !memcmp(part->text, name, part->len))
			return &part->value;
	}
	return NULL;
}

static void format_field_u(struct fn_emit *e, const struct fn_wire_field *f, uint64_t v)
{
	struct fn_buf *b = wanted(of(e), f->name);

	if (b)
		fn_value_text(b, f, v);
}

static void format_field_str(struct fn_emit *e, const char *name, const char *text, size_t len)
{
	struct fn_buf *b = wanted(of(e), name);

	if (b)
		fn_escape(b, text, len);
}

static void format_field_data(struct fn_emit *e, const char *name, const uint8_t *data, size_t have,
			      size_t len)
{
	struct fn_buf *b = wanted(of(e), name);
	size_t max = of(e)->p.opts.string_max;

	(void)len;
	if (b)
		fn_escape(b, (const char *)data, have < max ? have : max);
}

static void format_list(struct fn_emit *e, const char *name)
{
	(void)e;
	(void)name;
}

static void format_nothing(struct fn_emit *e)
{
	(void)e;
}

static void format_fault(struct fn_emit *e, size_t offset, const char *what)
{
	(void)e;
	(void)offset;
	(void)what;
}

static void format_begin(struct fn_emit *e, const struct fn_seen *seen)
{
	struct format_printer *p = of(e);

	(void)seen;
	for (size_t i = 0; p->p.half != 2 && i < p->nparts; i++)
		fn_buf_clear(&p->parts[i].value);
}

static void add_path(struct format_printer *p, const struct fn_seen *seen)
{
	fn_buf_clear(&p->p.scratch);
	if (fn_seen_path(p->p.session, seen, &p->p.scratch))
		fn_escape(p->p.out, p->p.scratch.data, p->p.scratch.len);
}

/* Parts that are a number; of a reply some are its request's. */
static uint64_t number_of(enum part_kind kind, const struct fn_trace_msg *m,
			  const struct fn_request *r)
{
	bool request = m->kind == FN_MSG_REQUEST;

	switch (kind) {
	case PART_CONN:
		return m->conn;
	case PART_TID:
		return (uint32_t)m->tid;
	case PART_UNIQUE:
		return m->unique & ~FN_WIRE_RESEND;
	case PART_OPCODE:
		return request ? m->opcode : r ? r->opcode : 0;
	case PART_LEN:
		return m->len;
	case PART_UID:
		return request ? m->uid : r ? r->uid : 0;
	case PART_GID:
		return request ? m->gid : r ? r->gid : 0;
	case PART_PID:
		return request ? m->pid : r ? r->pid : 0;
	default:
		return m->offset;
	}
}

static void add_part(struct format_printer *p, const struct part *part, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	struct fn_buf *b = p->p.out;
	char room[24];
	uint64_t v;

	switch (part->kind) {
	case PART_TEXT:
		fn_buf_add(b, part->text, part->len);
		break;
	case PART_BODY:
		fn_buf_add(b, part->value.data, part->value.len);
		break;
	case PART_TIME:
		fn_print_time(&p->p, m->time, !(m->flags & FN_MSG_MONO));
		break;
	case PART_KIND:
		fn_buf_char(b, "><!"[m->kind]);
		break;
	case PART_OP:
		fn_buf_str(b, fn_seen_op_name(seen, room));
		break;
	case PART_PATH:
		add_path(p, seen);
		break;
	case PART_NAME:
		fn_escape(b, seen->name ? seen->name : "", seen->name_len);
		break;
	case PART_NEWNAME:
		fn_escape(b, seen->newname ? seen->newname : "", seen->newname_len);
		break;
	case PART_STATUS:
		if (m->kind == FN_MSG_REPLY)
			fn_buf_str(b, fn_seen_status(seen, room));
		break;
	case PART_LATENCY:
		if (seen->latency != FN_TIME_NONE)
			fn_buf_seconds(b, seen->latency);
		break;
	case PART_NODEID:
		if (fn_seen_node(seen, &v))
			fn_buf_u64(b, v);
		break;
	case PART_ERROR:
		fn_buf_i64(b, m->kind == FN_MSG_REQUEST ? 0 : m->error);
		break;
	default:
		fn_buf_u64(b, number_of(part->kind, m, seen->req));
		break;
	}
}

static void format_end(struct fn_emit *e, const struct fn_seen *seen)
{
	struct format_printer *p = of(e);

	if (p->p.half == 1)
		return;
	for (size_t i = 0; i < p->nparts; i++)
		add_part(p, &p->parts[i], seen);
}

static const struct fn_emit_ops format_ops = {
	.begin_msg = format_begin,
	.field_u = format_field_u,
	.field_str = format_field_str,
	.field_data = format_field_data,
	.open_list = format_list,
	.open_item = format_nothing,
	.close_item = format_nothing,
	.close_list = format_nothing,
	.fault = format_fault,
	.end_msg = format_end,
};

static void format_free(struct fn_printer *p)
{
	struct format_printer *f = (struct format_printer *)p;

	for (size_t i = 0; i < f->nparts; i++)
		fn_buf_free(&f->parts[i].value);
	free(f->text);
}

/* \n, \t, \\, \0 in place; the result may hold NULs. */
static size_t resolve(char *s)
{
	char *out = s;
	const char *start = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*out++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s == '0' ? '\0' : *s;
		} else {
			*out++ = *s;
		}
	}
	return (size_t)(out - start);
}

static bool add(struct format_printer *p, enum part_kind kind, const char *text, size_t len)
{
	if (p->nparts == MAX_PARTS)
		return false;
	p->parts[p->nparts++] = (struct part){.kind = kind, .text = text, .len = len};
	return true;
}

static bool add_word(struct format_printer *p, const char *name, size_t len)
{
	if (len > 5 && !memcmp(name, "body.", 5))
		return add(p, PART_BODY, name + 5, len - 5);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == len && !memcmp(words[i].name, name, len))
			return add(p, words[i].kind, name, len);
	return false;
}

/* NULL, or where it goes wrong. */
static const char *compile(struct format_printer *p, const char *s, const char *end)
{
	while (s < end) {
		const char *q = memchr(s, '%', (size_t)(end - s)), *close;

		if (!q)
			return add(p, PART_TEXT, s, (size_t)(end - s)) ? NULL : s;
		if (q > s && !add(p, PART_TEXT, s, (size_t)(q - s)))
			return s;
		if (q + 1 < end && q[1] == '%') {
			if (!add(p, PART_TEXT, q, 1))
				return q;
			s = q + 2;
			continue;
		}
		close = q + 1 < end && q[1] == '{' ? memchr(q, '}', (size_t)(end - q)) : NULL;
		if (!close || !add_word(p, q + 2, (size_t)(close - q - 2)))
			return q;
		s = close + 1;
	}
	return NULL;
}

int fn_printer_format(struct fn_printer **out, const struct fn_print_opts *o,
		      const struct fn_session *s, const char **bad)
{
	struct format_printer *p;
	const char *at;

	*bad = NULL;
	p = (struct format_printer *)fn_printer_new(sizeof(*p), &format_ops, o, s);
	if (!p)
		return -ENOMEM;
	p->p.print = fn_print_message;
	p->p.free = format_free;
	p->text = strdup(o->format);
	if (!p->text) {
		fn_printer_free(&p->p);
		return -ENOMEM;
	}
	at = compile(p, p->text, p->text + resolve(p->text));
	if (at) {
		*bad = o->format;
		fn_printer_free(&p->p);
		return -EINVAL;
	}
	*out = &p->p;
	return 0;
}
