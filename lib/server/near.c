/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/near.h"

#include <sys/syscall.h>
#include <unistd.h>

#define IN_TURN 8 /* requests until a thread is kept */

void fn_near_init(struct fn_near *n, bool on)
{
	n->on = on;
	pthread_mutex_init(&n->lock, NULL);
	atomic_init(&n->cpu, -1);
}

void fn_near_destroy(struct fn_near *n)
{
	pthread_mutex_destroy(&n->lock);
}

static int self(void)
{
	static _Thread_local int tid;

	if (!tid)
		tid = gettid();
	return tid;
}

static int keep(int tid, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	return sched_setaffinity(tid, sizeof(one), &one);
}

/* The replay process has no thread-local storage of its own, and what the C library knows of its
 * processor is another's. */
static int current_cpu(void)
{
	unsigned cpu;

	return syscall(SYS_getcpu, &cpu, NULL, NULL) ? -1 : (int)cpu;
}

void fn_near_wake(struct fn_near *n)
{
	int tid = atomic_load(&n->worker), cpu;

	if (!n->on || !tid)
		return;
	cpu = sched_getcpu();
	if (cpu < 0 || cpu == atomic_load(&n->cpu))
		return;
	pthread_mutex_lock(&n->lock);
	if (!keep(tid, cpu))
		atomic_store(&n->cpu, cpu);
	pthread_mutex_unlock(&n->lock);
}

static void set_policy(int tid, int policy)
{
	const struct sched_param none = {0};

	sched_setscheduler(tid, policy, &none);
}

static void let_go(struct fn_near *n)
{
	int tid = atomic_load(&n->kept);

	if (tid)
		sched_setaffinity(tid, sizeof(n->was), &n->was);
	if (tid && n->batch)
		set_policy(tid, SCHED_OTHER);
	n->batch = false;
	atomic_store(&n->for_client, false);
	atomic_store(&n->kept, 0);
}

static void take(struct fn_near *n, int tid, int cpu)
{
	if (tid != atomic_load(&n->kept) || atomic_load(&n->for_client)) {
		let_go(n);
		if (sched_getaffinity(tid, sizeof(n->was), &n->was))
			return;
	}
	atomic_store(&n->had_one, true);
	if (keep(tid, cpu))
		return;
	n->kept_cpu = cpu;
	atomic_store(&n->kept, tid);
}

/* A process that never preempts whoever wakes it: the serving thread gets back into read() first,
 * and the next request finds it there. */
static void join(struct fn_near *n)
{
	set_policy(0, SCHED_BATCH);
	atomic_store(&n->worker, (int)syscall(SYS_gettid));
}

void fn_near_begin(struct fn_near *n)
{
	int tid, cpu;

	if (!n->on || atomic_load(&n->in_turn) < IN_TURN)
		return;
	if (!atomic_load(&n->worker))
		join(n);
	cpu = atomic_load(&n->cpu);
	tid = atomic_load(&n->served);
	if (cpu >= 0 && atomic_load(&n->kept) == tid && n->kept_cpu == cpu)
		return;
	if (cpu < 0)
		cpu = current_cpu();
	pthread_mutex_lock(&n->lock);
	if (cpu >= 0 && !keep(0, cpu)) {
		atomic_store(&n->cpu, cpu);
		take(n, tid, cpu);
	}
	pthread_mutex_unlock(&n->lock);
}

static void rest(struct fn_near *n, bool client)
{
	if (!atomic_load(&n->kept))
		return;
	pthread_mutex_lock(&n->lock);
	if (atomic_load(&n->for_client) == client)
		let_go(n);
	pthread_mutex_unlock(&n->lock);
}

void fn_near_rest(struct fn_near *n)
{
	rest(n, false);
}

void fn_near_leave(struct fn_near *n)
{
	rest(n, true);
}

static bool is_kept(const struct fn_near *n, int cpu)
{
	return atomic_load(&n->kept) == self() && atomic_load(&n->for_client) && n->kept_cpu == cpu;
}

void fn_near_keep(struct fn_near *n, int cpu)
{
	pthread_mutex_lock(&n->lock);
	if (!is_kept(n, cpu)) {
		take(n, self(), cpu);
		if (atomic_load(&n->kept) == self()) {
			atomic_store(&n->for_client, true);
			n->batch = sched_getscheduler(0) == SCHED_OTHER;
			if (n->batch)
				set_policy(0, SCHED_BATCH);
		}
	}
	pthread_mutex_unlock(&n->lock);
}

void fn_near_replay(struct fn_near *n)
{
	if (!n->on)
		return;
	atomic_store_explicit(&n->served, self(), memory_order_relaxed);
	atomic_fetch_add_explicit(&n->in_turn, 1, memory_order_relaxed);
}

void fn_near_client(struct fn_near *n)
{
	if (!n->on)
		return;
	if (atomic_load_explicit(&n->in_turn, memory_order_relaxed))
		atomic_store(&n->in_turn, 0);
	if (atomic_load(&n->kept) == self() && !atomic_load(&n->for_client))
		fn_near_rest(n);
}

void fn_near_enter(struct fn_near *n)
{
	static _Thread_local bool known;
	cpu_set_t now;

	if (known)
		return;
	known = true;
	if (!n->on || !atomic_load(&n->had_one))
		return;
	pthread_mutex_lock(&n->lock);
	if (!sched_getaffinity(0, sizeof(now), &now) && CPU_COUNT(&now) == 1 &&
	    CPU_COUNT(&n->was) > 1 && atomic_load(&n->kept) != self()) {
		sched_setaffinity(0, sizeof(n->was), &n->was);
		if (n->batch && sched_getscheduler(0) == SCHED_BATCH)
			set_policy(0, SCHED_OTHER);
	}
	pthread_mutex_unlock(&n->lock);
}
