/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/format.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

typedef void (*put_fn)(struct fn_buf *out, const struct record *r);

static void put_w(struct fn_buf *out, const struct record *r)
{
	put_directory(out, r);
}

static void put_f(struct fn_buf *out, const struct record *r)
{
	put_name(out, r, record_file(r));
}

static void put_e(struct fn_buf *out, const struct record *r)
{
	put_in_events(out, r->ev->mask, r->separator);
}

static void put_T(struct fn_buf *out, const struct record *r)
{
	put_clock(out, r);
}

static void put_cookie(struct fn_buf *out, const struct record *r)
{
	fn_buf_u64(out, r->ev->cookie);
}

static void put_our_events(struct fn_buf *out, const struct record *r)
{
	put_events(out, r->ev, r->separator);
}

/* Of half a rename that left: where it was. */
static void put_our_path(struct fn_buf *out, const struct record *r)
{
	if (record_is_rename(r->ev) && r->ev->flags & FN_EV_PARTIAL && !fn_event_has_new(r->ev))
		put_old_path(out, r);
	else
		put_path(out, r);
}

static void put_old(struct fn_buf *out, const struct record *r)
{
	if (record_is_rename(r->ev))
		put_old_path(out, r);
}

static void put_new(struct fn_buf *out, const struct record *r)
{
	if (record_is_rename(r->ev) && fn_event_has_new(r->ev))
		put_path(out, r);
}

static void put_root(struct fn_buf *out, const struct record *r)
{
	struct fn_str root = {r->root ? r->root : "", r->root ? strlen(r->root) : 0};

	put_name(out, r, root);
}

static void put_mask(struct fn_buf *out, const struct record *r)
{
	fn_buf_str(out, "0x");
	fn_buf_hex(out, r->ev->mask, 1);
}

static void put_pid(struct fn_buf *out, const struct record *r)
{
	fn_buf_i64(out, r->ev->pid);
}

static void put_comm(struct fn_buf *out, const struct record *r)
{
	struct fn_str comm = {r->ev->comm, strnlen(r->ev->comm, sizeof(r->ev->comm))};

	put_name(out, r, comm);
}

static void put_origin(struct fn_buf *out, const struct record *r)
{
	fn_buf_str(out, r->ev->flags & FN_EV_REMOTE  ? "remote"
			: r->ev->flags & FN_EV_LOCAL ? "local"
						     : "");
}

static void put_seq(struct fn_buf *out, const struct record *r)
{
	fn_buf_u64(out, r->ev->seq);
}

static void put_lost(struct fn_buf *out, const struct record *r)
{
	if (r->ev->lost) /* else it is not known how many */
		fn_buf_u64(out, r->ev->lost);
}

static void put_mode(struct fn_buf *out, const struct record *r)
{
	fn_buf_octal(out, r->ev->mode);
}

static void put_time(struct fn_buf *out, const struct record *r)
{
	fn_buf_seconds(out, r->ev->wall_ns);
}

static void put_mono(struct fn_buf *out, const struct record *r)
{
	fn_buf_seconds(out, r->ev->mono_ns);
}

static void put_handle(struct fn_buf *out, const struct record *r)
{
	const struct fn_object *o = &r->ev->object;

	if (!(o->has & FN_OBJ_HANDLE))
		return;
	fn_buf_hex(out, (uint32_t)o->handle_type, 2);
	fn_buf_char(out, ':');
	fn_buf_hex_bytes(out, o->handle, o->handle_len);
}

static void put_node(struct fn_buf *out, const struct record *r)
{
	if (!(r->ev->object.has & FN_OBJ_NODE))
		return;
	fn_buf_u64(out, r->ev->object.nodeid);
	fn_buf_char(out, '.');
	fn_buf_u64(out, r->ev->object.generation);
}

