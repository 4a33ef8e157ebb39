/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/scratch.h"
#include "probe/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 4 /* no probe makes deeper trees */

static void remove_tree(int dirfd, const char *name, int depth)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (dir && depth && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) && (errno == EISDIR || errno == EPERM))
			remove_tree(fd, e->d_name, depth - 1);
	}
	if (dir)
		closedir(dir);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

static _Noreturn void guard_main(int pipe_fd, int dirfd, const char *name)
{
	fn_guard_until_eof(pipe_fd, dirfd);
	remove_tree(dirfd, name, DEPTH);
	_exit(0);
}

static int start_guard(struct fn_scratch *s, int dirfd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	s->pid = fork();
	if (s->pid == 0)
		guard_main(fds[0], dirfd, s->name);
	close(fds[0]);
	s->guard = fds[1];
	if (s->pid < 0) {
		close(fds[1]);
		return -EAGAIN;
	}
	return 0;
}

int fn_scratch_open(struct fn_scratch *s, int dirfd)
{
	uint64_t random;
	int r, fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(s->name, sizeof(s->name), ".fnprobe-%016llx", (unsigned long long)random);
	s->fd = -1;
	/* A descriptor of its own: dirfd may be AT_FDCWD or O_PATH. */
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = start_guard(s, fd);
	if (!r) {
		/* The guard was there first: from here on nothing can stay behind. */
		if (mkdirat(fd, s->name, 0700))
			r = -errno;
		else
			s->fd = openat(fd, s->name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (!r && s->fd < 0)
			r = -errno;
		if (r)
			fn_scratch_close(s);
	}
	close(fd);
	return r;
}

void fn_scratch_close(struct fn_scratch *s)
{
	struct timespec tick = {.tv_nsec = 500000};

	if (s->fd >= 0)
		close(s->fd);
	close(s->guard);
	/* A server that hangs now must not hang us; the guard goes on. */
	for (int i = 0; i < 1000 && waitpid(s->pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&tick, NULL);
}
