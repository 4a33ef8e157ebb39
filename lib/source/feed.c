/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "event/event_parse.h"
#include "rename/join.h"
#include "source/dial.h"
#include "source/freshen.h"
#include "source/source_impl.h"
#include "wire/fn1.h"

#define READS_PER_ROUND 16
#define BUFFER 65536 /* the longest line */
#define DETECT 8     /* bytes that tell fn1 from text */
#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 5000

struct feed {
	struct fn_source base;
	char *spec;
	struct fn_feed_opts opts;
	struct fn_freshen *fresh;
	struct fn_dialed line;
	int epoll; /* one descriptor for whoever waits, whatever the connection's is */
	int64_t next_ms;
	int pause_ms;
	struct fn_join *join; /* halves of renames, where the stream has such */
	bool ended;           /* standard input comes but once */
	bool live;            /* this connection has brought something */
	struct fn1_stream *wire;
	struct fn_parser *text;
	bool skipping;   /* the rest of a line that is too long */
	uint64_t offset; /* in the stream, of buf */
	uint64_t line_no;
	uint64_t next_seq;
	struct fn_source_stats stats;
	int64_t said_ms;
	size_t used;
	char buf[BUFFER];
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

static bool may_say(struct feed *f)
{
	int64_t now = now_ms();

	if (!f->opts.message || (f->said_ms && now - f->said_ms < 1000))
		return false;
	f->said_ms = now;
	return true;
}

static void say(struct feed *f, const char *what, const char *why)
{
	char text[512];

	if (!may_say(f))
		return;
	snprintf(text, sizeof(text), "%s: %s at byte %" PRIu64 ": %s", f->spec, what, f->offset,
		 why);
	f->opts.message(f->opts.arg, text);
}

/* What nobody looks at now the kernel may know from before. */
static bool looked_at(struct feed *f, const struct fn_str *path)
{
	return path->data && (!f->opts.looked_at || f->opts.looked_at(f->opts.arg, path) ||
			      fn_freshen_known(f->fresh, *path));
}

static int deliver(const struct fn_event *from_joiner, void *arg)
{
	struct feed *f = arg;
	struct fn_event ev = *from_joiner;

	ev.cookie = 0;
	if (f->fresh && (looked_at(f, &ev.path) || looked_at(f, &ev.old_path)))
		fn_freshen(f->fresh, &ev);
	return fn_source_emit(&f->base, &ev);
}

static int emit_lost(struct feed *f, uint64_t lost)
{
	struct fn_event ev;

	fn_join_flush(f->join, deliver, f);
	fn_event_clear(&ev);
	ev.mask = FN_Q_OVERFLOW;
	ev.lost = lost;
	f->stats.overflows++;
	return fn_source_emit(&f->base, &ev);
}

static int emit(struct feed *f, struct fn_event *ev)
{
	uint64_t gap = fn1_seq_gap(&f->next_seq, ev);
	int rc = gap ? emit_lost(f, gap) : 0;

	ev->root = ev->old_root = 0;
	return rc | fn_join_push(f->join, ev, now_ns(), deliver, f);
}

static void bad(struct feed *f, const char *why)
{
	char text[512];

	f->stats.dropped++;
	if (!may_say(f))
		return;
	snprintf(text, sizeof(text), "%s:%" PRIu64 ": malformed event: %s", f->spec, f->line_no,
		 why);
	f->opts.message(f->opts.arg, text);
}

static void hang_up(struct feed *f)
{
	fn_hang_up(&f->line);
	fn1_stream_free(f->wire);
	fn_parser_free(f->text);
	f->wire = NULL;
	f->text = NULL;
	f->used = 0;
	f->skipping = false;
	f->next_seq = 0;
}

static int dial(struct feed *f)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int rc = fn_dial(f->spec, &f->line);

	/* a file cannot be waited for: it is always ready */
	if (!rc && epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->line.fd, &ev) && errno != EPERM)
		rc = -errno;
	f->live = false;
	f->offset = f->line_no = 0;
	if (rc)
		fn_hang_up(&f->line);
	return rc;
}

/* The connection is gone; what happens until there is a new one is not seen, nor is the other half
 * of a rename. */
static int broken(struct feed *f, const char *why)
{
	bool live = f->live;

	say(f, live ? "the stream ended" : "no stream", why);
	hang_up(f);
	f->ended = !strcmp(f->spec, "-");
	f->pause_ms = live ? PAUSE_MIN_MS : f->pause_ms * 2;
	if (f->pause_ms > PAUSE_MAX_MS)
		f->pause_ms = PAUSE_MAX_MS;
	f->next_ms = now_ms() + f->pause_ms;
	f->live = false;
	return live ? emit_lost(f, 0) : 0;
}

/* The parser has taken the root off where the stream names one. */
static bool path_fits(const struct fn_str *path)
{
	return !path->data || fn_path_ok(path->data, path->len);
}

