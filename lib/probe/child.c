/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/child.h"
#include "text/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK "." /* a fact of this name is no fact: value says what is tried next, none the end */

int64_t fn_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int fn_ms_left(int64_t deadline_ns)
{
	int64_t left = deadline_ns - fn_mono_ns();

	if (left <= 0)
		return 0;
	left = (left + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1); /* nobody listens any more */
		data += n;
		len -= (size_t)n;
	}
}

static void report_send(struct fn_report *r, const char *what)
{
	struct fn_buf b = {0};

	fn_fact_put(&r->facts, MARK, FN_FACT_UNKNOWN, &(struct fn_fact_text){.value = what});
	for (size_t i = 0; i < r->facts.count; i++)
		fn_fact_pack(&b, &r->facts.list[i]);
	if (b.failed || r->facts.failed)
		_exit(1);
	write_all(r->fd, b.data, b.len);
	fn_buf_free(&b);
	fn_facts_free(&r->facts);
}

void fn_report_doing(struct fn_report *r, const char *what)
{
	report_send(r, what);
}

/* A child that is stuck in the kernel outlives us: whoever reads our output must not wait for it.
 * Returns the descriptor of the report, and of all others keeps at most standard error. */
static int let_go(int report, bool keep_stderr)
{
	int fd = fcntl(report, F_DUPFD_CLOEXEC, 3), null = open("/dev/null", O_RDWR);

	if (fd < 0 || null < 0)
		_exit(1);
	for (int i = 0; i < 3; i++)
		if (i != STDERR_FILENO || !keep_stderr)
			dup2(null, i);
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	return fd;
}

static _Noreturn void child_main(int fd, pid_t parent, fn_probe_fn fn, void *arg, bool keep_stderr)
{
	struct fn_report r = {.fd = let_go(fd, keep_stderr)};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (getppid() != parent)
		_exit(1);
	fn(&r, arg);
	report_send(&r, NULL);
	_exit(0);
}

/* Takes the mark out of the facts: 1 at the end of the report. */
static int take_mark(struct fn_facts *f, struct fn_bounded *b)
{
	struct fn_fact *mark = fn_facts_find(f, MARK);
	int end = 0;

	if (!mark)
		return 0;
	if (mark->value)
		snprintf(b->doing, sizeof(b->doing), "%s", mark->value);
	else
		end = 1;
	fn_facts_drop(f, mark);
	return end;
}

/* 1 at the end of the report, 0 to go on, -errno. */
static int receive(struct fn_facts *f, struct fn_buf *in, int fd, struct fn_bounded *b)
{
	char *room = fn_buf_room(in, 16384);
	ssize_t n = room ? read(fd, room, 16384) : -1;
	long used;

	if (!room)
		return -ENOMEM;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	in->len += (size_t)n;
	used = fn_facts_unpack(f, in->data, in->len);
	if (used < 0)
		return (int)used;
	memmove(in->data, in->data + used, in->len - (size_t)used);
	in->len -= (size_t)used;
	return take_mark(f, b);
}

static int collect(struct fn_facts *f, int fd, int64_t deadline_ns, struct fn_bounded *b)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct fn_buf in = {0};
	int r = 0;

	while (!r) {
		int n = poll(&p, 1, fn_ms_left(deadline_ns));

		if (n > 0)
			r = receive(f, &in, fd, b);
		else
			r = n == 0 ? -ETIMEDOUT : -errno;
	}
	fn_buf_free(&in);
	return r > 0 ? 0 : r;
}

void fn_bounded_reap(struct fn_bounded *b, int ms)
{
	struct timespec tick = {.tv_nsec = 1000000};

	while (b->pid > 0) {
		if (waitpid(b->pid, NULL, WNOHANG) != 0)
			b->pid = 0;
		else if (ms-- > 0)
			nanosleep(&tick, NULL);
		else
			return;
	}
}

int fn_probe_bounded(struct fn_facts *f, int64_t deadline_ns, fn_probe_fn fn, void *arg,
		     struct fn_bounded *b)
{
	pid_t parent = getpid(), pid;
	int fds[2], r;

	*b = (struct fn_bounded){.doing = "starting", .keep_stderr = b->keep_stderr};
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0)
		child_main(fds[1], parent, fn, arg, b->keep_stderr);
	close(fds[1]);
	r = collect(f, fds[0], deadline_ns, b);
	close(fds[0]);
	if (r)
		kill(pid, SIGKILL);
	b->pid = pid;
	/* One that was killed goes at once, unless it is stuck in the kernel: leave it to that. */
	fn_bounded_reap(b, r ? 50 : 0);
	return r;
}

static void close_others(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > 0)
		close_range(0, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0u, 0);
}

void fn_guard_until_eof(int pipe_fd, int keep_fd)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	char byte;

	setsid();
	prctl(PR_SET_PDEATHSIG, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	close_others(pipe_fd, keep_fd);
	while (read(pipe_fd, &byte, 1) < 0 && errno == EINTR)
		continue;
}
