/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps those who take turns on one processor: the replay process, and the serving thread that has
 * its requests. One of them runs at a time, but the kernel wakes each on whatever processor is
 * idle, and to wake an idle one takes five times as long as to switch to another task. For a server
 * that asks for it, since a thread that its operations start inherits where the one that starts it
 * may run.
 *
 * A serving thread is kept only while replay has work and nobody else has asked for anything.
 */
#ifndef FN_SERVER_NEAR_H
#define FN_SERVER_NEAR_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct fn_near {
	bool on;
	pthread_mutex_t lock;
	atomic_int worker;   /* the replay process, 0: not known yet */
	atomic_int cpu;      /* where it is kept, -1: nowhere */
	atomic_int served;   /* the thread that read its last request */
	atomic_uint in_turn; /* how many it read without anything else */
	atomic_int kept;     /* the serving thread that is kept there, 0 */
	int kept_cpu;
	atomic_bool for_client; /* by fn_near_keep() */
	bool batch;             /* and its policy was changed */
	cpu_set_t was;          /* where that may run otherwise */
	atomic_bool had_one;
};

void fn_near_init(struct fn_near *n, bool on);
void fn_near_destroy(struct fn_near *n);
/* The caller is about to wake the replay process. */
void fn_near_wake(struct fn_near *n);
/* The replay process is about to make a request. */
void fn_near_begin(struct fn_near *n);
/* It has no work, or has ended. */
void fn_near_rest(struct fn_near *n);
/* The calling thread, which serves one client, is kept on that one's processor, and does not
 * preempt it, until fn_near_leave(). */
void fn_near_keep(struct fn_near *n, int cpu);
void fn_near_leave(struct fn_near *n);
/* A serving thread got a request of the replay process, or of anybody else. */
void fn_near_replay(struct fn_near *n);
void fn_near_client(struct fn_near *n);
/* A serving thread that was not seen before. */
void fn_near_enter(struct fn_near *n);

#endif
