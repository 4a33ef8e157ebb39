/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/record.h"
#include "event/event_json.h"
#include "text/escape.h"

static void put_bytes(struct fn_buf *out, bool raw, const char *data, size_t len)
{
	if (raw)
		fn_buf_add(out, data, len);
	else
		fn_escape(out, data, len);
}

void put_name(struct fn_buf *out, const struct record *r, struct fn_str name)
{
	put_bytes(out, r->raw, name.data, name.len);
}

static void put_place(struct fn_buf *out, const struct record *r, const char *root,
		      struct fn_str path, struct fn_str name)
{
	size_t len = root ? strlen(root) : 0;

	if (!path.data) {
		put_name(out, r, name);
		return;
	}
	put_bytes(out, r->raw, root, len);
	if (path.len && len && root[len - 1] != '/')
		fn_buf_char(out, '/');
	put_name(out, r, path);
}

/* An event of a root as a whole (overflow, the end of a watch) has neither path nor name. */
static bool of_root(const struct fn_event *ev)
{
	return !ev->path.data && !ev->name.len && !ev->old_path.data && !ev->old_name.len;
}

void put_path(struct fn_buf *out, const struct record *r)
{
	static const struct fn_str top = {"", 0};

	put_place(out, r, r->root, of_root(r->ev) ? top : r->ev->path, r->ev->name);
}

void put_old_path(struct fn_buf *out, const struct record *r)
{
	put_place(out, r, r->ev->old_root ? r->old_root : r->root, r->ev->old_path,
		  r->ev->old_name);
}

struct fn_str record_file(const struct record *r)
{
	struct fn_str path = r->ev->path;
	const char *slash;

	if (!path.data || !r->ev->name.len)
		return r->ev->name;
	slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	if (slash) {
		path.len -= (size_t)(slash + 1 - path.data);
		path.data = slash + 1;
	}
	return path;
}

void put_directory(struct fn_buf *out, const struct record *r)
{
	struct record dir = *r;
	struct fn_event ev;
	bool is_dir = r->ev->name.len || r->ev->mask & FN_ISDIR;
	size_t start = out->len;

	if (!r->ev->path.data && !of_root(r->ev))
		return; /* known by its name alone */
	ev = (struct fn_event){.path = r->ev->path};
	if (!ev.path.data)
		ev.path.data = "";
	if (r->ev->name.len) {
		size_t name = record_file(r).len;

		ev.path.len -= name;
		ev.path.len -= ev.path.len != 0; /* the slash */
	}
	dir.ev = &ev;
	put_path(out, &dir);
	if (is_dir && !out->failed && out->len > start && out->data[out->len - 1] != '/')
		fn_buf_char(out, '/');
}

void put_in_events(struct fn_buf *out, uint64_t mask, char separator)
{
	size_t n, start = out->len;
	const struct fn_event_desc *t = fn_event_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (!(mask & t[i].bit))
			continue;
		if (out->len > start)
			fn_buf_char(out, separator);
		fn_buf_str(out, t[i].in_name);
		if (t[i].bit & (FN_CLOSE_WRITE | FN_CLOSE_NOWRITE)) {
			fn_buf_char(out, separator);
			fn_buf_str(out, "CLOSE");
		}
	}
	if (mask & FN_ISDIR) {
		fn_buf_char(out, separator);
		fn_buf_str(out, "ISDIR");
	}
}

static void put_tag(struct fn_buf *out, bool set, char separator, const char *tag)
{
	if (!set)
		return;
	fn_buf_char(out, separator);
	fn_buf_str(out, tag);
}

/* Half a rename shows as what is known of it. */
static uint64_t shown_mask(const struct fn_event *ev)
{
	if (!(ev->mask & FN_RENAME) || !(ev->flags & FN_EV_PARTIAL))
		return ev->mask;
	return (ev->mask & ~(uint64_t)FN_RENAME) |
	       (fn_event_has_new(ev) ? FN_MOVED_TO : FN_MOVED_FROM);
}

void put_events(struct fn_buf *out, const struct fn_event *ev, char separator)
{
	size_t n, start = out->len;
	const struct fn_event_desc *t = fn_event_table(&n);
	uint64_t mask = shown_mask(ev);

	for (size_t i = 0; i < n; i++) {
		if (!(mask & t[i].bit))
			continue;
		if (out->len > start)
			fn_buf_char(out, separator);
		fn_buf_str(out, t[i].name);
	}
	if (out->len == start)
		fn_buf_str(out, ev->flags & FN_EV_GONE ? "ignored" : "none");
	put_tag(out, mask & FN_ISDIR, separator, "isdir");
	put_tag(out, ev->flags & FN_EV_EXCHANGE, separator, "exchange");
	put_tag(out, ev->flags & FN_EV_SYNTHETIC, separator, "synthetic");
}

/* The format is the user's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t time_text(char *text, size_t size, const char *format, time_t t)
{
	struct tm tm;

	localtime_r(&t, &tm);
	return strftime(text, size, format, &tm);
}
#pragma GCC diagnostic pop

void put_clock(struct fn_buf *out, const struct record *r)
{
	struct clock_text *c = r->clock;
	time_t now = (time_t)(r->ev->wall_ns / 1000000000);

	if (!c->format)
		return;
	if (now != c->second || !c->len) {
		c->len = time_text(c->text, sizeof(c->text), c->format, now);
		c->second = now;
	}
	fn_buf_add(out, c->text, c->len);
}

bool record_is_rename(const struct fn_event *ev)
{
	return ev->mask & FN_RENAME;
}
