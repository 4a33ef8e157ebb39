/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which events become records, and whether a rename is one record or two. */
#ifndef FNWATCH_PICK_H
#define FNWATCH_PICK_H

#include "fnwatch/options.h"
#include "rename/split.h"

struct pick {
	struct watch_options *opts;
	bool halves; /* renames as two records */
	struct fn_split split;
	struct fn_buf path;
};

void pick_init(struct pick *p, struct watch_options *opts);
void pick_free(struct pick *p);
/* Calls sink for each record that is to be shown; stops when it returns nonzero, and returns
 * that. Loss and the end of a watch always pass. */
int pick_event(struct pick *p, const struct fn_event *ev, fn_event_cb sink, void *arg);
/* For struct fn_source_opts: is this directory of a root excluded with all below it? */
bool pick_prunes(void *pick, int root, const char *path, size_t len);
/* True for what tells of the watch and not of a file. */
bool is_notice(const struct fn_event *ev);

#endif
