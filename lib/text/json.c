/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text/json.h"
#include "text/escape.h"

static void key_start(struct fn_json *j, const char *key)
{
	if (j->comma)
		fn_buf_char(j->out, ',');
	j->comma = true;
	if (!key)
		return;
	fn_buf_char(j->out, '"');
	fn_buf_str(j->out, key);
	fn_buf_add(j->out, "\":", 2);
}

void fn_json_open(struct fn_json *j, const char *key, char bracket)
{
	key_start(j, key);
	fn_buf_char(j->out, bracket);
	j->comma = false;
}

void fn_json_close(struct fn_json *j, char bracket)
{
	fn_buf_char(j->out, bracket);
	j->comma = true;
}

void fn_json_str(struct fn_json *j, const char *key, const char *data, size_t len)
{
	key_start(j, key);
	fn_buf_char(j->out, '"');
	fn_escape_json(j->out, data, len);
	fn_buf_char(j->out, '"');
}

void fn_json_bytes(struct fn_json *j, const char *key, const char *data, size_t len)
{
	fn_json_str(j, key, data, len);
	if (fn_utf8_ok(data, len))
		return;
	fn_buf_add(j->out, ",\"", 2);
	fn_buf_str(j->out, key);
	fn_buf_str(j->out, "_raw\":[");
	for (size_t i = 0; i < len; i++) {
		if (i)
			fn_buf_char(j->out, ',');
		fn_buf_u64(j->out, (unsigned char)data[i]);
	}
	fn_buf_char(j->out, ']');
}

void fn_json_u64(struct fn_json *j, const char *key, uint64_t v)
{
	key_start(j, key);
	fn_buf_u64(j->out, v);
}

void fn_json_i64(struct fn_json *j, const char *key, int64_t v)
{
	key_start(j, key);
	fn_buf_i64(j->out, v);
}

void fn_json_hex(struct fn_json *j, const char *key, uint64_t v)
{
	key_start(j, key);
	fn_buf_char(j->out, '"');
	fn_buf_hex(j->out, v, 16);
	fn_buf_char(j->out, '"');
}

void fn_json_hex_bytes(struct fn_json *j, const char *key, const void *data, size_t len)
{
	key_start(j, key);
	fn_buf_char(j->out, '"');
	fn_buf_hex_bytes(j->out, data, len);
	fn_buf_char(j->out, '"');
}

void fn_json_bool(struct fn_json *j, const char *key, bool v)
{
	key_start(j, key);
	fn_buf_str(j->out, v ? "true" : "false");
}

void fn_json_null(struct fn_json *j, const char *key)
{
	key_start(j, key);
	fn_buf_str(j->out, "null");
}

void fn_json_seconds(struct fn_json *j, const char *key, int64_t ns)
{
	key_start(j, key);
	fn_buf_seconds(j->out, ns);
}
