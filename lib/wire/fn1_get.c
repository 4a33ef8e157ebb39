/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>

#include "wire/fn1_impl.h"

static uint32_t le32(const void *p)
{
	return fn_get_u32(p, FN1_SWAP);
}
static uint64_t le64(const void *p)
{
	return fn_get_u64(p, FN1_SWAP);
}

int fn1_parse(const void *buf, size_t len, struct fn1_msg *msg)
{
	const uint8_t *p = buf;
	size_t hdr = FN_WIRE_OUT_HEADER;
	uint32_t word;

	if (len < FN_WIRE_OUT_HEADER)
		return -EAGAIN;
	*msg = (struct fn1_msg){.len = le32(p), .unique = le64(p + 8)};
	word = le32(p + 4);
	if ((int32_t)word <= 0) {
		msg->kind = FN1_REPLY;
		msg->error = (int32_t)word;
	} else if (msg->unique == 0) {
		msg->kind = FN1_NOTIFY;
		msg->code = word;
	} else {
		msg->kind = FN1_REQUEST;
		msg->code = word;
		hdr = FN_WIRE_IN_HEADER;
	}
	if (msg->len < hdr || msg->len > FN1_MESSAGE_MAX)
		return -EBADMSG;
	if (msg->len > len)
		return -EAGAIN;
	if (msg->kind == FN1_REQUEST) {
		msg->nodeid = le64(p + 16);
		msg->uid = le32(p + 24);
		msg->gid = le32(p + 28);
		msg->pid = le32(p + 32);
	}
	msg->body = p + hdr;
	msg->body_len = msg->len - hdr;
	return 0;
}

bool fn1_rest_is_filler(const void *buf, size_t len)
{
	return len < FN_WIRE_OUT_HEADER || le32(buf) == 0;
}

/* One attribute: as mnl_attr_for_each, but little-endian on every machine. */
struct attr {
	uint16_t type;
	const uint8_t *data;
	size_t len;
};

/* 1: *a is the next; 0: the end; -EBADMSG. */
static int next_attr(const uint8_t **p, size_t *rest, struct attr *a)
{
	size_t len, step;

	if (*rest == 0)
		return 0;
	if (*rest < MNL_ATTR_HDRLEN)
		return -EBADMSG;
	len = fn_get_u16(*p, FN1_SWAP);
	if (len < MNL_ATTR_HDRLEN || len > *rest)
		return -EBADMSG;
	a->type = fn_get_u16(*p + 2, FN1_SWAP) & NLA_TYPE_MASK;
	a->data = mnl_attr_get_payload((const struct nlattr *)(const void *)*p);
	a->len = len - MNL_ATTR_HDRLEN;
	step = MNL_ALIGN(len) < *rest ? MNL_ALIGN(len) : *rest;
	*p += step;
	*rest -= step;
	return 1;
}

static int get_u32(const struct attr *a, uint32_t *v)
{
	if (a->len != 4)
		return -EBADMSG;
	*v = le32(a->data);
	return 0;
}

static int get_u64(const struct attr *a, uint64_t *v)
{
	if (a->len != 8)
		return -EBADMSG;
	*v = le64(a->data);
	return 0;
}

static int get_name(const struct attr *a, struct fn_str *s)
{
	*s = (struct fn_str){(const char *)a->data, a->len};
	return fn_name_ok(s->data, s->len) ? 0 : -EBADMSG;
}

static int get_path(const struct attr *a, struct fn_str *s)
{
	*s = (struct fn_str){(const char *)a->data, a->len};
	return a->len < FN1_PATH_MAX && fn_path_ok(s->data, s->len) ? 0 : -EBADMSG;
}

/* The numbers of an object that has says are there. -EBADMSG if the bytes do not suffice. */
static int get_numbers(const struct attr *a, size_t *at, uint8_t has, struct fn_object *o)
{
	size_t n = (has & FN_OBJ_FSID ? 8 : 0) + (has & FN_OBJ_NODE ? 16 : 0) +
		   (has & FN_OBJ_INO ? 8 : 0);
	const uint8_t *p = a->data + *at;

	if (a->len - *at < n)
		return -EBADMSG;
	if (has & FN_OBJ_FSID) {
		o->fsid = le64(p);
		p += 8;
	}
	if (has & FN_OBJ_NODE) {
		fn_object_set_node(o, le64(p), le64(p + 8));
		p += 16;
	}
	if (has & FN_OBJ_INO)
		o->ino = le64(p);
	o->has |= has & (FN_OBJ_FSID | FN_OBJ_INO);
	*at += n;
	return 0;
}

