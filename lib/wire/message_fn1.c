/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fn1's messages as named fields: by its codec, so that both say the same. */
#include <errno.h>
#include <stdio.h>

#include "wire/fn1.h"
#include "wire/message.h"

_Static_assert((int)FN_MESSAGE_REQUEST == FN1_REQUEST && (int)FN_MESSAGE_REPLY == FN1_REPLY &&
		       (int)FN_MESSAGE_NOTIFICATION == FN1_NOTIFY,
	       "one enumeration under two names");

enum body { BODY_NONE, BODY_HELLO, BODY_WATCH, BODY_EVENT, BODY_PING, BODY_ARM };

static enum body body_of(const struct fn_message *m)
{
	switch (m->op ? m->op->code : m->notify->code) {
	case FN1_HELLO:
	case NOTIFY_FN1_HELLO:
		return BODY_HELLO;
	case FN1_WATCH:
		return BODY_WATCH;
	case FN1_INJECT:
		return m->kind == FN_MESSAGE_REPLY ? BODY_NONE : BODY_EVENT;
	case NOTIFY_FN1_EVENT:
	case NOTIFY_FN1_OVERFLOW:
	case NOTIFY_FN1_GONE:
		return BODY_EVENT;
	case FN1_PING:
		return BODY_PING;
	case FN1_ARM:
		return BODY_ARM;
	default:
		return BODY_NONE;
	}
}

bool fn_message_is_fn1(const struct fn_message *m)
{
	return (m->op ? m->op->dialect : m->notify->dialect) == FN_DIALECT_fn1;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

/* 1: a number of an object, 2: its handle. */
static int object_part(const char *name, const char *const *objects)
{
	static const char *const numbers[] = {"nodeid", "generation",  "fsid",
					      "ino",    "handle_type", NULL};
	const char *dot = strchr(name, '.');

	for (; dot && *objects; objects++) {
		if (strlen(*objects) != (size_t)(dot - name) ||
		    memcmp(*objects, name, (size_t)(dot - name)) != 0)
			continue;
		if (!strcmp(dot + 1, "handle"))
			return 2;
		return is_one_of(dot + 1, numbers);
	}
	return 0;
}

static const char *const event_objects[] = {"object", "parent", "old_parent", "target", NULL};
static const char *const watch_objects[] = {"object", NULL};

int fn_message_fn1_known(const struct fn_message *m, const char *name)
{
	static const char *const hello[] = {"version",   "flags",       "mask",     "max_watches",
					    "max_queue", "max_message", "max_rate", NULL};
	static const char *const watch[] = {"mask", "watch", "flags", NULL};
	static const char *const event[] = {"seq",   "mask", "wall_ns",   "flags",
					    "pid",   "mode", "lost",      "cookie",
					    "watch", "mono", "old_watch", NULL};
	static const char *const arm[] = {"mask",    "stamp", "mark", "flags", "deadline_ms",
					  "lookups", "mode",  "ino",  NULL};
	static const char *const strings[] = {"name", "path", "old_name", "old_path", "comm", NULL};

	switch (body_of(m)) {
	case BODY_HELLO:
		return is_one_of(name, hello) ? 1 : !strcmp(name, "server") ? 2 : 0;
	case BODY_WATCH:
		if (is_one_of(name, watch))
			return 1;
		return !strcmp(name, "path") ? 2 : object_part(name, watch_objects);
	case BODY_EVENT:
		if (is_one_of(name, event))
			return 1;
		return is_one_of(name, strings) ? 2 : object_part(name, event_objects);
	case BODY_PING:
		return !strcmp(name, "token");
	case BODY_ARM:
		if (is_one_of(name, arm))
			return 1;
		return !strcmp(name, "path") || !strcmp(name, "old_path") ? 2 : 0;
	default:
		return 0;
	}
}

static int put_string(struct fn_message *m, const char *name, struct fn_str s)
{
	return s.data ? fn_message_put_bytes(m, name, s.data, s.len) : 0;
}

static int put_part(struct fn_message *m, const char *object, const char *part, bool has,
		    uint64_t v)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.%s", object, part);
	return has ? fn_message_put_number(m, name, v) : 0;
}

