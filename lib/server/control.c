/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control file's thread: requests of clients, events for clients. */
#include "server/control_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS_MAX (8u << 20)   /* bytes of events on the way to the clients */
#define REQUESTS_MAX (1u << 20) /* bytes of requests that wait */
#define STUCK_NS 1000000000     /* without progress for so long, there will be none */
#define BATCH 65536             /* bytes of either, taken at once */

int64_t fn_control_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void set_default(uint32_t *v, uint32_t value)
{
	if (!*v)
		*v = value;
}

static void set_defaults(struct fn_control_conf *conf)
{
	set_default(&conf->max_clients, 128);
	set_default(&conf->max_watches, 65536);
	set_default(&conf->max_queue, 16384);
	set_default(&conf->max_queue_bytes, 4u << 20);
	set_default(&conf->max_rate, 200000);
	if (!conf->mask)
		conf->mask = FN_ALL_EVENTS;
}

/* The file's thread reads one batch of each queue at a time, outside of the lock. */
struct batch {
	struct fn_client **clients;
	size_t nclients;
	size_t len; /* of buf: records of size_t length and bytes */
	uint64_t lost;
	bool unmount, any;
	_Alignas(8) uint8_t buf[BATCH + 2 * FN1_MESSAGE_MAX];
};

static struct batch *batch_new(const struct fn_control *ctl)
{
	struct batch *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	b->clients = calloc(ctl->conf.max_clients, sizeof(struct fn_client *));
	if (b->clients)
		return b;
	free(b);
	return NULL;
}

int fn_control_new(struct fn_control **out, const struct fn_control_conf *conf)
{
	struct fn_control *ctl = calloc(1, sizeof(*ctl));

	if (!ctl)
		return -ENOMEM;
	ctl->conf = *conf;
	set_defaults(&ctl->conf);
	ctl->clients = calloc(ctl->conf.max_clients, sizeof(*ctl->clients));
	ctl->batch = batch_new(ctl);
	pthread_mutex_init(&ctl->lock, NULL);
	pthread_cond_init(&ctl->work, NULL);
	fn_ring_init(&ctl->events, EVENTS_MAX);
	fn_ring_init(&ctl->requests, REQUESTS_MAX);
	if (!ctl->clients || !ctl->batch) {
		fn_control_free(ctl);
		return -ENOMEM;
	}
	*out = ctl;
	return 0;
}

void fn_control_event(struct fn_control *ctl, const struct fn_event *ev)
{
	fn_control_event_after(ctl, ev, 0);
}

void fn_control_event_after(struct fn_control *ctl, const struct fn_event *ev, uint64_t progress)
{
	size_t bound = 1024 + ev->name.len + ev->old_name.len + ev->path.len + ev->old_path.len;
	ssize_t n = -1;
	uint8_t *room;

	if (!(ev->mask & (atomic_load(&ctl->wanted) | FN_Q_OVERFLOW)))
		return;
	pthread_mutex_lock(&ctl->lock);
	room = fn_ring_room(&ctl->events, sizeof(progress) + bound);
	if (room) {
		memcpy(room, &progress, sizeof(progress));
		n = fn_fn1_encode_event(room + sizeof(progress), bound, ev);
	}
	if (n > 0)
		fn_ring_commit(&ctl->events, sizeof(progress) + (size_t)n);
	else if (!room)
		ctl->lost++;
	pthread_cond_signal(&ctl->work);
	pthread_mutex_unlock(&ctl->lock);
}

uint64_t fn_control_wanted(const struct fn_control *ctl)
{
	return atomic_load(&ctl->wanted);
}

/* Whether an event may be told; with the lock held. */
static bool is_due(struct fn_control *ctl, const void *record)
{
	uint64_t wants, done;
	int64_t now;

	memcpy(&wants, record, sizeof(wants));
	done = wants && ctl->conf.progress ? ctl->conf.progress(ctl->conf.ctx) : UINT64_MAX;
	if (wants <= done || ctl->stop) {
		ctl->behind_since = 0;
		atomic_store(&ctl->behind, false);
		return true;
	}
	now = fn_control_now();
	if (!ctl->behind_since || ctl->progress != done) {
		ctl->behind_since = now;
		ctl->progress = done;
	}
	atomic_store(&ctl->behind, true);
	return now - ctl->behind_since > STUCK_NS;
}

