/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * strace's text. A line is: thread, time and instruction pointer, each optional; then a call, or
 * the beginning of one (<unfinished ...>), or its end (<... read resumed>). The beginning is kept
 * by thread and put before the end, so that only whole calls are parsed.
 *
 * A descriptor is /dev/fuse when -y says so, or its open was seen; otherwise when the bytes begin
 * with a header whose length is the call's result.
 */
#include "trace/strace.h"

#include <errno.h>
#include <stdlib.h>

#include "trace/reader.h"

#define MAX_THREADS 65536
#define MAX_FDS 65536
#define DAY INT64_C(86400000000000)
#define ANY_THREAD UINT32_MAX

struct thread {
	struct fn_map_key key;
	char *text; /* of an unfinished call */
	size_t len;
	int64_t time;
	uint32_t conn;    /* the last that it spoke on */
	uint32_t spliced; /* a request moved to a pipe, not seen yet */
	bool answering;   /* a reply's header went into a pipe */
};

struct fd_entry {
	struct fn_map_key key; /* conn is the descriptor, id the thread or ANY_THREAD */
	uint32_t conn;
	bool fuse; /* surely */
};

struct strace {
	struct fn_map threads, fds;
	int64_t last_time; /* of day, to find midnight */
	int64_t day;
	int64_t relative; /* sum of -r */
	bool in_long_line;
};

/* What is known about one call. */
struct call {
	struct fn_strace_line line;
	struct fn_cursor args; /* after the parenthesis */
	enum fn_strace_call what;
	int64_t fd;
	enum fn_strace_fd kind;
	int64_t result;
	int error;
	struct fn_strace_data data;
};

static struct strace *state(struct fn_trace *t)
{
	struct strace *s = t->state;

	if (!s->threads.entry_size) {
		fn_map_init(&s->threads, sizeof(struct thread));
		fn_map_init(&s->fds, sizeof(struct fd_entry));
	}
	return s;
}

static void drop_text(struct thread *th)
{
	free(th->text);
	th->text = NULL;
	th->len = 0;
}

static struct thread *thread_of(struct strace *s, int32_t tid)
{
	if (s->threads.count >= MAX_THREADS && !fn_map_get(&s->threads, 0, (uint32_t)tid)) {
		struct thread *old = fn_map_victim(&s->threads);

		drop_text(old);
		fn_map_del(&s->threads, old);
	}
	return fn_map_add(&s->threads, 0, (uint32_t)tid);
}

static struct fd_entry *fd_get(const struct strace *s, int64_t fd, uint32_t tid)
{
	struct fd_entry *e = fn_map_get(&s->fds, (uint32_t)fd, tid);

	return e ? e : fn_map_get(&s->fds, (uint32_t)fd, ANY_THREAD);
}

static struct fd_entry *fd_add(struct strace *s, int64_t fd, uint32_t tid)
{
	if (s->fds.count >= MAX_FDS && !fn_map_get(&s->fds, (uint32_t)fd, tid))
		fn_map_del(&s->fds, fn_map_victim(&s->fds));
	return fn_map_add(&s->fds, (uint32_t)fd, tid);
}

static void set_fuse(struct strace *s, int64_t fd, uint32_t tid, bool fuse)
{
	for (int i = 0; i < 2; i++) {
		struct fd_entry *e = fd_add(s, fd, i ? ANY_THREAD : tid);

		if (e)
			*e = (struct fd_entry){.key = e->key, .fuse = fuse};
	}
}

/* Which connection a message of this thread on this descriptor belongs to. INIT begins one;
 * a thread not heard of speaks on the last one of that descriptor, or of all. */
static uint32_t find_conn(struct fn_trace *t, struct strace *s, int64_t fd, int32_t tid, bool init)
{
	struct fd_entry *mine = fd_add(s, fd, (uint32_t)tid), *any;
	uint32_t conn = mine ? mine->conn : 0;

	any = fn_map_get(&s->fds, (uint32_t)fd, ANY_THREAD);
	if (init || (!conn && !t->nconn))
		conn = ++t->nconn;
	else if (!conn)
		conn = any && any->conn ? any->conn : t->nconn;
	if (mine)
		mine->conn = conn;
	any = fd_add(s, fd, ANY_THREAD); /* mine may have moved */
	if (any)
		any->conn = conn;
	return conn;
}

/* A time of day that goes back by more than half a day has passed midnight. */
static int64_t line_time(struct strace *s, struct fn_strace_line *l)
{
	if (l->clock == FN_CLOCK_DAY) {
		if (l->time + DAY / 2 < s->last_time)
			s->day += DAY;
		s->last_time = l->time;
		return s->day + l->time;
	}
	if (l->clock == FN_CLOCK_RELATIVE)
		return s->relative += l->time;
	return l->clock == FN_CLOCK_NONE ? FN_TIME_NONE : l->time;
}

static void keep_unfinished(struct strace *s, struct call *c)
{
	struct thread *th = thread_of(s, c->line.tid);
	size_t len = (size_t)(c->line.body.end - c->line.body.p);

	if (!th)
		return;
	drop_text(th);
	th->text = malloc(len ? len : 1);
	if (!th->text)
		return;
	memcpy(th->text, c->line.body.p, len);
	th->len = len;
	th->time = c->line.time;
}