static int put_object(struct fn_message *m, const char *object, const struct fn_object *o)
{
	char name[32];
	int rc = 0;

	rc |= put_part(m, object, "nodeid", o->has & FN_OBJ_NODE, o->nodeid);
	rc |= put_part(m, object, "generation", o->has & FN_OBJ_NODE, o->generation);
	rc |= put_part(m, object, "fsid", o->has & FN_OBJ_FSID, o->fsid);
	rc |= put_part(m, object, "ino", o->has & FN_OBJ_INO, o->ino);
	if (!(o->has & FN_OBJ_HANDLE))
		return rc;
	rc |= put_part(m, object, "handle_type", true, (uint64_t)(int64_t)o->handle_type);
	snprintf(name, sizeof(name), "%s.handle", object);
	return rc | fn_message_put_bytes(m, name, o->handle, o->handle_len);
}

struct pair {
	const char *name;
	uint64_t value;
};

static int put_numbers(struct fn_message *m, const struct pair *p, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		rc |= fn_message_put_number(m, p[i].name, p[i].value);
	return rc;
}

static int put_event(struct fn_message *m, const struct fn_event *ev)
{
	const struct pair numbers[] = {{"seq", ev->seq},
				       {"mask", ev->mask},
				       {"flags", ev->flags},
				       {"wall_ns", (uint64_t)ev->wall_ns},
				       {"mode", ev->mode},
				       {"pid", (uint64_t)(int64_t)ev->pid},
				       {"lost", ev->lost},
				       {"cookie", ev->cookie},
				       {"mono", (uint64_t)ev->mono_ns},
				       {"watch", ev->root < 0 ? UINT32_MAX : (uint64_t)ev->root}};
	int rc = put_numbers(m, numbers, sizeof(numbers) / sizeof(numbers[0]));

	if (ev->old_root > 0)
		rc |= fn_message_put_number(m, "old_watch", (uint64_t)ev->old_root - 1);
	rc |= put_string(m, "name", ev->name);
	rc |= put_string(m, "path", ev->path);
	rc |= put_string(m, "old_name", ev->old_name);
	rc |= put_string(m, "old_path", ev->old_path);
	if (ev->comm[0])
		rc |= fn_message_put_bytes(m, "comm", ev->comm, strnlen(ev->comm, 16));
	rc |= put_object(m, "object", &ev->object);
	rc |= put_object(m, "parent", &ev->parent);
	rc |= put_object(m, "old_parent", &ev->old_parent);
	return rc | put_object(m, "target", &ev->target);
}

static int parse_event(struct fn_message *m, const struct fn1_msg *msg)
{
	struct fn_event ev;
	int rc = fn1_get_event(msg, &ev);

	return rc ? rc : put_event(m, &ev);
}

static int parse_hello(struct fn_message *m, const struct fn1_msg *msg)
{
	struct fn1_hello h;
	int rc = fn1_get_hello(msg, &h);
	const struct pair numbers[] = {{"version", h.version},     {"flags", h.flags},
				       {"mask", h.mask},           {"max_watches", h.max_watches},
				       {"max_queue", h.max_queue}, {"max_message", h.max_message},
				       {"max_rate", h.max_rate}};

	if (rc)
		return rc;
	rc = put_numbers(m, numbers, sizeof(numbers) / sizeof(numbers[0]));
	return rc | put_string(m, "server", h.server);
}

static int parse_watch(struct fn_message *m, const struct fn1_msg *msg)
{
	struct fn1_watch w;
	int rc = fn1_get_watch(msg, &w);
	const struct pair numbers[] = {{"mask", w.mask}, {"watch", w.watch}, {"flags", w.flags}};

	if (rc)
		return rc;
	rc = put_numbers(m, numbers, 3) | put_string(m, "path", w.path);
	return rc | put_object(m, "object", &w.object);
}

static int parse_arm(struct fn_message *m, const struct fn1_msg *msg)
{
	struct fn1_arm a;
	int rc = fn1_get_arm(msg, &a);
	const struct pair numbers[] = {{"mask", a.mask},
				       {"stamp", (uint64_t)a.stamp},
				       {"mark", a.mark},
				       {"flags", a.flags},
				       {"deadline_ms", a.deadline_ms},
				       {"lookups", a.lookups},
				       {"mode", a.mode},
				       {"ino", a.ino}};

	if (rc)
		return rc;
	rc = put_numbers(m, numbers, sizeof(numbers) / sizeof(numbers[0]));
	return rc | put_string(m, "path", a.path) | put_string(m, "old_path", a.old_path);
}

static int parse_body(struct fn_message *m, const struct fn1_msg *msg)
{
	uint64_t token;
	int rc;

	switch (body_of(m)) {
	case BODY_HELLO:
		return parse_hello(m, msg);
	case BODY_WATCH:
		return parse_watch(m, msg);
	case BODY_EVENT:
		return parse_event(m, msg);
	case BODY_PING:
		rc = fn1_get_ping(msg, &token);
		return rc ? rc : fn_message_put_number(m, "token", token);
	case BODY_ARM:
		return parse_arm(m, msg);
	default:
		return 0;
	}
}

