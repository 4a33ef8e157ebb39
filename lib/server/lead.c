/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/lead.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define START 64 /* requests in turn until one leads */
#define OTHER 16 /* so many does one of another client undo */
#define STOP 16
#define LOOK_NS 40000
#define MISSES 4 /* in a row, then */
#define SKIP 64  /* requests without a look */
#define TICK_MS 2
#define IDLE_TICKS 10
#define BLOCK 32        /* requests that are timed */
#define TRIAL_MIN 8     /* blocks until it is tried again to be near, */
#define TRIAL_MAX 128   /* when that was no better, */
#define TRIAL_LOOK 1024 /* and to look */
#define WHERE 8         /* requests from one question where the client runs to the next */

static uintptr_t self(void)
{
	static _Thread_local char me;

	return (uintptr_t)&me;
}

void fn_lead_init(struct fn_lead *l, struct fn_near *near)
{
	cpu_set_t cpus;

	pthread_mutex_init(&l->lock, NULL);
	l->near = near;
	l->stat = -1;
	atomic_init(&l->way, FN_LEAD_NEAR);
	l->best = FN_LEAD_NEAR;
	l->pause = TRIAL_MIN;
	l->end = near->on ? eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	l->can = l->end >= 0 && !sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) > 1;
}

void fn_lead_destroy(struct fn_lead *l)
{
	if (l->end >= 0)
		close(l->end);
	if (l->stat >= 0)
		close(l->stat);
	pthread_mutex_destroy(&l->lock);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void start(struct fn_lead *l)
{
	eventfd_t n;

	pthread_mutex_lock(&l->lock);
	if (!atomic_load(&l->on)) {
		l->block = 0;
		l->since = now_ns();
		atomic_store(&l->leader, 0);
		atomic_store(&l->on, true);
		eventfd_read(l->end, &n);
	}
	pthread_mutex_unlock(&l->lock);
}

void fn_lead_stop(struct fn_lead *l)
{
	int err = errno;

	if (!atomic_load_explicit(&l->on, memory_order_relaxed))
		return;
	pthread_mutex_lock(&l->lock);
	if (atomic_load(&l->on)) {
		atomic_store(&l->in_turn, 0);
		atomic_store(&l->on, false);
		fn_near_leave(l->near);
		eventfd_write(l->end, 1);
	}
	pthread_mutex_unlock(&l->lock);
	errno = err;
}

/* What moves no data and waits for nobody. */
static bool is_small(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_SETLKW:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_IOCTL:
	case FUSE_POLL:
	case FUSE_INTERRUPT:
		return false;
	default:
		return true;
	}
}

static int in_turn(struct fn_lead *l, const struct fuse_in_header *in)
{
	int n = atomic_load_explicit(&l->in_turn, memory_order_relaxed);

	if (!is_small(in->opcode))
		return 0;
	if (atomic_load_explicit(&l->pid, memory_order_relaxed) == in->pid)
		return n < START ? n + 1 : n;
	atomic_store_explicit(&l->pid, in->pid, memory_order_relaxed);
	return n > OTHER ? n - OTHER : 0;
}

/* Who comes when nobody reads any more. The leader stays it while it is at work. */
static bool leads(struct fn_lead *l)
{
	uintptr_t none = 0;

	if (atomic_load(&l->leader) == self())
		return true;
	return !atomic_load(&l->reading) &&
	       atomic_compare_exchange_strong(&l->leader, &none, self());
}

/* A tick of the watcher has passed. */
static void look_after(struct fn_lead *l, unsigned *seen, unsigned *idle)
{
	unsigned now = atomic_load(&l->requests);

	*idle = now == *seen ? *idle + 1 : 0;
	*seen = now;
	if (*idle && (!atomic_load(&l->reading) || *idle >= IDLE_TICKS))
		fn_lead_stop(l);
}

static int stand_by(struct fn_lead *l)
{
	struct pollfd p = {.fd = l->end, .events = POLLIN};
	uintptr_t none = 0;
	bool watches = atomic_compare_exchange_strong(&l->watcher, &none, self());
	unsigned seen = atomic_load(&l->requests), idle = 0;
	int n;

	while (!(n = poll(&p, 1, watches ? TICK_MS : -1)))
		look_after(l, &seen, &idle);
	if (watches)
		atomic_store(&l->watcher, 0);
	return n;
}

/* Where the client ran last, -1: not to be had. proc(5): the 39th of the fields, the second of
 * which is a name in parentheses. */
