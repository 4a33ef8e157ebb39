/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that takes events from a source and pushes them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/server_impl.h"

/* Events that concern nobody, mostly of what this mount's own clients do, wake us as any other.
 * While nothing else comes, they are read together: the longer, the more of them its clients make.
 * It is as long that somebody else's change may wait then. */
#define IDLE_ROUNDS 16
#define GATHER_MIN_NS 300000
#define GATHER_MAX_NS 9600000
#define MANY 8 /* requests answered meanwhile */

/* Nodes that a source tells of are another file system's, where the store is FUSE itself. */
static int push(const struct fn_event *ev, void *arg)
{
	struct fn_follow *f = arg;
	uint8_t has = ev->object.has | ev->parent.has | ev->old_parent.has | ev->target.has;
	struct fn_event ours;

	/* Another such server's way to tell its clients of a file they have open with passthrough:
	 * who closed the file was heard before. */
	if (ev->mask & FN_CLOSE_WRITE && !strcmp(ev->comm, FN_REPLAY_COMM))
		return 0;
	f->idle_rounds = 0;
	if (!(has & FN_OBJ_NODE)) {
		fn_server_push(f->srv, ev);
		return 0;
	}
	ours = *ev;
	ours.object.has &= (uint8_t)~FN_OBJ_NODE;
	ours.parent.has &= (uint8_t)~FN_OBJ_NODE;
	ours.old_parent.has &= (uint8_t)~FN_OBJ_NODE;
	ours.target.has &= (uint8_t)~FN_OBJ_NODE;
	fn_server_push(f->srv, &ours);
	return 0;
}

static void gather(struct fn_follow *f)
{
	struct pollfd p = {.fd = f->wake, .events = POLLIN};
	unsigned replies = atomic_load_explicit(&f->srv->replies, memory_order_relaxed);
	bool many = replies - f->replies >= MANY;
	struct timespec t = {0};

	f->replies = replies;
	if (f->idle_rounds < IDLE_ROUNDS) {
		f->idle_rounds++;
		f->gather_ns = GATHER_MIN_NS;
		return;
	}
	f->gather_ns = many ? f->gather_ns * 2 : f->gather_ns / 2;
	if (f->gather_ns > GATHER_MAX_NS)
		f->gather_ns = GATHER_MAX_NS;
	if (f->gather_ns < GATHER_MIN_NS)
		f->gather_ns = GATHER_MIN_NS;
	t.tv_nsec = f->gather_ns;
	ppoll(&p, 1, &t, NULL);
}

static bool wanted(void *arg, const struct fn_object *dir, const struct fn_object *old_dir,
		   unsigned n)
{
	return fn_server_wants(arg, dir, old_dir, n);
}

static void *run(void *arg)
{
	struct fn_follow *f = arg;
	struct pollfd p[2] = {{.fd = f->wake, .events = POLLIN},
			      {.fd = fn_source_fd(f->src), .events = POLLIN}};

	while (!(p[0].revents & POLLIN)) {
		int n = poll(p, 2, fn_source_timeout(f->src));

		if (n < 0 && errno != EINTR)
			break;
		if (n >= 0 && fn_source_dispatch(f->src, push, f) < 0)
			break;
		gather(f);
	}
	return NULL;
}

static int start(struct fn_follow *f)
{
	sigset_t all, old;
	int res;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	res = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -res;
}

int fn_server_follow(struct fn_server *srv, struct fn_source *src)
{
	struct fn_follow *f;
	int res;

	if (srv->nfollow == FN_FOLLOW_MAX)
		return -ENOSPC;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->srv = srv;
	f->src = src;
	f->expects = !strcmp(fn_source_name(src), "inotify");
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	res = f->wake < 0 ? -errno : start(f);
	if (res) {
		if (f->wake >= 0)
			close(f->wake);
		free(f);
		return res;
	}
	srv->follow[srv->nfollow++] = f;
	if (f->expects)
		atomic_store(&srv->expects, true);
	return 0;
}

int fn_server_follow_backing(struct fn_server *srv, const char *backing)
{
	struct fn_source_opts opts = {
		.mask = srv->mask,
		.flags = FN_SOURCE_RECURSIVE | FN_SOURCE_WHOLE_FS | FN_SOURCE_NO_SELF |
			 FN_SOURCE_MODE | FN_SOURCE_COMM,
		.roots = &backing,
		.nroots = 1,
		.wanted = wanted,
		.wanted_arg = srv,
	};
	struct fn_source *src;
	int bad, res = fn_source_local(&src, &opts, &bad);

	if (res)
		return res;
	res = fn_server_follow(srv, src);
	if (res)
		fn_source_close(src);
	return res;
}

void fn_follow_end(struct fn_server *srv)
{
	const uint64_t one = 1;

	for (size_t i = 0; i < srv->nfollow; i++) {
		struct fn_follow *f = srv->follow[i];

		if (write(f->wake, &one, sizeof(one)) == sizeof(one))
			pthread_join(f->thread, NULL);
		fn_source_close(f->src);
		close(f->wake);
		free(f);
	}
	srv->nfollow = 0;
	atomic_store(&srv->expects, false);
}
