/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections that a stream of events comes over. */
#ifndef FN_SOURCE_DIAL_H
#define FN_SOURCE_DIAL_H

#include <stdbool.h>
#include <sys/types.h>

struct fn_dialed {
	int fd;    /* non-blocking */
	pid_t pid; /* of a command, the leader of its process group; 0: none */
};

/* "unix:PATH", "vsock:CID:PORT", "-" (standard input), the path of a FIFO or character device, or
 * any other text: a command for sh -c, whose output it is. May take the two seconds in which a
 * vsock connection is made or not. 0 or -errno; -EINVAL: a malformed vsock address. */
int fn_dial(const char *spec, struct fn_dialed *d);
/* Closes it, ends a command with all that it has started. */
void fn_hang_up(struct fn_dialed *d);

#endif
