/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a client makes its small requests one after the other, one thread leads: it alone reads.
 * Most requests are answered in less time than it takes to wake a thread on an idle processor
 * (12 us in a virtual machine), so the leader waits for the next in one of two ways. Near: on the
 * processor where the client ran, for those who take turns there never wake another one. That is
 * the better way where the kernel leaves the client there, as when the other processors are busy.
 * Or it looks for the next request for a moment before it sleeps in read(), and the client alone
 * has to be woken. For a server that asks for it.
 *
 * The other threads stand by. One of them looks every TICK_MS: when a request has kept the leader
 * from reading for as long, all read again as ever, and so they do when several clients are at
 * work, when data is read and written, and when there is nothing to do.
 */
#ifndef FN_SERVER_LEAD_H
#define FN_SERVER_LEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/near.h"

struct fuse_in_header;

/* How the leader waits for the next request. */
enum fn_lead_way {
	FN_LEAD_NEAR, /* asleep, on the client's processor */
	FN_LEAD_LOOK, /* looks for it, on another one */
};

struct fn_lead {
	struct fn_near *near;
	bool can; /* asked for, and there is more than one processor */
	int end;  /* eventfd: can be read while nobody leads */
	pthread_mutex_t lock;
	atomic_bool on;
	atomic_uintptr_t leader, watcher; /* threads, 0: none */
	atomic_int reading;               /* threads in read() */
	atomic_uint requests;             /* that were read */
	atomic_uint pid;                  /* of the last client */
	atomic_int in_turn;               /* how much speaks for it */
	atomic_int way;                   /* enum fn_lead_way */
	/* With the lock held: */
	enum fn_lead_way best;
	int64_t since, cost[2]; /* of a block of requests, ns; 0: not known */
	unsigned block;         /* requests of it so far */
	unsigned until_trial, pause;
	int stat; /* of the thread stat_of, -1: none */
	uint32_t stat_of;
};

/* A thread in fn_lead_read(). */
struct fn_reading {
	struct fn_lead *lead;
	bool reads;
};

void fn_lead_init(struct fn_lead *l, struct fn_near *near);
void fn_lead_destroy(struct fn_lead *l);
/* A client's request was read. */
void fn_lead_client(struct fn_lead *l, const struct fuse_in_header *in);
/* All read. errno is kept. */
void fn_lead_stop(struct fn_lead *l);
/* As read(), and a cancellation point: fn_lead_leave() has to follow either way. */
ssize_t fn_lead_read(struct fn_reading *t, int fd, void *buf, size_t size);
/* errno is kept. */
void fn_lead_leave(struct fn_reading *t);

#endif
