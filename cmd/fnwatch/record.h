/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One record to print, and the pieces that several styles print of it. */
#ifndef FNWATCH_RECORD_H
#define FNWATCH_RECORD_H

#include <time.h>

#include "event/event.h"
#include "text/buf.h"

/* strftime() once a second, not once an event. */
struct clock_text {
	const char *format;
	time_t second;
	size_t len;
	char text[128];
};

struct record {
	const struct fn_event *ev;
	const char *root, *old_root; /* NULL: none */
	bool raw;                    /* names without escapes */
	char separator;              /* between events */
	struct clock_text *clock;
};

void put_name(struct fn_buf *out, const struct record *r, struct fn_str name);
/* A path with its root in front. One that was not resolved: the name alone. */
void put_path(struct fn_buf *out, const struct record *r);
void put_old_path(struct fn_buf *out, const struct record *r);
/* inotifywait's split: the directory with a slash behind it, and the name in it. */
void put_directory(struct fn_buf *out, const struct record *r);
struct fn_str record_file(const struct record *r);

/* CREATE,ISDIR and create,isdir,synthetic. */
void put_in_events(struct fn_buf *out, uint64_t mask, char separator);
void put_events(struct fn_buf *out, const struct fn_event *ev, char separator);
void put_clock(struct fn_buf *out, const struct record *r);

bool record_is_rename(const struct fn_event *ev);

#endif
