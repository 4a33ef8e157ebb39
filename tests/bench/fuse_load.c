/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuse_load FILE N: open, read and close it N times; prints microseconds for one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int once(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, buf, sizeof(buf), 0) < 0)
		return -1;
	return close(fd);
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	int n = argc == 3 ? atoi(argv[2]) : 0;

	if (n < 1)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < n; i++)
		if (once(argv[1]) < 0)
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.2f\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 / n);
	return 0;
}
