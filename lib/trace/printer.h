/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as text: a line each, a tree, JSON, or a format of one's own. */
#ifndef FN_TRACE_PRINTER_H
#define FN_TRACE_PRINTER_H

#include "trace/emit.h"

enum fn_print_time {
	FN_PRINT_TIME_AUTO, /* of day for dates, else as it is */
	FN_PRINT_TIME_NONE,
	FN_PRINT_TIME_DATE,  /* date and time of day */
	FN_PRINT_TIME_EPOCH, /* seconds since 1970, or as the source counts */
	FN_PRINT_TIME_START, /* since the first message */
	FN_PRINT_TIME_DELTA, /* since the one before */
};

struct fn_print_opts {
	enum fn_print_time time;
	bool tree, hex, pair;
	bool conn;         /* say which connection */
	size_t string_max; /* bytes shown of data and of strings */
	char *format;
};

struct fn_printer;

int fn_printer_text(struct fn_printer **p, const struct fn_print_opts *o,
		    const struct fn_session *s);
int fn_printer_json(struct fn_printer **p, const struct fn_print_opts *o,
		    const struct fn_session *s);
/* -EINVAL: the format has an unknown field; *bad points at it. */
int fn_printer_format(struct fn_printer **p, const struct fn_print_opts *o,
		      const struct fn_session *s, const char **bad);
void fn_printer_free(struct fn_printer *p);

/* Append what there is to say about the message to out. Returns the number of faults in it, or
 * -ENOMEM. */
int fn_print(struct fn_printer *p, const struct fn_seen *seen, struct fn_buf *out);

/* Used by those who implement printers. */
struct fn_printer {
	struct fn_emit emit; /* first */
	struct fn_print_opts opts;
	const struct fn_session *session;
	struct fn_buf *out;
	struct fn_buf scratch;
	const struct fn_seen *seen;
	int64_t first_time, last_time;
	int64_t minute; /* the minute that clock[] is of */
	char clock[24];
	int depth; /* of lists */
	int half;  /* of a pair: 0: none, 1, 2 */
	int (*print)(struct fn_printer *p, const struct fn_seen *seen);
	void (*free)(struct fn_printer *p);
};

struct fn_printer *fn_printer_new(size_t size, const struct fn_emit_ops *ops,
				  const struct fn_print_opts *o, const struct fn_session *s);
/* Decode the message, or with .pair both of a request and its reply, to the emitter. */
int fn_print_message(struct fn_printer *p, const struct fn_seen *seen);
void fn_print_time(struct fn_printer *p, int64_t ns, bool date_known);
/* The request that a reply answers, as a message of its own; names and data are lent by it. */
void fn_seen_request(const struct fn_seen *reply, struct fn_seen *seen, struct fn_trace_msg *m);
/* The path that the message is about: the node's, with the name where the request has one. */
bool fn_seen_path(const struct fn_session *s, const struct fn_seen *seen, struct fn_buf *out);
/* The node that the message is about; false: none or not known. */
bool fn_seen_node(const struct fn_seen *seen, uint64_t *nodeid);
const char *fn_seen_op_name(const struct fn_seen *seen, char room[24]);
/* "ok", "ENOENT", or a number in room. */
const char *fn_seen_status(const struct fn_seen *seen, char room[16]);
void fn_print_hexdump(struct fn_buf *b, const uint8_t *data, size_t len);

#endif