static int cpu_of(struct fn_lead *l, uint32_t tid)
{
	char text[1024], *at;
	ssize_t n;

	if (l->stat_of != tid) {
		if (l->stat >= 0)
			close(l->stat);
		snprintf(text, sizeof(text), "/proc/%u/task/%u/stat", tid, tid);
		l->stat = open(text, O_RDONLY | O_CLOEXEC);
		l->stat_of = tid;
	}
	n = l->stat < 0 ? 0 : pread(l->stat, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}

/* The leader, to the client's processor: neither has to be woken on an idle one. */
static void follow(struct fn_lead *l, uint32_t tid)
{
	int cpu = cpu_of(l, tid);

	if (cpu >= 0)
		fn_near_keep(l->near, cpu);
}

static void go(struct fn_lead *l, enum fn_lead_way way)
{
	atomic_store(&l->way, way);
	if (way == FN_LEAD_LOOK)
		fn_near_leave(l->near);
}

/* In this way, until the other is tried: the sooner, the more seldom this was the better one. */
static void stay(struct fn_lead *l, enum fn_lead_way way)
{
	if (way != l->best)
		l->pause = TRIAL_MIN;
	else if (l->pause < TRIAL_MAX)
		l->pause *= 2;
	l->until_trial = way == FN_LEAD_NEAR ? TRIAL_LOOK : l->pause;
	l->best = way;
	go(l, way);
}

/* A block of requests has been answered. Which way is better depends on where the kernel wakes the
 * client, and on how long it takes to wake a processor: tried, not guessed. */
static void judge(struct fn_lead *l)
{
	enum fn_lead_way way = atomic_load(&l->way);
	enum fn_lead_way other = way == FN_LEAD_NEAR ? FN_LEAD_LOOK : FN_LEAD_NEAR;
	int64_t now = now_ns(), took = now - l->since, *cost = &l->cost[way];

	*cost = way != l->best || !*cost ? took : (*cost + took) / 2;
	l->since = now;
	l->block = 0;
	if (way != l->best)
		stay(l, *cost < l->cost[other] ? way : other);
	else if (l->cost[other] && *cost > l->cost[other] + l->cost[other] / 4)
		stay(l, other);
	else if (!l->until_trial--)
		go(l, other);
}

/* The leader has read a request. */
static void led(struct fn_lead *l, const struct fuse_in_header *in)
{
	pthread_mutex_lock(&l->lock);
	if (atomic_load(&l->on) && atomic_load(&l->leader) == self()) {
		if (l->block++ == BLOCK)
			judge(l);
		if (atomic_load(&l->way) == FN_LEAD_NEAR && l->block % WHERE == 1)
			follow(l, in->pid);
	}
	pthread_mutex_unlock(&l->lock);
}

void fn_lead_client(struct fn_lead *l, const struct fuse_in_header *in)
{
	int n;

	if (!l->can || !in->pid)
		return;
	n = in_turn(l, in);
	atomic_store_explicit(&l->in_turn, n, memory_order_relaxed);
	if (n < STOP)
		fn_lead_stop(l);
	else if (n == START && !atomic_load_explicit(&l->on, memory_order_relaxed))
		start(l);
	else if (n == START && atomic_load(&l->leader) == self())
		led(l, in);
}

/* A client that thinks for longer is not waited for. */
static void look(int fd)
{
	static _Thread_local unsigned missed, skip;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t until;

	if (skip) {
		skip--;
		return;
	}
	until = now_ns() + LOOK_NS;
	while (!poll(&p, 1, 0)) {
		if (now_ns() < until)
			continue;
		if (++missed == MISSES) {
			missed = 0;
			skip = SKIP;
		}
		return;
	}
	missed = 0;
}

ssize_t fn_lead_read(struct fn_reading *t, int fd, void *buf, size_t size)
{
	struct fn_lead *l = t->lead;
	bool lead = false;
	ssize_t n;

	while (atomic_load(&l->on) && !(lead = leads(l)))
		if (stand_by(l) < 0)
			return -1;
	t->reads = true;
	atomic_fetch_add(&l->reading, 1);
	if (lead && atomic_load(&l->way) == FN_LEAD_LOOK)
		look(fd);
	n = read(fd, buf, size);
	fn_lead_leave(t);
	if (n > 0)
		atomic_fetch_add_explicit(&l->requests, 1, memory_order_relaxed);
	else
		fn_lead_stop(l); /* the end, or a signal */
	return n;
}

void fn_lead_leave(struct fn_reading *t)
{
	if (t->reads)
		atomic_fetch_sub(&t->lead->reading, 1);
	t->reads = false;
}
