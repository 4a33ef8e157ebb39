/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all sources share: numbers, times, and a callback that may stop at any event. */
#include "source/source_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct fn_source_backlog {
	struct fn_source_backlog *next;
	struct fn_event *ev;
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void fn_source_now(struct fn_source *src)
{
	src->wall_ns = clock_ns(CLOCK_REALTIME);
	src->mono_ns = clock_ns(CLOCK_MONOTONIC);
}

static void stamp(struct fn_source *src, struct fn_event *ev)
{
	src->nevents++;
	if (!ev->seq)
		ev->seq = ++src->seq;
	if (ev->mono_ns)
		return;
	ev->mono_ns = src->mono_ns;
	if (!ev->wall_ns)
		ev->wall_ns = src->wall_ns;
}

static int keep(struct fn_source *src, const struct fn_event *ev)
{
	struct fn_source_backlog *b = malloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->next = NULL;
	b->ev = fn_event_dup(ev);
	if (!b->ev) {
		free(b);
		return -ENOMEM;
	}
	*(src->first ? src->last : &src->first) = b;
	src->last = &b->next;
	return src->stop;
}

int fn_source_emit(struct fn_source *src, struct fn_event *ev)
{
	stamp(src, ev);
	if (src->stop || src->first)
		return keep(src, ev);
	src->stop = src->cb(ev, src->arg);
	return src->stop;
}

/* The callback as a source sees it. Its events are its own, const only to the receiver. */
static int stamp_cb(const struct fn_event *ev, void *arg)
{
	return fn_source_emit(arg, (struct fn_event *)(uintptr_t)ev);
}

static void drop_first(struct fn_source *src)
{
	struct fn_source_backlog *b = src->first;

	src->first = b->next;
	fn_event_free(b->ev);
	free(b);
}

int fn_source_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	int rc;

	src->cb = cb;
	src->arg = arg;
	src->stop = 0;
	while (src->first) {
		rc = cb(src->first->ev, arg);
		drop_first(src);
		if (rc)
			return rc;
	}
	fn_source_now(src);
	rc = src->ops->dispatch(src, stamp_cb, src);
	return src->stop ? src->stop : rc;
}

void fn_source_close(struct fn_source *src)
{
	if (!src)
		return;
	while (src->first)
		drop_first(src);
	src->ops->close(src);
}

int fn_source_fd(const struct fn_source *src)
{
	return src->ops->fd(src);
}

int fn_source_timeout(const struct fn_source *src)
{
	if (src->first)
		return 0;
	return src->ops->timeout ? src->ops->timeout(src) : -1;
}

const char *fn_source_name(const struct fn_source *src)
{
	return src->ops->name;
}

void fn_source_expect(struct fn_source *src, uint64_t mask, const char *path, size_t len)
{
	if (src->ops->expect)
		src->ops->expect(src, mask, path, len);
}

void fn_source_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	*st = (struct fn_source_stats){0};
	if (src->ops->stats)
		src->ops->stats(src, st);
	st->events = src->nevents;
}
