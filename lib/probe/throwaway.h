/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A FUSE super block of our own, to ask the kernel. It is made with fsopen() and never attached
 * to a directory: when the last descriptor goes, also by SIGKILL, it is gone.
 */
#ifndef FN_PROBE_THROWAWAY_H
#define FN_PROBE_THROWAWAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FN_THROWAWAY_BUF (1 << 16) /* the kernel wants room for more than 8 KiB */

struct fn_throwaway {
	int dev;          /* /dev/fuse */
	int fs;           /* the fsopen() context */
	int root;         /* a detached mount of it, O_PATH */
	int dir;          /* its root directory, open */
	const char *step; /* what failed */
	char *buf;        /* FN_THROWAWAY_BUF bytes */
	size_t init_len;  /* of the INIT message in buf */
};

/* Opens it and reads the kernel's INIT. May enter a new user and mount namespace: call it in a
 * process that has nothing else to do and a single thread. 0 or -errno with step set. */
int fn_throwaway_open(struct fn_throwaway *t, int64_t deadline_ns);
/* Answers INIT with protocol `minor` and no flags but those given, and serves GETATTR and
 * STATFS of the root in a thread until the process ends. Sets root and dir. 0 or -errno. */
int fn_throwaway_serve(struct fn_throwaway *t, uint64_t flags);

#endif
