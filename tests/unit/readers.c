/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serving threads take turns at reading: whatever some of them wait for, the rest is read. */
#include "server/readers.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define THREADS 4
#define MESSAGES 2000

static struct fn_near near;
static struct fn_readers readers;
static int sockets[2];
static pthread_t ids[THREADS + 1]; /* by their numbers from 1 */
static sem_t handled, held, release;
static atomic_int started, keeper; /* who kept the turn with its last message, 0 */

/* 'a': answered at once, the turn is kept; 'n': handled elsewhere; 'h': held up there. */
static void handle(struct fn_turn *t, int me, char kind)
{
	if (kind != 'a')
		fn_readers_leave(t);
	if (kind == 'h') {
		sem_post(&held);
		while (sem_wait(&release))
			;
	}
	atomic_store(&keeper, t->has ? me : 0);
	sem_post(&handled);
}

static void *serve(void *arg)
{
	struct fn_turn t = fn_readers_turn(&readers);
	int me = atomic_fetch_add(&started, 1) + 1;
	char kind;

	ids[me] = pthread_self();
	pthread_cleanup_push(fn_readers_leave, &t);
	while (fn_readers_read(&t, sockets[1], &kind, 1) == 1)
		handle(&t, me, kind);
	pthread_cleanup_pop(1);
	return arg;
}

static void send_kind(char kind)
{
	CHECK(send(sockets[0], &kind, 1, 0) == 1);
}

static bool comes(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	return !sem_timedwait(sem, &until);
}

static void begin(pthread_t *threads, int n)
{
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
	fn_near_init(&near, false);
	fn_readers_init(&readers, sockets[1], &near);
	while (!atomic_load(&readers.turns))
		fn_readers_replay(&readers);
	sem_init(&handled, 0, 0);
	sem_init(&held, 0, 0);
	sem_init(&release, 0, 0);
	atomic_store(&started, 0);
	for (int i = 0; i < n; i++)
		CHECK(!pthread_create(&threads[i], NULL, serve, NULL));
	while (atomic_load(&started) < n)
		poll(NULL, 0, 1);
}

/* As at the end of a session: nothing more is to be read. */
static void end(pthread_t *threads, int n)
{
	close(sockets[0]);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	close(sockets[1]);
	fn_readers_destroy(&readers);
	fn_near_destroy(&near);
	memset(&readers, 0, sizeof(readers));
}

static void all_are_read(void)
{
	pthread_t threads[THREADS];

	begin(threads, THREADS);
	for (int i = 0; i < MESSAGES; i++)
		send_kind(i % 3 ? 'a' : 'n');
	for (int i = 0; i < MESSAGES; i++)
		if (!comes(&handled)) {
			CHECK(!"read in time");
			break;
		}
	end(threads, THREADS);
}

/* One after the other is held up, in the midst of messages that are not. */
static void held_up(void)
{
	pthread_t threads[THREADS];

	begin(threads, THREADS);
	for (int n = 1; n < THREADS; n++) {
		send_kind('a');
		send_kind('h');
		CHECK(comes(&held));
		CHECK(comes(&handled));
		for (int i = 0; i < 100; i++) {
			send_kind(i % 2 ? 'a' : 'n');
			CHECK(comes(&handled));
		}
	}
	for (int n = 1; n < THREADS; n++)
		sem_post(&release);
	for (int n = 1; n < THREADS; n++)
		CHECK(comes(&handled));
	end(threads, THREADS);
}

/* Several at once: each has to wake a thread of its own. */
static void held_up_at_once(void)
{
	pthread_t threads[THREADS];

	begin(threads, THREADS);
	for (int round = 0; round < 50; round++) {
		for (int n = 0; n < THREADS; n++)
			send_kind('h');
		for (int n = 0; n < THREADS; n++)
			CHECK(comes(&held));
		for (int n = 0; n < THREADS; n++)
			sem_post(&release);
		for (int n = 0; n < THREADS; n++)
			CHECK(comes(&handled));
	}
	end(threads, THREADS);
}

/* The thread that kept the turn ends in read(): the next one takes over. */
static void cancelled(void)
{
	pthread_t threads[THREADS];

	for (int n = 0; n < 10; n++) {
		int gone = 0;
		pthread_t it;

		begin(threads, THREADS);
		do {
			send_kind('a');
			CHECK(comes(&handled));
		} while (!atomic_load(&keeper));
		it = ids[atomic_load(&keeper)];
		pthread_cancel(it);
		pthread_join(it, NULL);
		for (int i = 0; i < 50; i++) {
			send_kind(i % 2 ? 'a' : 'n');
			CHECK(comes(&handled));
		}
		while (!pthread_equal(threads[gone], it))
			gone++;
		threads[gone] = threads[THREADS - 1];
		end(threads, THREADS - 1);
	}
}

static void alone(void)
{
	pthread_t thread;

	begin(&thread, 1);
	for (int i = 0; i < 100; i++) {
		send_kind('a');
		CHECK(comes(&handled));
		CHECK(!atomic_load(&keeper));
	}
	end(&thread, 1);
}

static const struct unit_test tests[] = {
	{"all messages are read", all_are_read},
	{"threads that are held up stop nobody", held_up},
	{"as many as there are threads are held up at once", held_up_at_once},
	{"a thread that has the turn is cancelled", cancelled},
	{"a single thread takes no turns", alone},
};
UNIT_MAIN(tests)
