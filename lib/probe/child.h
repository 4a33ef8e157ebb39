/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A probe that may hang, or that has to change its namespaces, runs in a child process. The child
 * reports each fact as soon as it has it, and what it is about to try, so that a probe that is
 * stuck costs only what comes after it. The child dies with its parent.
 */
#ifndef FN_PROBE_CHILD_H
#define FN_PROBE_CHILD_H

#include "probe/fact.h"

struct fn_report {
	struct fn_facts facts; /* not sent yet */
	int fd;
};

typedef void (*fn_probe_fn)(struct fn_report *r, void *arg);

/* Sends what there is, then names what comes next (up to 63 bytes are kept). */
void fn_report_doing(struct fn_report *r, const char *what);

/* CLOCK_MONOTONIC in ns, and the ms that are left until then (0: it is past), for poll(). */
int64_t fn_mono_ns(void);
int fn_ms_left(int64_t deadline_ns);

/* 0 when the probe came to its end, -ETIMEDOUT or -EPIPE (the child died) when not: doing then
 * says at what. Other -errno: it was not started. *pid: a child that has still to be waited
 * for, when it needs more time to go than the probe may take; else 0. */
struct fn_bounded {
	bool keep_stderr; /* set before: the probe starts something that may have to say something
			   */
	char doing[64];
	int pid;
};
int fn_probe_bounded(struct fn_facts *f, int64_t deadline_ns, fn_probe_fn fn, void *arg,
		     struct fn_bounded *b);
/* Waits for such a child, up to ms. */
void fn_bounded_reap(struct fn_bounded *b, int ms);

/* For a process that is to outlive us and then clean up: leaves our session, closes all but the
 * two descriptors, lets no signal end it, and returns when the pipe is at its end. */
void fn_guard_until_eof(int pipe_fd, int keep_fd);

#endif
