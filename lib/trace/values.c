/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/values.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "text/escape.h"

#define MAX_ERRNO 134
#define O_ACCMODE_BITS 3u

const char *fn_errno_name(int error)
{
	return strerrorname_np(error < 0 ? -error : error);
}

int fn_errno_number(const char *name, size_t len)
{
	for (int e = 1; e < MAX_ERRNO; e++) {
		const char *n = strerrorname_np(e);

		if (n && strlen(n) == len && !memcmp(n, name, len))
			return e;
	}
	return 0;
}

uint64_t fn_value_each_flag(enum fn_wire_set_id id, uint64_t v,
			    void (*cb)(void *arg, const char *prefix, const char *name), void *arg)
{
	static const char *const accmode[] = {"RDONLY", "WRONLY", "RDWR"};
	const struct fn_wire_set *set = &fn_wire_sets[id];

	if (id == FN_SET_o && (v & O_ACCMODE_BITS) < 3) {
		cb(arg, set->prefix, accmode[v & O_ACCMODE_BITS]);
		v &= ~(uint64_t)O_ACCMODE_BITS;
	}
	/* Names of more than one bit (O_SYNC) come before what they are made of, or after. */
	for (int wide = 1; wide >= 0; wide--)
		for (size_t i = 0; v && i < set->count; i++) {
			uint64_t bits = set->values[i].value;

			if (!bits || (v & bits) != bits || wide != ((bits & (bits - 1)) != 0))
				continue;
			cb(arg, set->prefix, set->values[i].name);
			v &= ~bits;
		}
	return v;
}

struct flag_text {
	struct fn_buf *b;
	bool some;
};

static void add_flag(void *arg, const char *prefix, const char *name)
{
	struct flag_text *t = arg;

	if (t->some)
		fn_buf_char(t->b, '|');
	t->some = true;
	/* Nearly every prefix begins with FUSE_: it says nothing here. */
	if (!strncmp(prefix, "FUSE_", 5))
		prefix += 5;
	fn_buf_str(t->b, prefix);
	fn_buf_str(t->b, name);
}

void fn_value_flags(struct fn_buf *b, enum fn_wire_set_id set, uint64_t v)
{
	struct flag_text t = {b, false};
	uint64_t residue = fn_value_each_flag(set, v, add_flag, &t);

	if (!residue && t.some)
		return;
	if (t.some)
		fn_buf_char(b, '|');
	if (residue)
		fn_buf_add(b, "0x", 2);
	fn_buf_hex(b, residue, 1);
}

static void mode(struct fn_buf *b, uint64_t v)
{
	static const char *const types[16] = {
		[S_IFIFO >> 12] = "S_IFIFO|",   [S_IFCHR >> 12] = "S_IFCHR|",
		[S_IFDIR >> 12] = "S_IFDIR|",   [S_IFBLK >> 12] = "S_IFBLK|",
		[S_IFREG >> 12] = "S_IFREG|",   [S_IFLNK >> 12] = "S_IFLNK|",
		[S_IFSOCK >> 12] = "S_IFSOCK|",
	};
	const char *type = v >> 16 ? NULL : types[v >> 12];

	if (type) {
		fn_buf_str(b, type);
		v &= 07777;
	}
	fn_buf_char(b, '0');
	if (v)
		fn_buf_octal(b, v);
}

static void device(struct fn_buf *b, uint64_t v)
{
	fn_buf_u64(b, major(v));
	fn_buf_char(b, ':');
	fn_buf_u64(b, minor(v));
}

static void number(struct fn_buf *b, const struct fn_wire_field *f, uint64_t v)
{
	if (f->type == FN_S32 || f->type == FN_S64)
		fn_buf_i64(b, (int64_t)v);
	else
		fn_buf_u64(b, v);
}

static void enumeration(struct fn_buf *b, const struct fn_wire_field *f, uint64_t v)
{
	const char *name = fn_wire_value_name(f->set, v);

	if (!name) {
		number(b, f, v);
		return;
	}
	fn_buf_str(b, fn_wire_sets[f->set].prefix);
	fn_buf_str(b, name);
}

static void error(struct fn_buf *b, const struct fn_wire_field *f, uint64_t v)
{
	int64_t e = (int64_t)v;
	const char *name = e > -MAX_ERRNO && e < MAX_ERRNO ? fn_errno_name((int)e) : NULL;

	if (name)
		fn_buf_str(b, name);
	else
		number(b, f, v);
}

void fn_value_text(struct fn_buf *b, const struct fn_wire_field *f, uint64_t v)
{
	switch ((enum fn_wire_fmt)f->fmt) {
	case FN_FMT_HEX:
		fn_buf_add(b, "0x", 2);
		fn_buf_hex(b, v, 1);
		break;
	case FN_FMT_OCT:
		fn_buf_char(b, '0');
		if (v)
			fn_buf_octal(b, v);
		break;
	case FN_FMT_MODE:
		mode(b, v);
		break;
	case FN_FMT_FLAGS:
		fn_value_flags(b, f->set, v);
		break;
	case FN_FMT_FLAGS2:
		fn_value_flags(b, f->set, v << 32);
		break;
	case FN_FMT_ENUM:
		enumeration(b, f, v);
		break;
	case FN_FMT_SEC:
		fn_buf_i64(b, (int64_t)v);
		break;
	case FN_FMT_TIME:
		fn_buf_seconds(b, (int64_t)v);
		break;
	case FN_FMT_DEV:
		device(b, v);
		break;
	case FN_FMT_ERRNO:
		error(b, f, v);
		break;
	default:
		number(b, f, v);
		break;
	}
}

void fn_value_quoted(struct fn_buf *b, const char *text, size_t len, size_t max)
{
	size_t n = len < max ? len : max;

	fn_buf_char(b, '"');
	while (n) {
		const char *q = memchr(text, '"', n);
		size_t run = q ? (size_t)(q - text) : n;

		fn_escape(b, text, run);
		text += run;
		n -= run;
		if (q) {
			fn_buf_add(b, "\\\"", 2);
			text++;
			n--;
		}
	}
	fn_buf_char(b, '"');
	if (len > max)
		fn_buf_add(b, "...", 3);
}
