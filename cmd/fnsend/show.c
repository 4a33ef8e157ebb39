/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message as people read it, and as people spoil it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event_json.h"
#include "fnsend/message.h"
#include "text/escape.h"
#include "wire/fn1.h"

static void show_hex(const struct message *m)
{
	for (size_t at = 0; at < m->len; at += 16) {
		printf("%04zx ", at);
		for (size_t i = at; i < at + 16; i++)
			if (i < m->len)
				printf("%s%02x", i == at + 8 ? "  " : " ", m->data[i]);
			else
				printf("%s", i == at + 8 ? "    " : "   ");
		printf("  |");
		for (size_t i = at; i < at + 16 && i < m->len; i++)
			putchar(m->data[i] >= 0x20 && m->data[i] < 0x7f ? m->data[i] : '.');
		printf("|\n");
	}
}

static void show_bits(const struct fn_wire_field *f, uint64_t v)
{
	const char *separator = "";

	printf("%s=0x%" PRIx64, f->name, v);
	for (unsigned i = 0; i < 64; i++) {
		const char *name =
			v >> i & 1 ? fn_wire_value_name((enum fn_wire_set_id)f->set, 1ull << i)
				   : NULL;

		if (name)
			printf("%s%s", *separator ? separator : "(", name);
		if (name)
			separator = "|";
	}
	printf("%s", *separator ? ")" : "");
}

static void show_field(const struct fn_wire_field *f, const uint8_t *body)
{
	uint64_t v = fn_wire_get(f, body, false);

	if (f->type == FN_ROOM || f->fmt == FN_FMT_PAD)
		return;
	putchar(' ');
	if (f->fmt == FN_FMT_FLAGS && f->set)
		show_bits(f, v);
	else if (f->type == FN_S64 || f->type == FN_S32)
		printf("%s=%" PRId64, f->name, (int64_t)v);
	else
		printf("%s=%" PRIu64, f->name, v);
}

static void show_tail(const uint8_t *data, size_t len)
{
	struct fn_buf text = {0};

	fn_escape(&text, (const char *)data, len);
	if (len)
		printf(" \"%.*s\"", (int)text.len, text.data);
	fn_buf_free(&text);
}

static void show_notify(const struct message *m)
{
	const struct fn_wire_notify *row = fn_wire_notify(message_code(m), m->dialect);
	const struct fn_wire_struct *st = row ? &fn_wire_structs[row->out] : NULL;
	size_t size = row ? fn_wire_struct_size((enum fn_wire_struct_id)row->out, NULL) : 0;

	printf("NOTIFY_%s (%s) len=%u code=%u", row ? row->name : "?",
	       fn_wire_dialects[m->dialect].name, fn_get_u32(m->data, false), message_code(m));
	if (row && m->len >= FN_WIRE_OUT_HEADER + size) {
		for (size_t i = 0; i < st->count; i++)
			show_field(&st->fields[i], m->data + FN_WIRE_OUT_HEADER);
		show_tail(m->data + FN_WIRE_OUT_HEADER + size, m->len - FN_WIRE_OUT_HEADER - size);
	} else if (row) {
		printf(" [cut]");
	}
	putchar('\n');
}

static void show_fn1(const struct message *m)
{
	struct fn1_msg msg;
	struct fn_event ev;
	struct fn_buf text = {0};

	if (fn1_parse(m->data, m->len, &msg)) {
		printf("fn1: malformed: its length is not what it says\n");
		return;
	}
	printf("%s (fn1) len=%zu code=0x%x unique=%" PRIu64 " ",
	       msg.code == FN1_INJECT ? "FN1_INJECT" : "?", msg.len, msg.code, msg.unique);
	if (fn1_get_event(&msg, &ev)) {
		printf("malformed: not an event\n");
		return;
	}
	fn_event_to_json(&text, &ev, NULL, NULL);
	printf("%.*s\n", (int)text.len, text.data);
	fn_buf_free(&text);
}

void message_show(const struct message *m)
{
	show_hex(m);
	if (m->dialect == FN_DIALECT_fn1)
		show_fn1(m);
	else
		show_notify(m);
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

/* Every 8 bytes behind the header hold what a field may hold: the first is a node or a mask. */
static int spoil_body(struct message *m, const char *kind)
{
	if (m->len < 32)
		return fn_usage("--malformed %s: this message has no body", kind);
	if (!strcmp(kind, "node"))
		memset(m->data + 16, 0xee, 8);
	else
		memset(m->data + 24, 0xff, 8);
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
