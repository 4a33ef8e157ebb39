/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "wire/dialects_impl.h"

struct out {
	uint8_t *p;
	size_t size, len;
	bool swap, full;
};

static void *take(struct out *o, size_t n)
{
	uint8_t *at = o->p + o->len;

	if (o->full || n > o->size - o->len) {
		o->full = true;
		return NULL;
	}
	o->len += n;
	return at;
}

static void put_bytes(struct out *o, const char *data, size_t len, bool nul)
{
	uint8_t *p = take(o, len + nul);

	if (!p)
		return;
	if (len)
		memcpy(p, data, len);
	if (nul)
		p[len] = '\0';
}

static void put_row(struct out *o, enum fn_wire_struct_id id, const uint64_t *row)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];
	size_t n = fn_wire_struct_size(id, NULL);
	uint8_t *p = take(o, n);

	if (!p)
		return;
	memset(p, 0, n);
	for (size_t i = 0; i < s->count; i++)
		fn_wire_put(&s->fields[i], p, row[i], o->swap);
}

/* A notification: its header, to be closed by end(). */
static size_t begin(struct out *o, enum fn_dialect d)
{
	const struct fn_wire_notify *n;
	uint32_t code = 0;
	size_t at = o->len;

	for (size_t i = 0; (n = fn_wire_notify_at(i)); i++)
		if (n->dialect == d)
			code = n->code;
	put_row(o, FN_STRUCT_out_header, (const uint64_t[]){0, code, 0});
	return at;
}

static void end(struct out *o, size_t at)
{
	if (!o->full)
		fn_put_u32(o->p + at, (uint32_t)(o->len - at), o->swap);
}

/* One half of what happened, as an inotify-like protocol sees it. */
struct half {
	uint64_t mask;
	uint32_t cookie;
	const struct fn_object *at;    /* the directory of name, or the object itself */
	const struct fn_object *child; /* what name names, may be unknown */
	struct fn_str name;
};

static int check_half(const struct half *h)
{
	if (h->mask & FN_Q_OVERFLOW)
		return 0;
	if (!(h->at->has & FN_OBJ_NODE))
		return -EINVAL;
	return h->name.len && !fn_name_ok(h->name.data, h->name.len) ? -EINVAL : 0;
}

static void put_v1(struct out *o, enum fn_dialect d, const struct half *h)
{
	uint64_t row[FN_ROW_MAX] = {h->at->nodeid, h->mask, h->name.len, h->cookie,
				    h->at->generation};
	size_t at = begin(o, d);

	put_row(o, d == FN_DIALECT_rfc_v1 ? FN_STRUCT_rfc_v1_out : FN_STRUCT_rfc_agg_out, row);
	put_bytes(o, h->name.data, h->name.len, false);
	end(o, at);
}

static void put_v2(struct out *o, const struct half *h)
{
	uint64_t row[FN_ROW_MAX] = {[V2_INODE] = h->at->nodeid,
				    [V2_MASK] = h->mask,
				    [V2_NAMELEN] = h->name.len,
				    [V2_GENERATION] = h->at->generation};
	size_t at = begin(o, FN_DIALECT_rfc_v2);

	/* What befalls a named child is told of the child, its parent beside it. */
	if (h->name.len && !(h->mask & FN_DIRENT_EVENTS) && h->child->has & FN_OBJ_NODE) {
		row[V2_INODE] = h->child->nodeid;
		row[V2_GENERATION] = h->child->generation;
		row[V2_PARENT] = h->at->nodeid;
		row[V2_MASK] |= FN_EVENT_ON_CHILD;
		row[V2_NOTIFY_PARENT] = 1;
	}
	put_row(o, FN_STRUCT_rfc_v2_out, row);
	put_bytes(o, h->name.data, h->name.len, false);
	end(o, at);
}

/* Both halves of an event are in one message. */
static void put_mail(struct out *o, const struct half *h, bool more)
{
	uint64_t row[FN_ROW_MAX] = {[MAIL_INODE] = h->at->nodeid,
				    [MAIL_GENERATION] = h->at->generation,
				    [MAIL_CHILD_GENERATION] = h->child->generation,
				    [MAIL_MASK] = h->mask,
				    [MAIL_NAMELEN] = h->name.len,
				    [MAIL_COOKIE] = h->cookie,
				    [MAIL_FLAGS] = more ? FN_MAIL_MORE : 0,
				    [MAIL_CHILD] = h->child->nodeid};

	put_row(o, FN_STRUCT_rfc_mail_out, row);
	put_bytes(o, h->name.data, h->name.len, false);
}

static size_t split(const struct fn_event *ev, struct half h[2])
{
	const struct fn_object *child = &ev->object;
	uint64_t rest = ev->mask & ~(uint64_t)FN_RENAME;
	uint32_t cookie = ev->cookie ? ev->cookie : (uint32_t)ev->seq | 1;
	size_t n = 0;

	if (!(ev->mask & FN_RENAME)) {
		bool moved = ev->mask & (FN_MOVED_FROM | FN_MOVED_TO);

		h[0] = (struct half){rest, moved ? ev->cookie : 0,
				     ev->name.len ? &ev->parent : &ev->object, child, ev->name};
		return 1;
	}
	if (ev->old_name.len)
		h[n++] = (struct half){rest | FN_MOVED_FROM, cookie, &ev->old_parent, child,
				       ev->old_name};
	if (ev->name.len)
		h[n++] = (struct half){rest | FN_MOVED_TO, cookie, &ev->parent, child, ev->name};
	return n;
}

