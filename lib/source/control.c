/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events from control files: one per mount that the roots are on. */
#include "source/control.h"
#include "source/freshen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/source_impl.h"

/* Where poll() tells nothing: look again after these, doubling while nothing comes. */
#define PACE_MIN_MS 1
#define PACE_MAX_MS 32
#define READS_PER_ROUND 65536

struct ctl_root {
	size_t file; /* index of its mount's control file */
	char *path;  /* relative to that mount */
	size_t len;
	uint32_t watch;
};

struct ctl_file {
	struct fn_control_file *f;
	struct fn_freshen *fresh; /* NULL: no need */
	uint64_t next_seq, reads;
	bool gone;
};

struct ctl_source {
	struct fn_source base;
	struct fn_source_opts opts;
	struct ctl_root *roots;
	size_t nroots;
	struct ctl_file *files;
	size_t nfiles;
	int epoll; /* of the files that can be polled */
	int pace;  /* ms; 0: no file needs it */
	uint64_t overflows, dropped;
};

static int ctl_fd(const struct fn_source *src)
{
	return ((const struct ctl_source *)src)->epoll;
}

static int ctl_timeout(const struct fn_source *src)
{
	const struct ctl_source *s = (const struct ctl_source *)src;

	/* What came while a watch was set, or what a callback stopped at. */
	for (size_t i = 0; i < s->nfiles; i++)
		if (!s->files[i].gone && fn_control_pending(s->files[i].f))
			return 0;
	return s->pace ? s->pace : -1;
}

/* path relative to a root; false: it is outside. */
static bool below(const struct ctl_root *r, struct fn_str path, struct fn_str *rel)
{
	if (path.len < r->len || memcmp(path.data, r->path, r->len) != 0)
		return false;
	if (r->len && path.len > r->len && path.data[r->len] != '/')
		return false;
	*rel = (struct fn_str){path.data + r->len, path.len - r->len};
	if (rel->len && r->len) {
		rel->data++;
		rel->len--;
	}
	return true;
}

/* The nearest root of this mount that path is below: its index, or -1. */
static int find_root(const struct ctl_source *s, size_t file, struct fn_str path,
		     struct fn_str *rel)
{
	struct fn_str r;
	int found = -1;

	if (!path.data)
		return -1;
	for (size_t i = 0; i < s->nroots; i++) {
		if (s->roots[i].file != file || !below(&s->roots[i], path, &r))
			continue;
		if (found >= 0 && s->roots[i].len <= s->roots[found].len)
			continue;
		found = (int)i;
		*rel = r;
	}
	return found;
}

static bool pruned(const struct ctl_source *s, int root, struct fn_str path)
{
	if (!s->opts.prune || root < 0)
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (path.data[i] == '/' && s->opts.prune(s->opts.prune_arg, root, path.data, i))
			return true;
	return false;
}

static int emit_overflow(struct ctl_source *s, size_t file, uint64_t lost)
{
	struct fn_event ev;

	(void)file;
	fn_event_clear(&ev);
	ev.mask = FN_Q_OVERFLOW;
	ev.lost = lost;
	s->overflows++;
	s->dropped += lost;
	return fn_source_emit(&s->base, &ev);
}

/* The end of a watch: of the root it belongs to. */
static int emit_gone(struct ctl_source *s, size_t file, struct fn_event *ev)
{
	for (size_t i = 0; i < s->nroots; i++) {
		if (s->roots[i].file != file || s->roots[i].watch != (uint32_t)ev->root)
			continue;
		ev->root = (int)i;
		ev->path = (struct fn_str){"", 0};
		ev->seq = 0;
		return fn_source_emit(&s->base, ev);
	}
	return 0;
}

/* A watched directory that was renamed keeps its watch; its path is what it was. */
static int emit_event(struct ctl_source *s, size_t file, struct fn_event *ev)
{
	struct fn_str rel = ev->path, old_rel = ev->old_path;
	int root = find_root(s, file, ev->path, &rel);
	int old_root = find_root(s, file, ev->old_path, &old_rel);

	if (pruned(s, root, rel) && (old_root < 0 || pruned(s, old_root, old_rel)))
		return 0;
	ev->path = rel;
	ev->old_path = old_rel;
	if (root < 0 && old_root < 0)
		ev->root = -1;
	else
		ev->root = root >= 0 ? root : old_root;
	ev->old_root = root >= 0 && old_root >= 0 && old_root != root ? old_root + 1 : 0;
	ev->seq = 0; /* one row of numbers for all mounts: the source's own */
	return fn_source_emit(&s->base, ev);
}

static void freshen(struct ctl_file *c, const struct fn_event *ev)
{
	if (fn_control_reads(c->f) != c->reads)
		fn_freshen_again(c->fresh);
	c->reads = fn_control_reads(c->f);
	fn_freshen(c->fresh, ev);
}

static int take_event(struct ctl_source *s, size_t file, struct fn_event *ev)
{
	uint64_t gap = fn1_seq_gap(&s->files[file].next_seq, ev);

	if (gap)
		(void)emit_overflow(s, file, gap);
	if (ev->mask & FN_Q_OVERFLOW)
		return emit_overflow(s, file, ev->lost);
	if (ev->flags & FN_EV_GONE)
		return emit_gone(s, file, ev);
	freshen(&s->files[file], ev);
	return emit_event(s, file, ev);
}

