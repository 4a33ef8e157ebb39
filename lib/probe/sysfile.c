/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int fn_sysfile_read(int dirfd, const char *path, char *buf, size_t size)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static void put_missing(struct fn_facts *f, const struct fn_sysfile *file, int err)
{
	if (err == -ENOENT && file->absent)
		fn_fact_no(f, file->name, file->path, "%s", file->absent);
	else
		fn_fact_unknown(f, file->name, file->path, "%s", strerror(-err));
}

void fn_sysfile_facts(struct fn_facts *f, const struct fn_sysfile *files, size_t n)
{
	char text[256];

	for (size_t i = 0; i < n; i++) {
		int r = fn_sysfile_read(AT_FDCWD, files[i].path, text, sizeof(text));

		if (r)
			put_missing(f, &files[i], r);
		else
			fn_fact_text(f, files[i].name, files[i].path, text);
	}
}

void fn_sysfile_switch(struct fn_facts *f, const struct fn_sysfile *file)
{
	char text[16];
	int r = fn_sysfile_read(AT_FDCWD, file->path, text, sizeof(text));

	if (r)
		put_missing(f, file, r);
	else if (*text == 'Y' || *text == '1')
		fn_fact_yes(f, file->name, file->path);
	else
		fn_fact_no(f, file->name, file->path, "it is switched off (%s)", text);
}
