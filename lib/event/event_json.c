/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "event/event_json.h"
#include "text/json.h"

void fn_path_join(struct fn_buf *out, const char *root, struct fn_str path)
{
	size_t len = root ? strlen(root) : 0;

	fn_buf_add(out, root, len);
	if (!path.len)
		return;
	if (len && root[len - 1] != '/')
		fn_buf_char(out, '/');
	fn_buf_add(out, path.data, path.len);
}

static void put_joined(struct fn_json *j, const char *key, const char *root, struct fn_str path)
{
	char room[512];
	struct fn_buf joined = {.data = room, .cap = sizeof(room)};
	size_t len = root ? strlen(root) : 0;

	if (len + path.len + 1 > sizeof(room))
		joined = (struct fn_buf){0};
	fn_path_join(&joined, root, path);
	fn_json_bytes(j, key, joined.data ? joined.data : "", joined.len);
	if (joined.failed)
		j->out->failed = true;
	if (joined.data != room)
		fn_buf_free(&joined);
}

static void put_place(struct fn_json *j, const char *path_key, const char *name_key,
		      const char *root, struct fn_str path, struct fn_str name)
{
	if (path.data)
		put_joined(j, path_key, root, path);
	else if (name.len)
		fn_json_bytes(j, name_key, name.data, name.len);
}

static void put_object(struct fn_json *j, const char *key, const struct fn_object *o)
{
	if (!fn_object_known(o))
		return;
	fn_json_open(j, key, '{');
	if (o->has & FN_OBJ_FSID)
		fn_json_hex(j, "fsid", o->fsid);
	if (o->has & FN_OBJ_HANDLE) {
		fn_json_i64(j, "type", o->handle_type);
		fn_json_hex_bytes(j, "handle", o->handle, o->handle_len);
	}
	if (o->has & FN_OBJ_NODE) {
		fn_json_u64(j, "nodeid", o->nodeid);
		fn_json_u64(j, "generation", o->generation);
	}
	if (o->has & FN_OBJ_INO)
		fn_json_u64(j, "ino", o->ino);
	fn_json_close(j, '}');
}

static void put_what(struct fn_json *j, const struct fn_event *ev)
{
	size_t n;
	const struct fn_event_desc *t = fn_event_table(&n);

	if (ev->seq)
		fn_json_u64(j, "seq", ev->seq);
	if (ev->wall_ns)
		fn_json_seconds(j, "time", ev->wall_ns);
	if (ev->mono_ns)
		fn_json_seconds(j, "mono", ev->mono_ns);
	fn_json_open(j, "events", '[');
	for (size_t i = 0; i < n; i++)
		if (ev->mask & t[i].bit)
			fn_json_text(j, NULL, t[i].name);
	fn_json_close(j, ']');
	fn_json_u64(j, "mask", ev->mask);
	if (ev->mask & FN_ISDIR)
		fn_json_bool(j, "isdir", true);
}

static void put_where(struct fn_json *j, const struct fn_event *ev, const char *root,
		      const char *old_root)
{
	if (root)
		fn_json_bytes(j, "root", root, strlen(root));
	put_place(j, "path", "name", root, ev->path, ev->name);
	if (ev->old_root && old_root)
		fn_json_bytes(j, "old_root", old_root, strlen(old_root));
	else
		old_root = root;
	put_place(j, "old_path", "old_name", old_root, ev->old_path, ev->old_name);
}

static void put_flags(struct fn_json *j, const struct fn_event *ev)
{
	static const struct {
		uint32_t flag;
		const char *key;
	} flags[] = {
		{FN_EV_SYNTHETIC, "synthetic"},
		{FN_EV_PARTIAL, "partial"},
		{FN_EV_EXCHANGE, "exchange"},
		{FN_EV_GONE, "gone"},
	};

	if (ev->cookie)
		fn_json_u64(j, "cookie", ev->cookie);
	if (ev->lost)
		fn_json_u64(j, "lost", ev->lost);
	if (ev->flags & (FN_EV_REMOTE | FN_EV_LOCAL))
		fn_json_text(j, "origin", ev->flags & FN_EV_REMOTE ? "remote" : "local");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (ev->flags & flags[i].flag)
			fn_json_bool(j, flags[i].key, true);
}

static void put_who(struct fn_json *j, const struct fn_event *ev)
{
	if (ev->pid)
		fn_json_i64(j, "pid", ev->pid);
	if (ev->comm[0])
		fn_json_bytes(j, "comm", ev->comm, strnlen(ev->comm, sizeof(ev->comm)));
	if (ev->mode)
		fn_json_u64(j, "mode", ev->mode);
}

void fn_event_to_json(struct fn_buf *out, const struct fn_event *ev, const char *root,
		      const char *old_root)
{
	struct fn_json j = {.out = out};

	fn_json_open(&j, NULL, '{');
	put_what(&j, ev);
	put_where(&j, ev, root, old_root);
	put_flags(&j, ev);
	put_who(&j, ev);
	put_object(&j, "object", &ev->object);
	put_object(&j, "parent", &ev->parent);
	put_object(&j, "old_parent", &ev->old_parent);
	put_object(&j, "target", &ev->target);
	fn_json_close(&j, '}');
}
