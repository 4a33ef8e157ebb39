/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running fnwatch: sources in, records out. */
#ifndef FNWATCH_WATCH_H
#define FNWATCH_WATCH_H

#include <signal.h>

#include "fnwatch/output.h"
#include "fnwatch/pick.h"
#include "fnwatch/rescan.h"
#include "fnwatch/settle.h"
#include "source/source.h"

/* One source and which of the command line's roots it watches. */
struct watch_input {
	struct fn_source *src;
	int *roots;
	size_t nroots;
	bool same; /* its root numbers are ours */
	bool file; /* a stream that has an end */
	bool ended;
};

struct watch {
	struct watch_options opts;
	struct pick pick;
	struct output out;
	struct settle *settle; /* NULL: not asked for */
	struct rescan *rescan;
	struct watch_input *inputs;
	size_t ninputs;
	const struct watch_input *current; /* whose event is being delivered */

	bool *root_gone; /* one for each root */
	bool done, any_gone, any_lost, timed_out;
	bool lost_more; /* a source did not say how many */
	int status;     /* of a failure, 0: none */
	int64_t deadline_ns;
	uint64_t seen, dropped, overflows, lost; /* dropped: by --exclude-writer */
	sigset_t wait_mask;                      /* in force while waiting */
};

/* 0 or a status after a message. */
int inputs_open(struct watch *w);
void inputs_close(struct watch *w);

/* Takes one event of the current input, or one of our own. Nonzero: stop this round. */
int watch_take(const struct fn_event *ev, void *watch);
/* Prints a record; nonzero when that was the last. */
int watch_emit(const struct fn_event *ev, void *watch);
int64_t watch_now(void);
/* Runs until it is done; the exit status. */
int watch_run(struct watch *w);
void watch_print_stats(const struct watch *w);

#endif
