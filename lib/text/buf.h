/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing run of bytes that printers append to. A failed allocation sets failed and makes every
 * later append a no-op, so that a printer checks once, at the end.
 */
#ifndef FN_TEXT_BUF_H
#define FN_TEXT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fn_buf {
	char *data;
	size_t len, cap;
	bool failed;
};

/* Room for n more bytes at data + len, or NULL. */
char *fn_buf_room(struct fn_buf *b, size_t n);
void fn_buf_free(struct fn_buf *b);

void fn_buf_add(struct fn_buf *b, const void *data, size_t len);
void fn_buf_char(struct fn_buf *b, char c);
void fn_buf_u64(struct fn_buf *b, uint64_t v);
void fn_buf_i64(struct fn_buf *b, int64_t v);
void fn_buf_hex(struct fn_buf *b, uint64_t v, int digits); /* at least that many digits */
void fn_buf_hex_bytes(struct fn_buf *b, const void *data, size_t len);
void fn_buf_octal(struct fn_buf *b, uint64_t v);
/* Nanoseconds as seconds with nine decimals. */
void fn_buf_seconds(struct fn_buf *b, int64_t ns);

static inline void fn_buf_str(struct fn_buf *b, const char *s)
{
	fn_buf_add(b, s, strlen(s));
}

static inline void fn_buf_clear(struct fn_buf *b)
{
	b->len = 0;
	b->failed = false;
}

#endif
