/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * More roots for fanotify than the caller knows of: some stand below others, as file systems do
 * that are mounted there. The caller sees its own roots only, and paths relative to them.
 */
#ifndef FN_SOURCE_TREE_H
#define FN_SOURCE_TREE_H

#include "source/source.h"

struct fn_tree_root {
	int root;          /* the caller's */
	const char *under; /* where in it, "" its top */
};

/* opts is the caller's; roots and places (n) stand for opts->roots, and begin with them. 0 or
 * -errno, *bad is the index of the one at fault or -1. */
int fn_source_tree(struct fn_source **src, const struct fn_source_opts *opts,
		   const char *const *roots, const struct fn_tree_root *places, size_t n, int *bad);

#endif
