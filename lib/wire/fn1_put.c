/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>

#include "wire/fn1_impl.h"

/*
 * A message under construction. Its first word is its length, as that of struct nlmsghdr, which
 * is all of a header that mnl_attr_put() looks at.
 */
struct out {
	uint8_t *p;
	size_t size;
	bool full;
};

static size_t length(const struct out *o)
{
	return fn_get_u32(o->p, false);
}

/* Headers: fuse_in_header, or fuse_out_header; then room for the fixed head. */
static uint8_t *begin(struct out *o, void *buf, size_t size, enum fn1_kind kind, uint32_t code,
		      uint64_t unique, size_t head)
{
	size_t hdr = kind == FN1_REQUEST ? FN_WIRE_IN_HEADER : FN_WIRE_OUT_HEADER;

	*o = (struct out){buf, size, size < hdr + head};
	if (o->full)
		return NULL;
	memset(o->p, 0, hdr);
	fn_put_u32(o->p, (uint32_t)(hdr + head), false); /* mnl wants our order: see finish() */
	fn_put_u32(o->p + 4, kind == FN1_REPLY ? 0 : code, FN1_SWAP);
	fn_put_u64(o->p + 8, unique, FN1_SWAP);
	return o->p + hdr;
}

static void put(struct out *o, uint16_t type, const void *data, size_t len)
{
	size_t at = length(o), room = MNL_ALIGN(MNL_ATTR_HDRLEN + len);

	if (o->full || room > UINT16_MAX || at + room > o->size) {
		o->full = true;
		return;
	}
	memset(o->p + at + room - MNL_ALIGNTO, 0, MNL_ALIGNTO); /* no stray bytes as padding */
	mnl_attr_put((struct nlmsghdr *)(void *)o->p, type, len, data);
	if (FN1_SWAP) {
		fn_put_u16(o->p + at, (uint16_t)(MNL_ATTR_HDRLEN + len), true);
		fn_put_u16(o->p + at + 2, type, true);
	}
}

static void put_u32(struct out *o, uint16_t type, uint32_t v)
{
	uint8_t le[4];

	if (!v)
		return;
	fn_put_u32(le, v, FN1_SWAP);
	put(o, type, le, sizeof(le));
}

static void put_u64(struct out *o, uint16_t type, uint64_t v)
{
	uint8_t le[8];

	if (!v)
		return;
	fn_put_u64(le, v, FN1_SWAP);
	put(o, type, le, sizeof(le));
}

static void put_str(struct out *o, uint16_t type, struct fn_str s)
{
	if (s.data)
		put(o, type, s.data, s.len);
}

static uint8_t *add_u64(uint8_t *p, uint64_t v)
{
	fn_put_u64(p, v, FN1_SWAP);
	return p + 8;
}

static void put_object(struct out *o, uint16_t type, const struct fn_object *obj, bool shared)
{
	uint8_t buf[4 + 4 + 8 * 4 + FN_HANDLE_MAX], *p = buf + 4;
	uint8_t has = obj->has & (FN_OBJ_HANDLE | FN_OBJ_FSID | FN_OBJ_NODE | FN_OBJ_INO);

	if (!has || (has & FN_OBJ_HANDLE && obj->handle_len > FN_HANDLE_MAX))
		return;
	if (has & FN_OBJ_FSID && shared)
		has = (uint8_t)((has & ~FN_OBJ_FSID) | FN1_OBJ_FSID_SHARED);
	fn_put_u32(buf, 0, false);
	if (has & FN_OBJ_HANDLE) {
		buf[1] = obj->handle_len;
		fn_put_u16(buf + 2, (uint16_t)obj->handle_type, FN1_SWAP);
		if ((uint32_t)obj->handle_type > UINT16_MAX) {
			has |= FN1_OBJ_LONG_TYPE;
			fn_put_u32(p, (uint32_t)obj->handle_type, FN1_SWAP);
			p += 4;
		}
	}
	buf[0] = has;
	if (has & FN_OBJ_FSID)
		p = add_u64(p, obj->fsid);
	if (has & FN_OBJ_NODE)
		p = add_u64(add_u64(p, obj->nodeid), obj->generation);
	if (has & FN_OBJ_INO)
		p = add_u64(p, obj->ino);
	if (has & FN_OBJ_HANDLE) {
		memcpy(p, obj->handle, obj->handle_len);
		p += obj->handle_len;
	}
	put(o, type, buf, (size_t)(p - buf));
}

static ssize_t finish(struct out *o)
{
	size_t len;

	if (o->full)
		return -EMSGSIZE;
	len = length(o);
	if (FN1_SWAP)
		fn_put_u32(o->p, (uint32_t)len, true);
	return (ssize_t)len;
}

