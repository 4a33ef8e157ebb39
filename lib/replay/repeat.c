/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/repeat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replay/raise.h"
#include "replay/refresh.h"
#include "source/beneath.h"

/* Less than any entry timeout that a share has, if it has one (one second): the entry that was
 * made fresh before is still fresh when the server stops to answer. */
#define DEADLINE_MS 250
#define TRIES 5
#define TRY_AGAIN_NS 1000000 /* doubles */
#define STALE "its old name is not fresh in this kernel's cache"

struct fn_repeat {
	int root, outside;
	struct fn_control_file *f;
	uint64_t risk;
	bool creates_known, creates;
	const char *why; /* of the last that was not repeated */
	char prefix[PATH_MAX];
};

int fn_repeat_new(struct fn_repeat **out, int root, struct fn_control_file *f, const char *path,
		  const struct fn_repeat_opts *opts)
{
	struct fn_repeat *r;

	if (!(fn_control_hello(f)->flags & FN1_HELLO_MAY_ARM))
		return -EOPNOTSUPP;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->root = root;
	r->f = f;
	r->risk = opts->risk;
	r->outside = fn_refresh_outside();
	if (r->outside < 0 || snprintf(r->prefix, sizeof(r->prefix), "%s%s", path,
				       *path ? "/" : "") >= (int)sizeof(r->prefix)) {
		fn_repeat_free(r);
		return -ENAMETOOLONG;
	}
	*out = r;
	return 0;
}

void fn_repeat_free(struct fn_repeat *r)
{
	if (!r)
		return;
	if (r->outside >= 0)
		close(r->outside);
	free(r);
}

const char *fn_repeat_why(const struct fn_repeat *r)
{
	return r->why;
}

/* Not by us. */
static int declined(struct fn_repeat *r, const char *why)
{
	r->why = why;
	return 0;
}

/* Nothing was raised, and nothing was done: the kernel had to ask, and was told the truth. */
static int refused(struct fn_repeat *r, int rc)
{
	switch (rc) {
	case 0:
		return declined(r, r->why ? r->why : "it is gone already");
	case -ENOENT:
	case -EIO:
	case -ENOTDIR:
	case -EISDIR:
	case -ESTALE:
		return declined(r, "it is not so any more");
	case -EEXIST:
		return declined(r, "its name is looked up on the server's side all the time");
	case -EBUSY:
		return declined(r, "it took too long");
	default:
		return rc;
	}
}

/* A name in an opened directory, and its path as the server has it. */
struct spot {
	int dir;
	char name[FN_NAME_MAX + 1];
	char path[PATH_MAX];
	size_t len;
};

static int open_spot(const struct fn_repeat *r, struct fn_str path, struct spot *s)
{
	const char *slash = path.data ? memrchr(path.data, '/', path.len) : NULL;
	size_t dir_len = slash ? (size_t)(slash - path.data) : 0;
	char dir[PATH_MAX];

	s->dir = -1;
	if (!path.data || !path.len || !fn_path_ok(path.data, path.len) ||
	    path.len + strlen(r->prefix) >= PATH_MAX)
		return -EINVAL;
	s->len = strlen(r->prefix);
	memcpy(s->path, r->prefix, s->len);
	memcpy(s->path + s->len, path.data, path.len);
	s->len += path.len;
	s->path[s->len] = '\0';
	memcpy(dir, path.data, dir_len);
	dir[dir_len] = '\0';
	snprintf(s->name, sizeof(s->name), "%.*s", (int)(path.len - dir_len - (slash != NULL)),
		 path.data + dir_len + (slash != NULL));
	s->dir = fn_open_beneath(r->root, dir, O_PATH | O_DIRECTORY);
	return s->dir < 0 ? s->dir : 0;
}

static void close_spot(struct spot *s)
{
	if (s->dir >= 0)
		close(s->dir);
}

static int arm(struct fn_repeat *r, struct fn1_arm *a, const struct spot *at,
	       const struct spot *old)
{
	a->deadline_ms = DEADLINE_MS;
	a->path = (struct fn_str){at->path, at->len};
	if (old)
		a->old_path = (struct fn_str){old->path, old->len};
	return fn_control_arm(r->f, a);
}

/* Whatever came of it: not a moment longer than it takes, for all that time names are in doubt.
 * The deadline is for a client that dies. */
static int disarm(struct fn_repeat *r, int rc)
{
	int err = fn_control_disarm(r->f);

	return err ? err : rc;
}

