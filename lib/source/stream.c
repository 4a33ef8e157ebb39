/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/source_impl.h"
#include "wire/fn1.h"

#define READS_PER_ROUND 16

struct stream_source {
	struct fn_source base;
	struct fn1_stream *stream;
	int fd;
	bool more; /* the receiver stopped with events left in the buffer */
	uint64_t next_seq;
	uint64_t overflows, lost;
};

static int stream_fd(const struct fn_source *src)
{
	return ((const struct stream_source *)src)->fd;
}

static int stream_timeout(const struct fn_source *src)
{
	return ((const struct stream_source *)src)->more ? 0 : -1;
}

static int emit_gap(struct stream_source *s, uint64_t gap)
{
	struct fn_event ev;

	fn_event_clear(&ev);
	ev.mask = FN_Q_OVERFLOW;
	ev.lost = gap;
	s->overflows++;
	s->lost += gap;
	return fn_source_emit(&s->base, &ev);
}

static int take(struct stream_source *s, struct fn_event *ev)
{
	uint64_t gap = fn1_seq_gap(&s->next_seq, ev);
	int rc = gap ? emit_gap(s, gap) : 0;

	if (ev->mask & FN_Q_OVERFLOW) {
		s->overflows++;
		s->lost += ev->lost;
	}
	ev->root = ev->old_root = 0;
	return rc | fn_source_emit(&s->base, ev);
}

/* Everything that is whole, until the receiver stops. */
static int take_all(struct stream_source *s)
{
	struct fn_event ev;
	int rc = 0, stop = 0;

	while (!stop && (rc = fn1_stream_next(s->stream, &ev)) > 0)
		stop = take(s, &ev);
	s->more = stop;
	return stop ? stop : rc;
}

static int at_end(const struct stream_source *s)
{
	return fn1_stream_cut(s->stream) ? -ECONNRESET : -ENODATA;
}

static int stream_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	struct stream_source *s = (struct stream_source *)src;
	int rc = take_all(s); /* what an earlier round left */

	(void)cb, (void)arg;
	for (int i = 0; !rc && i < READS_PER_ROUND; i++) {
		size_t size;
		void *room = fn1_stream_room(s->stream, &size);
		ssize_t n = read(s->fd, room, size);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return at_end(s);
		fn1_stream_add(s->stream, (size_t)n);
		rc = take_all(s);
	}
	return rc;
}

static void stream_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	const struct stream_source *s = (const struct stream_source *)src;

	st->overflows = s->overflows;
	st->dropped = s->lost;
}

static void stream_close(struct fn_source *src)
{
	struct stream_source *s = (struct stream_source *)src;

	close(s->fd);
	fn1_stream_free(s->stream);
	free(s);
}

static const struct fn_source_ops stream_ops = {
	.name = "stream",
	.fd = stream_fd,
	.timeout = stream_timeout,
	.dispatch = stream_dispatch,
	.stats = stream_stats,
	.close = stream_close,
};

int fn_source_stream(struct fn_source **src, int fd)
{
	struct stream_source *s = calloc(1, sizeof(*s));
	int flags = fcntl(fd, F_GETFL), rc = s ? 0 : -ENOMEM;

	if (!rc)
		rc = fn1_stream_new(&s->stream);
	if (!rc && (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		rc = -errno;
	if (rc) {
		if (s)
			fn1_stream_free(s->stream);
		free(s);
		close(fd);
		return rc;
	}
	s->base.ops = &stream_ops;
	s->fd = fd;
	*src = &s->base;
	return 0;
}
