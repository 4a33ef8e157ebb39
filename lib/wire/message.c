/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as named fields: what all of them have. */
#include "wire/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static enum fn_wire_struct_id body_of(const struct fn_message *m, int which)
{
	uint8_t id = FN_STRUCT_none;

	if (m->kind == FN_MESSAGE_NOTIFICATION)
		id = which ? FN_STRUCT_none : m->notify->out;
	else if (m->kind == FN_MESSAGE_REQUEST)
		id = which ? FN_STRUCT_none : m->op->in;
	else if (!(m->op->flags & FN_OP_SIZE_OR_DATA))
		id = which ? m->op->out2 : m->op->out;
	return (enum fn_wire_struct_id)id;
}

static enum fn_wire_tail tail_of(const struct fn_message *m)
{
	if (m->kind == FN_MESSAGE_NOTIFICATION)
		return (enum fn_wire_tail)m->notify->tail;
	return (enum fn_wire_tail)(m->kind == FN_MESSAGE_REQUEST ? m->op->in_tail
								 : m->op->out_tail);
}

/* The names of what follows the struct, in order; NULL after the last. */
static const char *const *tail_names(enum fn_wire_tail tail)
{
	static const char *const none[] = {NULL}, *const name[] = {"name", NULL},
				 *const two[] = {"name", "newname", NULL},
				 *const link[] = {"name", "target", NULL},
				 *const value[] = {"name", "data", NULL},
				 *const data[] = {"data", NULL};

	switch (tail) {
	case FN_TAIL_NONE:
	case FN_TAIL_ATTRS:
		return none;
	case FN_TAIL_NAME:
	case FN_TAIL_NAMELEN:
	case FN_TAIL_NAMELEN_NUL:
		return name;
	case FN_TAIL_NAME_NEWNAME:
	case FN_TAIL_NATIVE_NAMES:
		return two;
	case FN_TAIL_NAME_TARGET:
		return link;
	case FN_TAIL_NAME_DATA:
		return value;
	default:
		return data;
	}
}

static bool in_struct(enum fn_wire_struct_id id, const char *name)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];

	for (size_t i = 0; i < s->count; i++)
		if (s->fields[i].type != FN_ROOM && !strcmp(s->fields[i].name, name))
			return true;
	return false;
}

/* 1: a number; 2: bytes; 0: the message has no such field. */
static int known(const struct fn_message *m, const char *name)
{
	enum fn_wire_struct_id header =
		m->kind == FN_MESSAGE_REQUEST ? FN_STRUCT_in_header : FN_STRUCT_out_header;

	if (fn_message_is_fn1(m))
		return !strcmp(name, "unique") ||
				       (!strcmp(name, "error") && m->kind == FN_MESSAGE_REPLY)
			       ? 1
			       : fn_message_fn1_known(m, name);
	if (in_struct(header, name))
		return !strcmp(name, "len") || !strcmp(name, "opcode") ? 0 : 1;
	if (in_struct(body_of(m, 0), name) || in_struct(body_of(m, 1), name))
		return 1;
	for (const char *const *t = tail_names(tail_of(m)); *t; t++)
		if (!strcmp(*t, name))
			return 2;
	return m->kind == FN_MESSAGE_REQUEST && m->op->flags & FN_OP_EXT && !strcmp(name, "ext")
		       ? 2
		       : 0;
}

const struct fn_message_field *fn_message_find(const struct fn_message *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->fields[i].name, name))
			return &m->fields[i];
	return NULL;
}

uint64_t fn_message_get(const struct fn_message *m, const char *name)
{
	const struct fn_message_field *f = fn_message_find(m, name);

	return f ? f->number : 0;
}

static struct fn_message_field *field_for(struct fn_message *m, const char *name)
{
	struct fn_message_field *f = (struct fn_message_field *)(uintptr_t)fn_message_find(m, name);
	size_t size = m->size ? m->size * 2 : 16;

