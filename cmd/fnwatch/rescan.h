/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --on-overflow=rescan: what the reader of our records knows of each root is kept as a tree, and
 * compared with what is there when events were lost. The differences are events marked synthetic.
 *
 * Names follow the records alone, so that a name whose deletion was lost is missed later; what
 * lstat() says is taken before a record is printed, so the reader sees that state or a newer one.
 */
#ifndef FNWATCH_RESCAN_H
#define FNWATCH_RESCAN_H

#include "fnwatch/options.h"

struct rescan;

struct rescan_opts {
	char *const *roots;
	size_t nroots;
	bool recursive;
	bool (*prune)(void *arg, int root, const char *path, size_t len);
	void *prune_arg;
};

/* Takes the first picture. 0 or -errno. */
int rescan_new(struct rescan **rs, const struct rescan_opts *opts);
void rescan_free(struct rescan *rs);
/* Before the record of this event is printed. */
void rescan_note(struct rescan *rs, const struct fn_event *ev);
/* Compares one root, or with root < 0 all; the differences go to cb, whose nonzero value ends the
 * comparison and is returned. 0 or -errno otherwise. */
int rescan_compare(struct rescan *rs, int root, fn_event_cb cb, void *arg);

#endif