/* *shared: the fsid is in another attribute that may come later. */
static int get_object(const struct attr *a, struct fn_object *o, bool *shared)
{
	uint8_t has, handle_len;
	uint32_t type;
	size_t at = 4;

	if (a->len < 4)
		return -EBADMSG;
	has = a->data[0];
	handle_len = a->data[1];
	type = fn_get_u16(a->data + 2, FN1_SWAP);
	fn_object_clear(o);
	if (has & ~FN1_OBJ_KNOWN)
		return 0; /* of a later version: an object that we cannot name */
	if (has & FN1_OBJ_LONG_TYPE) {
		if (a->len < 8)
			return -EBADMSG;
		type = le32(a->data + 4);
		at = 8;
	}
	if (get_numbers(a, &at, has, o))
		return -EBADMSG;
	if (!(has & FN_OBJ_HANDLE))
		handle_len = 0;
	if (a->len - at != handle_len)
		return -EBADMSG;
	if (has & FN_OBJ_HANDLE && fn_object_set_handle(o, (int32_t)type, a->data + at, handle_len))
		return -EBADMSG;
	*shared = has & FN1_OBJ_FSID_SHARED;
	return 0;
}

/* What of an event's attributes has to wait for the others. */
struct pending {
	bool shared[4];
	bool have_fsid;
	uint64_t fsid;
};

static int get_comm(const struct attr *a, struct fn_event *ev)
{
	if (a->len >= sizeof(ev->comm) + 1 || memchr(a->data, '\0', a->len))
		return -EBADMSG;
	memset(ev->comm, 0, sizeof(ev->comm));
	memcpy(ev->comm, a->data, a->len < sizeof(ev->comm) ? a->len : sizeof(ev->comm) - 1);
	return 0;
}

static int get_watch_number(const struct attr *a, struct fn_event *ev)
{
	uint32_t v;

	if (get_u32(a, &v))
		return -EBADMSG;
	ev->root = v > INT32_MAX ? -1 : (int)v;
	return 0;
}

static int get_old_watch(const struct attr *a, struct fn_event *ev)
{
	uint32_t v;

	if (get_u32(a, &v) || v >= INT32_MAX)
		return -EBADMSG;
	ev->old_root = (int)v + 1;
	return 0;
}

static int event_attr(const struct attr *a, struct fn_event *ev, struct pending *w)
{
	uint64_t mono;
	int rc;

	switch (a->type) {
	case FN1_A_NAME:
		return get_name(a, &ev->name);
	case FN1_A_PATH:
		return get_path(a, &ev->path);
	case FN1_A_OLD_NAME:
		return get_name(a, &ev->old_name);
	case FN1_A_OLD_PATH:
		return get_path(a, &ev->old_path);
	case FN1_A_OBJECT:
		return get_object(a, &ev->object, &w->shared[0]);
	case FN1_A_PARENT:
		return get_object(a, &ev->parent, &w->shared[1]);
	case FN1_A_OLD_PARENT:
		return get_object(a, &ev->old_parent, &w->shared[2]);
	case FN1_A_TARGET:
		return get_object(a, &ev->target, &w->shared[3]);
	case FN1_A_FSID:
		w->have_fsid = true;
		return get_u64(a, &w->fsid);
	case FN1_A_COMM:
		return get_comm(a, ev);
	case FN1_A_MODE:
		return get_u32(a, &ev->mode);
	case FN1_A_COOKIE:
		return get_u32(a, &ev->cookie);
	case FN1_A_LOST:
		return get_u64(a, &ev->lost);
	case FN1_A_WATCH:
		return get_watch_number(a, ev);
	case FN1_A_OLD_WATCH:
		return get_old_watch(a, ev);
	case FN1_A_MONO:
		rc = get_u64(a, &mono);
		ev->mono_ns = rc ? 0 : (int64_t)mono;
		return rc;
	default:
		return 0; /* of a later version */
	}
}

static void share_fsid(struct fn_event *ev, const struct pending *w)
{
	struct fn_object *const objs[] = {&ev->object, &ev->parent, &ev->old_parent, &ev->target};

	for (size_t i = 0; i < 4 && w->have_fsid; i++) {
		if (!w->shared[i])
			continue;
		objs[i]->fsid = w->fsid;
		objs[i]->has |= FN_OBJ_FSID;
	}
}

static struct fn_str last_part(struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	size_t at = slash ? (size_t)(slash - path.data) + 1 : 0;

	return (struct fn_str){path.data + at, path.len - at};
}

int fn1_get_event(const struct fn1_msg *msg, struct fn_event *ev)
{
	const uint8_t *p = msg->body;
	size_t rest = msg->body_len;
	struct pending wait = {0};
	struct attr a;
	uint32_t flags;
	int rc;

	if (rest < FN1_EVENT_HEAD)
		return -EBADMSG;
	fn_event_clear(ev);
	ev->root = 0;
	ev->seq = le64(p);
	ev->mask = le64(p + 8);
	ev->wall_ns = (int64_t)le64(p + 16);
	flags = le32(p + 24);
	ev->flags = flags & ~FN1_CODEC_FLAGS;
	ev->pid = (int32_t)le32(p + 28);
	p += FN1_EVENT_HEAD;
	rest -= FN1_EVENT_HEAD;
	while ((rc = next_attr(&p, &rest, &a)) > 0)
		if ((rc = event_attr(&a, ev, &wait)))
			return rc;
	if (rc)
		return rc;
	share_fsid(ev, &wait);
	if (flags & FN1_NAME_IN_PATH && ev->path.len)
		ev->name = last_part(ev->path);
	if (flags & FN1_OLD_NAME_IN_PATH && ev->old_path.len)
		ev->old_name = last_part(ev->old_path);
	return 0;
}