static int put_halves(struct out *o, enum fn_dialect d, const struct fn_event *ev)
{
	struct half h[2];
	size_t n = split(ev, h), at = 0;

	if (n == 0)
		return -EINVAL;
	if (d == FN_DIALECT_rfc_mail)
		at = begin(o, d);
	for (size_t i = 0; i < n; i++) {
		if (check_half(&h[i]))
			return -EINVAL;
		if (d == FN_DIALECT_rfc_v2)
			put_v2(o, &h[i]);
		else if (d == FN_DIALECT_rfc_mail)
			put_mail(o, &h[i], i + 1 < n);
		else
			put_v1(o, d, &h[i]);
	}
	if (d == FN_DIALECT_rfc_mail)
		end(o, at);
	return 0;
}

static void set_node(uint64_t *row, int node, int generation, const struct fn_object *o)
{
	row[node] = o->has & FN_OBJ_NODE ? o->nodeid : 0;
	row[generation] = o->has & FN_OBJ_NODE ? o->generation : 0;
}

/* dir and name are the old side of a joint rename, and the only side of all else. */
static int native_row(const struct fn_event *ev, uint64_t *row, struct fn_str *name,
		      struct fn_str *newname)
{
	bool old = ev->mask & FN_RENAME && ev->old_name.len;
	bool joint = old && ev->name.len;
	const struct fn_object *dir = old ? &ev->old_parent : &ev->parent;
	uint64_t mask = ev->mask;

	*name = old ? ev->old_name : ev->name;
	*newname = joint ? ev->name : (struct fn_str){NULL, 0};
	if (mask & FN_RENAME && !joint)
		mask = (mask & ~(uint64_t)FN_RENAME) | (old ? FN_MOVED_FROM : FN_MOVED_TO);
	row[NATIVE_MASK] = mask;
	if (name->len)
		set_node(row, NATIVE_DIR, NATIVE_DIR_GEN, dir);
	set_node(row, NATIVE_CHILD, NATIVE_CHILD_GEN, &ev->object);
	if (joint)
		set_node(row, NATIVE_NEWDIR, NATIVE_NEWDIR_GEN, &ev->parent);
	row[NATIVE_NAMELEN] = name->len;
	row[NATIVE_NEWNAMELEN] = newname->len;
	if ((name->len && (!fn_name_ok(name->data, name->len) || !row[NATIVE_DIR])) ||
	    (newname->len && (!fn_name_ok(newname->data, newname->len) || !row[NATIVE_NEWDIR])) ||
	    (!name->len && !row[NATIVE_CHILD]))
		return -EINVAL;
	return 0;
}

static int put_native(struct out *o, const struct fn_event *ev)
{
	uint64_t row[FN_ROW_MAX] = {0};
	struct fn_str name = {NULL, 0}, newname = {NULL, 0};
	size_t at;

	if (ev->mask & FN_Q_OVERFLOW)
		row[NATIVE_FLAGS] = FN_NATIVE_OVERFLOW;
	else if (native_row(ev, row, &name, &newname))
		return -EINVAL;
	if (ev->flags & FN_EV_EXCHANGE)
		return -EOPNOTSUPP;
	at = begin(o, FN_DIALECT_fn_native);
	put_row(o, FN_STRUCT_native_out, row);
	if (name.len)
		put_bytes(o, name.data, name.len, true);
	if (newname.len)
		put_bytes(o, newname.data, newname.len, true);
	end(o, at);
	return 0;
}

ssize_t fn_dialect_put_event(enum fn_dialect d, void *buf, size_t size, const struct fn_event *ev,
			     bool swap)
{
	struct out o = {.p = buf, .size = size, .swap = swap};
	int rc = -EOPNOTSUPP;

	if (d == FN_DIALECT_fn_native)
		rc = put_native(&o, ev);
	else if (d >= FN_DIALECT_rfc_v1 && d <= FN_DIALECT_rfc_v2)
		rc = put_halves(&o, d, ev);
	if (rc)
		return rc;
	return o.full ? -EMSGSIZE : (ssize_t)o.len;
}

static enum fn_wire_struct_id watch_row(enum fn_dialect d, const struct fn_dialect_watch *w,
					uint64_t *row)
{
	row[0] = w->mask;
	switch (d) {
	case FN_DIALECT_rfc_v1:
		row[1] = w->group;
		row[2] = w->mask != 0;
		return FN_STRUCT_rfc_v1_in;
	case FN_DIALECT_rfc_agg:
	case FN_DIALECT_rfc_mail:
		row[1] = w->generation;
		return FN_STRUCT_rfc_agg_in;
	case FN_DIALECT_rfc_v2:
		return FN_STRUCT_rfc_v2_in;
	case FN_DIALECT_fn_native:
		row[1] = w->generation;
		return FN_STRUCT_native_in;
	default:
		return FN_STRUCT_none;
	}
}

ssize_t fn_dialect_put_watch(enum fn_dialect d, void *buf, size_t size, uint64_t unique,
			     const struct fn_dialect_watch *w, bool swap)
{
	struct out o = {.p = buf, .size = size, .swap = swap};
	const struct fn_wire_op *op = fn_wire_op_named("FSNOTIFY", 8, d);
	uint64_t row[FN_ROW_MAX] = {0}, hdr[FN_ROW_MAX] = {0};
	enum fn_wire_struct_id id = watch_row(d, w, row);

	if (id == FN_STRUCT_none || !op)
		return -EOPNOTSUPP;
	hdr[1] = op->code;
	hdr[2] = unique;
	hdr[3] = w->nodeid;
	put_row(&o, FN_STRUCT_in_header, hdr);
	put_row(&o, id, row);
	end(&o, 0);
	return o.full ? -EMSGSIZE : (ssize_t)o.len;
}
