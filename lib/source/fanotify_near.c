/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fanotify: what belongs together. One system call makes several records. Those of other processes
 * may be queued between them, but none of the same names, for their directories are locked; so
 * the next of a process can be drawn up to those before it. And the last may not be queued yet.
 */
#include "source/fanotify_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WITHIN 256 /* records */
#define THREADS 4  /* records of the same process that may be another thread's */
#define RECORD_MAX 4096
#define WAIT_MS 5

bool fan_same_handle(const struct fn_fan_fid *a, const struct fn_fan_fid *b)
{
	return a->present && b->present && a->len == b->len && a->fsid == b->fsid &&
	       memcmp(a->handle, b->handle, a->len) == 0;
}

bool fan_same_place(const struct fn_fan_fid *a, const struct fn_fan_fid *b)
{
	return fan_same_handle(a, b) && a->name.len == b->name.len &&
	       memcmp(a->name.data, b->name.data, a->name.len) == 0;
}

/* Move the record at `from`, n bytes long, to `to`; those between give way. */
static bool draw(struct fan_source *s, size_t from, int n, size_t to)
{
	uint8_t record[RECORD_MAX];

	if (from == to)
		return true;
	if (n > RECORD_MAX)
		return false;
	memcpy(record, s->buf + from, (size_t)n);
	memmove(s->buf + to + n, s->buf + to, from - to);
	memcpy(s->buf + to, record, (size_t)n);
	return true;
}

int fan_gather(struct fan_source *s, size_t at, int32_t pid, int count)
{
	struct fn_fan_record rec;
	size_t to = at;
	int found = 0;

	for (int i = 0; i < WITHIN && found < count && at < s->len; i++) {
		int n = fn_fan_parse(s->buf + at, s->len - at, &rec);

		if (n < 0)
			break;
		if (rec.pid == pid) {
			if (!draw(s, at, n, to))
				break;
			to += (size_t)n;
			found++;
		}
		at += (size_t)n;
	}
	return found;
}

static int64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

bool fan_await(struct fan_source *s, int64_t *until)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	int64_t now = ms_now();
	size_t len = s->len;

	if (!*until)
		*until = now + WAIT_MS;
	if (now < *until && poll(&p, 1, (int)(*until - now)) > 0)
		fan_drain(s);
	return s->len > len;
}

size_t fan_next_of(const struct fan_source *s, int32_t pid, struct fn_fan_record *next)
{
	size_t at = s->pos;

	for (int i = 0; i < WITHIN && at < s->len; i++) {
		int n = fn_fan_parse(s->buf + at, s->len - at, next);

		if (n < 0)
			break;
		at += (size_t)n;
		if (next->pid == pid)
			return at;
	}
	return 0;
}

void fan_await_calls(int dirfd)
{
	char none[8];

	(void)!getdents64(dirfd, none, sizeof(none)); /* waits for the lock; there is no room */
}

void fan_await_call(struct fan_source *s, const struct fn_object *dir)
{
	int fd = fan_open(s, dir, O_RDONLY | O_DIRECTORY | O_NOATIME);

	if (fd < 0)
		return;
	fan_await_calls(fd);
	close(fd);
	fan_drain(s);
}

/* `next` speaks of a name that rec speaks of. */
static bool meets(const struct fn_fan_record *rec, const struct fn_fan_record *next)
{
	return fan_same_place(&rec->dir, &next->dir) || fan_same_place(&rec->dir, &next->old_dir) ||
	       fan_same_place(&rec->old_dir, &next->dir) ||
	       fan_same_place(&rec->old_dir, &next->old_dir);
}

/* The rename that is the way back of rec; *end: either name went its own way, or the process went
 * on. Its length at *at, or 0. */
static int look_back(const struct fan_source *s, const struct fn_fan_record *rec,
		     struct fn_fan_record *back, size_t *at, bool *end)
{
	int own = 0;

	*at = s->pos;
	for (int i = 0; i < WITHIN && own < THREADS && *at < s->len; i++) {
		int n = fn_fan_parse(s->buf + *at, s->len - *at, back);
		bool met;

		if (n < 0)
			break;
		if (back->pid == rec->pid && back->mask & FN_RENAME &&
		    fan_same_place(&rec->dir, &back->old_dir) &&
		    (fan_same_place(&rec->old_dir, &back->dir) ||
		     (!rec->old_dir.present && !back->dir.present)))
			return n;
		met = back->mask & FN_DIRENT_EVENTS && meets(rec, back);
		own += back->pid == rec->pid;
		*end = met || own;
		if (met)
			break;
		*at += (size_t)n;
	}
	return 0;
}

int fan_back(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
	     struct fn_fan_record *back)
{
	struct fn_object any;
	int64_t until = 0;
	bool end = false;
	size_t at;
	int n = look_back(s, rec, back, &at, &end);

	fn_object_clear(&any);
	if (!n && !end && w->old_in && fan_is_at(s, &any, w->old_root, w->old_path)) {
		fan_drain(s);
		do
			n = look_back(s, rec, back, &at, &end);
		while (!n && !end && fan_await(s, &until));
	}
	if (!n || !draw(s, at, n, s->pos))
		return 0;
	return fn_fan_parse(s->buf + s->pos, s->len - s->pos, back);
}
