/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first byte picks the form; the rest is lines. What parses as JSON must survive a round. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/event_json.h"
#include "event/event_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const formats[] = {NULL, "%w%f %e", "%T|%;e|%c|%w|%f", "%e %w%f"};

static void round_trip(const struct fn_event *ev)
{
	struct fn_buf a = {0}, b = {0};
	struct fn_parser *p;
	struct fn_event again;

	fn_event_to_json(&a, ev, NULL, NULL);
	if (fn_parser_new(&p, FN_INPUT_JSON, NULL))
		return;
	if (ev->path.data && !ev->mask)
		abort();
	if (fn_parse_line(p, a.data, a.len, &again) == 0) {
		fn_event_to_json(&b, &again, NULL, NULL);
		if (a.len != b.len || memcmp(a.data, b.data, a.len))
			abort();
	} else if (!memchr(a.data, '\0', a.len)) {
		abort();
	}
	fn_parser_free(p);
	fn_buf_free(&a);
	fn_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1, *end = (const char *)data + size;
	struct fn_parser *parser;
	enum fn_input input;

	if (!size)
		return 0;
	input = (enum fn_input)(data[0] % 7);
	fn_input_detect(p, size - 1);
	if (fn_parser_new(&parser, input, formats[data[0] / 7 % 4]))
		return 0;
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		struct fn_event ev;

		stop = stop ? stop : end;
		if (fn_parse_line(parser, p, (size_t)(stop - p), &ev) == 0)
			round_trip(&ev);
		p = stop + 1;
	}
	fn_parser_free(parser);
	return 0;
}
