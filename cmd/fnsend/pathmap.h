/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the paths of a source to paths below ROOT. */
#ifndef FNSEND_PATHMAP_H
#define FNSEND_PATHMAP_H

#include "event/event.h"

struct mapping {
	const char *strip;  /* leading directory to remove, NULL: none */
	const char *prefix; /* to put before, NULL: nothing */
	const char *root;   /* canonical */
	const char *given;  /* as the user wrote it */
};

/* path, below source_root if that is known (data not NULL), into out. NULL when done, else what
 * is wrong with it. An absent path stays absent. */
const char *map_path(const struct mapping *m, struct fn_str path, struct fn_str source_root,
		     char *out, size_t size, struct fn_str *mapped);

#endif
