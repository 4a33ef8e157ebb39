/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from where they come to where they are wanted. */
#include "fndump/fndump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fndump/source.h"
#include "trace/writer.h"

#define FLUSH_AT (1u << 16)

struct run {
	struct config *c;
	struct source *source;
	struct fn_session *session; /* of the messages as they come */
	struct fn_session *shown;   /* of what is shown of them: the same, or the anonymized */
	struct fn_anonymizer anonymizer;
	struct fn_printer *printer;
	struct stats *stats;
	struct slowest *slowest;
	FILE *write, *pcapng;
	struct fn_buf out, record;
	const char *name;
	uint64_t bad, findings, passed;
	uint64_t unseen;
	uint32_t conn; /* of the first message */
	bool print;
	int error; /* of writing */
};

static void flush_out(struct run *r, bool now)
{
	if (r->out.len < FLUSH_AT && !now)
		return;
	if (r->out.len && fwrite(r->out.data, 1, r->out.len, stdout) != r->out.len)
		r->error = errno ? errno : EIO;
	fn_buf_clear(&r->out);
	if (now && fflush(stdout))
		r->error = errno;
}

/* "trace:123" for text, "trace@0x7b" for bytes. */
static void place(const struct run *r, uint64_t offset, uint64_t line, char *room, size_t size)
{
	if (line)
		snprintf(room, size, "%s:%llu", r->name, (unsigned long long)line);
	else
		snprintf(room, size, "%s:@%llu", r->name, (unsigned long long)offset);
}

static void on_finding(void *arg, const struct fn_trace_msg *m, const char *text)
{
	struct run *r = arg;
	char where[256];

	r->findings++;
	if (m) {
		place(r, m->offset, m->line, where, sizeof(where));
		fn_buf_str(&r->out, where);
	} else {
		fn_buf_str(&r->out, r->name);
	}
	fn_buf_add(&r->out, ": ", 2);
	fn_buf_str(&r->out, text);
	fn_buf_char(&r->out, '\n');
}

static int open_file(const char *path, FILE **f)
{
	int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
				   : dup(STDOUT_FILENO);

	*f = fd < 0 ? NULL : fdopen(fd, "w");
	return *f ? 0 : fn_fail(FN_EXIT_FAIL, "%s: %s", path, strerror(errno));
}

static void put_record(struct run *r, FILE *f)
{
	if (fwrite(r->record.data, 1, r->record.len, f) != r->record.len)
		r->error = errno ? errno : EIO;
	fn_buf_clear(&r->record);
}

/* Nothing may come for long: what is known goes out. */
static void flush_all(void *arg)
{
	struct run *r = arg;

	flush_out(r, true);
	if ((r->write && fflush(r->write)) || (r->pcapng && fflush(r->pcapng)))
		r->error = errno;
}

static int open_outputs(struct run *r)
{
	const struct config *c = r->c;
	int status = 0;

	if (c->write)
		status = open_file(c->write, &r->write);
	if (!status && c->pcapng)
		status = open_file(c->pcapng, &r->pcapng);
	if (!status && r->pcapng) {
		fn_write_pcapng_head(&r->record);
		put_record(r, r->pcapng);
	}
	return status;
}

static int open_printer(struct run *r)
{
	struct config *c = r->c;
	const char *bad = NULL;
	int e;

	/* --slowest and --outstanding need lines too: pairs */
	if (c->slowest)
		c->print.pair = true;
	if (c->print.format)
		e = fn_printer_format(&r->printer, &c->print, r->shown, &bad);
	else
		e = (c->json ? fn_printer_json : fn_printer_text)(&r->printer, &c->print, r->shown);
	if (bad)
		return fn_usage("--format: '%s' has an unknown %%{field}", bad);
	return e ? fn_fail(FN_EXIT_FAIL, "%s", strerror(-e)) : 0;
}

