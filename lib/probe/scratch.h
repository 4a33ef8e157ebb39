/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory to try things in. A process of its own removes it with all that is in it, when the
 * pipe to it closes: by fn_scratch_close(), or because whoever opened it is dead.
 */
#ifndef FN_PROBE_SCRATCH_H
#define FN_PROBE_SCRATCH_H

#include <sys/types.h>

struct fn_scratch {
	char name[32]; /* in the directory that it was made in */
	int fd;        /* open, O_DIRECTORY */
	int guard;     /* the pipe */
	pid_t pid;
};

/* 0 or -errno. */
int fn_scratch_open(struct fn_scratch *s, int dirfd);
void fn_scratch_close(struct fn_scratch *s);

#endif
