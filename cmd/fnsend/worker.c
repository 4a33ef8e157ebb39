/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call on a FUSE mount waits for its server. Once the server has read the request, not even
 * SIGKILL ends that wait, so a thread would keep the whole process from ending, and whoever waits
 * for it. All work on a mount is therefore done in a child that holds no descriptor of ours: it
 * can be killed, and left behind if that takes effect only when the server is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fnsend/send.h"

#define CHUNK 65536

struct worker {
	struct beat *beat;
	int64_t timeout_ns;
	pid_t pid;
	int pidfd;
	int out; /* the child's messages */
	int in;  /* what it reads, -1: nothing to pump */
	bool in_eof;
	char chunk[CHUNK];
	size_t from, to;
	int64_t stop_at; /* after a signal: when to stop being patient */
};

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void beat_begin(struct beat *b, const char *path)
{
	size_t n = strnlen(path, sizeof(b->path) - 1);

	memcpy(b->path, path, n);
	b->path[n] = '\0';
	atomic_store_explicit(&b->since, now_ns(), memory_order_release);
}

void beat_end(struct beat *b)
{
	atomic_store_explicit(&b->since, 0, memory_order_release);
}

/* A pipe's other end must see it close when we end, also if the child lives on: only a regular
 * file may stay open in it. */
static bool must_pump(const struct settings *set)
{
	struct stat st;

	return set->use_stdin && (fstat(STDIN_FILENO, &st) || !S_ISREG(st.st_mode));
}

static void child_descriptors(int in, int out, bool keep_stdin)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (in >= 0)
		dup2(in, STDIN_FILENO);
	else if (!keep_stdin)
		dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	syscall(SYS_close_range, 3u, ~0u, 0u);
}

static int spawn(struct worker *w, int (*work)(struct settings *, struct beat *),
		 struct settings *set)
{
	int in[2] = {-1, -1}, out[2];
	pid_t parent = getpid();

	if (pipe2(out, O_CLOEXEC) || (must_pump(set) && pipe2(in, O_CLOEXEC)))
		return -errno;
	fflush(stderr);
	w->pid = fork();
	if (w->pid < 0)
		return -errno;
	if (w->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(FN_EXIT_FAIL);
		child_descriptors(in[0], out[1], set->use_stdin);
		_exit(work(set, w->beat));
	}
	close(out[1]);
	w->out = out[0];
	w->in = in[1];
	if (in[0] >= 0) {
		close(in[0]);
		fcntl(w->in, F_SETFL, O_NONBLOCK);
	}
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return 0;
}

static void close_in(struct worker *w)
{
	if (w->in >= 0)
		close(w->in);
	w->in = -1;
}

/* Fill the chunk from our input, or empty it into the child. */
static void pump(struct worker *w)
{
	ssize_t n;

	if (w->from == w->to) {
		n = read(STDIN_FILENO, w->chunk, sizeof(w->chunk));
		w->from = 0;
		w->to = n > 0 ? (size_t)n : 0;
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			close_in(w);
		return;
	}
	n = write(w->in, w->chunk + w->from, w->to - w->from);
	if (n > 0)
		w->from += (size_t)n;
	else if (errno != EINTR && errno != EAGAIN)
		close_in(w);
}

/* True while there may be more. */
static bool pass_messages(struct worker *w)
{
	char text[4096];
	ssize_t n = read(w->out, text, sizeof(text));

	if (n < 0 && errno == EINTR)
		return true;
	for (ssize_t at = 0, k; at < n; at += k) {
		k = write(STDERR_FILENO, text + at, (size_t)(n - at));
		if (k <= 0)
			return false;
	}
	return n > 0;
}

static bool is_stuck(const struct worker *w)
{
	int64_t since = atomic_load_explicit(&w->beat->since, memory_order_acquire);

	return since && now_ns() - since > w->timeout_ns;
}

static int wait_ms(const struct worker *w)
{
	int64_t ms = w->timeout_ns / 4000000;

	if (w->stop_at)
		return 50;
	return (int)(ms < 20 ? 20 : ms > 1000 ? 1000 : ms);
}

/* The child's end may come only when the server goes on: give it a moment, then leave it. */
static void abandon(struct worker *w)
{
	struct pollfd p = {.fd = w->pidfd, .events = POLLIN};

	kill(w->pid, SIGKILL);
	poll(&p, 1, 100);
	waitpid(w->pid, NULL, WNOHANG);
}

static int reap(struct worker *w)
{
	int status;

	if (waitpid(w->pid, &status, 0) != w->pid)
		return FN_EXIT_FAIL;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return fn_fail(FN_EXIT_FAIL, "ended by signal %d", WTERMSIG(status));
}

/* A signal ends the child; one that cannot be ended is left after a second. */
static bool impatient(struct worker *w)
{
	if (!fn_caught_signal())
		return false;
	if (!w->stop_at) {
		kill(w->pid, SIGTERM);
		close_in(w);
		w->stop_at = now_ns() + 1000000000;
	}
	return now_ns() > w->stop_at;
}

static int watch(struct worker *w)
{
	for (;;) {
		struct pollfd p[] = {
			{.fd = w->out, .events = POLLIN},
			{.fd = w->in < 0          ? -1
			       : w->from == w->to ? STDIN_FILENO
						  : w->in,
			 .events = w->from == w->to ? POLLIN : POLLOUT},
		};
		int n = poll(p, 2, wait_ms(w));

		if (n > 0 && p[1].revents)
			pump(w);
		if (n > 0 && p[0].revents && !pass_messages(w))
			return reap(w);
		if (is_stuck(w)) {
			abandon(w);
			return fn_fail(FN_EXIT_TIMEOUT,
				       "%s: no answer from the file system in %g s", w->beat->path,
				       (double)w->timeout_ns / 1e9);
		}
		if (impatient(w)) {
			abandon(w);
			return FN_EXIT_OK;
		}
	}
}

int worker_run(int (*work)(struct settings *, struct beat *), struct settings *set)
{
	static struct worker w;
	int err;

	w.timeout_ns = set->timeout_ns;
	w.beat = mmap(NULL, sizeof(*w.beat), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (w.beat == MAP_FAILED)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	fn_catch_signals();
	err = spawn(&w, work, set);
	if (err)
		return fn_fail(FN_EXIT_FAIL, "cannot start a process: %s", strerror(-err));
	return watch(&w);
}