	if (f)
		return f;
	if (m->count == m->size) {
		f = realloc(m->fields, size * sizeof(*f));
		if (!f)
			return NULL;
		m->fields = f;
		m->size = size;
	}
	f = &m->fields[m->count++];
	*f = (struct fn_message_field){.number = 0};
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

int fn_message_put_number(struct fn_message *m, const char *name, uint64_t v)
{
	struct fn_message_field *f = field_for(m, name);

	if (!f)
		return -ENOMEM;
	f->number = v;
	return 0;
}

int fn_message_put_bytes(struct fn_message *m, const char *name, const void *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	struct fn_message_field *f = copy ? field_for(m, name) : NULL;

	if (!f) {
		free(copy);
		return -ENOMEM;
	}
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	free(f->data);
	f->is_bytes = true;
	f->data = copy;
	f->len = len;
	return 0;
}

static int dialect_of(const char *name, enum fn_dialect *d)
{
	const struct fn_wire_dialect *found;

	*d = FN_DIALECT_mainline;
	if (!name)
		return 0;
	found = fn_wire_dialect_named(name, strlen(name));
	if (!found)
		return -EINVAL;
	*d = (enum fn_dialect)found->id;
	return 0;
}

static struct fn_message *message_alloc(enum fn_message_kind kind, enum fn_dialect d)
{
	struct fn_message *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	atomic_init(&m->refs, 1);
	m->kind = kind;
	m->dialect = d;
	return m;
}

int fn_message_new(struct fn_message **out, const char *dialect, enum fn_message_kind kind,
		   const char *name)
{
	struct fn_message *m;
	enum fn_dialect d;

	if (dialect_of(dialect, &d))
		return -EINVAL;
	m = message_alloc(kind, d);
	if (!m)
		return -ENOMEM;
	if (kind == FN_MESSAGE_NOTIFICATION)
		m->notify = fn_wire_notify_named(name, strlen(name), d);
	else
		m->op = fn_wire_op_named(name, strlen(name), d);
	if (!m->notify && !m->op) {
		free(m);
		return -ENOMSG;
	}
	*out = m;
	return 0;
}

/* What is left of a message that is being taken apart. */
struct in {
	const uint8_t *p;
	size_t rest;
	struct fn_wire_conn conn;
};

static int parse_struct(struct fn_message *m, struct in *in, enum fn_wire_struct_id id, bool header)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];
	size_t size = fn_wire_struct_size(id, header ? NULL : &in->conn);
	int rc = 0;

	if (size > in->rest)
		return -EBADMSG;
	for (size_t i = 0; i < s->count && !rc; i++) {
		const struct fn_wire_field *f = &s->fields[i];

		if (f->type == FN_ROOM || f->offset + (size_t)f->size > size || !known(m, f->name))
			continue;
		rc = fn_message_put_number(m, f->name, fn_wire_get(f, in->p, in->conn.swap));
	}
	in->p += size;
	in->rest -= size;
	return rc;
}

static int parse_bytes(struct fn_message *m, struct in *in, const char *name, size_t len, bool nul)
{
	if (len + nul > in->rest || (nul && in->p[len]))
		return -EBADMSG;
	if (fn_message_put_bytes(m, name, in->p, len))
		return -ENOMEM;
	in->p += len + nul;
	in->rest -= len + nul;
	return 0;
}

static int parse_string(struct fn_message *m, struct in *in, const char *name)
{
	const uint8_t *nul = in->rest ? memchr(in->p, '\0', in->rest) : NULL;

	return nul ? parse_bytes(m, in, name, (size_t)(nul - in->p), true) : -EBADMSG;
}

static int parse_tail(struct fn_message *m, struct in *in)
{
	enum fn_wire_tail tail = tail_of(m);
	const char *const *names = tail_names(tail);
	uint64_t len;
	int rc = 0;

	switch (tail) {
	case FN_TAIL_NAMELEN:
	case FN_TAIL_NAMELEN_NUL:
		len = fn_message_get(m, "namelen");
		return len > in->rest ? -EBADMSG
				      : parse_bytes(m, in, "name", (size_t)len,
						    tail == FN_TAIL_NAMELEN_NUL);
	case FN_TAIL_NATIVE_NAMES:
		len = fn_message_get(m, "namelen");
		if (len)
			rc = len > in->rest ? -EBADMSG
					    : parse_bytes(m, in, "name", (size_t)len, true);
		len = fn_message_get(m, "newnamelen");
		if (len && !rc)
			rc = len > in->rest ? -EBADMSG
					    : parse_bytes(m, in, "newname", (size_t)len, true);
		return rc;
	default:
		break;
	}
	for (; *names && !rc; names++) {
		if (!strcmp(*names, "data"))
			rc = parse_bytes(m, in, "data", in->rest, false);
		else if (tail == FN_TAIL_TEXT)
			rc = parse_bytes(m, in, *names, in->rest, false);
		else
			rc = parse_string(m, in, *names);
	}
	return rc;
}

