/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of the serving threads reads next. The kernel wakes those that wait in read() in turn, so
 * each request of the replay process, which has one at a time, would go to the thread that slept
 * longest. Those that wait in epoll_wait() it wakes the other way round: the last to come is the
 * first to go, and one thread has them all.
 *
 * The descriptor is armed for one wake-up. Until it is armed again, the thread that was woken has
 * the turn: it is in read() or on its way there. It may keep the turn while it answers requests
 * itself, for nothing of that waits; before a request goes to the server, which may wait for
 * anything, it arms the descriptor, and the next request wakes another thread. So there is always
 * either a thread in read() or a descriptor that is armed, and no thread is ever waited for.
 *
 * This takes two system calls more, so without replay all wait in read(), or one leads (lead.h).
 * Both kinds of waiting go together: a request may then wake one of either kind, and one of them
 * finds nothing.
 */
#ifndef FN_SERVER_READERS_H
#define FN_SERVER_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/lead.h"

struct fn_readers {
	int fd, epoll; /* epoll -1: not to be had, all wait in read() */
	atomic_uintptr_t first;
	atomic_bool many;
	atomic_bool turns;   /* they wait for their turn */
	atomic_uint replays; /* requests of replay until they do, */
	atomic_uint clients; /* of others since its last one, until they do no more */
	struct fn_lead lead; /* how those in read() do that */
};

/* Of one thread. */
struct fn_turn {
	struct fn_readers *readers;
	bool has;
	struct fn_reading reading;
};

/* One thread may lead the others where near is on, see lead.h. */
void fn_readers_init(struct fn_readers *r, int fd, struct fn_near *near);
void fn_readers_destroy(struct fn_readers *r);
/* A request was the replay process's, or somebody else's. */
void fn_readers_replay(struct fn_readers *r);
void fn_readers_client(struct fn_readers *r, const struct fuse_in_header *in);
struct fn_turn fn_readers_turn(struct fn_readers *r);
/* As read(), and a cancellation point; the caller has the turn, or there are none. */
ssize_t fn_readers_read(struct fn_turn *t, int fd, void *buf, size_t size);
/* arg: the fn_turn. Give it up; errno is kept. */
void fn_readers_leave(void *arg);

#endif
