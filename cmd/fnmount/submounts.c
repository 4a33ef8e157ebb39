/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "submounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "probe/mountinfo.h"

/* The path of point below dir, or NULL. */
static const char *below(const char *dir, const char *point)
{
	size_t n = strlen(dir);

	if (n == 1)
		return point[1] ? point + 1 : NULL;
	return !strncmp(dir, point, n) && point[n] == '/' && point[n + 1] ? point + n + 1 : NULL;
}

/* What is mounted there in our own view: a local file system, or it does not count. */
static int open_view(int own_mount, const char *under, struct stat *st)
{
	int fd = openat(own_mount, under, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || (!fstat(fd, st) && !fstatfs(fd, &fs) && fs_is_local(&fs)))
		return fd;
	close(fd);
	return -1;
}

static int add(struct submounts *s, const char *backing, int own_mount, const struct fn_mount *m)
{
	const char *under = below(backing, m->point);
	struct submount *grown;
	struct stat st;
	/* who looks into an automount point has it mounted */
	int fd = under && strcmp(m->fstype, "autofs") ? open_view(own_mount, under, &st) : -1;

	if (fd < 0)
		return 0;
	grown = realloc(s->at, (s->n + 1) * sizeof(*grown));
	if (grown)
		s->at = grown;
	if (!grown || !(s->at[s->n].path = strdup(m->point))) {
		close(fd);
		return -ENOMEM;
	}
	s->at[s->n].under = below(backing, s->at[s->n].path);
	s->at[s->n].dev = st.st_dev;
	s->at[s->n++].quiet = fd;
	return 0;
}

int submounts_find(struct submounts *s, const char *backing, int own_mount)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct fn_mount *m = malloc(sizeof(*m));
	char *line = NULL;
	size_t size = 0;
	int r = m ? 0 : -ENOMEM;

	while (f && !r && getline(&line, &size, f) > 0)
		if (!fn_mount_parse(m, line))
			r = add(s, backing, own_mount, m);
	free(line);
	free(m);
	if (f)
		fclose(f);
	return r;
}

void submounts_drop(struct submounts *s, size_t i)
{
	free(s->at[i].path);
	close(s->at[i].quiet);
	memmove(s->at + i, s->at + i + 1, (--s->n - i) * sizeof(*s->at));
}

void submounts_free(struct submounts *s)
{
	while (s->n)
		submounts_drop(s, s->n - 1);
	free(s->at);
	s->at = NULL;
}

bool submounts_have(const struct submounts *s, dev_t dev)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].dev == dev)
			return true;
	return false;
}
