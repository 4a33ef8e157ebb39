/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotifywait's CSV: directory,EVENTS,name; quoted where a field needs it. */
#include "fnwatch/output.h"

/* Quote what was appended to out since start, if it has to be. */
static void quote_since(struct fn_buf *out, size_t start)
{
	struct fn_buf quoted = {0};
	size_t len = out->len - start;
	const char *text = out->data + start;

	if (out->failed || !len)
		return;
	if (!memchr(text, ',', len) && !memchr(text, '"', len) && !memchr(text, '\n', len) &&
	    text[0] != ' ' && text[len - 1] != ' ')
		return;
	fn_buf_char(&quoted, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			fn_buf_char(&quoted, '"');
		fn_buf_char(&quoted, text[i]);
	}
	fn_buf_char(&quoted, '"');
	out->len = start;
	fn_buf_add(out, quoted.data, quoted.len);
	out->failed |= quoted.failed;
	fn_buf_free(&quoted);
}

void print_csv(struct fn_buf *out, const struct record *r)
{
	size_t start = out->len;

	put_directory(out, r);
	quote_since(out, start);
	fn_buf_char(out, ',');
	start = out->len;
	put_in_events(out, r->ev->mask, ',');
	quote_since(out, start);
	fn_buf_char(out, ',');
	start = out->len;
	put_name(out, r, record_file(r));
	quote_since(out, start);
	fn_buf_char(out, '\n');
}