/* What the kernel takes the name for, held so that it stays; -ENOENT where it asked and there is
 * nothing. */
static int hold(const struct spot *s, struct statx *stx)
{
	int fd = openat(s->dir, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : fn_cached_attr(fd, stx);

	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

/* Does a look at a fresh name come to the server? Then there is nobody to keep it from seeing
 * what is answered for an operation. */
static int probe(struct fn_repeat *r, const struct spot *s)
{
	struct fn1_arm a = {.mask = FN_CREATE, .flags = FN1_ARM_PROBE};
	struct stat st;
	int rc = arm(r, &a, s, NULL);

	if (rc)
		return rc;
	fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW);
	a = (struct fn1_arm){.flags = FN1_ARM_END};
	rc = fn_control_arm(r->f, &a);
	if (rc)
		return rc;
	r->creates_known = true;
	r->creates = a.lookups == 0;
	return 0;
}

static uint32_t new_mark(void)
{
	uint16_t mark;

	if (getrandom(&mark, sizeof(mark), GRND_NONBLOCK) != sizeof(mark))
		mark = 024;
	/* Its owner may write and not read: a mode that nobody creates files with. */
	return (mark & 0177u) | 0200;
}

static int make(const struct spot *s, uint32_t mode, uint32_t mark)
{
	char target[8];
	mode_t mask = umask(0);
	int rc;

	snprintf(target, sizeof(target), "%04o", mark);
	if (S_ISDIR(mode))
		rc = mkdirat(s->dir, s->name, mark);
	else if (S_ISLNK(mode))
		rc = symlinkat(target, s->dir, s->name);
	else
		rc = mknodat(s->dir, s->name, (mode & S_IFMT) | mark, 0);
	rc = rc ? -errno : 0;
	umask(mask);
	return rc;
}

/* EEXIST: somebody on the server's side looked the name up in between, and the kernel there knew
 * it again; its own replay does, for one. Nothing was done: once more, a little later. True after
 * having waited for that. */
static bool again(int rc, int *tries)
{
	if (rc != -EEXIST || *tries == TRIES)
		return false;
	nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_NS << (*tries)++}, NULL);
	return true;
}

static int create_held(struct fn_repeat *r, const struct spot *s, const struct statx *stx)
{
	int rc = 1, tries = 0;

	do {
		struct fn1_arm a = {.mask = FN_CREATE, .mode = stx->stx_mode, .mark = new_mark()};

		a.mask |= S_ISDIR(stx->stx_mode) ? FN_ISDIR : 0;
		if (tries) /* it was, just now */
			rc = fn_refresh_name(r->outside, s->dir, s->name);
		if (rc <= 0)
			return rc;
		rc = arm(r, &a, s, NULL);
		if (!rc)
			rc = disarm(r, make(s, stx->stx_mode, a.mark));
	} while (again(rc, &tries));
	return rc ? rc : 1;
}

/* The new name of a CREATE or RENAME: made fresh, held, and safe to lie about. The descriptor, 0
 * where it is gone, or -errno. */
static int hold_new(struct fn_repeat *r, const struct spot *s, struct statx *stx)
{
	int rc = fn_refresh_name(r->outside, s->dir, s->name), fd = rc;

	if (rc <= 0)
		return rc;
	fd = hold(s, stx);
	rc = fd >= 0 && !r->creates_known ? probe(r, s) : 0;
	if (fd < 0 || (!rc && r->creates))
		return fd;
	close(fd);
	return rc ? rc : declined(r, "names are not cached here");
}

static int create(struct fn_repeat *r, const struct fn_event *ev)
{
	struct spot s;
	struct statx stx;
	int fd, rc = open_spot(r, ev->path, &s);

	if (!rc && (rc = fd = hold_new(r, &s, &stx)) > 0) {
		rc = create_held(r, &s, &stx);
		close(fd);
	}
	close_spot(&s);
	return rc;
}

static int end_name(const struct spot *s, bool dir)
{
	return unlinkat(s->dir, s->name, dir ? AT_REMOVEDIR : 0) ? -errno : 1;
}