int fn_fn1_decode_event(const void *buf, size_t len, struct fn_event *ev)
{
	struct fn1_msg msg;

	if (fn1_parse(buf, len, &msg))
		return -EBADMSG;
	if (msg.kind != FN1_NOTIFY || msg.code < NOTIFY_FN1_EVENT || msg.code > NOTIFY_FN1_GONE)
		return -ENOMSG;
	return fn1_get_event(&msg, ev);
}

static int hello_attr(const struct attr *a, struct fn1_hello *to)
{
	switch (a->type) {
	case FN1_A_MAX_WATCHES:
		return get_u32(a, &to->max_watches);
	case FN1_A_MAX_QUEUE:
		return get_u32(a, &to->max_queue);
	case FN1_A_MAX_MESSAGE:
		return get_u32(a, &to->max_message);
	case FN1_A_MAX_RATE:
		return get_u32(a, &to->max_rate);
	case FN1_A_SERVER:
		to->server = (struct fn_str){(const char *)a->data, a->len};
		return 0;
	default:
		return 0;
	}
}

int fn1_get_hello(const struct fn1_msg *msg, struct fn1_hello *to)
{
	const uint8_t *p = msg->body;
	size_t rest = msg->body_len;
	struct attr a;
	int rc;

	if (rest < FN1_HELLO_HEAD)
		return -EBADMSG;
	*to = (struct fn1_hello){.version = le32(p), .flags = le32(p + 4), .mask = le64(p + 8)};
	p += FN1_HELLO_HEAD;
	rest -= FN1_HELLO_HEAD;
	while ((rc = next_attr(&p, &rest, &a)) > 0)
		if ((rc = hello_attr(&a, to)))
			return rc;
	return rc;
}

static int watch_attr(const struct attr *a, struct fn1_watch *to)
{
	bool shared = false;

	switch (a->type) {
	case FN1_A_PATH:
		return get_path(a, &to->path);
	case FN1_A_OBJECT:
		return get_object(a, &to->object, &shared);
	default:
		return 0;
	}
}

int fn1_get_watch(const struct fn1_msg *msg, struct fn1_watch *to)
{
	const uint8_t *p = msg->body;
	size_t rest = msg->body_len;
	struct attr a;
	int rc;

	if (rest < FN1_WATCH_HEAD)
		return -EBADMSG;
	to->mask = le64(p);
	to->watch = le32(p + 8);
	to->flags = le32(p + 12);
	to->path = (struct fn_str){NULL, 0};
	fn_object_clear(&to->object);
	p += FN1_WATCH_HEAD;
	rest -= FN1_WATCH_HEAD;
	while ((rc = next_attr(&p, &rest, &a)) > 0)
		if ((rc = watch_attr(&a, to)))
			return rc;
	return rc;
}

static int arm_attr(const struct attr *a, struct fn1_arm *to)
{
	struct fn_object object;
	bool shared = false;
	int rc;

	switch (a->type) {
	case FN1_A_PATH:
		return get_path(a, &to->path);
	case FN1_A_OLD_PATH:
		return get_path(a, &to->old_path);
	case FN1_A_MODE:
		return get_u32(a, &to->mode);
	case FN1_A_OBJECT:
		fn_object_clear(&object);
		rc = get_object(a, &object, &shared);
		to->ino = object.has & FN_OBJ_INO ? object.ino : 0;
		return rc;
	default:
		return 0;
	}
}

int fn1_get_arm(const struct fn1_msg *msg, struct fn1_arm *to)
{
	const uint8_t *p = msg->body;
	size_t rest = msg->body_len;
	struct attr a;
	int rc;

	if (rest < FN1_ARM_HEAD)
		return -EBADMSG;
	*to = (struct fn1_arm){.mask = le64(p),
			       .stamp = (int64_t)le64(p + 8),
			       .mark = le32(p + 16),
			       .flags = le32(p + 20),
			       .deadline_ms = le32(p + 24),
			       .lookups = le32(p + 28)};
	p += FN1_ARM_HEAD;
	rest -= FN1_ARM_HEAD;
	while ((rc = next_attr(&p, &rest, &a)) > 0)
		if ((rc = arm_attr(&a, to)))
			return rc;
	return rc;
}

int fn1_get_ping(const struct fn1_msg *msg, uint64_t *token)
{
	if (msg->body_len < FN1_PING_HEAD)
		return -EBADMSG;
	*token = le64(msg->body);
	return 0;
}

uint64_t fn1_seq_gap(uint64_t *next, const struct fn_event *ev)
{
	uint64_t gap = 0, takes = ev->mask & FN_Q_OVERFLOW && ev->lost ? ev->lost : 1;

	if (ev->seq == 0)
		return 0; /* not numbered */
	if (*next && ev->seq > *next)
		gap = ev->seq - *next;
	*next = ev->seq + takes;
	return gap;
}
