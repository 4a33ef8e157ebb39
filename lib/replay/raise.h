/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system calls of a nudge, on an O_PATH descriptor: nothing in between can misdirect them. */
#ifndef FN_REPLAY_RAISE_H
#define FN_REPLAY_RAISE_H

#include <stdbool.h>
#include <stdint.h>

#include "event/event.h"

struct statx;

#define FN_RAISE_ALL \
	(FN_ACCESS | FN_MODIFY | FN_ATTRIB | FN_CLOSE_WRITE | FN_CLOSE_NOWRITE | FN_OPEN)

struct fn_raised {
	uint64_t bits;   /* raised as asked */
	uint64_t extra;  /* raised with them */
	uint64_t missed; /* not for this type of file */
};

/* stx: fresh attributes of fd; the times are set to what they are. 0 or -errno. */
int fn_raise(int fd, const struct statx *stx, uint64_t bits, struct fn_raised *raised);

/* The object changed, but neither its size nor its time of modification say so: the kernel kept
 * its pages. */
bool fn_data_may_be_stale(const struct statx *before, const struct statx *now);

#endif
