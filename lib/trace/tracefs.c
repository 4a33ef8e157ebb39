/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS "events/fuse"

struct fn_tracefs {
	int root; /* of tracefs */
	char name[48];
};

static bool fuse_type(const char *type)
{
	return !strncmp(type, "fuse", 4) || !strcmp(type, "virtiofs");
}

/* The type stands after " - " in a line of mountinfo. */
static bool mount_is_fuse(unsigned major, unsigned minor)
{
	char *line = NULL, type[64];
	size_t cap = 0;
	unsigned a, b;
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && !found && getline(&line, &cap, f) > 0) {
		const char *dash = strstr(line, " - ");

		found = sscanf(line, "%*d %*d %u:%u", &a, &b) == 2 && a == major && b == minor &&
			dash && sscanf(dash, " - %63s", type) == 1 && fuse_type(type);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

int fn_mount_connection(const char *path, uint32_t *conn)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
		return -errno;
	if (!mount_is_fuse(st.stx_dev_major, st.stx_dev_minor))
		return -ENOTTY;
	*conn = st.stx_dev_major << 20 | st.stx_dev_minor;
	return 0;
}

/* Where it is mounted, else a mount of our own that no path leads to. */
static int open_tracefs(void)
{
	int fs, mnt = -1, fd = open("/sys/kernel/tracing/" EVENTS, O_PATH | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return open("/sys/kernel/tracing", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	return mnt;
}

static int write_file(const struct fn_tracefs *t, const char *file, const char *text)
{
	char path[160];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/%s", t->name, file);
	fd = openat(t->root, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int set_up(struct fn_tracefs *t, uint32_t conn, int *fd)
{
	char filter[48], path[160];
	int r;

	snprintf(t->name, sizeof(t->name), "instances/fndump-%d", getpid());
	if (mkdirat(t->root, t->name, 0700) < 0) {
		r = -errno;
		t->name[0] = '\0';
		return r;
	}
	snprintf(filter, sizeof(filter), "connection == %u", conn);
	r = write_file(t, EVENTS "/filter", filter);
	if (r < 0)
		return r;
	/* Room for a burst; without it the smaller default stays. */
	write_file(t, "buffer_size_kb", "8192");
	snprintf(path, sizeof(path), "%s/trace_pipe", t->name);
	*fd = openat(t->root, path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	r = write_file(t, EVENTS "/enable", "1");
	if (r < 0)
		close(*fd);
	return r;
}

int fn_tracefs_start(struct fn_tracefs **out, uint32_t conn, int *fd)
{
	struct fn_tracefs *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->root = open_tracefs();
	r = t->root < 0 ? -errno : set_up(t, conn, fd);
	if (r < 0)
		fn_tracefs_stop(t);
	else
		*out = t;
	return r;
}

/* The instance goes when nothing of it is open any more. */
void fn_tracefs_stop(struct fn_tracefs *t)
{
	if (!t)
		return;
	if (t->name[0]) {
		write_file(t, EVENTS "/enable", "0");
		unlinkat(t->root, t->name, AT_REMOVEDIR);
	}
	if (t->root >= 0)
		close(t->root);
	free(t);
}
