/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "wire/dialects_impl.h"

struct in {
	const uint8_t *p;
	size_t rest;
	bool swap;
};

static const void *take(struct in *in, size_t n)
{
	const uint8_t *at = in->p;

	if (n > in->rest)
		return NULL;
	in->p += n;
	in->rest -= n;
	return at;
}

static int get_row(struct in *in, enum fn_wire_struct_id id, uint64_t *row)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];
	const void *p = take(in, fn_wire_struct_size(id, NULL));

	if (!p)
		return -EBADMSG;
	for (size_t i = 0; i < s->count; i++)
		row[i] = fn_wire_get(&s->fields[i], p, in->swap);
	return 0;
}

static int get_name(struct in *in, uint64_t len, bool nul, struct fn_str *name)
{
	const char *p = len > FN_NAME_MAX + 16 ? NULL : take(in, (size_t)len + nul);

	if (!p || (nul && p[len]))
		return -EBADMSG;
	/* The RFC's server counts inotify's padding: NULs after the name. */
	while (!nul && len && !p[len - 1])
		len--;
	if (!len)
		return 0;
	*name = (struct fn_str){p, (size_t)len};
	return fn_name_ok(p, (size_t)len) ? 0 : -EBADMSG;
}

static void clear(struct fn_event *ev)
{
	fn_event_clear(ev);
	ev->flags = FN_EV_REMOTE;
}

/* inode is the directory when there is a name. */
static void place(struct fn_event *ev, uint64_t inode, uint64_t generation)
{
	if (!(ev->mask & FN_Q_OVERFLOW))
		fn_object_set_node(ev->name.len ? &ev->parent : &ev->object, inode, generation);
}

static int get_v1(struct in *in, enum fn_wire_struct_id id, struct fn_event *ev)
{
	uint64_t row[FN_ROW_MAX] = {0};

	if (get_row(in, id, row) || get_name(in, row[V1_NAMELEN], false, &ev->name))
		return -EBADMSG;
	ev->mask = row[V1_MASK];
	ev->cookie = (uint32_t)row[V1_COOKIE];
	place(ev, row[V1_INODE], row[AGG_GENERATION]);
	return 0;
}

static int get_v2(struct in *in, struct fn_event *ev)
{
	uint64_t row[FN_ROW_MAX] = {0};

	if (get_row(in, FN_STRUCT_rfc_v2_out, row) ||
	    get_name(in, row[V2_NAMELEN], false, &ev->name))
		return -EBADMSG;
	ev->mask = row[V2_MASK] & ~(uint64_t)FN_EVENT_ON_CHILD;
	if (!row[V2_NOTIFY_PARENT]) {
		place(ev, row[V2_INODE], row[V2_GENERATION]);
		return 0;
	}
	fn_object_set_node(&ev->object, row[V2_INODE], row[V2_GENERATION]);
	ev->parent.nodeid = row[V2_PARENT]; /* its generation is not sent: weak */
	ev->parent.ino = row[V2_PARENT];
	ev->parent.has |= FN_OBJ_INO;
	return 0;
}

static void mail_child(struct fn_event *ev, const uint64_t *row)
{
	if (row[MAIL_CHILD])
		fn_object_set_node(&ev->object, row[MAIL_CHILD], row[MAIL_CHILD_GENERATION]);
}

/* One half, or two of a rename. */
static int get_mail(struct in *in, struct fn_event *ev)
{
	uint64_t row[FN_ROW_MAX] = {0};

	if (get_row(in, FN_STRUCT_rfc_mail_out, row) ||
	    get_name(in, row[MAIL_NAMELEN], false, &ev->name))
		return -EBADMSG;
	ev->mask = row[MAIL_MASK];
	ev->cookie = (uint32_t)row[MAIL_COOKIE];
	place(ev, row[MAIL_INODE], row[MAIL_GENERATION]);
	if (ev->name.len)
		mail_child(ev, row);
	if (!(row[MAIL_FLAGS] & FN_MAIL_MORE))
		return 0;
	if (!(ev->mask & FN_MOVED_FROM) || !ev->name.len)
		return -EBADMSG;
	ev->old_name = ev->name;
	fn_object_copy(&ev->old_parent, &ev->parent);
	ev->name = (struct fn_str){NULL, 0};
	if (get_row(in, FN_STRUCT_rfc_mail_out, row) || row[MAIL_FLAGS] & FN_MAIL_MORE ||
	    get_name(in, row[MAIL_NAMELEN], false, &ev->name) || !ev->name.len)
		return -EBADMSG;
	ev->mask = (ev->mask & ~(uint64_t)(FN_MOVED_FROM | FN_MOVED_TO)) | FN_RENAME;
	ev->cookie = 0;
	fn_object_set_node(&ev->parent, row[MAIL_INODE], row[MAIL_GENERATION]);
	mail_child(ev, row);
	return 0;
}

