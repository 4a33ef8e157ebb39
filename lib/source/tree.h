/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several roots that make one tree, such as a directory and the file systems mounted below it:
 * every event gets its path in the tree, and root 0.
 */
#ifndef FN_SOURCE_TREE_H
#define FN_SOURCE_TREE_H

#include "source/source.h"

/* under[i]: where root i of the source is in the tree, "" its top; copied. Takes src, also when it
 * fails. 0 or -ENOMEM. */
int fn_source_tree(struct fn_source **tree, struct fn_source *src, const char *const *under,
		   size_t nroots);

#endif
