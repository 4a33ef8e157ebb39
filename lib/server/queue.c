/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What waits for a client to read. When its queue is full, events are counted instead: OVERFLOW
 * with that count, and the GONE of watches that ended meanwhile, are made when the queue has been
 * read, so there is always room for them.
 */
#include "server/control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An event's size apart from its strings: head, four handles, numbers. */
#define EVENT_FIXED 1024

static size_t event_bound(const struct fn_event *ev)
{
	return EVENT_FIXED + ev->name.len + ev->old_name.len + ev->path.len + ev->old_path.len;
}

/* The number of the event is taken even if there is no room for it: that is how a gap shows. */
static bool enqueue(struct fn_client *c, struct fn_event *ev)
{
	size_t bound = event_bound(ev);
	ssize_t n = -1;
	void *room = NULL;

	ev->seq = c->seq + 1;
	if (!c->lost && c->events.count < c->ctl->conf.max_queue)
		room = fn_ring_room(&c->events, bound);
	if (room)
		n = fn_fn1_encode_event(room, bound, ev);
	if (n < 0)
		return false;
	fn_ring_commit(&c->events, (size_t)n);
	c->seq++;
	return true;
}

static void count_lost(struct fn_client *c, uint64_t n)
{
	if (!c->lost)
		c->lost_seq = c->seq + 1;
	c->lost += n;
	c->seq += n;
}

void fn_client_event(struct fn_client *c, struct fn_event *ev)
{
	pthread_mutex_lock(&c->lock);
	if (!enqueue(c, ev))
		count_lost(c, 1);
	pthread_mutex_unlock(&c->lock);
	c->touched = true;
}

void fn_client_lost(struct fn_client *c, uint64_t n)
{
	pthread_mutex_lock(&c->lock);
	count_lost(c, n);
	pthread_mutex_unlock(&c->lock);
	c->touched = true;
}

static void gone_event(const struct fn_watch *watch, struct fn_event *ev)
{
	*ev = (struct fn_event){.mask = watch->mask,
				.flags = FN_EV_GONE,
				.root = (int)watch->id,
				.wall_ns = fn_control_now(),
				.path = {watch->path, watch->len}};
}

void fn_client_gone(struct fn_client *c, struct fn_watch *watch)
{
	struct fn_event ev;

	gone_event(watch, &ev);
	pthread_mutex_lock(&c->lock);
	if (!c->gone && enqueue(c, &ev)) {
		free(watch);
	} else {
		watch->next = NULL;
		*(c->gone ? c->gone_end : &c->gone) = watch;
		c->gone_end = &watch->next;
	}
	pthread_mutex_unlock(&c->lock);
	c->touched = true;
}

void fn_client_reply(struct fn_client *c, const void *msg, size_t len)
{
	void *room;

	pthread_mutex_lock(&c->lock);
	room = fn_ring_room(&c->replies, len);
	if (room) { /* fn_client_write() saw to it */
		memcpy(room, msg, len);
		fn_ring_commit(&c->replies, len);
	}
	pthread_mutex_unlock(&c->lock);
	c->touched = true;
}

static bool readable(const struct fn_client *c)
{
	return c->replies.count || c->events.count || c->lost || c->gone || c->ended;
}

bool fn_client_readable(struct fn_client *c)
{
	bool yes;

	pthread_mutex_lock(&c->lock);
	yes = readable(c);
	pthread_mutex_unlock(&c->lock);
	return yes;
}

/* A reply to READ: room for its header is in front. */
struct answer {
	uint8_t *buf;
	size_t size, len;
};

static bool drain(struct fn_ring *ring, struct answer *a)
{
	size_t n;

	for (const void *p; (p = fn_ring_first(ring, &n)); fn_ring_pop(ring)) {
		if (n > a->size - a->len)
			return false;
		memcpy(a->buf + a->len, p, n);
		a->len += n;
	}
	return true;
}

static bool add_event(struct answer *a, const struct fn_event *ev)
{
	ssize_t n = fn_fn1_encode_event(a->buf + a->len, a->size - a->len, ev);

	if (n < 0)
		return false;
	a->len += (size_t)n;
	return true;
}

static bool drain_lost(struct fn_client *c, struct answer *a)
{
	struct fn_event ev = {.mask = FN_Q_OVERFLOW,
			      .seq = c->lost_seq,
			      .lost = c->lost,
			      .wall_ns = fn_control_now()};

	if (c->lost && !add_event(a, &ev))
		return false;
	c->lost = 0;
	return true;
}

static bool drain_gone(struct fn_client *c, struct answer *a)
{
	for (struct fn_watch *w; (w = c->gone);) {
		struct fn_event ev;

		gone_event(w, &ev);
		ev.seq = c->seq + 1;
		if (!add_event(a, &ev))
			return false;
		c->seq++;
		c->gone = w->next;
		free(w);
	}
	return true;
}

