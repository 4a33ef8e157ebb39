/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One rename -> two halves with a cookie, for whoever speaks in halves. Pure. */
#ifndef FN_RENAME_SPLIT_H
#define FN_RENAME_SPLIT_H

#include "event/event.h"

/* Zero it to begin with. Cookies count up and are never 0. */
struct fn_split {
	uint32_t cookie;
};

/*
 * cb gets MOVED_FROM and MOVED_TO with one cookie; of an exchange two such pairs with two cookies,
 * as the kernel does; of a half rename the side that is known; anything else as it is. Returns
 * what cb returned when that is not 0, with the rest of the event not delivered.
 */
int fn_split_event(struct fn_split *sp, const struct fn_event *ev, fn_event_cb cb, void *arg);

#endif
