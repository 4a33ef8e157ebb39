/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/watched.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "object/object.h"
#include "replay/refresh.h"

struct look {
	int mount;
	unsigned dev; /* as the kernel writes it */
	int err;
};

static void note(struct look *l, int err)
{
	/* Who is gone watches nothing. */
	if (err && err != -ENOENT && err != -ESRCH && err != -ESTALE && !l->err)
		l->err = err;
}

/* "…sdev:1f mask:… fhandle-bytes:c fhandle-type:81 f_handle:0011…", all hexadecimal. */
static int parse_mark(const char *line, unsigned dev, struct fn_object *o)
{
	const char *at = strstr(line, "sdev:"), *hex = strstr(line, "fhandle-bytes:");
	uint8_t bytes[FN_HANDLE_MAX];
	unsigned seen, len, type;
	int skip = 0;

	/* A mark of a whole file system has no inode. */
	if (!at || sscanf(at, "sdev:%x", &seen) != 1 || seen != dev || !strstr(line, " ino:"))
		return -ENOENT;
	if (!hex ||
	    sscanf(hex, "fhandle-bytes:%x fhandle-type:%x f_handle:%n", &len, &type, &skip) != 2 ||
	    !skip || len > sizeof(bytes))
		return -EOPNOTSUPP;
	hex += skip;
	for (unsigned i = 0; i < len; i++)
		if (sscanf(hex + (size_t)2 * i, "%2hhx", &bytes[i]) != 1)
			return -EOPNOTSUPP;
	fn_object_clear(o);
	return fn_object_set_handle(o, (int)type, bytes, len);
}

static void refresh_mark(struct look *l, const char *line)
{
	struct fn_object o;
	struct statx stx;
	int err = parse_mark(line, l->dev, &o), fd;

	if (!err) {
		fd = fn_object_open(&o, l->mount, O_PATH);
		err = fd < 0 ? fd : fn_refresh_attr(fd, &stx);
		if (fd >= 0)
			close(fd); /* the last name of what has no links goes with it */
	}
	note(l, err);
}

static void look_at_group(struct look *l, const char *pid, const char *fd)
{
	char path[600], line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	if (!f) {
		note(l, -errno);
		return;
	}
	while (fgets(line, sizeof(line), f))
		refresh_mark(l, line);
	fclose(f);
}

static void look_at_process(struct look *l, const char *pid)
{
	char path[300], link[64];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir) {
		note(l, -errno);
		return;
	}
	while ((e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		/* anon_inode:inotify, anon_inode:[fanotify] */
		if (!strncmp(link, "anon_inode:", 11) && strstr(link, "notify"))
			look_at_group(l, pid, e->d_name);
	}
	closedir(dir);
}

int fn_watched_refresh(int mount)
{
	struct look l = {.mount = mount};
	struct dirent *e;
	struct stat st;
	DIR *proc;

	if (fstat(mount, &st))
		return -errno;
	l.dev = major(st.st_dev) << 20 | minor(st.st_dev);
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while ((e = readdir(proc)))
		if (isdigit((unsigned char)*e->d_name))
			look_at_process(&l, e->d_name);
	closedir(proc);
	return l.err;
}