/* Put a call's beginning before its end. A write happened when it began. */
static bool join_resumed(struct strace *s, struct call *c)
{
	struct thread *th = fn_map_get(&s->threads, 0, (uint32_t)c->line.tid);
	size_t rest = (size_t)(c->line.body.end - c->line.body.p);
	char *text;

	if (!th || !th->len)
		return false;
	text = realloc(th->text, th->len + rest + 1);
	if (!text)
		return false;
	th->text = text;
	memcpy(text + th->len, c->line.body.p, rest);
	c->line.body = (struct fn_cursor){text, text + th->len + rest};
	th->len = 0; /* used; the text lives until the thread's next one */
	if (!fn_strace_call(&c->line.body, &c->what, &c->args))
		return false;
	if (c->what == FN_CALL_WRITE || c->what == FN_CALL_WRITEV)
		c->line.time = th->time;
	return true;
}

static void free_state(void *p)
{
	struct strace *s = p;

	for (struct thread *th = NULL; (th = fn_map_next(&s->threads, th));)
		free(th->text);
	fn_map_free(&s->threads);
	fn_map_free(&s->fds);
}

static bool answers(const struct call *c)
{
	return c->what == FN_CALL_WRITE || c->what == FN_CALL_WRITEV || c->what == FN_CALL_VMSPLICE;
}

/* The order in which the first four bytes are the message's length; false if in neither. */
static bool length_order(const struct call *c, uint32_t len, bool *swap)
{
	for (int i = 0; i < 2; i++) {
		*swap = i;
		if (c->data.len >= 4 && fn_get_u32(c->data.bytes, i) == len)
			return true;
	}
	return false;
}

/* Do the bytes look like a message, as nothing else tells? */
static bool looks(const struct call *c, uint32_t len, bool swap)
{
	if (c->data.len < FN_WIRE_OUT_HEADER || fn_get_u32(c->data.bytes, swap) != len)
		return false;
	return (answers(c) ? fn_plausible_answer : fn_plausible_request)(c->data.bytes, c->data.len,
									 swap, len);
}

/* What was spliced and never read by the server: its header is not known. */
static void note_unseen(struct fn_trace *t, struct thread *th)
{
	if (th->spliced)
		t->unseen++;
	th->spliced = 0;
}

static void note_splice(struct fn_trace *t, struct strace *s, struct call *c)
{
	struct thread *th = thread_of(s, c->line.tid);
	struct fn_cursor a = c->args;
	const struct fd_entry *e = fd_get(s, c->fd, (uint32_t)c->line.tid);
	enum fn_strace_fd to;
	int64_t fd;

	if (!th || c->result <= 0)
		return;
	if (c->kind == FN_FD_FUSE || (c->kind == FN_FD_UNKNOWN && e && e->fuse)) {
		note_unseen(t, th);
		th->spliced = (uint32_t)c->result;
	} else if (fn_cur_after(&a, ',') && fn_cur_after(&a, ',') && fn_strace_fd(&a, &fd, &to) &&
		   to == FN_FD_FUSE) {
		t->unseen += !th->answering;
		th->answering = false;
	}
}

/* 1: a message in m; 0: none; FN_TRACE_BAD. */
static int take_message(struct fn_trace *t, struct strace *s, struct call *c,
			struct fn_trace_msg *m)
{
	const struct fd_entry *e = fd_get(s, c->fd, (uint32_t)c->line.tid);
	struct thread *th = fn_map_get(&s->threads, 0, (uint32_t)c->line.tid);
	bool sure = c->kind == FN_FD_FUSE || (c->kind == FN_FD_UNKNOWN && e && e->fuse);
	bool from_pipe = !answers(c) && th && th->spliced && !sure;
	uint32_t len = from_pipe ? th->spliced : (uint32_t)c->data.total;
	bool swap = false;

	if (c->what == FN_CALL_VMSPLICE && c->data.len >= 4)
		len = fn_get_u32(c->data.bytes, false);
	if (c->kind == FN_FD_OTHER ||
	    (!sure && !looks(c, len, length_order(c, len, &swap) && swap)))
		return 0;
	if (!length_order(c, len, &swap))
		return fn_trace_bad(t, m->offset,
				    "%zu bytes on fd %lld do not begin with that length",
				    c->data.total, (long long)c->fd);
	m->data = c->data.bytes;
	m->have = (uint32_t)(c->data.len < len ? c->data.len : len);
	m->flags |= (swap ? FN_MSG_SWAP : 0) | (m->have < len ? FN_MSG_CUT : 0);
	if (fn_trace_msg_header(m, !answers(c)) < 0)
		return fn_trace_bad(t, m->offset, "%u bytes hold no message header", m->have);
	if (from_pipe)
		th->spliced = 0;
	return FN_TRACE_MSG;
}

