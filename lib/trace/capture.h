/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a server reads from and writes to /dev/fuse, taken while it runs, with ptrace: each of its
 * threads is stopped for a moment at its system calls, and what it transfers is copied out of its
 * memory. Spliced messages are copied with tee(2) from the pipe that they pass.
 *
 * One capture at a time in a process: it waits for all of its children.
 */
#ifndef FN_TRACE_CAPTURE_H
#define FN_TRACE_CAPTURE_H

#include <sys/types.h>

#include "trace/trace.h"

struct fn_capture;

/* All threads of a process, and what it starts. */
int fn_capture_attach(struct fn_capture **c, pid_t pid, uint32_t max_message);
/* A program, from its first instruction. -errno of execvp() comes as its status, 127. */
int fn_capture_spawn(struct fn_capture **c, char *const argv[], uint32_t max_message);
/* Lets go of what still runs. */
void fn_capture_close(struct fn_capture *c);

/* The next message: FN_TRACE_MSG or FN_TRACE_BAD, 0 when the last thread is gone, -EINTR after a
 * signal. */
int fn_capture_next(struct fn_capture *c, struct fn_trace_msg *m);
const char *fn_capture_fault(const struct fn_capture *c);
/* The kernel's number of the connection that a /dev/fuse descriptor of a process speaks on, 0
 * where the kernel does not tell (before 6.16). */
uint32_t fn_capture_connection(pid_t pid, int fd);
/* wait(2) status of the program that was started; -1 while it runs. */
int fn_capture_status(const struct fn_capture *c);

#endif
