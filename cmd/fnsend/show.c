/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message as people read it, and as people spoil it. */
#include <stdio.h>
#include <string.h>

#include "fnsend/message.h"
#include "trace/printer.h"
#include "trace/session.h"

/* As fndump would print it: fn1's INJECT is a request, all else notifications. */
static int print(const struct message *m, const struct fn_session_opts *so, struct fn_buf *out)
{
	const struct fn_print_opts po = {.time = FN_PRINT_TIME_NONE, .string_max = 4096};
	struct fn_trace_msg msg = {.data = m->data, .have = (uint32_t)m->len, .time = FN_TIME_NONE};
	struct fn_session *session = NULL;
	struct fn_printer *printer = NULL;
	struct fn_seen seen;
	int err = fn_session_new(&session, so);

	if (!err)
		err = fn_printer_text(&printer, &po, session);
	if (!err)
		err = fn_trace_msg_header(&msg, m->dialect == FN_DIALECT_fn1);
	if (!err)
		err = fn_session_see(session, &msg, &seen);
	if (!err)
		err = fn_print(printer, &seen, out);
	fn_printer_free(printer);
	fn_session_free(session);
	return err < 0 ? err : 0;
}

void message_show(const struct message *m)
{
	const struct fn_session_opts so = {.dialect_set = true, .dialect = m->dialect};
	struct fn_buf out = {0};

	fn_print_hexdump(&out, m->data, m->len);
	if (print(m, &so, &out))
		fn_buf_str(&out, "not even a header\n");
	fwrite(out.data, 1, out.len, stdout);
	fn_buf_free(&out);
}

/* Bytes that no name may have, in place of the beginning of the name that is there. */
static int spoil_name(struct message *m, const char *kind, const char *name)
{
	size_t len = strlen(name);
	uint8_t *at = m->len > 16 && len ? memmem(m->data + 16, m->len - 16, name, len) : NULL;

	if (!at)
		return fn_usage("--malformed %s: there is no name in this message", kind);
	if (!strcmp(kind, "name-dots"))
		memcpy(at, "../", len < 3 ? len : 3);
	else
		*at = !strcmp(kind, "name-slash") ? '/' : '\0';
	return 0;
}

static void grow(struct message *m, size_t by)
{
	memset(m->data + m->len, 0x55, by);
	m->len += by;
}

static void noise(struct message *m)
{
	uint32_t state = 1;

	for (size_t i = 16; i < m->len; i++) {
		state = state * 1103515245 + 12345;
		m->data[i] = (uint8_t)(state >> 16);
	}
}

/* Where the layouts have a node first and a mask, or what may pass for one. */
static int spoil_body(struct message *m, const char *kind)
{
	bool node = !strcmp(kind, "node");
	size_t at = node ? 16 : m->dialect == FN_DIALECT_fn1 ? 48 : 24;

	if (m->len < at + 8)
		return fn_usage("--malformed %s: this message has no body", kind);
	memset(m->data + at, node ? 0xee : 0xff, 8);
	return 0;
}

int message_spoil(struct message *m, const char *kind, const char *name)
{
	if (!strcmp(kind, "name-nul") || !strcmp(kind, "name-slash") || !strcmp(kind, "name-dots"))
		return spoil_name(m, kind, name);
	if (!strcmp(kind, "short")) {
		m->len -= m->len > 17 ? m->len / 4 : 1;
	} else if (!strcmp(kind, "long")) {
		grow(m, 8);
		fn_put_u32(m->data, (uint32_t)m->len, false);
	} else if (!strcmp(kind, "length")) {
		fn_put_u32(m->data, (uint32_t)m->len + 8, false);
	} else if (!strcmp(kind, "name-long")) {
		grow(m, 1024);
		fn_put_u32(m->data, (uint32_t)m->len, false);
	} else if (!strcmp(kind, "code")) {
		fn_put_u32(m->data + 4, 0x46534e00, false);
	} else if (!strcmp(kind, "random")) {
		noise(m);
	} else if (!strcmp(kind, "mask") || !strcmp(kind, "node")) {
		return spoil_body(m, kind);
	} else {
		return fn_usage("--malformed: no such kind: '%s'", kind);
	}
	return 0;
}
