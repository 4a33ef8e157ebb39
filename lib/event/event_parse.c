/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "event/event_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "event/parse_impl.h"

static const char *const names[] = {"unknown", "json",    "wire", "inotifywait",
				    "csv",     "fswatch", "mask"};

const char *fn_input_name(enum fn_input input)
{
	return names[input];
}

enum fn_input fn_input_by_name(const char *name)
{
	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return (enum fn_input)i;
	return FN_INPUT_NONE;
}

int fn_parse_bad(struct fn_parser *p, const char *why)
{
	p->why = why;
	return -EINVAL;
}

int fn_parser_reserve(struct fn_parser *p, size_t len)
{
	char *room;

	p->used = 0;
	if (p->size >= len)
		return 0;
	room = realloc(p->room, len);
	if (!room)
		return -ENOMEM;
	p->room = room;
	p->size = len;
	return 0;
}

struct fn_str fn_parser_keep(struct fn_parser *p, size_t len)
{
	struct fn_str s = {p->room + p->used, len};

	p->room[p->used + len] = '\0';
	p->used += len + 1;
	return s;
}

void fn_parse_set_path(struct fn_parser *p, struct fn_event *ev, struct fn_str dir,
		       struct fn_str name)
{
	bool slash = dir.len && name.len && dir.data[dir.len - 1] != '/';
	size_t len = dir.len + slash + name.len;
	char *at = p->room + p->used;

	if (dir.len)
		memcpy(at, dir.data, dir.len);
	if (slash)
		at[dir.len] = '/';
	if (name.len)
		memcpy(at + dir.len + slash, name.data, name.len);
	while (len > 1 && at[len - 1] == '/')
		len--;
	ev->path = fn_parser_keep(p, len);
}

static bool is_word(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && !strncasecmp(word, text, len);
}

/* One name. "CLOSE" and "MOVE" stand beside the event itself in inotifywait's lists. */
static bool add_name(const char *text, size_t len, uint64_t *mask)
{
	uint64_t bits;

	if (is_word("isdir", text, len) || is_word("in_isdir", text, len)) {
		*mask |= FN_ISDIR;
		return true;
	}
	bits = fn_event_mask_parse(text, len);
	if (!(*mask & bits) || !is_word("close", text, len))
		*mask |= bits;
	return bits != 0;
}

static bool parse_hex(const char *text, size_t len, uint64_t *mask)
{
	size_t i = len > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' ? 2 : 0;
	uint64_t value = 0;

	if (len == i || len - i > 16)
		return false;
	for (; i < len; i++) {
		const char *digits = "0123456789abcdef";
		const char *d = memchr(digits, text[i] | 0x20, 16);

		if (!d)
			return false;
		value = value << 4 | (uint64_t)(d - digits);
	}
	*mask = value;
	return true;
}

bool fn_mask_parse(const char *text, size_t len, char separator, uint64_t *mask)
{
	const char *p = text, *end = text + len;

	*mask = 0;
	while (p < end) {
		const char *stop = memchr(p, separator, (size_t)(end - p));

		if (!stop)
			stop = end;
		if (!add_name(p, (size_t)(stop - p), mask))
			return p == text && parse_hex(text, len, mask) && *mask;
		p = stop + 1;
	}
	return (*mask & ~(uint64_t)FN_ISDIR) != 0;
}

static bool has_nul(struct fn_span in)
{
	return memchr(in.p, '\0', (size_t)(in.end - in.p)) != NULL;
}

/* A message begins with its own length, which no printable text does. */
static bool looks_wire(struct fn_span in)
{
	const unsigned char *b = (const unsigned char *)in.p;
	size_t n = (size_t)(in.end - in.p);

	return n >= 4 && b[2] <= 1 && b[3] == 0 && (b[0] | b[1] << 8 | b[2] << 16) >= 16;
}

static enum fn_input detect_text(struct fn_parser *p, struct fn_span in)
{
	static const struct {
		enum fn_input input;
		int (*parse)(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
	} forms[] = {
		{FN_INPUT_MASK, fn_parse_mask_line},
		{FN_INPUT_INOTIFYWAIT, fn_parse_inotifywait},
		{FN_INPUT_CSV, fn_parse_csv},
		{FN_INPUT_FSWATCH, fn_parse_fswatch},
	};
	struct fn_event ev;

	if (in.p < in.end && *in.p == '{')
		return FN_INPUT_JSON;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && !has_nul(in); i++) {
		p->used = 0;
		fn_event_clear(&ev);
		if (forms[i].parse(p, in, &ev) >= 0)
			return forms[i].input;
	}
	return FN_INPUT_NONE;
}