static int get_native(struct in *in, struct fn_event *ev)
{
	uint64_t row[FN_ROW_MAX] = {0};
	struct fn_str name = {NULL, 0}, newname = {NULL, 0};

	if (get_row(in, FN_STRUCT_native_out, row) ||
	    (row[NATIVE_NAMELEN] && get_name(in, row[NATIVE_NAMELEN], true, &name)) ||
	    (row[NATIVE_NEWNAMELEN] && get_name(in, row[NATIVE_NEWNAMELEN], true, &newname)))
		return -EBADMSG;
	ev->mask = row[NATIVE_MASK];
	if (row[NATIVE_FLAGS] & FN_NATIVE_OVERFLOW) {
		ev->mask |= FN_Q_OVERFLOW;
		return 0;
	}
	if (row[NATIVE_CHILD])
		fn_object_set_node(&ev->object, row[NATIVE_CHILD], row[NATIVE_CHILD_GEN]);
	if (ev->mask & FN_RENAME) {
		if (!name.len || !newname.len)
			return -EBADMSG;
		ev->old_name = name;
		ev->name = newname;
		fn_object_set_node(&ev->old_parent, row[NATIVE_DIR], row[NATIVE_DIR_GEN]);
		fn_object_set_node(&ev->parent, row[NATIVE_NEWDIR], row[NATIVE_NEWDIR_GEN]);
		return 0;
	}
	ev->name = name;
	if (name.len)
		fn_object_set_node(&ev->parent, row[NATIVE_DIR], row[NATIVE_DIR_GEN]);
	return 0;
}

static int get_body(enum fn_dialect d, struct in *in, struct fn_event *ev)
{
	switch (d) {
	case FN_DIALECT_rfc_v1:
		return get_v1(in, FN_STRUCT_rfc_v1_out, ev);
	case FN_DIALECT_rfc_agg:
		return get_v1(in, FN_STRUCT_rfc_agg_out, ev);
	case FN_DIALECT_rfc_mail:
		return get_mail(in, ev);
	case FN_DIALECT_rfc_v2:
		return get_v2(in, ev);
	case FN_DIALECT_fn_native:
		return get_native(in, ev);
	default:
		return -ENOMSG;
	}
}

int fn_dialect_get_event(enum fn_dialect d, const void *buf, size_t len, bool swap,
			 struct fn_event *ev)
{
	struct in in = {buf, len, swap};
	const struct fn_wire_notify *n;
	uint64_t hdr[FN_ROW_MAX];

	if (!fn_msg_ok(buf, len, swap))
		return -EBADMSG;
	in.rest = fn_get_u32(buf, swap);
	if (get_row(&in, FN_STRUCT_out_header, hdr))
		return -EBADMSG;
	n = fn_wire_notify((uint32_t)hdr[1], d);
	if (hdr[2] || !n || n->dialect != d)
		return -ENOMSG;
	clear(ev);
	return get_body(d, &in, ev);
}

int fn_native_next(const void **p, size_t *rest, bool swap, struct fn_event *ev)
{
	struct in in = {*p, *rest, swap}, record;
	uint64_t size;

	if (*rest == 0)
		return 0;
	if (get_row(&in, FN_STRUCT_native_record, &size) || size < 64 || size > in.rest)
		return -EBADMSG;
	record = (struct in){in.p, (size_t)size, swap};
	clear(ev);
	if (get_native(&record, ev))
		return -EBADMSG;
	*p = in.p + size;
	*rest = in.rest - (size_t)size;
	return 1;
}

int fn_dialect_get_watch(enum fn_dialect d, const void *buf, size_t len, bool swap,
			 struct fn_dialect_watch *w)
{
	struct in in = {buf, len, swap};
	uint64_t hdr[FN_ROW_MAX] = {0}, row[FN_ROW_MAX] = {0};
	const struct fn_wire_op *op;

	if (!fn_msg_ok(buf, len, swap))
		return -EBADMSG;
	in.rest = fn_get_u32(buf, swap);
	if (get_row(&in, FN_STRUCT_in_header, hdr))
		return -EBADMSG;
	op = fn_wire_opcode((uint32_t)hdr[1], d);
	if (!op || op->dialect != d || op->in == FN_STRUCT_none || d == FN_DIALECT_fn1)
		return -ENOMSG;
	if (get_row(&in, (enum fn_wire_struct_id)op->in, row))
		return -EBADMSG;
	*w = (struct fn_dialect_watch){.nodeid = hdr[3], .mask = row[0]};
	if (d == FN_DIALECT_rfc_v1) {
		w->group = row[1];
		w->mask = row[2] ? w->mask : 0;
	} else {
		w->generation = (uint32_t)row[1];
	}
	return 0;
}