/* As much as fits. 0, or -EINVAL: not even the next message does. */
static int fill(struct fn_client *c, struct answer *a)
{
	bool all = drain(&c->replies, a) && drain(&c->events, a) && drain_lost(c, a) &&
		   drain_gone(c, a);

	if (!all && !a->len)
		return -EINVAL;
	/* A reply that is not full makes a kernel on the way read again, and lose what it got. */
	if (!(c->hello_flags & FN1_HELLO_SHORT) && !(c->ended && !a->len)) {
		fn1_put_pad(a->buf + a->len, a->size - a->len);
		a->len = a->size;
	}
	return 0;
}

static void send_answer(struct fn_client *c, const struct fn_pending *read, int error,
			struct answer *a)
{
	struct fuse_out_header out = {.error = error, .unique = read->unique};
	struct iovec iov[2] = {{&out, sizeof(out)}, {a->buf, error ? 0 : a->len}};

	out.len = (uint32_t)(sizeof(out) + iov[1].iov_len);
	c->ctl->conf.send(c->ctl->conf.ctx, read->fd, iov, iov[1].iov_len ? 2 : 1);
	free(a->buf);
}

/* With the lock held; drops it. */
static void answer_read(struct fn_client *c, const struct fn_pending *read)
{
	struct answer a = {.size = read->size, .buf = malloc(read->size ? read->size : 1)};
	int rc = a.buf ? fill(c, &a) : -ENOMEM;

	pthread_mutex_unlock(&c->lock);
	send_answer(c, read, rc, &a);
}

/* The thread that serves this descriptor may end before the answer comes. */
static int keep(struct fn_client *c, const struct fn_pending *read)
{
	struct fn_pending kept = *read;

	if (c->npending == FN_PENDING_MAX)
		return -EAGAIN;
	if (kept.fd >= 0 && (kept.fd = fcntl(read->fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return -errno;
	c->pending[c->npending++] = kept;
	return 0;
}

void fn_client_read(struct fn_client *c, const struct fn_pending *read, bool nonblock)
{
	struct answer none = {0};
	int rc = -EAGAIN;

	pthread_mutex_lock(&c->lock);
	if (readable(c) || c->hello_flags & FN1_HELLO_NONBLOCK) {
		answer_read(c, read);
		return;
	}
	if (!nonblock)
		rc = keep(c, read);
	pthread_mutex_unlock(&c->lock);
	if (rc)
		send_answer(c, read, rc, &none);
}

static bool take_pending(struct fn_client *c, unsigned i, struct fn_pending *p)
{
	*p = c->pending[i];
	memmove(&c->pending[i], &c->pending[i + 1], (--c->npending - i) * sizeof(*p));
	return true;
}

static void drop(const struct fn_pending *p)
{
	if (p->fd >= 0)
		close(p->fd);
}

bool fn_client_interrupt(struct fn_client *c, uint64_t unique)
{
	struct answer none = {0};
	struct fn_pending p;
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->npending && !found; i++)
		if (c->pending[i].unique == unique)
			found = take_pending(c, i, &p);
	pthread_mutex_unlock(&c->lock);
	if (found) {
		send_answer(c, &p, -EINTR, &none);
		drop(&p);
	}
	return found;
}

uint32_t fn_client_poll(struct fn_client *c, uint64_t kh, bool schedule)
{
	uint32_t events = POLLOUT | POLLWRNORM;

	pthread_mutex_lock(&c->lock);
	if (readable(c))
		events |= POLLIN | POLLRDNORM;
	if (schedule) {
		c->poll_armed = true;
		c->poll_handle = kh;
	}
	pthread_mutex_unlock(&c->lock);
	return events;
}

static void notify_poll(struct fn_client *c, uint64_t kh)
{
	struct fuse_notify_poll_wakeup_out wake = {.kh = kh};
	struct fuse_out_header out = {.len = sizeof(out) + sizeof(wake), .error = FUSE_NOTIFY_POLL};
	struct iovec iov[2] = {{&out, sizeof(out)}, {&wake, sizeof(wake)}};

	c->ctl->conf.send(c->ctl->conf.ctx, -1, iov, 2);
}

void fn_client_wake(struct fn_client *c)
{
	struct fn_pending p;
	uint64_t kh = 0;
	bool wake = false;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		if (!c->npending || !readable(c))
			break;
		take_pending(c, 0, &p);
		answer_read(c, &p);
		drop(&p);
	}
	if (c->poll_armed && readable(c)) {
		kh = c->poll_handle;
		wake = true;
		c->poll_armed = false;
	}
	pthread_mutex_unlock(&c->lock);
	if (wake)
		notify_poll(c, kh);
}

void fn_client_end(struct fn_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_mutex_unlock(&c->lock);
	c->touched = true;
}