static struct fn_span trim(const char *line, size_t len)
{
	struct fn_span in = {line, line + len};

	while (in.p < in.end && (*in.p == ' ' || *in.p == '\t'))
		in.p++;
	if (in.end > in.p && in.end[-1] == '\r')
		in.end--;
	return in;
}

enum fn_input fn_input_detect(const char *data, size_t len)
{
	struct fn_span in = {data, data + len};
	struct fn_parser p = {.input = FN_INPUT_NONE};
	enum fn_input found = FN_INPUT_NONE;

	if (looks_wire(in))
		return FN_INPUT_WIRE;
	if (fn_parser_reserve(&p, 2 * len + FN_ROOM_EXTRA))
		return FN_INPUT_NONE;
	while (in.p < in.end && !found) {
		const char *stop = memchr(in.p, '\n', (size_t)(in.end - in.p));

		found = detect_text(&p, trim(in.p, (size_t)((stop ? stop : in.end) - in.p)));
		in.p = stop ? stop + 1 : in.end;
	}
	free(p.room);
	return found;
}

int fn_parser_new(struct fn_parser **parser, enum fn_input input, const char *format)
{
	struct fn_parser *p = calloc(1, sizeof(*p));
	int err = p ? 0 : -ENOMEM;

	*parser = NULL;
	if (p)
		p->input = input;
	if (p && format)
		err = fn_format_compile(p, format);
	if (err)
		fn_parser_free(p);
	else
		*parser = p;
	return err;
}

void fn_parser_free(struct fn_parser *p)
{
	if (!p)
		return;
	fn_parser_drop_json(p);
	free(p->room);
	free(p->format);
	free(p);
}

const char *fn_parser_error(const struct fn_parser *p)
{
	return p->why;
}

struct fn_str fn_parser_root(const struct fn_parser *p)
{
	return p->root;
}

struct fn_str fn_parser_old_root(const struct fn_parser *p)
{
	return p->old_root;
}

enum fn_input fn_parser_input(const struct fn_parser *p)
{
	return p->input;
}

static int parse_as(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	switch (p->input) {
	case FN_INPUT_JSON:
		return fn_parse_json(p, in, ev);
	case FN_INPUT_INOTIFYWAIT:
		return p->nparts ? fn_parse_format(p, in, ev) : fn_parse_inotifywait(p, in, ev);
	case FN_INPUT_CSV:
		return fn_parse_csv(p, in, ev);
	case FN_INPUT_FSWATCH:
		return fn_parse_fswatch(p, in, ev);
	case FN_INPUT_MASK:
		return fn_parse_mask_line(p, in, ev);
	default:
		return fn_parse_bad(p, "no form that is known");
	}
}

/* A line that is not of the expected form, but of another one, is named for what it is. */
static const char *name_other(struct fn_parser *p, struct fn_span in)
{
	static const char *const texts[] = {
		NULL,
		"this looks like JSON (--input json)",
		NULL,
		"this looks like inotifywait's output (--input inotifywait)",
		"this looks like inotifywait's --csv output (--input csv)",
		"this looks like fswatch's -x output (--input fswatch)",
		"this looks like MASK PATH (--input mask)",
	};
	enum fn_input other = detect_text(p, in);

	return other == p->input ? NULL : texts[other];
}

/* inotifywait says these on stderr; they get into logs that took both. */
static bool is_chatter(struct fn_span in)
{
	static const char *const texts[] = {"Setting up watches", "Watches established", "#"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = strlen(texts[i]);

		if ((size_t)(in.end - in.p) >= n && !memcmp(in.p, texts[i], n))
			return true;
	}
	return in.p == in.end;
}

int fn_parse_line(struct fn_parser *p, const char *line, size_t len, struct fn_event *ev)
{
	struct fn_span in = trim(line, len);
	int err;

	p->why = NULL;
	p->root = p->old_root = (struct fn_str){NULL, 0};
	fn_event_clear(ev);
	if (is_chatter(in))
		return 1;
	if (fn_parser_reserve(p, 2 * len + FN_ROOM_EXTRA))
		return fn_parse_bad(p, "out of memory");
	if (p->input == FN_INPUT_NONE)
		p->input = p->nparts ? FN_INPUT_INOTIFYWAIT : detect_text(p, in);
	if (has_nul(in))
		return fn_parse_bad(p, "a NUL byte");
	p->used = 0;
	err = parse_as(p, in, ev);
	if (err == -EINVAL) {
		const char *why = p->why, *other = name_other(p, in);

		p->why = other ? other : why;
	}
	return err;
}
