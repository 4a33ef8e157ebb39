/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ladder: native, replay, nudge. */
#include <string.h>

#include "fnsend/sender.h"

int choose_means(struct sender *s)
{
	s->via = VIA_NUDGE;
	return 0;
}

void close_means(struct sender *s)
{
	(void)s;
}

void deliver(struct sender *s, const struct fn_event *ev, int64_t read_ns)
{
	nudge_event(s, ev, read_ns);
}

void sender_flush(struct sender *s)
{
	(void)s;
}
