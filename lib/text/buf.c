/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text/buf.h"

#include <stdlib.h>

char *fn_buf_room(struct fn_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	if (b->failed)
		return NULL;
	if (n <= b->cap - b->len)
		return b->data + b->len;
	while (cap - b->len < n) {
		if (cap > SIZE_MAX / 2)
			goto fail;
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (!data)
		goto fail;
	b->data = data;
	b->cap = cap;
	return b->data + b->len;
fail:
	b->failed = true;
	return NULL;
}

void fn_buf_free(struct fn_buf *b)
{
	free(b->data);
	*b = (struct fn_buf){0};
}

void fn_buf_add(struct fn_buf *b, const void *data, size_t len)
{
	char *p;

	if (!len)
		return;
	p = fn_buf_room(b, len);
	if (!p)
		return;
	memcpy(p, data, len);
	b->len += len;
}

void fn_buf_char(struct fn_buf *b, char c)
{
	char *p = fn_buf_room(b, 1);

	if (!p)
		return;
	*p = c;
	b->len++;
}

static void digits(struct fn_buf *b, uint64_t v, unsigned base, int least)
{
	char text[32], *p = text + sizeof(text);

	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v || text + sizeof(text) - p < least);
	fn_buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

void fn_buf_u64(struct fn_buf *b, uint64_t v)
{
	digits(b, v, 10, 1);
}

void fn_buf_i64(struct fn_buf *b, int64_t v)
{
	if (v < 0)
		fn_buf_char(b, '-');
	digits(b, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, 1);
}

void fn_buf_hex(struct fn_buf *b, uint64_t v, int least)
{
	digits(b, v, 16, least > 16 ? 16 : least);
}

void fn_buf_octal(struct fn_buf *b, uint64_t v)
{
	digits(b, v, 8, 1);
}

void fn_buf_hex_bytes(struct fn_buf *b, const void *data, size_t len)
{
	const unsigned char *in = data;
	char *p = fn_buf_room(b, len * 2);

	if (!p)
		return;
	for (size_t i = 0; i < len; i++) {
		*p++ = "0123456789abcdef"[in[i] >> 4];
		*p++ = "0123456789abcdef"[in[i] & 15];
	}
	b->len += len * 2;
}

void fn_buf_seconds(struct fn_buf *b, int64_t ns)
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	if (ns < 0)
		fn_buf_char(b, '-');
	digits(b, v / 1000000000, 10, 1);
	fn_buf_char(b, '.');
	digits(b, v % 1000000000, 10, 9);
}
