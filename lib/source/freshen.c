/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/freshen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay/refresh.h"
#include "source/beneath.h"
#include "source/keymap.h"

/* What there is to look at, and what was since more was read. */
#define ENTRY 1u   /* which object the name stands for */
#define OBJECT 2u  /* its attributes, whoever has it open */
#define CONTENT 4u /* and its data */

struct fn_freshen {
	int root, outside;
	struct fn_keymap done; /* ENTRY … by directory and name */
	int dir;               /* the last one, -1: none; its attributes are fresh */
	char dir_path[PATH_MAX];
};

struct fn_freshen *fn_freshen_new(const char *root)
{
	struct fn_freshen *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->dir = -1;
	f->outside = fn_refresh_outside();
	f->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->outside >= 0 && f->root >= 0)
		return f;
	fn_freshen_free(f);
	return NULL;
}

void fn_freshen_free(struct fn_freshen *f)
{
	if (!f)
		return;
	fn_freshen_again(f);
	if (f->outside >= 0)
		close(f->outside);
	if (f->root >= 0)
		close(f->root);
	free(f);
}

void fn_freshen_again(struct fn_freshen *f)
{
	if (!f)
		return;
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
	fn_keymap_clear(&f->done);
}

/* The directory's path into dir, and the name. */
static const char *split(struct fn_str path, char dir[PATH_MAX])
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	size_t len = slash ? (size_t)(slash - path.data) : 0;

	memcpy(dir, path.data, len);
	dir[len] = '\0';
	return slash ? slash + 1 : path.data;
}

/* 0 or -errno. */
static int enter(struct fn_freshen *f, const char *path)
{
	struct statx stx;

	if (f->dir >= 0 && !strcmp(f->dir_path, path))
		return 0;
	if (f->dir >= 0)
		close(f->dir);
	f->dir = fn_open_beneath(f->root, path, O_PATH | O_DIRECTORY);
	strcpy(f->dir_path, path);
	return f->dir < 0 ? f->dir : fn_refresh_attr(f->dir, &stx);
}

static void fresh_name(struct fn_freshen *f, struct fn_str path, unsigned want)
{
	char dir[PATH_MAX], name[FN_NAME_MAX + 1];
	uint64_t key, done = 0;
	const char *at;

	if (!path.data || path.len >= PATH_MAX || !fn_path_ok(path.data, path.len))
		return;
	at = split(path, dir);
	memcpy(name, at, path.len - (size_t)(at - path.data));
	name[path.len - (size_t)(at - path.data)] = '\0';
	key = fn_keymap_key(fn_keymap_key(0, (struct fn_str){dir, strlen(dir)}),
			    (struct fn_str){name, strlen(name)});
	fn_keymap_get(&f->done, key, &done);
	if (!(want & ~done) || enter(f, dir))
		return;
	if (*name && (want != ENTRY || !fn_refresh_needless(f->dir, name))) {
		fn_refresh_object(f->outside, f->dir, name, want & CONTENT, NULL);
		want |= OBJECT;
	}
	fn_keymap_put(&f->done, key, done | want);
}

void fn_freshen(struct fn_freshen *f, const struct fn_event *ev)
{
	unsigned want = 0;

	if (!f)
		return;
	if (ev->mask & FN_DIRENT_EVENTS)
		want |= ENTRY;
	if (ev->mask & ~(uint64_t)(FN_DIRENT_EVENTS | FN_ISDIR))
		want |= ENTRY | OBJECT;
	if (ev->mask & (FN_MODIFY | FN_CLOSE_WRITE))
		want |= CONTENT;
	fresh_name(f, ev->old_path, ENTRY);
	fresh_name(f, ev->path, want);
}

bool fn_freshen_known(struct fn_freshen *f, struct fn_str path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	char dir[PATH_MAX];
	int fd;

	if (!f || !path.data || path.len >= PATH_MAX)
		return false;
	split(path, dir);
	fd = (int)syscall(SYS_openat2, f->root, *dir ? dir : ".", &how, sizeof(how));
	fn_close_cached(fd);
	return fd >= 0 || (errno != EAGAIN && errno != ENOENT);
}
