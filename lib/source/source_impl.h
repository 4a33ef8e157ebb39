/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kind of source implements. */
#ifndef FN_SOURCE_IMPL_H
#define FN_SOURCE_IMPL_H

#include "source/source.h"

struct fn_source_ops {
	const char *name;
	int (*fd)(const struct fn_source *src);
	int (*timeout)(const struct fn_source *src); /* may be NULL: never */
	/* Deliver with cb, or with fn_source_emit() which never loses an event to a callback that
	 * stops: then leave off soon and return what it returned. */
	int (*dispatch)(struct fn_source *src, fn_event_cb cb, void *arg);
	void (*expect)(struct fn_source *src, uint64_t mask, const char *path, size_t len);
	void (*stats)(const struct fn_source *src, struct fn_source_stats *st);
	void (*close)(struct fn_source *src); /* frees src itself */
};

struct fn_source_backlog;

/* First member of every source. All but ops is source.c's. */
struct fn_source {
	const struct fn_source_ops *ops;
	uint64_t seq, nevents;
	int64_t wall_ns, mono_ns; /* fn_source_now() */
	fn_event_cb cb;
	void *arg;
	int stop; /* what the callback returned in this round */
	struct fn_source_backlog *first, **last;
};

/* Take the time for the events that follow. Called for every dispatch; a source that reads more
 * than once in a round calls it again. */
void fn_source_now(struct fn_source *src);

/* Hand one event to the callback of this round, numbered and timed; after the callback has
 * stopped, keep a copy for the next round. Returns src->stop, or -ENOMEM. */
int fn_source_emit(struct fn_source *src, struct fn_event *ev);

/* The command name of a process, asked for once for each moment mono_ns; of one that is gone, what
 * was known ten seconds ago at most. Empty: not known. */
struct fn_comm_cache;
struct fn_comm_cache *fn_comm_cache_new(void);
void fn_comm_cache_free(struct fn_comm_cache *c);
void fn_comm_cache_get(struct fn_comm_cache *c, int pid, int64_t mono_ns, char comm[16]);
/* The same without memory. False: there is no such process, and comm is empty. */
bool fn_comm_read(int pid, char comm[16]);

#endif
