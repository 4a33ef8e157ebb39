/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems mounted below the backing directory: each has to be watched by itself. */
#ifndef FNMOUNT_SUBMOUNTS_H
#define FNMOUNT_SUBMOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct submount {
	char *path;        /* absolute */
	const char *under; /* the same below the backing directory */
	dev_t dev;
	int quiet; /* a directory of it in the server's own view */
};

struct submounts {
	struct submount *at;
	size_t n;
};

/* Those in the view that own_mount (a directory) is the top of. 0 or -ENOMEM. */
int submounts_find(struct submounts *s, const char *backing, int own_mount);
void submounts_drop(struct submounts *s, size_t i);
void submounts_free(struct submounts *s);
bool submounts_have(const struct submounts *s, dev_t dev);

#endif
