/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/watchers.h"
#include "probe/child.h"
#include "source/fanotify_parse.h"
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DIR_EVENTS                                                                     \
	(FN_CREATE | FN_DELETE | FN_MOVED_FROM | FN_MOVED_TO | FN_MODIFY | FN_ATTRIB | \
	 FN_CLOSE_WRITE)
#define SELF_EVENTS (FN_DELETE_SELF | FN_MOVE_SELF)

/* Calls add for the objects that are watched themselves. */
static int each_self(struct fn_watcher *w, const char *dir,
		     int (*add)(struct fn_watcher *w, const char *path))
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);
	char path[PATH_MAX];

	for (size_t i = 0; i < n; i++) {
		w->self_wd[i] = -1;
		if (!(kinds[i].flags & FN_KIND_SELF))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, kinds[i].a) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		w->self_wd[i] = add(w, path);
		if (w->self_wd[i] < 0)
			return w->self_wd[i];
	}
	return 0;
}

static int add_inotify(struct fn_watcher *w, const char *path)
{
	int wd = inotify_add_watch(w->fd, path, SELF_EVENTS);

	return wd < 0 ? -errno : wd;
}

static int open_inotify(struct fn_watcher *w, const char *path)
{
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->dir_wd = inotify_add_watch(w->fd, path, DIR_EVENTS | IN_ONLYDIR);
	return w->dir_wd < 0 ? -errno : each_self(w, path, add_inotify);
}

static int add_fanotify(struct fn_watcher *w, const char *path)
{
	return fanotify_mark(w->fd, FAN_MARK_ADD, SELF_EVENTS, AT_FDCWD, path) ? -errno : 0;
}

/* FAN_RENAME came with 5.17; before that there are the halves alone. */
static int open_fanotify(struct fn_watcher *w, const char *path)
{
	uint64_t mask = DIR_EVENTS | FAN_ONDIR | FAN_EVENT_ON_CHILD;

	w->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_DFID_NAME |
				      FAN_NONBLOCK | FAN_CLOEXEC,
			      O_RDONLY);
	if (w->fd < 0)
		return -errno;
	if (fanotify_mark(w->fd, FAN_MARK_ADD, mask | FAN_RENAME, AT_FDCWD, path) &&
	    fanotify_mark(w->fd, FAN_MARK_ADD, mask, AT_FDCWD, path))
		return -errno;
	return each_self(w, path, add_fanotify);
}

void fn_watchers_open(struct fn_watcher w[FN_WATCHERS], const char *path)
{
	w[FN_WATCH_INOTIFY] = (struct fn_watcher){.name = "inotify"};
	w[FN_WATCH_INOTIFY].error = open_inotify(&w[FN_WATCH_INOTIFY], path);
	w[FN_WATCH_FANOTIFY] = (struct fn_watcher){.name = "fanotify"};
	w[FN_WATCH_FANOTIFY].error = open_fanotify(&w[FN_WATCH_FANOTIFY], path);
}

void fn_watchers_close(struct fn_watcher w[FN_WATCHERS])
{
	for (int i = 0; i < FN_WATCHERS; i++)
		if (w[i].fd >= 0)
			close(w[i].fd);
}

static void see(struct fn_watcher *w, const struct fn_sight *sight)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (fn_kind_see(&kinds[i], &w->seen[i], sight, fn_mono_ns()))
			return;
	w->settled |= (sight->mask & FN_CREATE) && sight->name.len == strlen(FN_SETTLE_NAME) &&
		      !memcmp(sight->name.data, FN_SETTLE_NAME, sight->name.len);
}

static const struct fn_kind *self_of_wd(const struct fn_watcher *w, int wd)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (w->self_wd[i] == wd)
			return &kinds[i];
	return NULL;
}

/* fanotify reports these without the watch that they come from; one object has each. */
static const struct fn_kind *self_of_mask(uint64_t mask)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if ((kinds[i].flags & FN_KIND_SELF) && (mask & kinds[i].want))
			return &kinds[i];
	return NULL;
}

static void see_inotify(struct fn_watcher *w, const uint8_t *buf, size_t len)
{
	struct in_raw raw;

	for (size_t at = 0; in_parse(buf + at, len - at, &raw); at += raw.size) {
		struct fn_sight sight = {.mask = raw.mask, .cookie = raw.cookie, .name = raw.name};

		if (raw.wd != w->dir_wd)
			sight.self = self_of_wd(w, raw.wd);
		if (sight.self || raw.wd == w->dir_wd)
			see(w, &sight);
	}
}

static void see_fanotify(struct fn_watcher *w, const uint8_t *buf, size_t len)
{
	struct fn_fan_record rec;
	int n;

	for (size_t at = 0; at < len && (n = fn_fan_parse(buf + at, len - at, &rec)) > 0;
	     at += (size_t)n) {
		struct fn_sight sight = {.mask = rec.mask,
					 .name = rec.dir.name,
					 .old_name = rec.old_dir.name,
					 .self = self_of_mask(rec.mask)};

		see(w, &sight);
		if (rec.fd >= 0)
			close(rec.fd);
	}
}

int fn_watcher_read(struct fn_watcher *w)
{
	uint8_t buf[16384] __attribute__((aligned(8)));
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0) {
		if (w->dir_wd)
			see_inotify(w, buf, (size_t)n);
		else
			see_fanotify(w, buf, (size_t)n);
	}
	return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}
