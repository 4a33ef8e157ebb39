/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ptrace: attaching, stops, letting go. What the calls carry is in capture_call.c. */
#include "trace/capture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trace/capture_impl.h"

#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACEEXEC)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define DETACH_SECONDS 2

static struct fn_capture *capture_new(uint32_t max_message)
{
	struct fn_capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	fn_map_init(&c->threads, sizeof(struct fn_capture_thread));
	fn_map_init(&c->fds, sizeof(struct fn_capture_fd));
	c->max_message = max_message ? max_message : FN_TRACE_MSG_MAX;
	c->status = -1;
	c->tee[0] = c->tee[1] = -1;
	return c;
}

/* The process of a thread: descriptors are its. */
static pid_t group_of(pid_t tid)
{
	char path[40], line[128];
	int tgid = tid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return tid;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	fclose(f);
	return tgid;
}

static struct fn_capture_thread *thread_add(struct fn_capture *c, pid_t tid)
{
	struct fn_capture_thread *t = fn_map_get(&c->threads, 0, (uint32_t)tid);

	if (t)
		return t;
	t = fn_map_add(&c->threads, 0, (uint32_t)tid);
	if (t)
		t->tgid = group_of(tid);
	return t;
}

static int seize(struct fn_capture *c, pid_t tid)
{
	if (fn_map_get(&c->threads, 0, (uint32_t)tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) < 0)
		return -errno;
	if (!thread_add(c, tid))
		return -ENOMEM;
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 1;
}

/* Once over the threads there are. Returns how many were new, or -errno of the first. */
static int seize_round(struct fn_capture *c, pid_t pid)
{
	char path[40];
	struct dirent *e;
	int n = 0, r, error = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((e = readdir(d))) {
		pid_t tid = (pid_t)atoi(e->d_name);

		r = tid > 0 ? seize(c, tid) : 0;
		if (r > 0)
			n++;
		else if (r < 0 && r != -ESRCH && !error)
			error = r;
	}
	closedir(d);
	return error ? error : n;
}

int fn_capture_attach(struct fn_capture **out, pid_t pid, uint32_t max_message)
{
	struct fn_capture *c = capture_new(max_message);
	int r;

	if (!c)
		return -ENOMEM;
	/* Threads that begin meanwhile belong to one that is seized, or are in the next round. */
	while ((r = seize_round(c, pid)) > 0)
		;
	if (r < 0 || !c->threads.count) {
		fn_capture_close(c);
		return r < 0 ? r : -ESRCH;
	}
	*out = c;
	return 0;
}

/* The child waits for the tracer with SIGSTOP, so that nothing of it is missed. */
static void child(char *const argv[])
{
	raise(SIGSTOP);
	execvp(argv[0], argv);
	_exit(127);
}

int fn_capture_spawn(struct fn_capture **out, char *const argv[], uint32_t max_message)
{
	struct fn_capture *c = capture_new(max_message);
	int st, r = 0;

	if (!c)
		return -ENOMEM;
	c->child = fork();
	if (c->child == 0)
		child(argv);
	if (c->child < 0)
		r = -errno;
	while (!r && waitpid(c->child, &st, WUNTRACED) < 0)
		if (errno != EINTR)
			r = -errno;
	if (!r) {
		r = seize(c, c->child);
		kill(c->child, r < 0 ? SIGKILL : SIGCONT);
	}
	if (r < 0) {
		fn_capture_close(c);
		return r;
	}
	*out = c;
	return 0;
}

int64_t fn_capture_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

const char *fn_capture_fault(const struct fn_capture *c)
{
	return c->fault;
}

int fn_capture_status(const struct fn_capture *c)
{
	return c->status;
}

static void gone(struct fn_capture *c, pid_t tid, int st)
{
	struct fn_capture_thread *t = fn_map_get(&c->threads, 0, (uint32_t)tid);

	if (tid == c->child)
		c->status = st;
	if (t)
		fn_map_del(&c->threads, t);
}

static int syscall_stop(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
			struct fn_trace_msg *m)
{
	t->inside = !t->inside;
	return t->inside ? fn_capture_enter(c, t, tid, m) : fn_capture_leave(c, t, tid, m);
}

/* After execve the caller has the process id of its group and is alone. */
static void exec_stop(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid)
{
	t->inside = false;
	t->call = FN_CAPTURE_NONE;
	t->tgid = tid;
	fn_capture_forget_fds(c, tid);
}

/* The signal to hand on, 0 for stops that are ptrace's own. *listen: stay stopped. */
static int stop_signal(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid, int st,
		       bool *listen)
{
	int sig = WSTOPSIG(st), event = st >> 16;

	*listen = false;
	if (event == PTRACE_EVENT_STOP) {
		*listen = sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC)
		exec_stop(c, t, tid);
	return event ? 0 : sig;
}

/* One stop of one thread: 0, or what fn_capture_next() is to return. */
static int handle_stop(struct fn_capture *c, pid_t tid, int st, struct fn_trace_msg *m)
{
	struct fn_capture_thread *t = thread_add(c, tid);
	bool listen = false;
	int r = 0, sig = 0;

	if (!t)
		return -ENOMEM;
	if (WSTOPSIG(st) == SYSCALL_STOP)
		r = syscall_stop(c, t, tid, m);
	else
		sig = stop_signal(c, t, tid, st, &listen);
	ptrace(listen ? PTRACE_LISTEN : PTRACE_SYSCALL, tid, NULL, sig);
	return r;
}

int fn_capture_next(struct fn_capture *c, struct fn_trace_msg *m)
{
	int st, r = 0;

	memset(m, 0, sizeof(*m));
	while (!r && c->threads.count) {
		pid_t tid = waitpid(-1, &st, __WALL);

		if (tid < 0)
			return errno == ECHILD ? 0 : -errno;
		if (WIFEXITED(st) || WIFSIGNALED(st))
			gone(c, tid, st);
		else if (WIFSTOPPED(st))
			r = handle_stop(c, tid, st, m);
	}
	return r;
}

/* Each thread has to stop before it can be let go; a few may not within the time. */
void fn_capture_close(struct fn_capture *c)
{
	int64_t deadline = fn_capture_now() + DETACH_SECONDS * INT64_C(1000000000);
	struct timespec pause = {0, 1000000};
	int st;

	if (!c)
		return;
	for (struct fn_capture_thread *t = NULL; (t = fn_map_next(&c->threads, t));)
		ptrace(PTRACE_INTERRUPT, (pid_t)t->key.id, NULL, NULL);
	while (c->threads.count && fn_capture_now() < deadline) {
		pid_t tid = waitpid(-1, &st, __WALL | WNOHANG);

		if (tid < 0)
			break;
		if (tid == 0) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (WIFSTOPPED(st))
			ptrace(PTRACE_DETACH, tid, NULL,
			       st >> 16 || WSTOPSIG(st) == SYSCALL_STOP ? 0 : WSTOPSIG(st));
		gone(c, tid, st);
	}
	fn_capture_free(c);
}
