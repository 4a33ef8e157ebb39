/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two halves of a rename -> one event. Pure: the clock is the caller's.
 *
 * A MOVED_FROM is held until its MOVED_TO (same cookie) comes, until its time is up, until the
 * stream proves that it never will, or until too much is held. While it is held everything after
 * it is held too, so nothing is reordered: a rename stands where its MOVED_FROM stood. A half that
 * stays alone becomes a RENAME with FN_EV_PARTIAL.
 */
#ifndef FN_RENAME_JOIN_H
#define FN_RENAME_JOIN_H

#include "event/event.h"

struct fn_join;

struct fn_join_opts {
	size_t max_halves; /* held MOVED_FROM; 0: 64 */
	size_t max_held;   /* events held in all; 0: 4096 */
	int64_t wait_ns;   /* how long a half waits; 0: 25 ms */
	/* The halves were queued while their directories were locked, as the kernel does: then any
	 * other change of a name in the old directory proves that the other half is not coming. */
	bool locked;
	/* Hold a whole rename until the next event or fn_join_idle(), to see whether its way back
	 * follows: an exchange. Objects tell it from two renames; where they are not known, `both`
	 * is asked whether both names of this rename are there now (NULL: then it is none). */
	bool exchange;
	bool (*both)(void *arg, const struct fn_event *rename);
	void *arg;
};

struct fn_join *fn_join_new(const struct fn_join_opts *opts); /* NULL: no memory */
void fn_join_free(struct fn_join *j);                         /* what is held is dropped */

/*
 * The next event of the stream, at time now (ns, any clock that does not go back); cb gets what is
 * ready. An event with cookie 0 is the other half only of the event right before it. When cb
 * returns nonzero, that is returned, and the rest comes at the next call; -ENOMEM as well: then
 * the event is passed on unjoined.
 */
int fn_join_push(struct fn_join *j, const struct fn_event *ev, int64_t now, fn_event_cb cb,
		 void *arg);
/* The other half of the MOVED_FROM with this cookie is known not to come. */
void fn_join_alone(struct fn_join *j, uint32_t cookie);
/* Nothing more is queued at the moment. */
int fn_join_idle(struct fn_join *j, int64_t now, fn_event_cb cb, void *arg);
/* The time at which fn_join_idle() is to be called, or -1. */
int64_t fn_join_due(const struct fn_join *j);
/* The stream has ended, or lost events: whatever is held is let go. */
int fn_join_flush(struct fn_join *j, fn_event_cb cb, void *arg);

size_t fn_join_held(const struct fn_join *j);
uint64_t fn_join_expired(const struct fn_join *j); /* halves that stayed alone after waiting */

#endif
