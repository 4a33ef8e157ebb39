/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fndump/source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>

#include "fndump/kernel.h"
#include "trace/capture.h"
#include "trace/tracefs.h"

struct source {
	struct fn_trace *trace;
	struct fn_capture *capture;
	struct fn_tracefs *tracefs;
	struct kernel *kernel;
	struct fn_trace_opts opts;
	char name[32];
};

static bool stop(void *arg)
{
	(void)arg;
	return fn_caught_signal() != 0;
}

static int open_trace(struct source *s, const struct config *c, const char *path, const char **name)
{
	struct fn_trace_opts o = c->trace;
	int e;

	o.stop = stop;
	*name = strcmp(path, "-") ? path : "standard input";
	e = fn_trace_open(&s->trace, path, &o);
	if (e == -ENOMSG)
		return fn_fail(FN_EXIT_FAIL, "%s: not a trace of a known format (see --input)",
			       *name);
	if (e)
		return fn_fail(FN_EXIT_FAIL, "%s: %s", *name, strerror(-e));
	return 0;
}

static int no_kernel(const char *name, int e)
{
	return e ? fn_fail(FN_EXIT_UNSUPPORTED, "%s: programs in the kernel: %s", name,
			   strerror(-e))
		 : 0;
}

static int open_capture(struct source *s, const struct config *c, const char **name)
{
	int e;

	if (c->pid) {
		snprintf(s->name, sizeof(s->name), "process %d", c->pid);
		*name = s->name;
		if (kill(c->pid, 0) < 0 && errno == ESRCH)
			return fn_fail(FN_EXIT_FAIL, "%s: %s", *name, strerror(errno));
		if (c->via != VIA_PTRACE) {
			e = kernel_open_pid(&s->kernel, c->pid);
			if (!e || c->via == VIA_BPF)
				return no_kernel(*name, e);
		}
		e = fn_capture_attach(&s->capture, c->pid, c->trace.max_message);
	} else {
		*name = c->command[0];
		e = fn_capture_spawn(&s->capture, c->command, c->trace.max_message);
	}
	if (e == -EPERM)
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s: may not be traced: %s", *name,
			       strerror(-e));
	return e ? fn_fail(FN_EXIT_FAIL, "%s: %s", *name, strerror(-e)) : 0;
}

static int open_tracefs(struct source *s, const struct config *c, uint32_t conn)
{
	struct fn_trace_opts o = c->trace;
	int fd, e = fn_tracefs_start(&s->tracefs, conn, &fd);

	o.format = FN_TRACE_TRACEFS;
	o.drain = true;
	o.stop = stop;
	return e ? e : fn_trace_open_fd(&s->trace, fd, &o);
}

static int open_mount(struct source *s, const struct config *c, const char **name)
{
	uint32_t conn;
	int e = fn_mount_connection(c->mount, &conn);

	*name = c->mount;
	if (e == -ENOTTY)
		return fn_fail(FN_EXIT_FAIL, "%s: not on a FUSE mount", c->mount);
	if (e)
		return fn_fail(FN_EXIT_FAIL, "%s: %s", c->mount, strerror(-e));
	if (c->via != VIA_TRACEFS) {
		e = kernel_open_mount(&s->kernel, conn);
		if (!e || c->via == VIA_BPF)
			return no_kernel(c->mount, e);
	}
	e = open_tracefs(s, c, conn);
	if (e)
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s: the kernel's tracepoints: %s", c->mount,
			       strerror(-e));
	return 0;
}

int source_open(struct source **out, const struct config *c, const char *path, const char **name)
{
	struct source *s = calloc(1, sizeof(*s));
	int status;

	if (!s)
		return fn_fail(FN_EXIT_FAIL, "%s", strerror(ENOMEM));
	s->opts = c->trace;
	s->opts.stop = stop;
	if (c->mount)
		status = open_mount(s, c, name);
	else if (c->pid || c->command)
		status = open_capture(s, c, name);
	else
		status = open_trace(s, c, path, name);
	if (status)
		source_close(s);
	else
		*out = s;
	return status;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	fn_trace_close(s->trace);
	fn_capture_close(s->capture);
	fn_tracefs_stop(s->tracefs);
	kernel_close(s->kernel);
	free(s);
}

int source_next(struct source *s, struct fn_trace_msg *m)
{
	if (s->kernel)
		return kernel_next(s->kernel, m, &s->opts);
	return s->capture ? fn_capture_next(s->capture, m) : fn_trace_next(s->trace, m);
}

const char *source_fault(const struct source *s, uint64_t *offset, uint64_t *line)
{
	if (s->trace)
		return fn_trace_fault(s->trace, offset, line);
	*offset = *line = 0;
	return s->kernel ? kernel_fault(s->kernel) : fn_capture_fault(s->capture);
}

uint64_t source_unseen(const struct source *s)
{
	if (s->kernel)
		return kernel_unseen(s->kernel);
	return s->trace ? fn_trace_unseen(s->trace) : 0;
}

bool source_drains(const struct source *s)
{
	return s->kernel || s->tracefs;
}

bool source_waits(const struct source *s)
{
	return s->capture != NULL;
}

int source_status(const struct source *s)
{
	int st = s->capture ? fn_capture_status(s->capture) : -1;

	if (st == -1)
		return FN_EXIT_OK;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}
