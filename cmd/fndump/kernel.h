/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages taken by programs in the kernel (BPF): nothing is stopped for it. */
#ifndef FN_FNDUMP_KERNEL_H
#define FN_FNDUMP_KERNEL_H

#include <sys/types.h>

#include "trace/trace.h"

struct kernel;

/* The requests and replies of a connection, without the content of files; or what a process
 * reads from and writes to /dev/fuse, whole. -EOPNOTSUPP: not built in, or the kernel cannot. */
int kernel_open_mount(struct kernel **k, uint32_t conn);
int kernel_open_pid(struct kernel **k, pid_t pid);
void kernel_close(struct kernel *k);
/* As fn_trace_next(). o->idle is called before each wait; once o->stop says so there is no more
 * waiting, and 0 after what was taken until then. */
int kernel_next(struct kernel *k, struct fn_trace_msg *m, const struct fn_trace_opts *o);
/* Messages that the process spliced: their bytes are not in its memory. */
uint64_t kernel_unseen(const struct kernel *k);
const char *kernel_fault(const struct kernel *k);

#endif
