/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records become bytes on standard output. */
#ifndef FNWATCH_OUTPUT_H
#define FNWATCH_OUTPUT_H

#include <signal.h>

#include "fnwatch/options.h"

struct output {
	const struct watch_options *opts;
	struct fn_buf buf;
	struct clock_text clock;
	bool terminal, colour;
	bool is_pipe; /* writes may block, and a reader may go */
	bool gone;    /* nobody reads any more */
	int error;    /* errno of a failed write */
	uint64_t printed;
	uint64_t wire_seq;               /* of the last event of the fn1 stream */
	sigset_t waiting_mask;           /* in force while waiting for the reader */
	bool (*stop_waiting)(void *arg); /* a signal came: is it one that ends us? */
	void *stop_arg;
};

void output_init(struct output *o, const struct watch_options *opts);
void output_free(struct output *o);
/* What comes before the first record, once the watches are in force. */
void output_start(struct output *o);
void output_print(struct output *o, const struct fn_event *ev);
/* Write what is buffered. False when output has ended: see gone and error. */
bool output_flush(struct output *o);

/* The styles. */
void print_text(struct fn_buf *out, const struct record *r, bool null);
void print_terminal(struct fn_buf *out, const struct record *r, bool colour);
void print_csv(struct fn_buf *out, const struct record *r);

#endif
