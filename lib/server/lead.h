/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a client makes its small requests one after the other, one thread leads: it alone reads,
 * and looks for the next request for a moment before it sleeps in read(). Most requests are
 * answered in less time than it takes to wake a thread on an idle processor (12 us in a virtual
 * machine). For a server that asks for it.
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

struct fuse_in_header;

struct fn_lead {
	bool can; /* asked for, and there is more than one processor */
	int end;  /* eventfd: can be read while nobody leads */
	pthread_mutex_t lock;
	atomic_bool on;
	atomic_uintptr_t leader, watcher; /* threads, 0: none */
	atomic_int reading;               /* threads in read() */
	atomic_uint requests;             /* that were read */
	atomic_uint pid;                  /* of the last client */
	atomic_int in_turn;               /* how much speaks for it */
};

/* A thread in fn_lead_read(). */
struct fn_reading {
	struct fn_lead *lead;
	bool reads;
};

void fn_lead_init(struct fn_lead *l, bool can);
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