static int take_line(struct feed *f, const char *line, size_t len)
{
	struct fn_event ev;
	int rc = fn_parse_line(f->text, line, len, &ev);

	if (rc < 0)
		bad(f, fn_parser_error(f->text));
	if (rc)
		return 0;
	if (!path_fits(&ev.path) || !path_fits(&ev.old_path)) {
		bad(f, "a path that is not below the root");
		return 0;
	}
	if (!ev.path.data && !ev.old_path.data && !(ev.mask & FN_Q_OVERFLOW)) {
		bad(f, "no path");
		return 0;
	}
	return emit(f, &ev);
}

static int take_text(struct feed *f)
{
	char *line = f->buf, *stop, *end = f->buf + f->used;
	int rc = 0;

	while ((stop = memchr(line, '\n', (size_t)(end - line)))) {
		f->line_no += !f->skipping;
		if (!f->skipping)
			rc |= take_line(f, line, (size_t)(stop - line));
		f->skipping = false;
		f->offset += (uint64_t)(stop + 1 - line);
		line = stop + 1;
	}
	f->used = (size_t)(end - line);
	memmove(f->buf, line, f->used);
	if (f->used == sizeof(f->buf)) {
		f->line_no += !f->skipping;
		if (!f->skipping)
			bad(f, "a line that has no end");
		f->offset += f->used;
		f->used = 0;
		f->skipping = true;
	}
	return rc;
}

static int take_wire(struct feed *f)
{
	struct fn_event ev;
	size_t size, done = 0, n;
	void *room;
	int rc = 0, stop = 0;

	while (done < f->used && rc >= 0) {
		room = fn1_stream_room(f->wire, &size);
		n = f->used - done < size ? f->used - done : size;
		memcpy(room, f->buf + done, n);
		fn1_stream_add(f->wire, n);
		done += n;
		while ((rc = fn1_stream_next(f->wire, &ev)) > 0)
			stop |= emit(f, &ev);
	}
	if (rc < 0)
		say(f, "malformed stream", strerror(-rc));
	f->offset += f->used;
	f->used = 0;
	return rc < 0 ? broken(f, strerror(-rc)) : stop;
}

static int begin(struct feed *f)
{
	if (fn1_stream_magic(f->buf, f->used))
		return fn1_stream_new(&f->wire);
	return fn_parser_new(&f->text, FN_INPUT_NONE, NULL);
}

static int take(struct feed *f)
{
	int rc = 0;

	if (!f->wire && !f->text) {
		if (f->used < DETECT && !memchr(f->buf, '\n', f->used))
			return 0;
		rc = begin(f);
	}
	if (rc)
		return rc;
	return f->wire ? take_wire(f) : take_text(f);
}

static int feed_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	struct feed *f = (struct feed *)src;
	int rc = 0;

	(void)cb, (void)arg;
	if (f->line.fd < 0) {
		if (f->ended || now_ms() < f->next_ms)
			return 0;
		rc = dial(f);
		if (rc)
			return broken(f, strerror(-rc));
	}
	for (int i = 0; !rc && i < READS_PER_ROUND && f->line.fd >= 0; i++) {
		ssize_t n = read(f->line.fd, f->buf + f->used, sizeof(f->buf) - f->used);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return fn_join_idle(f->join, now_ns(), deliver, f);
		if (n <= 0)
			return broken(f, n ? strerror(errno) : "end of the stream");
		fn_freshen_again(f->fresh);
		f->live = true;
		f->used += (size_t)n;
		rc = take(f);
	}
	return rc;
}

static int feed_fd(const struct fn_source *src)
{
	return ((const struct feed *)src)->epoll;
}

static int feed_timeout(const struct fn_source *src)
{
	const struct feed *f = (const struct feed *)src;
	int64_t half = fn_join_due(f->join), left = f->next_ms - now_ms();

	if (f->line.fd >= 0 && half >= 0)
		left = (half - now_ns() + 999999) / 1000000;
	else if (f->line.fd >= 0 || f->ended)
		return -1;
	return left < 0 ? 0 : (int)left;
}

static void feed_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	const struct feed *f = (const struct feed *)src;

	*st = f->stats;
	st->halves_expired = fn_join_expired(f->join);
}

static void feed_close(struct fn_source *src)
{
	struct feed *f = (struct feed *)src;

	hang_up(f);
	if (f->epoll >= 0)
		close(f->epoll);
	fn_join_free(f->join);
	fn_freshen_free(f->fresh);
	free(f->spec);
	free(f);
}

static const struct fn_source_ops feed_ops = {
	.name = "feed",
	.fd = feed_fd,
	.timeout = feed_timeout,
	.dispatch = feed_dispatch,
	.stats = feed_stats,
	.close = feed_close,
};

int fn_source_feed(struct fn_source **src, const char *spec, const struct fn_feed_opts *opts)
{
	struct feed *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->base.ops = &feed_ops;
	f->line.fd = -1;
	f->pause_ms = PAUSE_MIN_MS;
	f->spec = strdup(spec);
	f->join = fn_join_new(&(struct fn_join_opts){0});
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (opts)
		f->opts = *opts;
	if (f->opts.fresh)
		f->fresh = fn_freshen_new(f->opts.fresh);
	rc = f->epoll < 0 ? -errno : f->spec && f->join ? dial(f) : -ENOMEM;
	if (rc)
		feed_close(&f->base);
	else
		*src = &f->base;
	return rc;
}