static int end(struct fn_repeat *r, const struct fn_event *ev)
{
	struct fn1_arm a = {.mask = ev->mask & (FN_DELETE | FN_ISDIR)};
	struct spot s;
	struct statx stx;
	int fd, rc;

	if (!(r->risk & FN_DELETE))
		return declined(r, "it is not allowed");
	rc = open_spot(r, ev->path, &s);
	if (rc)
		return rc;
	fd = hold(&s, &stx);
	if (fd >= 0) {
		a.ino = stx.stx_ino;
		a.mode = stx.stx_mode;
		a.mask = FN_DELETE | (S_ISDIR(stx.stx_mode) ? FN_ISDIR : 0);
		close(fd); /* or its watchers would not hear of its end */
	} else {
		a.flags = FN1_ARM_RISK;
		a.mode = ev->mask & FN_ISDIR ? S_IFDIR : ev->mode & S_IFMT ? ev->mode : S_IFREG;
	}
	rc = arm(r, &a, &s, NULL);
	if (!rc)
		rc = disarm(r, end_name(&s, (a.mask & FN_ISDIR) != 0));
	close_spot(&s);
	return rc;
}

static int move_names(const struct spot *old, const struct spot *at)
{
	/* The flag is the mark of the operation. */
	return renameat2(old->dir, old->name, at->dir, at->name, RENAME_NOREPLACE) ? -errno : 1;
}

static int move_held(struct fn_repeat *r, const struct spot *old, const struct spot *at,
		     struct fn1_arm a)
{
	int rc, tries = 0;

	do {
		rc = arm(r, &a, at, old);
		if (!rc)
			rc = disarm(r, move_names(old, at));
	} while (again(rc, &tries));
	if (rc == -ENOENT && !(a.flags & FN1_ARM_RISK))
		return declined(r, STALE);
	return rc;
}

static int move(struct fn_repeat *r, const struct spot *old, const struct spot *at)
{
	struct fn1_arm a = {.mask = FN_RENAME};
	struct statx stx;
	int held_old = hold(old, &stx), held, rc;

	if (held_old < 0 && !(r->risk & FN_RENAME))
		return declined(r, STALE);
	a.flags = held_old < 0 ? FN1_ARM_RISK : 0;
	rc = held = hold_new(r, at, &stx);
	if (held > 0) {
		a.mode = stx.stx_mode;
		rc = move_held(r, old, at, a);
		close(held);
	}
	if (held_old >= 0)
		close(held_old);
	return rc;
}

static int rename_(struct fn_repeat *r, const struct fn_event *ev)
{
	struct spot old, at;
	int rc;

	if (ev->flags & (FN_EV_PARTIAL | FN_EV_EXCHANGE))
		return declined(r, "half of a rename, or an exchange");
	rc = open_spot(r, ev->old_path, &old);
	if (rc)
		return rc;
	rc = open_spot(r, ev->path, &at);
	if (!rc)
		rc = move(r, &old, &at);
	close_spot(&at);
	close_spot(&old);
	return rc;
}

/* What a nudge does, but the server leaves its change time alone. The name is looked up anew, with
 * which its attributes come, so that a rename that follows finds it fresh. */
static int attribute(struct fn_repeat *r, const struct fn_event *ev, uint64_t bit)
{
	struct fn_raised raised = {0};
	struct fn1_arm a = {.mask = bit};
	struct statx stx;
	struct spot s;
	int fd = -1, rc = open_spot(r, ev->path, &s);

	if (!rc)
		rc = fn_refresh_name(r->outside, s.dir, s.name);
	if (rc > 0)
		rc = fd = hold(&s, &stx);
	if (fd >= 0) {
		a.stamp = stx.stx_mtime.tv_sec * 1000000000LL + stx.stx_mtime.tv_nsec;
		a.mark = stx.stx_mode & 0777;
		rc = arm(r, &a, &s, NULL);
	}
	if (fd >= 0 && !rc)
		rc = disarm(r, fn_raise(fd, &stx, bit, &raised));
	if (fd >= 0)
		close(fd);
	close_spot(&s);
	return rc ? rc : raised.bits != 0;
}

int fn_repeat_event(struct fn_repeat *r, const struct fn_event *ev)
{
	int rc;

	r->why = NULL;
	switch (ev->mask & ~(uint64_t)FN_ISDIR) {
	case FN_CREATE:
		rc = create(r, ev);
		break;
	case FN_DELETE:
		rc = end(r, ev);
		break;
	case FN_RENAME:
		rc = rename_(r, ev);
		break;
	case FN_MODIFY:
	case FN_ATTRIB:
		rc = attribute(r, ev, ev->mask & (FN_MODIFY | FN_ATTRIB));
		break;
	default:
		return declined(r, "no such operation can be swallowed");
	}
	return rc > 0 ? rc : refused(r, rc);
}