static void take_events(struct fn_control *ctl, struct batch *b)
{
	const uint8_t *p;
	size_t n;

	for (b->len = 0; b->len < BATCH && (p = fn_ring_first(&ctl->events, &n));
	     fn_ring_pop(&ctl->events)) {
		if (!is_due(ctl, p))
			return;
		n -= sizeof(uint64_t);
		memcpy(b->buf + b->len, &n, sizeof(n));
		memcpy(b->buf + b->len + sizeof(n), p + sizeof(uint64_t), n);
		b->len += sizeof(n) + ((n + 7) & ~(size_t)7);
	}
}

void fn_control_poke(struct fn_control *ctl)
{
	if (!atomic_load(&ctl->behind))
		return;
	pthread_mutex_lock(&ctl->lock);
	pthread_cond_signal(&ctl->work);
	pthread_mutex_unlock(&ctl->lock);
}

static void take_batch(struct fn_ring *ring, struct batch *b)
{
	const void *p;
	size_t n;

	for (b->len = 0; b->len < BATCH && (p = fn_ring_first(ring, &n)); fn_ring_pop(ring)) {
		memcpy(b->buf + b->len, &n, sizeof(n));
		memcpy(b->buf + b->len + sizeof(n), p, n);
		b->len += sizeof(n) + ((n + 7) & ~(size_t)7);
	}
}

/* Walk a batch: the next record, or NULL. */
static const uint8_t *next_record(const struct batch *b, size_t *at, size_t *n)
{
	const uint8_t *p = b->buf + *at + sizeof(*n);

	if (*at >= b->len)
		return NULL;
	memcpy(n, b->buf + *at, sizeof(*n));
	*at += sizeof(*n) + ((*n + 7) & ~(size_t)7);
	return p;
}

static void run_requests(struct fn_control *ctl, struct batch *b)
{
	const uint8_t *p;
	size_t n;

	for (size_t at = 0; (p = next_record(b, &at, &n));) {
		struct fn_client *c;
		uint64_t fh;

		memcpy(&fh, p, sizeof(fh));
		c = fn_client_get(ctl, fh);
		if (!c)
			continue;
		fn_client_request(c, p + sizeof(fh), n - sizeof(fh));
		fn_client_wake(c);
		fn_client_put(c);
	}
}

static void run_event(struct batch *b, struct fn_event *ev)
{
	if (!(ev->flags & FN_EV_LOCAL))
		ev->flags |= FN_EV_REMOTE;
	ev->root = 0;
	ev->mono_ns = 0; /* of this machine: it means nothing to a guest */
	if (!ev->wall_ns)
		ev->wall_ns = fn_control_now();
	for (size_t i = 0; i < b->nclients; i++) {
		struct fn_client *c = b->clients[i];

		if (ev->mask & FN_Q_OVERFLOW && c->watches.count)
			fn_client_lost(c, ev->lost ? ev->lost : 1);
		else if (c->watches.count)
			fn_registry_event(c, ev);
	}
}

static void run_events(struct batch *b)
{
	struct fn_event ev;
	const uint8_t *p;
	size_t n;

	for (size_t at = 0; (p = next_record(b, &at, &n));)
		if (!fn_fn1_decode_event(p, n, &ev))
			run_event(b, &ev);
}

static void end_clients(struct batch *b)
{
	for (size_t i = 0; i < b->nclients; i++) {
		fn_registry_gone_all(b->clients[i], FN_UNMOUNT | FN_IGNORED);
		fn_client_end(b->clients[i]);
	}
}

static void wake_clients(struct fn_control *ctl, struct batch *b)
{
	uint64_t wanted = 0;

	for (size_t i = 0; i < b->nclients; i++) {
		struct fn_client *c = b->clients[i];

		if (c->watches.count)
			wanted |= c->watches.mask | FN_WANTED_ANYWAY;
		if (c->touched) {
			c->touched = false;
			fn_client_wake(c);
		}
		fn_client_put(c);
	}
	atomic_store(&ctl->wanted, wanted);
}

