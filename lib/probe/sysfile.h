/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of /proc and /sys as facts. */
#ifndef FN_PROBE_SYSFILE_H
#define FN_PROBE_SYSFILE_H

#include "probe/fact.h"

/* The file's first line without its end, cut to size. 0 or -errno. */
int fn_sysfile_read(int dirfd, const char *path, char *buf, size_t size);

/* name takes the file's content as its value, and is unknown where it cannot be read. */
struct fn_sysfile {
	const char *name, *path;
	const char *absent; /* what it means when there is no such file: then the answer is no */
};
void fn_sysfile_facts(struct fn_facts *f, const struct fn_sysfile *files, size_t n);
/* The same for a switch that reads Y or N, 1 or 0. */
void fn_sysfile_switch(struct fn_facts *f, const struct fn_sysfile *file);

#endif