static int parse_body(struct fn_message *m, struct in *in)
{
	size_t ext = m->kind == FN_MESSAGE_REQUEST ? fn_message_get(m, "total_extlen") * 8 : 0;
	int rc;

	if (m->kind == FN_MESSAGE_REPLY && fn_message_get(m, "error"))
		return in->rest ? -EBADMSG : 0;
	if (ext > in->rest)
		return -EBADMSG;
	if (ext && m->op->flags & FN_OP_EXT)
		if (fn_message_put_bytes(m, "ext", in->p + in->rest - ext, ext))
			return -ENOMEM;
	in->rest -= ext;
	rc = parse_struct(m, in, body_of(m, 0), false);
	if (!rc)
		rc = parse_struct(m, in, body_of(m, 1), false);
	return rc ? rc : parse_tail(m, in);
}

static int parse(struct fn_message *m, const struct fn_wire_conn *conn, const char *reply_to,
		 const uint8_t *buf, size_t len)
{
	bool request = m->kind == FN_MESSAGE_REQUEST;
	struct in in = {buf, len, *conn};
	uint32_t code = fn_get_u32(buf + 4, conn->swap);
	int rc;

	if (m->kind == FN_MESSAGE_NOTIFICATION)
		m->notify = fn_wire_notify(code, m->dialect);
	else if (request)
		m->op = fn_wire_opcode(code, m->dialect);
	else
		m->op = reply_to ? fn_wire_op_named(reply_to, strlen(reply_to), m->dialect) : NULL;
	if (!m->op && !m->notify)
		return -ENOMSG;
	if (fn_message_is_fn1(m))
		return fn_message_fn1_parse(m, buf, len);
	rc = parse_struct(m, &in, request ? FN_STRUCT_in_header : FN_STRUCT_out_header, true);
	return rc ? rc : parse_body(m, &in);
}

static int conn_of(const struct fn_link *link, enum fn_dialect *d, struct fn_wire_conn *conn)
{
	*conn = (struct fn_wire_conn){0};
	if (!link)
		return dialect_of(NULL, d);
	if (dialect_of(link->dialect, d) || link->minor > FN_WIRE_MINOR)
		return -EINVAL;
	conn->minor = (uint8_t)link->minor;
	conn->flags = link->init_flags;
	conn->swap = *d == FN_DIALECT_fn1 ? __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ : link->swapped;
	return 0;
}

int fn_message_parse(struct fn_message **out, const struct fn_link *link, enum fn_message_kind kind,
		     const char *reply_to, const void *buf, size_t len, size_t *used)
{
	struct fn_wire_conn conn;
	struct fn_message *m;
	enum fn_dialect d;
	uint32_t size;
	int rc;

	if (conn_of(link, &d, &conn))
		return -EINVAL;
	if (len < FN_WIRE_OUT_HEADER)
		return -EAGAIN;
	size = fn_get_u32(buf, conn.swap);
	if (size < FN_WIRE_OUT_HEADER)
		return -EBADMSG;
	if (size > len)
		return -EAGAIN;
	m = message_alloc(kind, d);
	rc = m ? parse(m, &conn, reply_to, buf, size) : -ENOMEM;
	if (rc) {
		fn_message_unref(m);
		return rc;
	}
	if (used)
		*used = size;
	*out = m;
	return 0;
}

static void *take(struct fn_message_out *o, size_t n)
{
	uint8_t *at = o->p + o->len;

	if (o->full || n > o->size - o->len) {
		o->full = true;
		return NULL;
	}
	o->len += n;
	memset(at, 0, n);
	return at;
}

/* The value of a field; a length that was not set is that of what it counts. */
static bool value_of(const struct fn_message *m, const char *name, uint64_t *v)
{
	static const struct {
		const char *field, *of;
		unsigned unit;
	} lengths[] = {{"namelen", "name", 1},
		       {"newnamelen", "newname", 1},
		       {"size", "data", 1},
		       {"total_extlen", "ext", 8}};
	const struct fn_message_field *f = fn_message_find(m, name);

	if (f) {
		*v = f->number;
		return true;
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (strcmp(lengths[i].field, name) != 0)
			continue;
		f = fn_message_find(m, lengths[i].of);
		if (f)
			*v = f->len / lengths[i].unit;
		return f != NULL;
	}
	return false;
}

static void build_struct(const struct fn_message *m, struct fn_message_out *o,
			 enum fn_wire_struct_id id, const struct fn_wire_conn *conn)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];
	size_t size = fn_wire_struct_size(id, conn);
	uint8_t *p = take(o, size);

	for (size_t i = 0; p && i < s->count; i++) {
		const struct fn_wire_field *f = &s->fields[i];
		uint64_t v;

		if (f->offset + (size_t)f->size <= size && value_of(m, f->name, &v))
			fn_wire_put(f, p, v, conn->swap);
	}
}

