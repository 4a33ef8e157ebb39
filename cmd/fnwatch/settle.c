/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/settle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define MAX_HELD 16384 /* then the oldest goes, due or not */
#define MAX_TIMES 10   /* a path that never rests is shown after this many quiet times */

/* Bits that say what a path is like now; everything else has an order that must be kept. */
#define MERGES                                                                             \
	(FN_CREATE | FN_MODIFY | FN_ATTRIB | FN_CLOSE_WRITE | FN_CLOSE_NOWRITE | FN_OPEN | \
	 FN_ACCESS)

struct held {
	struct held *hash_next;
	struct held *older, *newer; /* by time of the first event: the order of passing on */
	struct fn_event *ev;
	int64_t first_ns, last_ns;
	unsigned bucket;
};

struct settle {
	int64_t quiet_ns;
	fn_event_cb sink;
	void *arg;
	struct held *buckets[BUCKETS];
	struct held *oldest, *newest;
	size_t n;
};

struct settle *settle_new(int64_t quiet_ns, fn_event_cb sink, void *arg)
{
	struct settle *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->quiet_ns = quiet_ns;
	s->sink = sink;
	s->arg = arg;
	return s;
}

static unsigned bucket_of(int root, struct fn_str path)
{
	uint64_t h = 14695981039346656037u ^ (unsigned)root;

	for (size_t i = 0; i < path.len; i++)
		h = (h ^ (unsigned char)path.data[i]) * 1099511628211u;
	return (unsigned)(h >> 32) % BUCKETS;
}

static struct held *find(const struct settle *s, int root, struct fn_str path)
{
	struct held *h = s->buckets[bucket_of(root, path)];

	while (h && !(h->ev->root == root && h->ev->path.len == path.len &&
		      !memcmp(h->ev->path.data, path.data, path.len)))
		h = h->hash_next;
	return h;
}

static void take_out(struct settle *s, struct held *h)
{
	struct held **link = &s->buckets[h->bucket];

	while (*link != h)
		link = &(*link)->hash_next;
	*link = h->hash_next;
	*(h->older ? &h->older->newer : &s->oldest) = h->newer;
	*(h->newer ? &h->newer->older : &s->newest) = h->older;
	s->n--;
}

static void drop(struct held *h)
{
	fn_event_free(h->ev);
	free(h);
}

void settle_free(struct settle *s)
{
	if (!s)
		return;
	while (s->oldest) {
		struct held *h = s->oldest;

		take_out(s, h);
		drop(h);
	}
	free(s);
}

static int pass_on(struct settle *s, struct held *h)
{
	int r;

	take_out(s, h);
	r = s->sink(h->ev, s->arg);
	drop(h);
	return r;
}

static int hold(struct settle *s, const struct fn_event *ev, int64_t now_ns)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h)
		h->ev = fn_event_dup(ev);
	if (!h || !h->ev) {
		free(h);
		return -ENOMEM;
	}
	h->first_ns = h->last_ns = now_ns;
	h->bucket = bucket_of(ev->root, ev->path);
	h->hash_next = s->buckets[h->bucket];
	s->buckets[h->bucket] = h;
	h->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = h;
	s->newest = h;
	s->n++;
	return s->n > MAX_HELD ? pass_on(s, s->oldest) : 0;
}

static bool can_merge(const struct fn_event *ev)
{
	return ev->path.data && !(ev->mask & ~(uint64_t)(MERGES | FN_ISDIR)) &&
	       !(ev->flags & ~(unsigned)(FN_EV_REMOTE | FN_EV_LOCAL));
}

static int pass_path(struct settle *s, int root, struct fn_str path)
{
	struct held *h = path.data ? find(s, root, path) : NULL;

	return h ? pass_on(s, h) : 0;
}

/* An event whose place in the order matters: what is held of its paths goes first; of a
 * directory's end or move, and of a loss, everything. */
static int barrier(struct settle *s, const struct fn_event *ev, int64_t now_ns)
{
	int r;

	if (ev->mask & FN_ISDIR || !ev->path.data)
		r = settle_run(s, now_ns, true);
	else
		r = pass_path(s, ev->root, ev->path);
	if (!r && ev->old_path.data)
		r = pass_path(s, ev->old_root ? ev->old_root - 1 : ev->root, ev->old_path);
	return r ? r : s->sink(ev, s->arg);
}

int settle_event(struct settle *s, const struct fn_event *ev, int64_t now_ns)
{
	struct held *h;

	if (!can_merge(ev))
		return barrier(s, ev, now_ns);
	h = find(s, ev->root, ev->path);
	if (!h)
		return hold(s, ev, now_ns);
	h->ev->mask |= ev->mask;
	h->ev->seq = ev->seq;
	h->ev->wall_ns = ev->wall_ns;
	h->ev->mono_ns = ev->mono_ns;
	h->last_ns = now_ns;
	return 0;
}

static int64_t due_at(const struct settle *s, const struct held *h)
{
	int64_t quiet = h->last_ns + s->quiet_ns, longest = h->first_ns + MAX_TIMES * s->quiet_ns;

	return quiet < longest ? quiet : longest;
}

/* The order is that of the first events, so one path that does not rest holds others back, but
 * only until its longest time. */
int settle_run(struct settle *s, int64_t now_ns, bool all)
{
	int r = 0;

	while (!r && s->oldest && (all || due_at(s, s->oldest) <= now_ns))
		r = pass_on(s, s->oldest);
	return r;
}

int64_t settle_due(const struct settle *s)
{
	return s->oldest ? due_at(s, s->oldest) : -1;
}