static int set_up(struct run *r)
{
	struct config *c = r->c;
	struct fn_session_opts o = c->session;
	int e;

	o.finding = c->check ? on_finding : NULL;
	o.arg = r;
	o.keep = c->print.pair || c->slowest || c->outstanding;
	e = fn_session_new(&r->session, &o);
	if (!e && c->anonymize)
		e = fn_anonymizer_init(&r->anonymizer);
	if (!e && c->anonymize) {
		o.finding = NULL;
		e = fn_session_new(&r->shown, &o);
	} else {
		r->shown = r->session;
	}
	r->stats = stats_new();
	r->slowest = slowest_new(c->slowest);
	if (!r->stats || !r->slowest)
		e = -ENOMEM;
	return e ? fn_fail(FN_EXIT_FAIL, "%s", strerror(-e)) : open_printer(r);
}

static void write_message(struct run *r, const struct fn_trace_msg *m)
{
	if (r->write && fn_write_fusedump(&r->record, m) == 0)
		put_record(r, r->write);
	if (r->pcapng && fn_write_pcapng(&r->record, m) == 0)
		put_record(r, r->pcapng);
	fn_buf_clear(&r->record);
}

/* Decoding finds what is malformed, also where nothing is printed. */
static void print_message(struct run *r, const struct fn_seen *seen)
{
	size_t before = r->out.len;
	int faults;

	if (!r->print && !r->c->check &&
	    !(r->c->slowest && seen->latency != FN_TIME_NONE &&
	      slowest_wants(r->slowest, seen->latency)))
		return;
	faults = fn_print(r->printer, seen, &r->out);
	if (r->print) {
		flush_out(r, false);
		return;
	}
	if (r->c->slowest && seen->latency != FN_TIME_NONE &&
	    slowest_wants(r->slowest, seen->latency))
		slowest_add(r->slowest, seen->latency, r->out.data + before, r->out.len - before);
	r->out.len = before;
	if (faults > 0 && r->c->check)
		on_finding(r, seen->msg, "malformed: see it with -v");
}

static void show(struct run *r, const struct fn_seen *seen)
{
	struct config *c = r->c;

	if (c->filter && !filter_match(c->filter, r->shown, seen))
		return;
	r->passed++;
	write_message(r, seen->msg);
	if (c->summary || c->histogram)
		stats_add(r->stats, seen);
	print_message(r, seen);
}

static int take_anonymized(struct run *r, const struct fn_seen *seen)
{
	struct fn_trace_msg m;
	struct fn_seen other;
	int e = fn_anonymize(&r->anonymizer, seen, &m);

	if (!e)
		e = fn_session_see(r->shown, &m, &other);
	if (!e) {
		show(r, &other);
		fn_session_done(r->shown, &other);
	}
	return e;
}

static int take_message(struct run *r, const struct fn_trace_msg *m)
{
	struct fn_seen seen;
	int e;

	if (!r->conn)
		r->conn = m->conn;
	if (m->conn != r->conn)
		r->printer->opts.conn = true;
	if (source_unseen(r->source) != r->unseen) {
		r->unseen = source_unseen(r->source);
		fn_session_lossy(r->session);
	}
	e = fn_session_see(r->session, m, &seen);
	if (e)
		return e;
	if (r->c->anonymize)
		e = take_anonymized(r, &seen);
	else
		show(r, &seen);
	fn_session_done(r->session, &seen);
	return e;
}

/* What could not be read: said on stderr, counted, and the end if --strict. */
static int take_bad(struct run *r)
{
	char where[256];
	uint64_t offset, line;
	const char *fault = source_fault(r->source, &offset, &line);

	r->bad++;
	fn_session_lossy(r->session);
	place(r, offset, line, where, sizeof(where));
	flush_out(r, true);
	fn_warn("%s: %s", where, fault);
	return r->c->strict ? -EBADMSG : 0;
}

static int loop(struct run *r)
{
	struct fn_trace_msg m;
	int got, e = 0;

	while (!e && !r->error && (!fn_caught_signal() || source_drains(r->source)) &&
	       (!r->c->limit || r->passed < r->c->limit)) {
		got = source_next(r->source, &m);
		if (got == 0)
			return 0;
		if (got == FN_TRACE_MSG)
			e = take_message(r, &m);
		if (got == FN_TRACE_MSG && source_waits(r->source))
			flush_all(r);
		if (got == FN_TRACE_BAD)
			e = take_bad(r);
		if (got < 0 && got != -EINTR)
			e = got;
	}
	return e;
}