static const struct {
	const char *name;
	put_fn put;
} named[] = {
	{"comm", put_comm},     {"cookie", put_cookie}, {"events", put_our_events},
	{"handle", put_handle}, {"lost", put_lost},     {"mask", put_mask},
	{"mode", put_mode},     {"mono", put_mono},     {"new", put_new},
	{"node", put_node},     {"old", put_old},       {"origin", put_origin},
	{"path", put_our_path}, {"pid", put_pid},       {"root", put_root},
	{"seq", put_seq},       {"time", put_time},
};

struct token {
	put_fn put; /* NULL: the literal */
	char separator;
	const char *literal;
	size_t len;
};

struct format {
	char *text;
	struct token *tokens;
	size_t n;
	bool joint, nul;
};

static void add_literal(struct format *f, const char *data, size_t len)
{
	if (len)
		f->tokens[f->n++] = (struct token){.literal = data, .len = len};
}

static void add_put(struct format *f, put_fn put, char separator)
{
	f->tokens[f->n++] = (struct token){.put = put, .separator = separator};
}

/* "{name}" at p: its length, 0 if it is not one of ours. */
static size_t add_named(struct format *f, const char *p)
{
	size_t len = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

	if (!len || p[len + 1] != '}')
		return 0;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strlen(named[i].name) != len || memcmp(named[i].name, p + 1, len))
			continue;
		add_put(f, named[i].put, ',');
		f->joint = true;
		return len + 2;
	}
	return 0;
}

static size_t add_letter(struct format *f, const char *p)
{
	static const struct {
		char letter;
		put_fn put;
	} letters[] = {{'w', put_w}, {'f', put_f}, {'e', put_e}, {'T', put_T}, {'c', put_cookie}};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (*p == letters[i].letter) {
			add_put(f, letters[i].put, ',');
			return 1;
		}
	return 0;
}

/* What stands behind a '%': how many characters of it were taken, 0 if it means nothing. */
static size_t add_directive(struct format *f, const char *p)
{
	size_t used;

	if (*p == '%') {
		add_literal(f, p, 1);
		return 1;
	}
	if (*p == 'n') {
		add_literal(f, "\n", 1);
		return 1;
	}
	if (*p == '0') {
		add_literal(f, "", 1); /* the NUL of the empty string */
		f->nul = true;
		return 1;
	}
	used = add_named(f, p);
	if (!used && *p && p[1] == 'e' && !isalnum((unsigned char)*p)) {
		add_put(f, put_e, *p);
		used = 2;
	}
	return used ? used : add_letter(f, p);
}

static int compile(struct format *f, char *why, size_t size)
{
	const char *p = f->text;

	while (*p) {
		size_t len = strcspn(p, "%"), used;

		add_literal(f, p, len);
		p += len;
		if (!*p)
			break;
		used = add_directive(f, p + 1);
		if (!used) {
			snprintf(why, size, "'%.20s' is not a directive", p);
			return -1;
		}
		p += used + 1;
	}
	return 0;
}

struct format *format_compile(const char *text, char *why, size_t size)
{
	struct format *f = calloc(1, sizeof(*f));

	if (!f)
		goto no_memory;
	f->text = strdup(text);
	f->tokens = calloc(strlen(text) + 1, sizeof(*f->tokens));
	if (!f->text || !f->tokens)
		goto no_memory;
	if (!compile(f, why, size))
		return f;
	format_free(f);
	return NULL;
no_memory:
	snprintf(why, size, "out of memory");
	format_free(f);
	return NULL;
}

void format_free(struct format *f)
{
	if (!f)
		return;
	free(f->text);
	free(f->tokens);
	free(f);
}

bool format_joint(const struct format *f)
{
	return f->joint;
}

bool format_nul(const struct format *f)
{
	return f->nul;
}

void format_print(struct fn_buf *out, const struct format *f, const struct record *r)
{
	struct record own = *r;

	for (size_t i = 0; i < f->n; i++) {
		const struct token *t = &f->tokens[i];

		own.separator = t->separator;
		if (t->put)
			t->put(out, &own);
		else
			fn_buf_add(out, t->literal, t->len);
	}
}
