/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems mounted below the roots of a source. A mark of fanotify covers one file system, so
 * each becomes a root of its own, and the tree is put together again (source/tree.h). What is
 * mounted later is not seen.
 */
#ifndef FN_SOURCE_SUBMOUNTS_H
#define FN_SOURCE_SUBMOUNTS_H

#include <sys/types.h>

#include "source/source.h"

struct fn_submount {
	char *path;        /* absolute */
	const char *under; /* the same relative to its root */
	int root;          /* the index of that root */
	dev_t dev;
};

struct fn_submounts {
	struct fn_submount *at;
	size_t n;
};

/* Directories that something is mounted on, below the roots and not pruned. 0 or -ENOMEM. */
int fn_submounts_find(struct fn_submounts *s, const struct fn_source_opts *opts);
void fn_submounts_drop(struct fn_submounts *s, size_t i);
void fn_submounts_free(struct fn_submounts *s);
bool fn_submounts_have(const struct fn_submounts *s, dev_t dev);

/* fn_source_fanotify() over the roots and these, with the paths and numbers of the roots alone.
 * What it cannot mark is dropped from s. */
int fn_source_mounts(struct fn_source **src, const struct fn_source_opts *opts,
		     struct fn_submounts *s, int *bad);

#endif
