/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotify, recursive: a watch on every directory. Halves of renames are joined, directories that
 * appear are watched and what they hold already is reported, and a directory that is renamed
 * takes everything below it along.
 */
#include "source/inotify_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (128u * 1024)
#define BUFFER_MAX (16u * 1024 * 1024)

static int in_fd(const struct fn_source *src)
{
	return ((const struct in_source *)src)->fd;
}

static int in_timeout(const struct fn_source *src)
{
	const struct in_source *s = (const struct in_source *)src;
	int64_t due = fn_join_due(s->join), left;

	if (s->pos < s->len || s->nfresh)
		return 0;
	if (due < 0)
		return -1;
	left = due - s->base.mono_ns; /* of the last round: a little late is no harm */
	return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

bool in_parse(const uint8_t *buf, size_t len, struct in_raw *raw)
{
	struct inotify_event e;

	if (len < sizeof(e))
		return false;
	memcpy(&e, buf, sizeof(e));
	if (e.len > len - sizeof(e))
		return false;
	raw->wd = e.wd;
	raw->mask = e.mask;
	raw->cookie = e.cookie;
	raw->size = sizeof(e) + e.len;
	raw->name = (struct fn_str){NULL, 0};
	if (e.len) {
		raw->name.data = (const char *)buf + sizeof(e);
		raw->name.len = strnlen(raw->name.data, e.len);
	}
	return true;
}

/* One read behind what is there; 0: the queue is empty. */
static int read_some(struct in_source *s)
{
	ssize_t n;

	if (s->cap - s->len < READ_SIZE) {
		uint8_t *buf = s->cap < BUFFER_MAX ? realloc(s->buf, s->cap * 2) : NULL;

		if (!buf)
			return 0; /* the rest later */
		s->buf = buf;
		s->cap *= 2;
	}
	do
		n = read(s->fd, s->buf + s->len, s->cap - s->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	s->len += (size_t)n;
	return (int)n;
}

int in_drain(struct in_source *s)
{
	int rc;

	do
		rc = read_some(s);
	while (rc > 0);
	return rc;
}

static int refill(struct in_source *s)
{
	s->pos = s->len = 0;
	fn_keymap_clear(&s->unmounted);
	if (s->cap > 2 * READ_SIZE) {
		uint8_t *buf = realloc(s->buf, 2 * READ_SIZE);

		s->buf = buf ? buf : s->buf;
		s->cap = buf ? 2 * READ_SIZE : s->cap;
	}
	fn_source_now(&s->base);
	return in_drain(s);
}

static void work_off(struct in_source *s)
{
	struct in_raw raw;

	while (!s->base.stop && in_parse(s->buf + s->pos, s->len - s->pos, &raw)) {
		s->pos += raw.size;
		in_event(s, &raw);
	}
	if (!s->base.stop)
		s->pos = s->len;
}

static int in_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	struct in_source *s = (struct in_source *)src;
	bool last;
	int rc = 0;

	(void)cb, (void)arg;
	if (s->pos >= s->len)
		rc = refill(s);
	last = s->len == 0;
	while (rc == 0 && !s->base.stop) {
		work_off(s);
		if (s->base.stop)
			break;
		in_fresh_look(s, last);
		if (s->pos >= s->len)
			break;
	}
	if (rc == 0 && !s->base.stop)
		rc = in_idle(s);
	in_close_roots(s);
	return s->base.stop ? s->base.stop : rc;
}

static void in_expect(struct fn_source *src, uint64_t mask, const char *path, size_t len)
{
	struct in_source *s = (struct in_source *)src;

	/* Called from any thread: nothing but the ledger may be touched. */
	fn_ledger_expect(s->ledger, mask, (struct fn_str){path, len});
}

static void in_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	const struct in_source *s = (const struct in_source *)src;

	*st = s->stats;
	st->watches = s->table.count;
	st->halves_expired = fn_join_expired(s->join);
}

static void in_close(struct fn_source *src)
{
	struct in_source *s = (struct in_source *)src;

	in_close_roots(s);
	for (size_t i = 0; i < s->nroots; i++)
		free(s->roots[i].path);
	if (s->fd >= 0)
		close(s->fd);
	fn_watch_table_done(&s->table);
	fn_join_free(s->join);
	fn_ledger_free(s->ledger);
	fn_keymap_clear(&s->fresh_names);
	fn_keymap_clear(&s->unmounted);
	free(s->fresh);
	free(s->roots);
	free(s->buf);
	free(s);
}

static const struct fn_source_ops in_ops = {
	.name = "inotify",
	.fd = in_fd,
	.timeout = in_timeout,
	.dispatch = in_dispatch,
	.expect = in_expect,
	.stats = in_stats,
	.close = in_close,
};

/* Directories come and go by themselves whatever the caller wants to hear of. */
static uint32_t watch_mask(uint64_t want, unsigned flags)
{
	uint64_t mask = want & (IN_ALL_EVENTS & ~(uint64_t)(IN_DELETE_SELF | IN_MOVE_SELF));

	if (flags & FN_SOURCE_RECURSIVE)
		mask |= IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF;
	if (want & FN_RENAME)
		mask |= IN_MOVE;
	if (want & FN_OPEN_EXEC)
		mask |= IN_OPEN;
	return (uint32_t)mask;
}

static int new_source(struct in_source **src, const struct fn_source_opts *opts)
{
	struct fn_join_opts join = {.wait_ns = opts->join_wait_ms * (int64_t)1000000,
				    .locked = true,
				    .exchange = true,
				    .both = in_both_there};
	struct in_source *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*src = s;
	s->base.ops = &in_ops;
	s->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->flags = opts->flags;
	s->want = opts->mask;
	s->mask = watch_mask(opts->mask, opts->flags);
	s->prune = opts->prune;
	s->prune_arg = opts->prune_arg;
	fn_watch_table_init(&s->table);
	if (s->fd < 0)
		return -errno;
	join.arg = s;
	s->join = fn_join_new(&join);
	s->ledger = fn_ledger_new();
	s->cap = 2 * READ_SIZE;
	s->buf = malloc(s->cap);
	s->roots = calloc(opts->nroots, sizeof(*s->roots));
	if (!s->join || !s->ledger || !s->buf || !s->roots)
		return -ENOMEM;
	s->nroots = opts->nroots;
	for (size_t i = 0; i < s->nroots; i++)
		s->roots[i].fd = -1;
	return 0;
}

static int start(struct in_source *s, const struct fn_source_opts *opts, int *bad)
{
	int rc = 0;

	/* All roots first: one may lie in another, whose walk then passes it over. */
	for (size_t i = 0; rc == 0 && i < s->nroots; i++) {
		*bad = (int)i;
		rc = in_open_root(s, i, opts->roots[i]);
	}
	for (size_t i = 0; rc == 0 && i < s->nroots && s->flags & FN_SOURCE_RECURSIVE; i++) {
		*bad = (int)i;
		if (s->roots[i].dir)
			rc = in_walk(s, s->roots[i].node);
	}
	if (rc == 0)
		*bad = -1;
	in_close_roots(s);
	return rc;
}

int fn_source_inotify(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	struct in_source *s = NULL;
	int ignored, rc;

	bad = bad ? bad : &ignored;
	*bad = -1;
	if (opts->nroots == 0 || opts->nroots > INT16_MAX)
		return -EINVAL;
	rc = new_source(&s, opts);
	if (rc == 0)
		rc = start(s, opts, bad);
	if (rc && s)
		in_close(&s->base);
	if (rc == 0)
		*src = &s->base;
	return rc;
}
