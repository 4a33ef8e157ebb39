/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fndump/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
	struct fn_trace *trace;
	bool live;
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
	s->live = c->trace.follow || !strcmp(path, "-");
	return 0;
}

int source_open(struct source **out, const struct config *c, const char *path, const char **name)
{
	struct source *s = calloc(1, sizeof(*s));
	int status;

	if (!s)
		return fn_fail(FN_EXIT_FAIL, "%s", strerror(ENOMEM));
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
	free(s);
}

int source_next(struct source *s, struct fn_trace_msg *m)
{
	return fn_trace_next(s->trace, m);
}

const char *source_fault(const struct source *s, uint64_t *offset, uint64_t *line)
{
	return fn_trace_fault(s->trace, offset, line);
}

uint64_t source_unseen(const struct source *s)
{
	return fn_trace_unseen(s->trace);
}

bool source_live(const struct source *s)
{
	return s->live;
}

int source_status(const struct source *s)
{
	(void)s;
	return FN_EXIT_OK;
}