int fn_message_fn1_parse(struct fn_message *m, const void *buf, size_t len)
{
	struct fn1_msg msg;
	int rc;

	if (fn1_parse(buf, len, &msg) || (int)msg.kind != (int)m->kind)
		return -EBADMSG;
	rc = fn_message_put_number(m, "unique", msg.unique);
	if (m->kind == FN_MESSAGE_REPLY)
		rc |= fn_message_put_number(m, "error", (uint64_t)(int64_t)msg.error);
	if (rc)
		return -ENOMEM;
	rc = msg.error ? 0 : parse_body(m, &msg);
	return rc && rc != -EBADMSG ? -ENOMEM : rc;
}

static void get_string(const struct fn_message *m, const char *name, struct fn_str *s)
{
	const struct fn_message_field *f = fn_message_find(m, name);

	if (f)
		*s = (struct fn_str){(const char *)f->data, f->len};
}

static const struct fn_message_field *part(const struct fn_message *m, const char *object,
					   const char *what)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.%s", object, what);
	return fn_message_find(m, name);
}

static int get_object(const struct fn_message *m, const char *object, struct fn_object *o)
{
	const struct fn_message_field *f;

	fn_object_clear(o);
	if ((f = part(m, object, "nodeid"))) {
		const struct fn_message_field *g = part(m, object, "generation");

		fn_object_set_node(o, f->number, g ? g->number : 0);
	}
	if ((f = part(m, object, "fsid"))) {
		o->has |= FN_OBJ_FSID;
		o->fsid = f->number;
	}
	if ((f = part(m, object, "ino"))) {
		o->has |= FN_OBJ_INO;
		o->ino = f->number;
	}
	if ((f = part(m, object, "handle"))) {
		const struct fn_message_field *t = part(m, object, "handle_type");

		return fn_object_set_handle(o, t ? (int32_t)t->number : 0, f->data, f->len);
	}
	return 0;
}

static int get_event(const struct fn_message *m, struct fn_event *ev)
{
	const struct fn_message_field *comm = fn_message_find(m, "comm");
	const struct fn_message_field *old = fn_message_find(m, "old_watch");
	uint64_t watch = fn_message_get(m, "watch");

	fn_event_clear(ev);
	ev->seq = fn_message_get(m, "seq");
	ev->mask = fn_message_get(m, "mask");
	ev->wall_ns = (int64_t)fn_message_get(m, "wall_ns");
	ev->mono_ns = (int64_t)fn_message_get(m, "mono");
	ev->flags = (uint32_t)fn_message_get(m, "flags");
	ev->pid = (int32_t)fn_message_get(m, "pid");
	ev->mode = (uint32_t)fn_message_get(m, "mode");
	ev->lost = fn_message_get(m, "lost");
	ev->cookie = (uint32_t)fn_message_get(m, "cookie");
	ev->root = watch > INT32_MAX ? -1 : (int)watch;
	ev->old_root = old ? (int)(old->number & INT32_MAX) + 1 : 0;
	if (comm)
		memcpy(ev->comm, comm->data, comm->len < 15 ? comm->len : 15);
	get_string(m, "name", &ev->name);
	get_string(m, "path", &ev->path);
	get_string(m, "old_name", &ev->old_name);
	get_string(m, "old_path", &ev->old_path);
	return get_object(m, "object", &ev->object) | get_object(m, "parent", &ev->parent) |
	       get_object(m, "old_parent", &ev->old_parent) | get_object(m, "target", &ev->target);
}

