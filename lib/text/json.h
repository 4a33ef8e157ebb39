/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing JSON. Keys are our own ASCII; values may be any bytes. Commas are set by the writer.
 * In an array pass NULL for the key.
 */
#ifndef FN_TEXT_JSON_H
#define FN_TEXT_JSON_H

#include "text/buf.h"

struct fn_json {
	struct fn_buf *out;
	bool comma; /* the next member follows another */
};

void fn_json_open(struct fn_json *j, const char *key, char bracket); /* '{' or '[' */
void fn_json_close(struct fn_json *j, char bracket);                 /* '}' or ']' */

void fn_json_str(struct fn_json *j, const char *key, const char *data, size_t len);
/* "key": text, and where that is not UTF-8 also "key_raw": [byte, …]. */
void fn_json_bytes(struct fn_json *j, const char *key, const char *data, size_t len);
void fn_json_u64(struct fn_json *j, const char *key, uint64_t v);
void fn_json_i64(struct fn_json *j, const char *key, int64_t v);
/* Strings of hex digits: 16 of them, two a byte. */
void fn_json_hex(struct fn_json *j, const char *key, uint64_t v);
void fn_json_hex_bytes(struct fn_json *j, const char *key, const void *data, size_t len);
void fn_json_bool(struct fn_json *j, const char *key, bool v);
void fn_json_null(struct fn_json *j, const char *key);
/* Nanoseconds as a number of seconds with nine decimals. */
void fn_json_seconds(struct fn_json *j, const char *key, int64_t ns);

static inline void fn_json_text(struct fn_json *j, const char *key, const char *s)
{
	fn_json_str(j, key, s, strlen(s));
}

#endif
