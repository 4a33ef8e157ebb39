/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --settle: changes of one path that follow each other closely become one record. */
#ifndef FNWATCH_SETTLE_H
#define FNWATCH_SETTLE_H

#include "event/event.h"

struct settle;

/* quiet_ns: how long a path must be quiet. NULL when out of memory. */
struct settle *settle_new(int64_t quiet_ns, fn_event_cb sink, void *arg);
void settle_free(struct settle *s);
/* Takes the event in, or passes it on at once together with what it must not overtake.
 * now_ns: the caller's monotonic clock. Returns what the sink returned, or -ENOMEM. */
int settle_event(struct settle *s, const struct fn_event *ev, int64_t now_ns);
/* Pass on what is due, or with all set everything. */
int settle_run(struct settle *s, int64_t now_ns, bool all);
/* When settle_run() has something to do next, -1: nothing is held. */
int64_t settle_due(const struct settle *s);

#endif
