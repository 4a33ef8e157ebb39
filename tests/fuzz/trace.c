/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers, session, decoder, printers, writers and anonymizer over any bytes. The first byte
 * picks the reader and the printer. What was read and written as fusedump must read back as the
 * same messages.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/printer.h"
#include "trace/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *arg, const struct fn_trace_msg *m, const char *text)
{
	(void)m;
	*(size_t *)arg += strlen(text);
}

static struct fn_printer *printer_of(unsigned how, const struct fn_session *s)
{
	struct fn_print_opts o = {
		.tree = how & 4, .hex = how & 8, .pair = how & 16, .conn = true, .string_max = 64};
	struct fn_printer *p = NULL;
	const char *bad;

	o.format = "%{time} %{op} %{path} %{body.name} %{body.nodeid}%%\\n";
	if (how % 3 == 0)
		fn_printer_text(&p, &o, s);
	else if (how % 3 == 1)
		fn_printer_json(&p, &o, s);
	else
		fn_printer_format(&p, &o, s, &bad);
	return p;
}

/* The bytes that a message had and the record that was made of it. */
static void round_trip(const struct fn_trace_msg *m, const struct fn_buf *record)
{
	struct fn_trace_opts o = {.format = FN_TRACE_FUSEDUMP};
	struct fn_trace_msg again;
	struct fn_trace *t;

	if (fn_trace_open_mem(&t, record->data, record->len, &o))
		abort();
	if (fn_trace_next(t, &again) == FN_TRACE_MSG && again.len == m->len &&
	    !(m->flags & FN_MSG_SWAP)) {
		if (again.unique != m->unique || again.have != m->have || again.kind != m->kind ||
		    again.time != m->time || again.conn != (m->conn ? m->conn : 1) ||
		    (m->have && memcmp(again.data, m->data, m->have)))
			abort();
	}
	fn_trace_close(t);
}

static void one(struct fn_session *s, struct fn_printer *p, struct fn_anonymizer *a,
		const struct fn_trace_msg *m, struct fn_buf *out)
{
	struct fn_trace_msg hidden;
	struct fn_seen seen;

	if (fn_session_see(s, m, &seen))
		return;
	fn_print(p, &seen, out);
	fn_buf_clear(out);
	fn_anonymize(a, &seen, &hidden);
	fn_session_done(s, &seen);
	fn_write_pcapng(out, m);
	fn_buf_clear(out);
	if (m->len <= 65536 && fn_write_fusedump(out, m) == 0)
		round_trip(m, out);
	fn_buf_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fn_anonymizer key = {.key = {3, 1, 4, 1, 5, 9}};
	struct fn_anonymizer a = key;
	size_t said = 0;
	struct fn_trace_opts o = {.max_message = 1 << 20};
	struct fn_session_opts so = {
		.max_outstanding = 64, .max_nodes = 64, .finding = note, .arg = &said};
	struct fn_trace_msg m;
	struct fn_session *s = NULL;
	struct fn_printer *p;
	struct fn_buf out = {0};
	struct fn_trace *t;
	int r;

	if (size < 1)
		return 0;
	o.format = (enum fn_trace_format)(data[0] % 6);
	so.keep = data[0] & 16;
	so.dialect_set = data[0] >= 128;
	so.dialect = (enum fn_dialect)(data[0] % FN_DIALECTS);
	if (fn_trace_open_mem(&t, data + 1, size - 1, &o))
		return 0;
	if (fn_session_new(&s, &so) == 0 && (p = printer_of(data[0], s))) {
		while ((r = fn_trace_next(t, &m)) > 0)
			if (r == FN_TRACE_MSG)
				one(s, p, &a, &m, &out);
		fn_session_end(s);
		fn_printer_free(p);
	}
	fn_session_free(s);
	fn_anonymizer_free(&a);
	fn_buf_free(&out);
	fn_trace_close(t);
	return 0;
}
