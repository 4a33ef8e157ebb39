/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fanotify in FID mode. Privileged and recursive, one mark covers the file system and what lies
 * outside the roots is filtered by the place of its directory, so that set-up does not depend on
 * the size of the tree. Else every directory gets a mark.
 *
 * The queue keeps the kernel's bound (fs.fanotify.max_queued_events): FAN_UNLIMITED_QUEUE would
 * let a stopped reader take all memory. An overflow is an event and is recovered from.
 */
#include "source/fanotify_impl.h"
#include "source/submounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <unistd.h>

/* The buffer never moves: records point into it. Of what it may hold, it has memory for this much
 * while there is not more to read. */
#define READ_SIZE (256u * 1024)
#define BUFFER_SIZE (16u * 1024 * 1024)
#define READ_MIN (64u * 1024)
#define AHEAD_EVERY 256 /* records */
#define DEFAULT_PATHS 65536u
#define ROUNDS 16 /* of settling, while others go on */

static int fan_fd(const struct fn_source *src)
{
	return ((const struct fan_source *)src)->poll_fd;
}

static int fan_timeout(const struct fn_source *src)
{
	const struct fan_source *s = (const struct fan_source *)src;

	return s->pos < s->len ? 0 : fan_unsettled(s);
}

/* One read; 0: the queue is empty. A record is never split. */
int fan_read_ahead(struct fan_source *s)
{
	ssize_t n;

	s->behind = BUFFER_SIZE - s->len < READ_MIN;
	if (s->behind)
		return 0;
	do
		n = read(s->fd, s->buf + s->len, BUFFER_SIZE - s->len);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 || errno == EAGAIN || errno == EINVAL ? 0 : -errno;
	s->len += (size_t)n;
	return (int)n;
}

void fan_drain(struct fan_source *s)
{
	do
		fan_learn(s);
	while (fan_read_ahead(s) > 0);
}

/* All is worked off. */
static void rewind_buffer(struct fan_source *s)
{
	if (s->len > READ_SIZE)
		madvise(s->buf + READ_SIZE, BUFFER_SIZE - READ_SIZE, MADV_DONTNEED);
	s->pos = s->len = s->learned = s->to_done = s->rest_done = 0;
	s->back_at = 0;
}

/* As much as there is: what two records have to do with each other shows only when both are here.
 */
static int refill(struct fan_source *s)
{
	int rc;

	rewind_buffer(s);
	rc = fan_read_ahead(s);
	if (rc > 0) {
		fn_source_now(&s->base);
		fan_drain(s);
	}
	return rc;
}

/* The kernel's queue is short (fs.fanotify.max_queued_events) and what it cannot take is lost:
 * while there is much to do here, empty it into the buffer every now and then. */
static int keep_up(struct fan_source *s, unsigned done)
{
	int rc = done % AHEAD_EVERY ? 0 : fan_read_ahead(s);

	if (rc > 0)
		fan_learn(s);
	return rc < 0 ? rc : 0;
}

static int records(struct fan_source *s)
{
	struct fn_fan_record rec;
	int rc = 0;

	for (unsigned done = 1; rc == 0 && s->pos < s->len; done++) {
		rc = keep_up(s, done);
		if (rc < 0)
			break;
		rc = fn_fan_parse(s->buf + s->pos, s->len - s->pos, &rec);
		if (rc < 0) {
			s->pos = s->len;
			break;
		}
		if (!s->have_rename)
			rc = fan_moves_next(s, rc, &rec);
		s->pos += (size_t)rc;
		if (rec.fd >= 0)
			close(rec.fd); /* never asked for */
		rc = fan_record(s, &rec);
	}
	return rc;
}

/* What is in doubt is settled with the end of the buffer, unless there was more than it holds. That
 * fills it again with what happened meanwhile. */
static void end_of_buffer(struct fan_source *s)
{
	fan_walk_late(s);
	if (s->pos < s->len || s->behind)
		return;
	rewind_buffer(s);
	fan_settle(s);
}

static int fan_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	struct fan_source *s = (struct fan_source *)src;
	int rc = s->pos < s->len ? 1 : refill(s);

	(void)cb, (void)arg;
	/* What happened in a root comes before the end of the root. */
	if (rc == 0)
		rc = fan_read_guard(s);
	for (int i = 0; i < ROUNDS && rc >= 0 && !s->base.stop; i++) {
		rc = records(s);
		if (s->pos < s->len)
			continue;
		end_of_buffer(s);
		if (s->pos >= s->len)
			break;
	}
	fan_close_roots(s);
	return s->base.stop ? s->base.stop : rc;
}

static void fan_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	*st = ((const struct fan_source *)src)->stats;
}

static void fan_close(struct fn_source *src)
{
	struct fan_source *s = (struct fan_source *)src;

	fan_close_roots(s);
	fan_told_forget(s);
	for (size_t i = 0; i < s->nroots; i++) {
		free(s->roots[i].path);
		free(s->roots[i].mount_path);
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->guard_fd >= 0)
		close(s->guard_fd);
	if (s->poll_fd >= 0)
		close(s->poll_fd);
	fn_pathmap_free(s->map);
	fn_comm_cache_free(s->comm);
	fn_ledger_free(s->ledger);
	free(s->spot_path.data);
	free(s->path.data);
	free(s->old_path.data);
	free(s->roots);
	if (s->buf != MAP_FAILED)
		munmap(s->buf, BUFFER_SIZE);
	free(s);
}

static void fan_expect(struct fn_source *src, uint64_t mask, const char *path, size_t len)
{
	struct fan_source *s = (struct fan_source *)src;

	if (s->ledger)
		fn_ledger_expect(s->ledger, mask, (struct fn_str){path, len});
}

