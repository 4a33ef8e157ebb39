/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/reader.h"

#define MAX_LINE 65536
#define DETECT_WITHIN (1u << 18)
#define OP_INIT 26
#define OP_CUSE_INIT 4096

static const struct fn_reader *const readers[] = {
	&fn_reader_fusedump, &fn_reader_strace, &fn_reader_libfuse,
	&fn_reader_tracefs,  &fn_reader_raw,
};
#define NREADERS (sizeof(readers) / sizeof(readers[0]))

int fn_trace_bad(struct fn_trace *t, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->fault, sizeof(t->fault), fmt, ap);
	va_end(ap);
	t->fault_offset = offset;
	t->fault_line = t->line;
	return FN_TRACE_BAD;
}

const char *fn_trace_fault(const struct fn_trace *t, uint64_t *offset, uint64_t *line)
{
	if (offset)
		*offset = t->fault_offset;
	if (line)
		*line = t->fault_line;
	return t->fault;
}

int fn_trace_scratch(struct fn_trace *t, size_t n)
{
	size_t cap = t->scratch_cap ? t->scratch_cap : 4096;
	uint8_t *p;

	if (n <= t->scratch_cap)
		return 0;
	while (cap < n)
		cap *= 2;
	p = realloc(t->scratch, cap);
	if (!p)
		return -ENOMEM;
	t->scratch = p;
	t->scratch_cap = cap;
	return 0;
}

void fn_trace_count_conn(struct fn_trace *t, struct fn_trace_msg *m)
{
	if ((m->kind == FN_MSG_REQUEST && (m->opcode == OP_INIT || m->opcode == OP_CUSE_INIT)) ||
	    !t->nconn)
		t->nconn++;
	m->conn = t->nconn;
}

int fn_trace_next_line(struct fn_trace *t, struct fn_trace_msg *m,
		       int (*parse)(struct fn_trace *t, const char *p, size_t len,
				    struct fn_trace_msg *m))
{
	const char *line;
	size_t len;
	bool whole;
	int r = 0;

	while (!r && fn_input_line(&t->in, MAX_LINE, &line, &len, &whole)) {
		m->offset = t->in.base;
		m->line = ++t->line;
		r = whole ? parse(t, line, len, m) : 0;
		if (r < 0)
			r = fn_trace_bad(t, m->offset, "line that cannot be read");
		fn_input_skip(&t->in, len + (whole && fn_input_have(&t->in) > len));
	}
	return r;
}

const char *fn_trace_format_name(enum fn_trace_format format)
{
	for (size_t i = 0; i < NREADERS; i++)
		if (readers[i]->format == format)
			return readers[i]->name;
	return "auto";
}

enum fn_trace_format fn_trace_format_parse(const char *name)
{
	for (size_t i = 0; i < NREADERS; i++)
		if (!strcmp(readers[i]->name, name))
			return readers[i]->format;
	return FN_TRACE_AUTO;
}

enum fn_trace_format fn_trace_get_format(const struct fn_trace *t)
{
	return t->reader ? t->reader->format : FN_TRACE_AUTO;
}

uint64_t fn_trace_unseen(const struct fn_trace *t)
{
	return t->unseen;
}

static const struct fn_reader *detect(struct fn_trace *t, size_t n)
{
	const struct fn_reader *best = NULL;
	int score = 0;

	for (size_t i = 0; i < NREADERS; i++) {
		int s = readers[i]->detect(fn_input_ptr(&t->in), n);

		if (s > score) {
			score = s;
			best = readers[i];
		}
	}
	return best;
}

/* With as little as tells: more may be long in coming. An empty input is an empty trace. */
static const struct fn_reader *choose(struct fn_trace *t, enum fn_trace_format format)
{
	const struct fn_reader *found = NULL;
	size_t n;

	for (size_t i = 0; format != FN_TRACE_AUTO && i < NREADERS; i++)
		if (readers[i]->format == format)
			return readers[i];
	n = fn_input_need(&t->in, 1);
	if (!n)
		return readers[0];
	while (!(found = detect(t, n)) && n < DETECT_WITHIN) {
		size_t more = fn_input_need(&t->in, n + 1);

		if (more <= n)
			break;
		n = more;
	}
	return found;
}

static int start(struct fn_trace *t, enum fn_trace_format format)
{
	t->reader = choose(t, format);
	if (t->in.error)
		return t->in.error;
	if (!t->reader)
		return -ENOMSG;
	t->state = t->reader->state_size ? calloc(1, t->reader->state_size) : NULL;
	return t->reader->state_size && !t->state ? -ENOMEM : 0;
}

static struct fn_trace *trace_new(const struct fn_trace_opts *opts)
{
	struct fn_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->in.fd = t->in.watch = -1;
	t->max_message = opts && opts->max_message ? opts->max_message : FN_TRACE_MSG_MAX;
	if (opts) {
		t->in.follow = opts->follow;
		t->in.stop = opts->stop;
		t->in.idle = opts->idle;
		t->in.drain = opts->drain;
		t->in.arg = opts->arg;
	}
	return t;
}

static int finish_open(struct fn_trace **out, struct fn_trace *t, int r,
		       const struct fn_trace_opts *opts)
{
	if (r == 0)
		r = start(t, opts ? opts->format : FN_TRACE_AUTO);
	if (r < 0)
		fn_trace_close(t);
	else
		*out = t;
	return r;
}

int fn_trace_open_fd(struct fn_trace **out, int fd, const struct fn_trace_opts *opts)
{
	struct fn_trace *t = trace_new(opts);

	if (!t) {
		close(fd);
		return -ENOMEM;
	}
	return finish_open(out, t, fn_input_open(&t->in, fd), opts);
}

int fn_trace_open(struct fn_trace **out, const char *path, const struct fn_trace_opts *opts)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
				   : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fn_trace_open_fd(out, fd, opts);
}

int fn_trace_open_mem(struct fn_trace **out, const void *data, size_t len,
		      const struct fn_trace_opts *opts)
{
	struct fn_trace *t = trace_new(opts);

	if (!t)
		return -ENOMEM;
	fn_input_mem(&t->in, data, len);
	return finish_open(out, t, 0, opts);
}

void fn_trace_close(struct fn_trace *t)
{
	if (!t)
		return;
	if (t->state && t->reader->free)
		t->reader->free(t->state);
	free(t->state);
	free(t->scratch);
	fn_input_close(&t->in);
	free(t);
}

int fn_trace_next(struct fn_trace *t, struct fn_trace_msg *m)
{
	int r;

	memset(m, 0, sizeof(*m));
	m->time = FN_TIME_NONE;
	m->data = fn_msg_nothing;
	r = t->reader->next(t, m);
	return r ? r : t->in.error;
}
