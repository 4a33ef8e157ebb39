/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many events: --stdin and --from-log. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fnsend/pathmap.h"
#include "fnsend/send.h"
#include "rename/join.h"
#include "wire/fn1.h"

#define LINE_MAX_BYTES (1 << 20)
/* A source that does not tell which side of a rename it names: the one that is there. */
#define EITHER_HALF (FN_MOVED_FROM | FN_MOVED_TO)

struct stream {
	struct settings *set;
	struct sender *to;
	struct mapping map;
	const char *name; /* of the input, for messages */
	int fd;
	char terminator;
	struct fn_parser *parser;
	struct fn1_stream *wire;
	struct fn_join *join; /* sources that tell halves of renames */
	uint64_t line, next_seq;
	int64_t read_ns;
	char *buf;
	size_t from, used, size;
	bool skipping; /* the rest of a line that is too long */
	/* pace */
	int64_t start_ns, first_ns;
	uint64_t count;
	char path[PATH_MAX], old_path[PATH_MAX];
};

static void sleep_until(int64_t due)
{
	struct timespec ts = {due / 1000000000, due % 1000000000};

	while (due > now_ns() && !fn_caught_signal())
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void pace(struct stream *s, const struct fn_event *ev)
{
	int64_t at = ev->mono_ns ? ev->mono_ns : ev->wall_ns, due = 0;

	if (!s->start_ns)
		s->start_ns = now_ns();
	if (s->set->rate)
		due = s->start_ns + (int64_t)(s->count * 1e9 / (double)s->set->rate);
	if (s->set->from_log && s->set->speed > 0 && at) {
		if (!s->first_ns)
			s->first_ns = at;
		if (at > s->first_ns)
			at = s->start_ns + (int64_t)((double)(at - s->first_ns) / s->set->speed);
		else
			at = 0;
		due = at > due ? at : due;
	}
	s->count++;
	if (due > now_ns()) {
		sender_flush(s->to);
		sleep_until(due);
	}
}

static int joined(const struct fn_event *ev, void *arg)
{
	struct stream *s = arg;

	if (ev->flags & FN_EV_GONE) {
		sender_tally(s->to)->cut++;
		fn_warn("%s:%llu: the source no longer watches", s->name,
			(unsigned long long)s->line);
		return 0;
	}
	pace(s, ev);
	sender_event(s->to, ev, s->read_ns);
	return 0;
}

static void bad(struct stream *s, const char *why)
{
	sender_tally(s->to)->bad++;
	fn_warn("%s:%llu: %s", s->name, (unsigned long long)s->line, why);
}

/* An event whose path is not known has a name only, which stands nowhere. */
static void take_event(struct stream *s, struct fn_event *ev, struct fn_str root,
		       struct fn_str old_root)
{
	const char *why;

	why = map_path(&s->map, ev->path, root, s->path, sizeof(s->path), &ev->path);
	if (!why)
		why = map_path(&s->map, ev->old_path, old_root.data ? old_root : root, s->old_path,
			       sizeof(s->old_path), &ev->old_path);
	if (!why && !ev->path.data && !ev->old_path.data && !(ev->mask & FN_Q_OVERFLOW) &&
	    !(ev->object.has & FN_OBJ_HANDLE))
		why = "an event without a path";
	if (why) {
		bad(s, why);
		return;
	}
	if ((ev->mask & EITHER_HALF) == EITHER_HALF && ev->path.data)
		ev->mask &=
			~(uint64_t)(sender_exists(s->to, s->path) ? FN_MOVED_FROM : FN_MOVED_TO);
	if (fn_join_push(s->join, ev, s->read_ns, joined, s))
		joined(ev, s);
}

static void take_line(struct stream *s, const char *line, size_t len)
{
	struct fn_event ev;
	int r;

	s->line++;
	r = fn_parse_line(s->parser, line, len, &ev);
	if (r < 0)
		bad(s, fn_parser_error(s->parser));
	if (r == 0)
		take_event(s, &ev, fn_parser_root(s->parser), fn_parser_old_root(s->parser));
}

static void take_lines(struct stream *s, bool end)
{
	while (s->from < s->used && !fn_caught_signal()) {
		char *line = s->buf + s->from;
		char *stop = memchr(line, s->terminator, s->used - s->from);
		size_t len = stop ? (size_t)(stop - line) : s->used - s->from;

		if (!stop && !end)
			break;
		if (!s->skipping)
			take_line(s, line, len);
		s->skipping = false;
		s->from += len + (stop != NULL);
	}
	if (s->from < s->used && s->used - s->from > LINE_MAX_BYTES) {
		if (!s->skipping)
			s->line++, bad(s, "a line that is too long");
		s->skipping = true;
		s->from = s->used;
	}
}

/* Room behind what is not used up yet. */
static int make_room(struct stream *s)
{
	char *more;

	if (s->from) {
		memmove(s->buf, s->buf + s->from, s->used - s->from);
		s->used -= s->from;
		s->from = 0;
	}
	if (s->used < s->size)
		return 0;
	more = realloc(s->buf, s->size ? 2 * s->size : 65536);
	if (!more)
		return -ENOMEM;
	s->buf = more;
	s->size = s->size ? 2 * s->size : 65536;
	return 0;
}

/* Nothing more at once: what was held back goes out, halves of renames when their time is up. */
static void wait_readable(struct stream *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	int64_t due;

	if (poll(&p, 1, 0))
		return;
	do {
		fn_join_idle(s->join, now_ns(), joined, s);
		sender_flush(s->to);
		due = fn_join_due(s->join);
		if (due >= 0)
			due = due > now_ns() ? (due - now_ns()) / 1000000 + 1 : 0;
	} while (poll(&p, 1, (int)due) == 0 && !fn_caught_signal());
}

static ssize_t read_some(struct stream *s, void *to, size_t size)
{
	ssize_t n;

	wait_readable(s);
	do
		n = read(s->fd, to, size);
	while (n < 0 && errno == EINTR && !fn_caught_signal());
	s->read_ns = now_ns();
	return n;
}

/* The next piece into the buffer. 1, 0 at the end, or -1 after a message. */
static int fill(struct stream *s)
{
	ssize_t n;

	if (make_room(s)) {
		fn_fail(FN_EXIT_FAIL, "out of memory");
		return -1;
	}
	n = read_some(s, s->buf + s->used, s->size - s->used);
	if (n < 0 && errno != EINTR) {
		fn_fail(FN_EXIT_FAIL, "%s: %s", s->name, strerror(errno));
		return -1;
	}
	s->used += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static int read_lines(struct stream *s, int more)
{
	take_lines(s, !more);
	while (more > 0 && !fn_caught_signal()) {
		more = fill(s);
		if (more >= 0)
			take_lines(s, !more);
	}
	return more < 0 ? FN_EXIT_FAIL : 0;
}

static int not_wire(struct stream *s)
{
	enum fn_input looks = fn_input_detect(s->buf, s->used);

	if (looks == FN_INPUT_NONE || looks == FN_INPUT_WIRE)
		return fn_fail(FN_EXIT_FAIL, "%s: not an fn1 stream", s->name);
	return fn_fail(FN_EXIT_FAIL, "%s: not an fn1 stream: this looks like %s", s->name,
		       fn_input_name(looks));
}

static int take_wire(struct stream *s)
{
	struct fn_event ev;
	const struct fn_str none = {NULL, 0};
	int r;

	while ((r = fn1_stream_next(s->wire, &ev)) == 1 && !fn_caught_signal()) {
		s->line++;
		sender_tally(s->to)->lost += fn1_seq_gap(&s->next_seq, &ev);
		take_event(s, &ev, none, none);
	}
	if (r == -EPROTO)
		return not_wire(s);
	if (r < 0)
		return fn_fail(FN_EXIT_FAIL, "%s: malformed after %llu events", s->name,
			       (unsigned long long)s->line);
	return 0;
}

static int feed_wire(struct stream *s, const char *data, size_t len)
{
	while (len) {
		size_t room;
		void *to = fn1_stream_room(s->wire, &room);
		size_t n = len < room ? len : room;

		if (!to)
			return fn_fail(FN_EXIT_FAIL, "out of memory");
		memcpy(to, data, n);
		fn1_stream_add(s->wire, n);
		if (take_wire(s))
			return FN_EXIT_FAIL;
		data += n;
		len -= n;
	}
	return 0;
}

static int read_wire(struct stream *s, int more)
{
	int status;

	if (fn1_stream_new(&s->wire))
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	status = feed_wire(s, s->buf, s->used);
	while (!status && more > 0 && !fn_caught_signal()) {
		s->from = s->used = 0;
		more = fill(s);
		if (more > 0)
			status = feed_wire(s, s->buf, s->used);
	}
	if (!status && more < 0)
		return FN_EXIT_FAIL;
	if (!status && !fn_caught_signal() && fn1_stream_cut(s->wire))
		status = fn_fail(FN_EXIT_GONE, "%s: broken off within a message", s->name);
	return status;
}

/* What comes first tells lines from a stream of messages, whose first 8 bytes decide. */
static int read_all(struct stream *s)
{
	enum fn_input input = s->set->input;
	bool magic;
	int status, more;

	do
		more = fill(s);
	while (more > 0 && s->used < 8 && !memchr(s->buf, '\n', s->used));
	if (more < 0)
		return FN_EXIT_FAIL;
	magic = fn1_stream_magic(s->buf, s->used);
	if (magic && input != FN_INPUT_WIRE && (input != FN_INPUT_NONE || s->set->format))
		return fn_fail(FN_EXIT_FAIL, "%s: this is an fn1 stream (--input wire)", s->name);
	if (magic || input == FN_INPUT_WIRE)
		status = read_wire(s, more);
	else
		status = read_lines(s, more);
	fn_join_flush(s->join, joined, s);
	sender_flush(s->to);
	return status;
}

static int open_input(struct stream *s)
{
	struct stat st;

	s->fd = STDIN_FILENO;
	s->name = "-";
	if (s->set->from_log && strcmp(s->set->from_log, "-")) {
		s->name = s->set->from_log;
		s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
	}
	if (s->fd < 0 || fstat(s->fd, &st))
		return fn_fail(FN_EXIT_FAIL, "%s: %s", s->name, strerror(errno));
	/* Nobody writes into a file what we did since it was written. */
	if (S_ISREG(st.st_mode))
		sender_no_echoes(s->to);
	return 0;
}

/* Pass after pass over a file; a pipe comes once. */
static int passes(struct stream *s)
{
	int status = 0;

	for (uint64_t i = 0; !status && i < s->set->repeat && !fn_caught_signal(); i++) {
		if (i && lseek(s->fd, 0, SEEK_SET))
			return fn_fail(FN_EXIT_FAIL, "%s: cannot be read again: %s", s->name,
				       strerror(errno));
		s->from = s->used = 0;
		s->line = s->next_seq = 0;
		s->first_ns = 0;
		s->start_ns = s->set->rate ? s->start_ns : 0;
		fn1_stream_free(s->wire);
		s->wire = NULL;
		status = read_all(s);
	}
	return status;
}

static int finish(struct stream *s, int status)
{
	int worst = tally_status(sender_tally(s->to));

	sender_report(s->to);
	sender_close(s->to);
	fn_parser_free(s->parser);
	fn1_stream_free(s->wire);
	fn_join_free(s->join);
	free(s->buf);
	return status > worst ? status : worst;
}

int send_stream(struct settings *set, struct beat *beat)
{
	static struct stream s;
	const struct fn_join_opts join = {0};
	int status, err;

	s.set = set;
	s.terminator = set->null ? '\0' : '\n';
	err = fn_parser_new(&s.parser, set->input, set->format);
	if (err == -EINVAL)
		return fn_usage("--format: '%s' needs %%e, and %%w or %%f, each once", set->format);
	s.join = fn_join_new(&join);
	if (err || !s.join)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	s.to = sender_open(set, beat, set->operands[0], &status);
	if (!s.to)
		return status;
	s.map = (struct mapping){set->strip, set->prefix, sender_root(s.to), set->operands[0]};
	status = open_input(&s);
	if (!status)
		status = passes(&s);
	return finish(&s, status);
}
