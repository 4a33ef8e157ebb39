/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a trace format implements. */
#ifndef FN_TRACE_READER_H
#define FN_TRACE_READER_H

#include "trace/input.h"
#include "trace/trace.h"
#include "wire/wire.h"

struct fn_reader {
	enum fn_trace_format format;
	const char *name;
	/* How sure: 0 no, more is better. n bytes at p are the beginning of the input. */
	int (*detect)(const uint8_t *p, size_t n);
	int (*next)(struct fn_trace *t, struct fn_trace_msg *m); /* as fn_trace_next() */
	size_t state_size;
	void (*free)(void *state);
};

struct fn_trace {
	struct fn_input in;
	const struct fn_reader *reader;
	void *state; /* the reader's */
	uint32_t max_message;
	uint32_t nconn; /* INITs seen, for formats without connection numbers */
	uint64_t line;
	uint64_t unseen;
	uint64_t fault_offset, fault_line;
	char fault[128];
	uint8_t *scratch; /* a message put together from text */
	size_t scratch_cap;
};

extern const struct fn_reader fn_reader_fusedump, fn_reader_raw, fn_reader_strace,
	fn_reader_libfuse, fn_reader_tracefs;

/* Note a fault at the present place; returns FN_TRACE_BAD. */
int fn_trace_bad(struct fn_trace *t, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Room for n bytes in t->scratch; 0 or -ENOMEM. */
int fn_trace_scratch(struct fn_trace *t, size_t n);
/* For formats of one message a line: parse gives 1: a message, 0: some other line, -1: one that
 * should be a message and is not. */
int fn_trace_next_line(struct fn_trace *t, struct fn_trace_msg *m,
		       int (*parse)(struct fn_trace *t, const char *p, size_t len,
				    struct fn_trace_msg *m));
/* An INIT starts a connection, in formats that do not say. */
void fn_trace_count_conn(struct fn_trace *t, struct fn_trace_msg *m);

/* Could these 16 bytes or more begin a message of this direction, and of this length? */
bool fn_plausible_request(const uint8_t *p, size_t n, bool swap, uint32_t max);
bool fn_plausible_answer(const uint8_t *p, size_t n, bool swap, uint32_t max);

#endif
