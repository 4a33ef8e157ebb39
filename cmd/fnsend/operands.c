/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fnsend EVENT PATH [NEWPATH]: one event, as it is written on the command line. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fnsend/send.h"

/* Where a path leads: its directory resolved, its last component not. */
struct place {
	char path[PATH_MAX];       /* canonical directory, '/', name */
	char mountpoint[PATH_MAX]; /* of the directory */
	const char *rest;          /* of path, below the mount point */
};

static bool is_rename(const struct fn_event *ev)
{
	return ev->mask & FN_RENAME;
}

static int take_mask(const struct settings *set, struct fn_event *ev)
{
	const char *word = set->operands[0];

	if (set->mask) {
		ev->mask = set->mask;
		return 0;
	}
	if (!strcmp(word, "exchange")) {
		ev->mask = FN_RENAME;
		ev->flags |= FN_EV_EXCHANGE;
		return 0;
	}
	if (!fn_mask_parse(word, strlen(word), ',', &ev->mask))
		return fn_usage("'%s' is no event; there are: access, modify, attrib, close-write, "
				"close-nowrite, open, moved-from, moved-to, create, delete, "
				"delete-self, move-self, rename, exchange, overflow",
				word);
	return 0;
}

int operands_event(const struct settings *set, struct fn_event *ev)
{
	size_t at = set->mask ? 0 : 1, left;

	fn_event_clear(ev);
	if (set->noperands < at)
		return fn_usage("no event");
	if (take_mask(set, ev))
		return FN_EXIT_USAGE;
	left = set->noperands - at;
	if (left != (is_rename(ev) ? 2u : 1u))
		return is_rename(ev) ? fn_usage("a rename needs OLD and NEW")
				     : fn_usage("one path is needed, not %zu", left);
	ev->path.data = set->operands[at + (is_rename(ev) ? 1 : 0)];
	if (is_rename(ev))
		ev->old_path.data = set->operands[at];
	ev->path.len = strlen(ev->path.data);
	ev->old_path.len = ev->old_path.data ? strlen(ev->old_path.data) : 0;
	ev->object = set->object;
	return ev->path.len ? 0 : fn_usage("an empty path");
}

/* A path that ends in . or .. or / names the directory itself, and so does a mount point, whose
 * entry is on another mount. */
static const char *name_part(const char *path, size_t len)
{
	const char *name = memrchr(path, '/', len);
	struct statx stx;

	name = name ? name + 1 : path;
	if (!fn_name_ok(name, strlen(name)))
		return NULL;
	if (!statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		   STATX_TYPE, &stx) &&
	    stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return NULL;
	return name;
}

static int resolve(struct fn_str given, struct place *p)
{
	const char *name = name_part(given.data, given.len);
	size_t n = name ? (size_t)(name - given.data) : given.len;
	char dir[PATH_MAX], type[64];

	if (given.len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, n ? given.data : ".", n ? n : 1);
	dir[n ? n : 1] = '\0';
	if (!realpath(dir, p->path))
		return -errno;
	n = strlen(p->path);
	if (name && n + strlen(name) + 2 > sizeof(p->path))
		return -ENAMETOOLONG;
	n = (size_t)mount_of(p->path, p->mountpoint, sizeof(p->mountpoint), type, sizeof(type),
			     &p->rest);
	if (n || !name)
		return (int)n;
	n = strlen(p->path);
	if (p->path[n - 1] != '/')
		p->path[n++] = '/';
	strcpy(p->path + n, name);
	p->rest = p->path + strlen(p->mountpoint);
	p->rest += *p->rest == '/';
	return 0;
}

static int resolve_or_say(struct fn_str given, struct beat *beat, struct place *p)
{
	int err;

	beat_begin(beat, given.data);
	err = resolve(given, p);
	beat_end(beat);
	return err ? fn_fail(FN_EXIT_FAIL, "%s: %s", given.data, strerror(-err)) : 0;
}

static void wait_turn(const struct settings *set, uint64_t i, int64_t start)
{
	int64_t due = set->rate ? start + (int64_t)(i * 1000000000 / set->rate) : 0;
	struct timespec ts = {due / 1000000000, due % 1000000000};

	if (i && due)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Who watches a directory is told whether an event is about one. */
static void note_type(struct fn_event *ev, const char *path)
{
	struct statx stx;

	if (!(ev->mask & FN_ISDIR) &&
	    !statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) &&
	    S_ISDIR(stx.stx_mode))
		ev->mask |= FN_ISDIR;
}

static int send_at(struct settings *set, struct beat *beat, const struct fn_event *ev,
		   const char *mountpoint)
{
	int status;
	struct sender *s = sender_open(set, beat, mountpoint, &status);
	int64_t start = now_ns();

	if (!s)
		return status;
	for (uint64_t i = 0; i < set->repeat && !fn_caught_signal(); i++) {
		wait_turn(set, i, start);
		sender_event(s, ev, 0);
	}
	sender_flush(s);
	sender_report(s);
	status = tally_status(sender_tally(s));
	sender_close(s);
	return status;
}

int send_operands(struct settings *set, struct beat *beat)
{
	static struct place now, old;
	struct fn_event ev;
	int status = operands_event(set, &ev);

	if (!status)
		status = resolve_or_say(ev.path, beat, &now);
	if (!status && ev.old_path.data)
		status = resolve_or_say(ev.old_path, beat, &old);
	if (status)
		return status;
	if (ev.old_path.data && strcmp(now.mountpoint, old.mountpoint))
		return fn_fail(FN_EXIT_FAIL, "%s and %s are on different mounts", old.path,
			       now.path);
	if (ev.old_path.data)
		ev.old_path = (struct fn_str){old.rest, strlen(old.rest)};
	ev.path = (struct fn_str){now.rest, strlen(now.rest)};
	beat_begin(beat, now.path);
	note_type(&ev, now.path);
	beat_end(beat);
	if (fn_object_known(&ev.object) && ev.object.has & FN_OBJ_HANDLE)
		ev.path = (struct fn_str){NULL, 0};
	return send_at(set, beat, &ev, now.mountpoint);
}