/* Take what there is; true if there was anything. */
static bool take_work(struct fn_control *ctl, struct batch *b, bool requests)
{
	pthread_mutex_lock(&ctl->lock);
	if (requests)
		take_batch(&ctl->requests, b);
	else
		take_events(ctl, b);
	b->any = b->len || (!requests && (ctl->lost || ctl->unmount || ctl->released));
	if (!requests) {
		b->lost = ctl->lost;
		b->unmount = ctl->unmount;
		ctl->lost = 0;
		ctl->unmount = ctl->released = false;
	}
	pthread_mutex_unlock(&ctl->lock);
	return b->any;
}

static bool run_once(struct fn_control *ctl, struct batch *b)
{
	bool any = take_work(ctl, b, true), again = any;

	if (any)
		run_requests(ctl, b);
	any |= take_work(ctl, b, false);
	if (!any)
		return false;
	b->nclients = fn_client_all(ctl, b->clients);
	run_events(b);
	for (size_t i = 0; b->lost && i < b->nclients; i++)
		if (b->clients[i]->watches.count)
			fn_client_lost(b->clients[i], b->lost);
	if (b->unmount)
		end_clients(b);
	wake_clients(ctl, b);
	return again || any;
}

void fn_control_run(struct fn_control *ctl)
{
	while (run_once(ctl, ctl->batch))
		;
}

/* Until there is something to do. An event that waits for progress is looked at now and then. */
static void wait_for_work(struct fn_control *ctl)
{
	struct timespec until;

	if (!atomic_load(&ctl->behind)) {
		pthread_cond_wait(&ctl->work, &ctl->lock);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&ctl->work, &ctl->lock, &until);
}

static bool has_work(struct fn_control *ctl)
{
	size_t n;
	const void *event = fn_ring_first(&ctl->events, &n);

	return ctl->requests.count || ctl->lost || ctl->unmount || ctl->released ||
	       (event && is_due(ctl, event));
}

static void *thread_main(void *arg)
{
	struct fn_control *ctl = arg;

	pthread_mutex_lock(&ctl->lock);
	while (!ctl->stop) {
		if (!has_work(ctl)) {
			wait_for_work(ctl);
			continue;
		}
		pthread_mutex_unlock(&ctl->lock);
		run_once(ctl, ctl->batch);
		pthread_mutex_lock(&ctl->lock);
	}
	pthread_mutex_unlock(&ctl->lock);
	return NULL;
}

int fn_control_start(struct fn_control *ctl)
{
	int rc = pthread_create(&ctl->thread, NULL, thread_main, ctl);

	ctl->started = rc == 0;
	return -rc;
}

void fn_control_unmount(struct fn_control *ctl)
{
	pthread_mutex_lock(&ctl->lock);
	ctl->unmount = true;
	pthread_cond_signal(&ctl->work);
	pthread_mutex_unlock(&ctl->lock);
}

void fn_control_stop(struct fn_control *ctl)
{
	pthread_mutex_lock(&ctl->lock);
	ctl->stop = true;
	pthread_cond_signal(&ctl->work);
	pthread_mutex_unlock(&ctl->lock);
	if (ctl->started)
		pthread_join(ctl->thread, NULL);
	ctl->started = false;
	fn_control_run(ctl); /* what was left, such as the end of the mount */
	atomic_store(&ctl->wanted, 0);
}

void fn_control_free(struct fn_control *ctl)
{
	if (!ctl)
		return;
	if (ctl->clients && ctl->batch)
		fn_control_stop(ctl);
	for (unsigned i = 0; ctl->clients && i < ctl->conf.max_clients; i++)
		if (ctl->clients[i])
			fn_client_put(ctl->clients[i]);
	fn_ring_free(&ctl->events);
	fn_ring_free(&ctl->requests);
	if (ctl->batch)
		free(ctl->batch->clients);
	free(ctl->batch);
	free(ctl->clients);
	pthread_cond_destroy(&ctl->work);
	pthread_mutex_destroy(&ctl->lock);
	free(ctl);
}
