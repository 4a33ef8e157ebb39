/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line asks of fnwatch. */
#ifndef FNWATCH_OPTIONS_H
#define FNWATCH_OPTIONS_H

#include "common/cmd.h"
#include "fnwatch/filter.h"
#include "fnwatch/format.h"

enum watch_style {
	STYLE_TEXT,
	STYLE_FORMAT,
	STYLE_CSV,
	STYLE_JSON,
	STYLE_WIRE,
};

enum watch_source {
	SOURCE_AUTO,
	SOURCE_REMOTE,
	SOURCE_FANOTIFY,
	SOURCE_INOTIFY,
	SOURCE_STREAM,
};

enum watch_overflow {
	OVERFLOW_REPORT,
	OVERFLOW_RESCAN,
	OVERFLOW_EXIT,
};

enum watch_colour {
	COLOUR_AUTO,
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

struct watch_options {
	uint64_t mask; /* FN_* bits to show */
	bool events_given, recursive, no_follow, null, raw, no_newline, stats;
	enum watch_style style;
	enum watch_source source;
	enum watch_overflow overflow;
	enum watch_colour colour;
	char *stream; /* the file of SOURCE_STREAM */
	char *time_format;
	struct format *format;
	struct filter filter;
	struct writers writers;
	uint64_t count;                /* 0: no bound */
	int64_t timeout_ns, settle_ns; /* 0: none */
	int ready_fd;                  /* -1: none */
	char **roots;
	size_t nroots;
};

/* 0, or -1 when the command is to end with *status. Free in either case. */
int watch_options_parse(struct watch_options *o, int argc, char **argv, int *status);
void watch_options_free(struct watch_options *o);

extern const struct fn_command fnwatch_command;

/* Option ids, shared by the table and its reader. */
enum {
	OPT_RECURSIVE = 1,
	OPT_EVENT,
	OPT_INCLUDE,
	OPT_INCLUDE_I,
	OPT_EXCLUDE,
	OPT_EXCLUDE_I,
	OPT_WRITER,
	OPT_COUNT,
	OPT_TIMEOUT,
	OPT_SETTLE,
	OPT_JSON,
	OPT_CSV,
	OPT_FORMAT,
	OPT_TIMEFMT,
	OPT_NO_NEWLINE,
	OPT_NULL,
	OPT_RAW,
	OPT_WIRE,
	OPT_COLOUR,
	OPT_SOURCE,
	OPT_OVERFLOW,
	OPT_NO_FOLLOW,
	OPT_READY_FD,
	OPT_STATS,
};

#endif