/* The fsid that all objects of an event that have one share: worth an attribute from two on. */
static bool shared_fsid(const struct fn_event *ev, uint64_t *fsid)
{
	const struct fn_object *const objs[] = {&ev->object, &ev->parent, &ev->old_parent,
						&ev->target};
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		if (!(objs[i]->has & FN_OBJ_FSID))
			continue;
		if (n++ && objs[i]->fsid != *fsid)
			return false;
		*fsid = objs[i]->fsid;
	}
	return n > 1 && *fsid;
}

static bool is_last_part(struct fn_str name, struct fn_str path)
{
	size_t at;

	if (!name.len || !path.data || name.len > path.len)
		return false;
	at = path.len - name.len;
	return memcmp(path.data + at, name.data, name.len) == 0 &&
	       (at == 0 || path.data[at - 1] == '/');
}

static bool strings_ok(const struct fn_event *ev)
{
	return (!ev->name.len || fn_name_ok(ev->name.data, ev->name.len)) &&
	       (!ev->old_name.len || fn_name_ok(ev->old_name.data, ev->old_name.len)) &&
	       ev->path.len < FN1_PATH_MAX && ev->old_path.len < FN1_PATH_MAX;
}

static void put_names(struct out *o, const struct fn_event *ev, uint32_t codec)
{
	put_str(o, FN1_A_PATH, ev->path);
	put_str(o, FN1_A_OLD_PATH, ev->old_path);
	if (ev->name.len && !(codec & FN1_NAME_IN_PATH))
		put_str(o, FN1_A_NAME, ev->name);
	if (ev->old_name.len && !(codec & FN1_OLD_NAME_IN_PATH))
		put_str(o, FN1_A_OLD_NAME, ev->old_name);
}

static void put_objects(struct out *o, const struct fn_event *ev)
{
	uint64_t fsid = 0;
	bool shared = shared_fsid(ev, &fsid);

	if (shared)
		put_u64(o, FN1_A_FSID, fsid);
	put_object(o, FN1_A_OBJECT, &ev->object, shared);
	put_object(o, FN1_A_PARENT, &ev->parent, shared);
	put_object(o, FN1_A_OLD_PARENT, &ev->old_parent, shared);
	put_object(o, FN1_A_TARGET, &ev->target, shared);
}

static ssize_t put_event(void *buf, size_t size, enum fn1_kind kind, uint32_t code, uint64_t unique,
			 const struct fn_event *ev)
{
	struct out o;
	uint32_t codec = 0;
	uint8_t *h = begin(&o, buf, size, kind, code, unique, FN1_EVENT_HEAD);

	if (!strings_ok(ev))
		return -EINVAL;
	if (!h)
		return -EMSGSIZE;
	if (is_last_part(ev->name, ev->path))
		codec |= FN1_NAME_IN_PATH;
	if (is_last_part(ev->old_name, ev->old_path))
		codec |= FN1_OLD_NAME_IN_PATH;
	add_u64(h, ev->seq);
	add_u64(h + 8, ev->mask);
	add_u64(h + 16, (uint64_t)ev->wall_ns);
	fn_put_u32(h + 24, (ev->flags & ~FN1_CODEC_FLAGS) | codec, FN1_SWAP);
	fn_put_u32(h + 28, (uint32_t)ev->pid, FN1_SWAP);
	put_names(&o, ev, codec);
	put_objects(&o, ev);
	if (ev->comm[0])
		put(&o, FN1_A_COMM, ev->comm, strnlen(ev->comm, sizeof(ev->comm)));
	put_u32(&o, FN1_A_MODE, ev->mode);
	put_u32(&o, FN1_A_COOKIE, ev->cookie);
	put_u64(&o, FN1_A_LOST, ev->lost);
	put_u32(&o, FN1_A_WATCH, ev->root < 0 ? FN1_NO_WATCH : (uint32_t)ev->root);
	if (ev->old_root > 0) {
		uint8_t le[4];

		fn_put_u32(le, (uint32_t)ev->old_root - 1, FN1_SWAP);
		put(&o, FN1_A_OLD_WATCH, le, sizeof(le));
	}
	put_u64(&o, FN1_A_MONO, (uint64_t)ev->mono_ns);
	return finish(&o);
}