static void finish_message(struct fn_trace *t, struct strace *s, struct call *c,
			   struct fn_trace_msg *m)
{
	bool init = m->kind == FN_MSG_REQUEST && (m->opcode == 26 || m->opcode == 4096);
	bool piped = c->kind == FN_FD_PIPE;
	struct thread *th = thread_of(s, c->line.tid);

	m->tid = c->line.tid;
	m->time = c->line.time;
	m->refused = c->result < 0 ? c->error : 0;
	if (c->line.clock != FN_CLOCK_EPOCH && m->time != FN_TIME_NONE)
		m->flags |= FN_MSG_MONO;
	m->conn = piped && th && th->conn ? th->conn : find_conn(t, s, c->fd, c->line.tid, init);
	if (th) {
		th->conn = m->conn;
		th->answering = c->what == FN_CALL_VMSPLICE;
	}
}

static void note_open(struct strace *s, const struct call *c)
{
	struct fn_cursor a = c->args;

	if (c->result >= 0 && fn_strace_path_is_fuse(&a))
		set_fuse(s, c->result, (uint32_t)c->line.tid, true);
}

static void note_close(struct strace *s, const struct call *c)
{
	struct fd_entry *e = fn_map_get(&s->fds, (uint32_t)c->fd, (uint32_t)c->line.tid);

	if (c->result == 0 && e && e->fuse)
		set_fuse(s, c->fd, (uint32_t)c->line.tid, false);
}

static int take_call(struct fn_trace *t, struct strace *s, struct call *c, struct fn_trace_msg *m)
{
	struct fn_cursor a = c->args;
	int r;

	if (c->what == FN_CALL_OPEN) {
		if (fn_strace_result(&a, &c->result, &c->error))
			note_open(s, c);
		return 0;
	}
	if (!fn_strace_fd(&a, &c->fd, &c->kind) || c->kind == FN_FD_OTHER)
		return 0;
	c->args = a;
	if (fn_trace_scratch(t, (size_t)(a.end - a.p) + 1) < 0)
		return -ENOMEM;
	c->data.bytes = t->scratch;
	if (c->what != FN_CALL_SPLICE && c->what != FN_CALL_CLOSE &&
	    !fn_strace_data(&a, c->what, t->scratch, &c->data))
		return c->kind == FN_FD_FUSE && !fn_strace_failed(&a)
			       ? fn_trace_bad(t, m->offset, "call that cannot be read")
			       : 0;
	if (!fn_strace_result(&a, &c->result, &c->error))
		return 0;
	if (c->what == FN_CALL_SPLICE)
		note_splice(t, s, c);
	else if (c->what == FN_CALL_CLOSE)
		note_close(s, c);
	if (c->what == FN_CALL_SPLICE || c->what == FN_CALL_CLOSE)
		return 0;
	if (!answers(c) && c->result <= 0)
		return 0;
	if (!answers(c))
		fn_strace_clip(&c->data, (size_t)c->result);
	r = take_message(t, s, c, m);
	if (r == FN_TRACE_MSG)
		finish_message(t, s, c, m);
	return r;
}

static int take_line(struct fn_trace *t, struct strace *s, const char *p, size_t len,
		     struct fn_trace_msg *m)
{
	struct call c;
	bool resumed;

	memset(&c, 0, sizeof(c));
	if (!fn_strace_line(p, len, &c.line))
		return 0;
	c.line.time = line_time(s, &c.line);
	resumed = fn_strace_resumed(&c.line.body);
	if (resumed ? !join_resumed(s, &c) : !fn_strace_call(&c.line.body, &c.what, &c.args))
		return 0;
	if (!resumed && fn_strace_unfinished(&c.line.body)) {
		keep_unfinished(s, &c);
		return 0;
	}
	return take_call(t, s, &c, m);
}

static int next(struct fn_trace *t, struct fn_trace_msg *m)
{
	struct strace *s = state(t);
	size_t max = (size_t)t->max_message * 4 + 65536, len;
	const char *line;
	bool whole;
	int r = 0;

	while (!r && fn_input_line(&t->in, max, &line, &len, &whole)) {
		bool partial = s->in_long_line || !whole;

		m->offset = t->in.base;
		t->line += !s->in_long_line;
		m->line = t->line;
		if (partial && !s->in_long_line)
			r = fn_trace_bad(t, t->in.base, "line longer than %zu bytes", max);
		else if (!partial)
			r = take_line(t, s, line, len, m);
		s->in_long_line = !whole;
		fn_input_skip(&t->in, len + (whole && fn_input_have(&t->in) > len));
	}
	return r;
}

static int detect(const uint8_t *p, size_t n)
{
	const char *q = (const char *)p, *end = q + n;
	int score = 0, lines = 0;

	while (q < end && lines++ < 50) {
		const char *nl = memchr(q, '\n', (size_t)(end - q));
		size_t len = nl ? (size_t)(nl - q) : (size_t)(end - q);

		score += fn_strace_like(q, len);
		q += len + 1;
	}
	return score;
}

const struct fn_reader fn_reader_strace = {
	.format = FN_TRACE_STRACE,
	.name = "strace",
	.detect = detect,
	.next = next,
	.state_size = sizeof(struct strace),
	.free = free_state,
};
