/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread leads where requests come in turn; whatever holds it up stops nobody. */
#include "server/lead.h"

#include <linux/fuse.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define THREADS 4
#define ENOUGH 20000

static struct fn_near near;
static struct fn_lead lead;
static int sockets[2];
static pthread_t threads[THREADS];
static sem_t handled, release;
static atomic_int who; /* handled the last message, from 1 */

struct message {
	uint32_t opcode, pid;
	bool held; /* until release */
};

static void leave(void *t)
{
	fn_lead_leave(t);
}

static void *serve(void *arg)
{
	struct fn_reading t = {.lead = &lead};
	struct message m;

	pthread_cleanup_push(leave, &t);
	while (fn_lead_read(&t, sockets[1], &m, sizeof(m)) == sizeof(m)) {
		const struct fuse_in_header in = {.opcode = m.opcode, .pid = m.pid};

		fn_lead_client(&lead, &in);
		while (m.held && sem_wait(&release))
			;
		atomic_store(&who, (int)(uintptr_t)arg);
		sem_post(&handled);
	}
	pthread_cleanup_pop(1);
	return NULL;
}

static void send_message(uint32_t opcode, uint32_t pid, bool held)
{
	struct message m = {opcode, pid, held};

	CHECK(send(sockets[0], &m, sizeof(m), 0) == sizeof(m));
}

static bool comes(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	return !sem_timedwait(&handled, &until);
}

static void ask(uint32_t opcode, uint32_t pid)
{
	send_message(opcode, pid, false);
	CHECK(comes());
}

static void begin(void)
{
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
	fn_near_init(&near, true);
	fn_lead_init(&lead, &near);
	CHECK(lead.end >= 0);
	lead.can = true; /* on one processor, too */
	sem_init(&handled, 0, 0);
	sem_init(&release, 0, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, serve, (void *)((uintptr_t)i + 1)));
}

/* Those that stand by end as all else does. */
static void end(void)
{
	close(sockets[0]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	close(sockets[1]);
	fn_lead_destroy(&lead);
	fn_near_destroy(&near);
	memset(&lead, 0, sizeof(lead));
}

/* A loaded machine may hold it up at any time: it gets there again. Who leads, 0: nobody. */
static int let_one_lead(void)
{
	int last = 0, same = 0;

	for (int i = 0; i < ENOUGH; i++) {
		ask(FUSE_GETATTR, 1);
		same = atomic_load(&who) == last ? same + 1 : 0;
		last = atomic_load(&who);
		if (same > 50 && atomic_load(&lead.on))
			return last;
	}
	return 0;
}

static void in_turn(void)
{
	begin();
	CHECK(let_one_lead());
	end();
}

/* Both ways are tried, and the thread that led may run where it could before. */
static void ways(void)
{
	cpu_set_t before, now;
	bool near_once = false, looked = false;

	CHECK(!sched_getaffinity(0, sizeof(before), &before));
	begin();
	for (int i = 0; i < ENOUGH && !(near_once && looked); i++) {
		ask(FUSE_GETATTR, (uint32_t)getpid());
		near_once = near_once || atomic_load(&near.kept);
		looked =
			looked || (atomic_load(&lead.on) && atomic_load(&lead.way) == FN_LEAD_LOOK);
	}
	CHECK(near_once);
	CHECK(looked);
	fn_lead_stop(&lead);
	for (int i = 0; i < THREADS; i++) {
		CHECK(!pthread_getaffinity_np(threads[i], sizeof(now), &now));
		CHECK(CPU_EQUAL(&before, &now));
	}
	end();
}

static void held_up(void)
{
	begin();
	for (int round = 0; round < 10; round++) {
		CHECK(let_one_lead());
		send_message(FUSE_GETATTR, 1, true);
		for (int i = 0; i < 20; i++)
			ask(FUSE_GETATTR, 1);
		sem_post(&release);
		CHECK(comes());
	}
	end();
}

static void others(void)
{
	begin();
	CHECK(let_one_lead());
	for (uint32_t i = 0; i < 20; i++)
		ask(FUSE_GETATTR, 1 + i % 2);
	CHECK(!atomic_load(&lead.on));
	CHECK(let_one_lead());
	ask(FUSE_WRITE, 1);
	CHECK(!atomic_load(&lead.on));
	end();
}

static void idle(void)
{
	begin();
	CHECK(let_one_lead());
	for (int i = 0; atomic_load(&lead.on) && i < 20000; i++)
		poll(NULL, 0, 1);
	CHECK(!atomic_load(&lead.on));
	CHECK_INT(atomic_load(&near.kept), 0); /* nobody stays on one processor */
	for (int i = 0; i < 100; i++)
		ask(FUSE_GETATTR, 1);
	end();
}

static void all_held(void)
{
	begin();
	CHECK(let_one_lead());
	for (int i = 0; i < THREADS; i++)
		send_message(FUSE_GETATTR, 1, true);
	for (int i = 0; i < THREADS; i++)
		sem_post(&release);
	for (int i = 0; i < THREADS; i++)
		CHECK(comes());
	end();
}

static const struct unit_test tests[] = {
	{"requests in turn go to one thread", in_turn},
	{"both ways to wait are tried", ways},
	{"a leader that is held up stops nobody", held_up},
	{"nobody leads several clients, or data", others},
	{"nobody leads where there is nothing to do", idle},
	{"all are held up at once", all_held},
};
UNIT_MAIN(tests)