ssize_t fn_fn1_encode_event(void *buf, size_t size, const struct fn_event *ev)
{
	uint32_t code = NOTIFY_FN1_EVENT;

	if (ev->mask & FN_Q_OVERFLOW)
		code = NOTIFY_FN1_OVERFLOW;
	else if (ev->flags & FN_EV_GONE)
		code = NOTIFY_FN1_GONE;
	return put_event(buf, size, FN1_NOTIFY, code, 0, ev);
}

ssize_t fn1_put_inject(void *buf, size_t size, uint64_t unique, const struct fn_event *ev)
{
	return put_event(buf, size, FN1_REQUEST, FN1_INJECT, unique, ev);
}

ssize_t fn1_put_hello(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		      const struct fn1_hello *hello)
{
	struct out o;
	uint32_t code = kind == FN1_NOTIFY ? (uint32_t)NOTIFY_FN1_HELLO : (uint32_t)FN1_HELLO;
	uint8_t *h = begin(&o, buf, size, kind, code, unique, FN1_HELLO_HEAD);

	if (!h)
		return -EMSGSIZE;
	fn_put_u32(h, hello->version, FN1_SWAP);
	fn_put_u32(h + 4, hello->flags, FN1_SWAP);
	add_u64(h + 8, hello->mask);
	put_u32(&o, FN1_A_MAX_WATCHES, hello->max_watches);
	put_u32(&o, FN1_A_MAX_QUEUE, hello->max_queue);
	put_u32(&o, FN1_A_MAX_MESSAGE, hello->max_message);
	put_u32(&o, FN1_A_MAX_RATE, hello->max_rate);
	put_str(&o, FN1_A_SERVER, hello->server);
	return finish(&o);
}

static bool path_fits(struct fn_str path)
{
	return !path.data || (path.len < FN1_PATH_MAX && fn_path_ok(path.data, path.len));
}

ssize_t fn1_put_watch(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		      const struct fn1_watch *watch)
{
	struct out o;
	uint8_t *h = begin(&o, buf, size, kind, FN1_WATCH, unique, FN1_WATCH_HEAD);

	if (!path_fits(watch->path))
		return -EINVAL;
	if (!h)
		return -EMSGSIZE;
	add_u64(h, watch->mask);
	fn_put_u32(h + 8, watch->watch, FN1_SWAP);
	fn_put_u32(h + 12, watch->flags, FN1_SWAP);
	put_str(&o, FN1_A_PATH, watch->path);
	put_object(&o, FN1_A_OBJECT, &watch->object, false);
	return finish(&o);
}

ssize_t fn1_put_arm(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		    const struct fn1_arm *arm)
{
	struct fn_object ino = {.has = arm->ino ? FN_OBJ_INO : 0, .ino = arm->ino};
	struct out o;
	uint8_t *h = begin(&o, buf, size, kind, FN1_ARM, unique, FN1_ARM_HEAD);

	if (!path_fits(arm->path) || !path_fits(arm->old_path))
		return -EINVAL;
	if (!h)
		return -EMSGSIZE;
	add_u64(add_u64(h, arm->mask), (uint64_t)arm->stamp);
	fn_put_u32(h + 16, arm->mark, FN1_SWAP);
	fn_put_u32(h + 20, arm->flags, FN1_SWAP);
	fn_put_u32(h + 24, arm->deadline_ms, FN1_SWAP);
	fn_put_u32(h + 28, arm->lookups, FN1_SWAP);
	put_str(&o, FN1_A_PATH, arm->path);
	put_str(&o, FN1_A_OLD_PATH, arm->old_path);
	put_object(&o, FN1_A_OBJECT, &ino, false);
	put_u32(&o, FN1_A_MODE, arm->mode);
	return finish(&o);
}

ssize_t fn1_put_ping(void *buf, size_t size, enum fn1_kind kind, uint64_t unique, uint64_t token)
{
	struct out o;
	uint8_t *h = begin(&o, buf, size, kind, FN1_PING, unique, FN1_PING_HEAD);

	if (!h)
		return -EMSGSIZE;
	add_u64(h, token);
	return finish(&o);
}

ssize_t fn1_put_reply(void *buf, size_t size, uint64_t unique, int error)
{
	struct out o;

	if (!begin(&o, buf, size, FN1_REPLY, 0, unique, 0))
		return -EMSGSIZE;
	fn_put_u32(o.p + 4, (uint32_t)error, FN1_SWAP);
	return finish(&o);
}

void fn1_put_pad(void *buf, size_t size)
{
	memset(buf, 0, size);
	if (size < FN_WIRE_OUT_HEADER)
		return;
	fn_put_u32(buf, (uint32_t)size, FN1_SWAP);
	fn_put_u32((uint8_t *)buf + 4, NOTIFY_FN1_PAD, FN1_SWAP);
}
