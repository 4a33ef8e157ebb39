/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events from the text that watchers print: our JSON, inotifywait (its default form, --format and
 * --csv), fswatch -x, and plain "MASK PATH" lines. Pure: bytes in, events out.
 */
#ifndef FN_EVENT_EVENT_PARSE_H
#define FN_EVENT_EVENT_PARSE_H

#include "event/event.h"

enum fn_input {
	FN_INPUT_NONE, /* not known (yet): the first line that has a form decides */
	FN_INPUT_JSON,
	FN_INPUT_WIRE, /* not a text: fn_input_detect() alone knows it */
	FN_INPUT_INOTIFYWAIT,
	FN_INPUT_CSV,
	FN_INPUT_FSWATCH,
	FN_INPUT_MASK,
};

const char *fn_input_name(enum fn_input input);
enum fn_input fn_input_by_name(const char *name); /* FN_INPUT_NONE if there is none */
/* What the first bytes of a stream look like. */
enum fn_input fn_input_detect(const char *data, size_t len);

struct fn_parser;

/* format: what inotifywait was given with --format, or NULL. 0, -ENOMEM, or -EINVAL for a format
 * that does not have a file (%f or %w) and events (%e) in it, each once. */
int fn_parser_new(struct fn_parser **p, enum fn_input input, const char *format);
void fn_parser_free(struct fn_parser *p);

/* One record without its terminator. Returns 0 with *ev set; 1 for a line with no event in it
 * (blank, a comment, a watcher's chatter); -EINVAL, and fn_parser_error() says why. The path in
 * *ev is as it was written, unchecked but for NUL bytes and a trailing '/'; strings stay valid
 * until the next call. */
int fn_parse_line(struct fn_parser *p, const char *line, size_t len, struct fn_event *ev);
const char *fn_parser_error(const struct fn_parser *p);
/* The watched root that a JSON line names (data is NULL if it names none); the paths of its event
 * are below it. */
struct fn_str fn_parser_root(const struct fn_parser *p);
struct fn_str fn_parser_old_root(const struct fn_parser *p);
enum fn_input fn_parser_input(const struct fn_parser *p);

/* "create,isdir" with any separator, or a hexadecimal number. False if a part is not known. */
bool fn_mask_parse(const char *text, size_t len, char separator, uint64_t *mask);

#endif