static void build_bytes(const struct fn_message *m, struct fn_message_out *o, const char *name,
			bool nul)
{
	const struct fn_message_field *f = fn_message_find(m, name);
	size_t len = f ? f->len : 0;
	uint8_t *p = take(o, len + nul);

	if (p && len)
		memcpy(p, f->data, len);
}

static void build_tail(const struct fn_message *m, struct fn_message_out *o)
{
	enum fn_wire_tail tail = tail_of(m);

	for (const char *const *t = tail_names(tail); *t; t++) {
		bool raw = !strcmp(*t, "data") || tail == FN_TAIL_NAMELEN;

		if (tail == FN_TAIL_NATIVE_NAMES && !fn_message_find(m, *t))
			continue;
		build_bytes(m, o, *t, !raw);
	}
}

ssize_t fn_message_build(const struct fn_message *m, const struct fn_link *link, void *buf,
			 size_t size)
{
	struct fn_message_out o = {.p = buf, .size = size};
	bool request = m->kind == FN_MESSAGE_REQUEST;
	struct fn_wire_conn conn;
	enum fn_dialect d;

	if (conn_of(link, &d, &conn))
		return -EINVAL;
	if (fn_message_is_fn1(m))
		return fn_message_fn1_build(m, buf, size);
	build_struct(m, &o, request ? FN_STRUCT_in_header : FN_STRUCT_out_header, &conn);
	if (m->kind != FN_MESSAGE_REPLY || !fn_message_get(m, "error")) {
		build_struct(m, &o, body_of(m, 0), &conn);
		build_struct(m, &o, body_of(m, 1), &conn);
		build_tail(m, &o);
	}
	if (request && fn_message_find(m, "ext"))
		build_bytes(m, &o, "ext", false);
	if (o.full)
		return -EMSGSIZE;
	fn_put_u32(o.p, (uint32_t)o.len, conn.swap);
	if (m->kind != FN_MESSAGE_REPLY)
		fn_put_u32(o.p + 4, request ? m->op->code : m->notify->code, conn.swap);
	return (ssize_t)o.len;
}

struct fn_message *fn_message_ref(struct fn_message *m)
{
	if (m)
		atomic_fetch_add(&m->refs, 1);
	return m;
}

void fn_message_unref(struct fn_message *m)
{
	if (!m || atomic_fetch_sub(&m->refs, 1) != 1)
		return;
	for (size_t i = 0; i < m->count; i++)
		free(m->fields[i].data);
	free(m->fields);
	free(m);
}

enum fn_message_kind fn_message_kind(const struct fn_message *m)
{
	return m->kind;
}

const char *fn_message_name(const struct fn_message *m)
{
	return m->op ? m->op->name : m->notify->name;
}

static int find_sort(const struct fn_message *m, const char *name, int sort,
		     const struct fn_message_field **f)
{
	int k = known(m, name);

	if (!k)
		return -ENOKEY;
	if (k != sort)
		return -EINVAL;
	*f = fn_message_find(m, name);
	return *f ? 0 : -ENOENT;
}

int fn_message_number(const struct fn_message *m, const char *field, uint64_t *v)
{
	const struct fn_message_field *f;
	int rc = find_sort(m, field, 1, &f);

	if (!rc)
		*v = f->number;
	return rc;
}

int fn_message_bytes(const struct fn_message *m, const char *field, const void **data, size_t *len)
{
	const struct fn_message_field *f;
	int rc = find_sort(m, field, 2, &f);

	if (rc)
		return rc;
	*data = f->data;
	*len = f->len;
	return 0;
}

int fn_message_set_number(struct fn_message *m, const char *field, uint64_t v)
{
	const struct fn_message_field *f;
	int rc = find_sort(m, field, 1, &f);

	return rc && rc != -ENOENT ? rc : fn_message_put_number(m, field, v);
}

int fn_message_set_bytes(struct fn_message *m, const char *field, const void *data, size_t len)
{
	const struct fn_message_field *f;
	int rc = find_sort(m, field, 2, &f);

	return rc && rc != -ENOENT ? rc : fn_message_put_bytes(m, field, data, len);
}

const char *fn_message_field(const struct fn_message *m, size_t i)
{
	return i < m->count ? m->fields[i].name : NULL;
}
