/* SPDX-License-Identifier: GPL-2.0-or-later */
/* churn DIR FILES: for each file create, chmod, close, rename; every second one is deleted.
 * Four or five changes a file. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void one(int dir, unsigned long i)
{
	char name[32], to[32];
	int fd;

	snprintf(name, sizeof(name), "new%lu", i);
	snprintf(to, sizeof(to), "f%lu", i);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || fchmod(fd, 0640) || close(fd) || renameat(dir, name, dir, to))
		err(1, "%s", name);
	if (i % 2 && unlinkat(dir, to, 0))
		err(1, "%s", to);
}

int main(int argc, char **argv)
{
	int dir = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (dir < 0)
		err(2, "churn DIR FILES");
	for (unsigned long i = 0; i < n; i++)
		one(dir, i);
	return 0;
}