/* The server is gone: so is every root on its mount. */
static int lost_connection(struct ctl_source *s, size_t file)
{
	int rc = 0;

	s->files[file].gone = true;
	for (size_t i = 0; i < s->nroots; i++) {
		struct fn_event ev;

		if (s->roots[i].file != file)
			continue;
		fn_event_clear(&ev);
		ev.mask = FN_UNMOUNT | FN_IGNORED;
		ev.flags = FN_EV_GONE;
		ev.root = (int)i;
		ev.path = (struct fn_str){"", 0};
		rc = fn_source_emit(&s->base, &ev);
	}
	return rc;
}

static int drain(struct ctl_source *s, size_t file, bool *any)
{
	struct fn_event ev;
	int rc = 0, stop;

	for (int i = 0; i < READS_PER_ROUND; i++) {
		rc = fn_control_read(s->files[file].f, &ev);
		if (rc <= 0)
			break;
		*any = true;
		stop = take_event(s, file, &ev);
		if (stop)
			return stop;
	}
	return rc < 0 ? lost_connection(s, file) : 0;
}

static int ctl_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	struct ctl_source *s = (struct ctl_source *)src;
	bool any = false;
	int rc = 0;

	(void)cb;
	(void)arg;
	for (size_t i = 0; i < s->nfiles && !rc; i++)
		if (!s->files[i].gone)
			rc = drain(s, i, &any);
	if (s->pace && any)
		s->pace = PACE_MIN_MS;
	else if (s->pace && s->pace < PACE_MAX_MS)
		s->pace *= 2;
	return rc;
}

static void ctl_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	const struct ctl_source *s = (const struct ctl_source *)src;

	st->overflows = s->overflows;
	st->dropped = s->dropped;
	st->watches = s->nroots;
}

static void ctl_close(struct fn_source *src)
{
	struct ctl_source *s = (struct ctl_source *)src;

	for (size_t i = 0; i < s->nfiles; i++) {
		fn_freshen_free(s->files[i].fresh);
		fn_control_close(s->files[i].f);
	}
	for (size_t i = 0; i < s->nroots; i++)
		free(s->roots[i].path);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s->files);
	free(s->roots);
	free(s);
}

static const struct fn_source_ops ctl_ops = {
	.name = "remote",
	.fd = ctl_fd,
	.timeout = ctl_timeout,
	.dispatch = ctl_dispatch,
	.stats = ctl_stats,
	.close = ctl_close,
};

static int add_to_poll(struct ctl_source *s, struct fn_control_file *f)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = fn_control_fd(f);

	if (fd < 0) {
		s->pace = PACE_MIN_MS;
		return 0;
	}
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* The file of the mount that path is on, opened once. */
static int file_of(struct ctl_source *s, const char *path, bool follow, size_t *file, char **rel)
{
	struct fn_control_file *f;
	int rc = fn_control_open(&f, path, follow);

	if (rc)
		return rc;
	*rel = strdup(fn_control_path(f));
	for (*file = 0; *file < s->nfiles; ++*file) {
		if (strcmp(fn_control_root(s->files[*file].f), fn_control_root(f)) != 0)
			continue;
		fn_control_close(f);
		return *rel ? 0 : -ENOMEM;
	}
	rc = *rel ? add_to_poll(s, f) : -ENOMEM;
	if (rc) {
		fn_control_close(f);
		return rc;
	}
	/* Behind virtiofsd nothing else tells this kernel that what it has cached is old. */
	if (s->opts.flags & FN_SOURCE_FRESH && fn_control_fd(f) < 0)
		s->files[s->nfiles].fresh = fn_freshen_new(fn_control_root(f));
	s->files[s->nfiles++].f = f;
	return 0;
}

static int add_root(struct ctl_source *s, const char *path)
{
	bool follow = !(s->opts.flags & FN_SOURCE_DONT_FOLLOW);
	struct ctl_root *r = &s->roots[s->nroots];
	struct fn1_watch w = {.mask = s->opts.mask & FN_ALL_EVENTS};
	int rc = file_of(s, path, follow, &r->file, &r->path);

	if (rc)
		return rc;
	s->nroots++;
	r->len = strlen(r->path);
	w.path = (struct fn_str){r->path, r->len};
	if (s->opts.flags & FN_SOURCE_RECURSIVE)
		w.flags |= FN1_WATCH_RECURSIVE;
	if (s->opts.flags & FN_SOURCE_NO_SELF)
		w.flags |= FN1_WATCH_NO_SELF;
	rc = fn_control_watch(s->files[r->file].f, &w);
	r->watch = w.watch;
	return rc;
}

int fn_source_control(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	struct ctl_source *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (bad)
		*bad = -1;
	if (!s)
		return -ENOMEM;
	s->base.ops = &ctl_ops;
	s->opts = *opts;
	s->opts.roots = NULL; /* not ours to keep */
	s->roots = calloc(opts->nroots ? opts->nroots : 1, sizeof(*s->roots));
	s->files = calloc(opts->nroots ? opts->nroots : 1, sizeof(*s->files));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!s->roots || !s->files || s->epoll < 0)
		rc = s->epoll < 0 ? -errno : -ENOMEM;
	for (size_t i = 0; i < opts->nroots && !rc; i++) {
		rc = add_root(s, opts->roots[i]);
		if (rc && bad)
			*bad = (int)i;
	}
	if (rc) {
		ctl_close(&s->base);
		return rc;
	}
	*src = &s->base;
	return 0;
}
