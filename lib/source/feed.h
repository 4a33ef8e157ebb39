/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events from somewhere else: a stream of fn1 or of the text that watchers print, over anything
 * that fn_dial() reaches. What is malformed is counted and passed over. A stream that ends is
 * connected again, after a pause that grows; the gap shows as FN_Q_OVERFLOW.
 */
#ifndef FN_SOURCE_FEED_H
#define FN_SOURCE_FEED_H

#include "source/source.h"

struct fn_feed_opts {
	/* Called with a line for people, at most once a second. May be NULL. */
	void (*message)(void *arg, const char *text);
	/* Where what the events tell of is seen here, over a file system that does not hear of
	 * changes: its caches are made fresh before an event is handed on. May be NULL. */
	const char *fresh;
	/* Whether anybody can have looked there; NULL: everywhere. */
	bool (*looked_at)(void *arg, const struct fn_str *path);
	void *arg;
};

/* 0 or -errno: the first connection has to succeed. Paths of events are relative to the root that
 * the stream names. */
int fn_source_feed(struct fn_source **src, const char *spec, const struct fn_feed_opts *opts);

#endif