int fn_message_of_event(struct fn_message **out, const struct fn_event *ev)
{
	const char *name = ev->mask & FN_Q_OVERFLOW ? "FN1_OVERFLOW"
			   : ev->flags & FN_EV_GONE ? "FN1_GONE"
						    : "FN1_EVENT";
	struct fn_message *m;
	int rc = fn_message_new(&m, "fn1", FN_MESSAGE_NOTIFICATION, name);

	if (rc)
		return rc;
	if (put_event(m, ev)) {
		fn_message_unref(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

int fn_message_to_event(const struct fn_message *m, struct fn_event *ev)
{
	if (!fn_message_is_fn1(m) || body_of(m) != BODY_EVENT)
		return -EINVAL;
	return get_event(m, ev) ? -EINVAL : 0;
}

/* The code of an event follows from its mask and flags: they have to agree with the name. */
static ssize_t build_event(const struct fn_message *m, void *buf, size_t size)
{
	struct fn_event ev;

	if (get_event(m, &ev))
		return -EINVAL;
	if (m->kind == FN_MESSAGE_REQUEST)
		return fn1_put_inject(buf, size, fn_message_get(m, "unique"), &ev);
	if (m->notify->code == NOTIFY_FN1_OVERFLOW)
		ev.mask |= FN_Q_OVERFLOW;
	else if (m->notify->code == NOTIFY_FN1_GONE)
		ev.flags |= FN_EV_GONE;
	if (ev.mask & FN_Q_OVERFLOW ? m->notify->code != NOTIFY_FN1_OVERFLOW
	    : ev.flags & FN_EV_GONE ? m->notify->code != NOTIFY_FN1_GONE
				    : m->notify->code != NOTIFY_FN1_EVENT)
		return -EINVAL;
	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t build_hello(const struct fn_message *m, enum fn1_kind kind, void *buf, size_t size)
{
	struct fn1_hello h = {.version = (uint32_t)fn_message_get(m, "version"),
			      .flags = (uint32_t)fn_message_get(m, "flags"),
			      .mask = fn_message_get(m, "mask"),
			      .max_watches = (uint32_t)fn_message_get(m, "max_watches"),
			      .max_queue = (uint32_t)fn_message_get(m, "max_queue"),
			      .max_message = (uint32_t)fn_message_get(m, "max_message"),
			      .max_rate = (uint32_t)fn_message_get(m, "max_rate")};

	get_string(m, "server", &h.server);
	return fn1_put_hello(buf, size, kind, fn_message_get(m, "unique"), &h);
}

static ssize_t build_watch(const struct fn_message *m, enum fn1_kind kind, void *buf, size_t size)
{
	struct fn1_watch w = {.mask = fn_message_get(m, "mask"),
			      .watch = (uint32_t)fn_message_get(m, "watch"),
			      .flags = (uint32_t)fn_message_get(m, "flags")};

	get_string(m, "path", &w.path);
	if (get_object(m, "object", &w.object))
		return -EINVAL;
	return fn1_put_watch(buf, size, kind, fn_message_get(m, "unique"), &w);
}

static ssize_t build_arm(const struct fn_message *m, enum fn1_kind kind, void *buf, size_t size)
{
	struct fn1_arm a = {.mask = fn_message_get(m, "mask"),
			    .stamp = (int64_t)fn_message_get(m, "stamp"),
			    .mark = (uint32_t)fn_message_get(m, "mark"),
			    .flags = (uint32_t)fn_message_get(m, "flags"),
			    .deadline_ms = (uint32_t)fn_message_get(m, "deadline_ms"),
			    .lookups = (uint32_t)fn_message_get(m, "lookups"),
			    .mode = (uint32_t)fn_message_get(m, "mode"),
			    .ino = fn_message_get(m, "ino")};

	get_string(m, "path", &a.path);
	get_string(m, "old_path", &a.old_path);
	return fn1_put_arm(buf, size, kind, fn_message_get(m, "unique"), &a);
}

ssize_t fn_message_fn1_build(const struct fn_message *m, void *buf, size_t size)
{
	enum fn1_kind kind = (enum fn1_kind)m->kind;
	uint64_t unique = fn_message_get(m, "unique");
	int error = (int)fn_message_get(m, "error");

	if (m->kind == FN_MESSAGE_REQUEST ? !unique : m->kind == FN_MESSAGE_NOTIFICATION && unique)
		return -EINVAL;
	if (m->kind == FN_MESSAGE_REPLY && (error || body_of(m) == BODY_NONE))
		return error > 0 ? -EINVAL : fn1_put_reply(buf, size, unique, error);
	switch (body_of(m)) {
	case BODY_HELLO:
		return build_hello(m, kind, buf, size);
	case BODY_WATCH:
		return build_watch(m, kind, buf, size);
	case BODY_EVENT:
		return build_event(m, buf, size);
	case BODY_ARM:
		return build_arm(m, kind, buf, size);
	case BODY_PING:
		return fn1_put_ping(buf, size, kind, unique, fn_message_get(m, "token"));
	default:
		if (size < FN_WIRE_OUT_HEADER || size > FN1_MESSAGE_MAX)
			return -EMSGSIZE;
		fn1_put_pad(buf, FN_WIRE_OUT_HEADER);
		return FN_WIRE_OUT_HEADER;
	}
}