static const struct fn_source_ops fan_ops = {
	.name = "fanotify",
	.fd = fan_fd,
	.timeout = fan_timeout,
	.dispatch = fan_dispatch,
	.expect = fan_expect,
	.stats = fan_stats,
	.close = fan_close,
};

/* Directories come and go by themselves whatever the caller wants to hear of. */
static uint64_t kernel_mask(const struct fan_source *s)
{
	const uint64_t halves = FN_MOVED_FROM | FN_MOVED_TO;
	uint64_t mask = s->want & (FN_CONTENT_EVENTS | FN_CREATE | FN_DELETE);
	uint64_t rename = s->have_rename ? FN_RENAME : halves | FN_MOVE_SELF;

	if (s->flags & FN_SOURCE_RECURSIVE)
		mask |= FN_CREATE | FN_DELETE | rename;
	if (s->flags & FN_SOURCE_RECURSIVE && !s->have_rename)
		mask |= FN_DELETE_SELF;
	if (s->want & (FN_RENAME | halves))
		mask |= rename;
	return mask | FAN_ONDIR;
}

static int open_group(struct fan_source *s)
{
	unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_FID |
			 FAN_REPORT_DFID_NAME;

	if (!(s->flags & FN_SOURCE_OLD_FANOTIFY))
		s->fd = fanotify_init(flags | FAN_REPORT_TARGET_FID, O_RDONLY | O_CLOEXEC);
	s->have_rename = s->fd >= 0;
	if (s->fd < 0)
		s->fd = fanotify_init(flags, O_RDONLY | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int new_source(struct fan_source **src, const struct fn_source_opts *opts)
{
	struct fan_source *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*src = s;
	s->base.ops = &fan_ops;
	s->fd = s->guard_fd = s->poll_fd = -1;
	s->self = getpid();
	s->flags = opts->flags;
	s->want = opts->mask;
	s->prune = opts->prune;
	s->prune_arg = opts->prune_arg;
	s->wanted = opts->wanted;
	s->wanted_arg = opts->wanted_arg;
	s->buf = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->roots = calloc(opts->nroots, sizeof(*s->roots));
	s->map = fn_pathmap_new(opts->max_paths ? opts->max_paths : DEFAULT_PATHS);
	s->comm = opts->flags & FN_SOURCE_COMM ? fn_comm_cache_new() : NULL;
	s->ledger = opts->flags & FN_SOURCE_NO_SELF ? fn_ledger_new() : NULL;
	if (s->buf == MAP_FAILED || !s->roots || !s->map ||
	    (opts->flags & FN_SOURCE_COMM && !s->comm) ||
	    (opts->flags & FN_SOURCE_NO_SELF && !s->ledger))
		return -ENOMEM;
	s->nroots = opts->nroots;
	for (size_t i = 0; i < s->nroots; i++)
		s->roots[i].fd = -1;
	if (opts->prune)
		fn_pathmap_set_prune(s->map, opts->prune, opts->prune_arg);
	return 0;
}

/* An ignore mask on a mount silences it for the group, also for the file system's own mark. */
static int quiet_mount(struct fan_source *s, int dir)
{
	const unsigned flags = FAN_MARK_ADD | FAN_MARK_MOUNT | FAN_MARK_IGNORED_MASK |
			       FAN_MARK_IGNORED_SURV_MODIFY;
	const uint64_t mask = FN_CONTENT_EVENTS & ~(uint64_t)FN_ATTRIB;

	if (!fanotify_mark(s->fd, flags, mask, dir, NULL))
		return 0;
	/* A file system that takes no mark tells nothing either. */
	return errno == EOPNOTSUPP || errno == ENODEV || errno == EXDEV ? 0 : -errno;
}

static int start(struct fan_source *s, const struct fn_source_opts *opts, int *bad)
{
	int rc = open_group(s);

	if (rc == 0)
		rc = fan_open_guard(s);
	s->kernel_mask = kernel_mask(s);
	for (size_t i = 0; rc == 0 && i < s->nroots; i++) {
		*bad = (int)i;
		rc = fan_open_roots(s, opts->roots[i], i);
	}
	for (size_t i = 0; rc == 0 && opts->flags & FN_SOURCE_QUIET_MOUNT && i < opts->nquiet; i++)
		rc = quiet_mount(s, opts->quiet_mounts[i]);
	/* Marks come after all roots are known: one root may lie in another. */
	for (size_t i = 0; rc == 0 && i < s->nroots; i++) {
		*bad = (int)i;
		rc = fan_mark_root(s, i);
	}
	if (rc == 0)
		*bad = -1;
	fan_close_roots(s);
	return rc;
}

static int with_submounts(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	struct fn_source_opts one_fs = *opts;
	struct fn_submounts subs = {NULL, 0};
	int rc = fn_submounts_find(&subs, opts);

	one_fs.flags |= FN_SOURCE_ONE_FS;
	if (rc == 0)
		rc = subs.n ? fn_source_mounts(src, opts, &subs, bad)
			    : fn_source_fanotify(src, &one_fs, bad);
	fn_submounts_free(&subs);
	return rc;
}

int fn_source_fanotify(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	struct fan_source *s = NULL;
	int ignored, rc;

	bad = bad ? bad : &ignored;
	*bad = -1;
	if (opts->nroots == 0)
		return -EINVAL;
	if (opts->flags & FN_SOURCE_RECURSIVE && !(opts->flags & FN_SOURCE_ONE_FS))
		return with_submounts(src, opts, bad);
	rc = new_source(&s, opts);
	if (rc == 0)
		rc = start(s, opts, bad);
	if (rc && s)
		fan_close(&s->base);
	if (rc == 0)
		*src = &s->base;
	return rc;
}
