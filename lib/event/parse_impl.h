/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the readers of the text forms share. */
#ifndef FN_EVENT_PARSE_IMPL_H
#define FN_EVENT_PARSE_IMPL_H

#include "event/event_parse.h"

/* A compiled inotifywait --format: what stands where. */
enum fn_part_kind {
	FN_PART_TEXT,
	FN_PART_DIR,
	FN_PART_FILE,
	FN_PART_EVENTS,
	FN_PART_COOKIE,
	FN_PART_TIME
};
struct fn_part {
	enum fn_part_kind kind;
	char separator; /* of FN_PART_EVENTS */
	struct fn_str text;
};
#define FN_PARTS_MAX 16

struct fn_parser {
	enum fn_input input;
	const char *why;
	char *room; /* for strings that are not in the line as they are */
	size_t used, size;
	struct json_t *json; /* owns the strings of the last JSON line */
	struct fn_str root, old_root;
	char *format;
	struct fn_part parts[FN_PARTS_MAX];
	size_t nparts;
};

struct fn_span {
	const char *p, *end;
};

/* Each returns what fn_parse_line() does. */
int fn_parse_mask_line(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
int fn_parse_inotifywait(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
int fn_parse_csv(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
int fn_parse_fswatch(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
int fn_parse_json(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
void fn_parser_drop_json(struct fn_parser *p);
int fn_parse_format(struct fn_parser *p, struct fn_span in, struct fn_event *ev);
int fn_format_compile(struct fn_parser *p, const char *format);

/* Room that lasts until the next line. Nothing decodes to more than its text, and a path is at
 * most decoded and then joined, so that twice the length of the line and FN_ROOM_EXTRA, allocated
 * before, is enough for all of it. */
#define FN_ROOM_EXTRA 64
int fn_parser_reserve(struct fn_parser *p, size_t len);
struct fn_str fn_parser_keep(struct fn_parser *p, size_t len); /* the next len bytes, with a NUL */
int fn_parse_bad(struct fn_parser *p, const char *why);        /* -EINVAL */
/* A directory and a name in it, either of which may be empty, into ev->path. */
void fn_parse_set_path(struct fn_parser *p, struct fn_event *ev, struct fn_str dir,
		       struct fn_str name);

static inline struct fn_str fn_str_of(const char *p, const char *end)
{
	return (struct fn_str){p, (size_t)(end - p)};
}

#endif