static void print_outstanding(struct run *r)
{
	for (const struct fn_request *q = NULL; (q = fn_session_outstanding(r->shown, q));) {
		struct fn_trace_msg m;
		struct fn_conn conn = {.wire.dialect = FN_DIALECT_mainline};
		struct fn_seen reply = {.conn = &conn, .req = q}, seen;

		reply.op = fn_session_op(&conn.wire, q->opcode);
		reply.name = q->names;
		reply.name_len = q->name_len;
		fn_seen_request(&reply, &seen, &m);
		r->printer->opts.pair = false;
		fn_print(r->printer, &seen, &r->out);
	}
}

static void print_end(struct run *r)
{
	const struct config *c = r->c;

	fn_session_end(r->session);
	if (c->summary || c->histogram)
		stats_print(r->stats, c->json, c->summary, c->histogram, &r->out);
	slowest_print(r->slowest, &r->out);
	if (c->outstanding)
		print_outstanding(r);
	flush_out(r, true);
	if (fn_session_dropped(r->session))
		fn_warn("%s: %llu requests were given up for room (--max-outstanding)", r->name,
			(unsigned long long)fn_session_dropped(r->session));
	if (source_unseen(r->source))
		fn_warn("%s: %llu messages were spliced, and their bytes are not in the trace",
			r->name, (unsigned long long)source_unseen(r->source));
}

static int close_file(FILE *f, const char *path)
{
	if (f && fclose(f) && errno != EPIPE)
		return fn_fail(FN_EXIT_FAIL, "%s: %s", path, strerror(errno));
	return 0;
}

static void tear_down(struct run *r)
{
	fn_printer_free(r->printer);
	if (r->shown != r->session)
		fn_session_free(r->shown);
	fn_session_free(r->session);
	fn_anonymizer_free(&r->anonymizer);
	stats_free(r->stats);
	slowest_free(r->slowest);
	source_close(r->source);
	fn_buf_free(&r->out);
	fn_buf_free(&r->record);
}

static int result(struct run *r, int e)
{
	int status = r->bad || r->findings ? FN_EXIT_FAIL : FN_EXIT_OK, closed;

	if (e && e != -EBADMSG)
		status = fn_fail(FN_EXIT_FAIL, "%s: %s", r->name, strerror(-e));
	if (r->error && r->error != EPIPE)
		status = fn_fail(FN_EXIT_FAIL, "writing: %s", strerror(r->error));
	closed = close_file(r->write, r->c->write);
	status = closed ? closed : status;
	closed = close_file(r->pcapng, r->c->pcapng);
	status = closed ? closed : status;
	if (!status && e == 0)
		status = source_status(r->source);
	return r->error ? status : fn_close_stdout(status);
}

static void (*note_signal)(int sig);

/* A signal that comes between the look whether one came and a call that waits would be seen
 * only when that call is over: an alarm interrupts it. */
static void on_signal(int sig)
{
	if (sig != SIGALRM)
		note_signal(sig);
	alarm(1);
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal}, before;

	fn_catch_signals();
	sigaction(SIGINT, NULL, &before);
	note_signal = before.sa_handler;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
}

int fndump_run(struct config *c, const char *path)
{
	struct run r = {.c = c};
	int status, e;

	catch_signals();
	r.print = !(c->summary || c->histogram || c->slowest || c->outstanding || c->check ||
		    c->write || c->pcapng) ||
		  c->print.tree || (c->json && !c->summary) || c->print.format;
	if (c->check || c->slowest)
		r.print = false;
	c->trace.idle = flush_all;
	c->trace.arg = &r;
	status = source_open(&r.source, c, path, &r.name);
	if (status)
		return status;
	status = set_up(&r);
	if (!status)
		status = open_outputs(&r);
	if (!status) {
		e = loop(&r);
		print_end(&r);
		status = result(&r, e);
	}
	tear_down(&r);
	return status;
}
