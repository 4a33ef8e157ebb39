/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/readers.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define REPLAYS 8  /* before threads take turns */
#define CLIENTS 64 /* in a row, before they stop */

static int arm(const struct fn_readers *r, int op)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};

	return epoll_ctl(r->epoll, op, r->fd, &ev);
}

void fn_readers_init(struct fn_readers *r, int fd, struct fn_near *near)
{
	fn_lead_init(&r->lead, near);
	r->fd = fd;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll >= 0 && arm(r, EPOLL_CTL_ADD)) {
		close(r->epoll);
		r->epoll = -1;
	}
}

void fn_readers_destroy(struct fn_readers *r)
{
	if (r->epoll >= 0)
		close(r->epoll);
	fn_lead_destroy(&r->lead);
}

/* A single thread has nobody to take turns with. The first sits in read() when the second comes,
 * and will see that there are two when it comes again. */
static bool take_turns(struct fn_readers *r)
{
	static _Thread_local char me;
	uintptr_t first = 0;

	if (atomic_load_explicit(&r->many, memory_order_relaxed))
		return r->epoll >= 0 && atomic_load_explicit(&r->turns, memory_order_relaxed);
	if (!atomic_compare_exchange_strong(&r->first, &first, (uintptr_t)&me) &&
	    first != (uintptr_t)&me)
		atomic_store(&r->many, true);
	return false;
}

void fn_readers_replay(struct fn_readers *r)
{
	if (atomic_load_explicit(&r->clients, memory_order_relaxed))
		atomic_store(&r->clients, 0);
	if (!atomic_load_explicit(&r->turns, memory_order_relaxed) &&
	    atomic_fetch_add(&r->replays, 1) + 1 >= REPLAYS) {
		atomic_store(&r->turns, true);
		fn_lead_stop(&r->lead);
	}
}

void fn_readers_client(struct fn_readers *r, const struct fuse_in_header *in)
{
	if (!atomic_load_explicit(&r->turns, memory_order_relaxed) &&
	    atomic_load_explicit(&r->many, memory_order_relaxed))
		fn_lead_client(&r->lead, in);
	if (!atomic_load_explicit(&r->turns, memory_order_relaxed) ||
	    atomic_fetch_add(&r->clients, 1) + 1 < CLIENTS)
		return;
	atomic_store(&r->replays, 0);
	atomic_store(&r->turns, false);
}

struct fn_turn fn_readers_turn(struct fn_readers *r)
{
	return (struct fn_turn){.readers = r, .reading = {.lead = &r->lead}};
}

ssize_t fn_readers_read(struct fn_turn *t, int fd, void *buf, size_t size)
{
	struct epoll_event ev;

	if (!t->has && take_turns(t->readers)) {
		if (epoll_wait(t->readers->epoll, &ev, 1, -1) < 0)
			return -1;
		t->has = true;
	}
	return t->has ? read(fd, buf, size) : fn_lead_read(&t->reading, fd, buf, size);
}

void fn_readers_leave(void *arg)
{
	struct fn_turn *t = arg;
	int err = errno;

	fn_lead_leave(&t->reading);
	if (t->has)
		arm(t->readers, EPOLL_CTL_MOD);
	t->has = false;
	errno = err;
}
