/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The far side of a mount, where the changes are made: a directory here, or a shell elsewhere. */
#ifndef FN_PROBE_FAR_H
#define FN_PROBE_FAR_H

#include "probe/matrix.h"
#include "probe/scratch.h"

struct fn_far {
	char name[32]; /* of the directory that was made there; it is removed at the end */
	int64_t deadline_ns;
	/* a directory here */
	bool local;
	struct fn_scratch scratch;
	/* a shell */
	int to, from, guard;
	pid_t pid; /* of the process that keeps it */
};

/* dir, or command: the other is NULL. 0 or -errno; -EPIPE: the command's shell does not answer. */
int fn_far_open(struct fn_far *far, const char *dir, const char *command, int64_t deadline_ns);
/* 0 when it was done, -errno, -EREMOTEIO when the shell said that it failed. */
int fn_far_change(struct fn_far *far, enum fn_change change, const char *a, const char *b);
void fn_far_close(struct fn_far *far);

#endif
