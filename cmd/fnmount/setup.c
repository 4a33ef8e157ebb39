/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to be right before there is a mount, and the going into the background. */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cmd.h"

static int directory(const char *path, char **real)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno == ENOTCONN)
			return fn_fail(
				FN_EXIT_FAIL,
				"%s: a mount whose server is gone; fusermount3 -u removes it",
				path);
		return fn_fail(FN_EXIT_FAIL, "%s: %s", path, strerror(errno));
	}
	if (!S_ISDIR(st.st_mode))
		return fn_fail(FN_EXIT_FAIL, "%s: not a directory", path);
	*real = realpath(path, NULL);
	return *real ? 0 : fn_fail(FN_EXIT_FAIL, "%s: %s", path, strerror(errno));
}

/* Is path dir itself or below it? Both absolute and without symlinks. */
static bool within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true;
	return !strncmp(path, dir, n) && (path[n] == '\0' || path[n] == '/');
}

/* A directory with another file system than its parent's, or the same one bound there. */
static bool is_mount(const char *path)
{
	char up[8192];
	struct statx here, above;

	snprintf(up, sizeof(up), "%s/..", path);
	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &here) ||
	    statx(AT_FDCWD, up, 0, STATX_BASIC_STATS, &above))
		return false;
	if (here.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return here.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return here.stx_dev_major != above.stx_dev_major ||
	       here.stx_dev_minor != above.stx_dev_minor;
}

int setup_paths(struct fnmount *m)
{
	const char *backing = m->config.backing, *mountpoint = m->config.mountpoint;
	int r = directory(backing, &m->backing);

	if (!r)
		r = directory(mountpoint, &m->mountpoint);
	if (r)
		return r;
	if (is_mount(m->mountpoint))
		return fn_fail(FN_EXIT_FAIL, "%s: busy: something is mounted there", mountpoint);
	if (!strcmp(m->backing, m->mountpoint))
		return fn_fail(FN_EXIT_FAIL, "%s: is the mount point itself", backing);
	if (within(m->backing, m->mountpoint))
		return fn_fail(FN_EXIT_FAIL, "%s: is inside the mount point %s", backing,
			       mountpoint);
	if (within(m->mountpoint, m->backing))
		return fn_fail(FN_EXIT_FAIL, "%s: is inside the backing directory %s", mountpoint,
			       backing);
	return 0;
}

/* What the kernel allows a privileged process, or 0. */
static rlim_t most_descriptors(void)
{
	char text[24] = "";
	int fd = open("/proc/sys/fs/nr_open", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? (rlim_t)strtoull(text, NULL, 10) : 0;
}

/* As many descriptors as we may have: each held inode and open file takes one. */
size_t setup_descriptors(void)
{
	const rlim_t plenty = 1 << 20;
	struct rlimit lim, more;
	rlim_t most = most_descriptors();

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 512;
	more.rlim_cur = more.rlim_max = most < plenty ? most : plenty;
	if (lim.rlim_max >= more.rlim_max || setrlimit(RLIMIT_NOFILE, &more)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur > plenty)
		return plenty;
	return lim.rlim_cur;
}

/* The parent stays until the child is ready, and ends with its status if it never is. */
static int wait_ready(int fd, pid_t child)
{
	char byte;
	int status;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : FN_EXIT_FAIL;
}

int setup_background(struct fnmount *m, bool *parent)
{
	int fds[2], r;
	pid_t child;

	*parent = false;
	m->ready_pipe = -1;
	if (m->config.foreground)
		return 0;
	if (pipe2(fds, O_CLOEXEC))
		return fn_fail(FN_EXIT_FAIL, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return fn_fail(FN_EXIT_FAIL, "fork: %s", strerror(errno));
	if (child) {
		close(fds[1]);
		*parent = true;
		r = wait_ready(fds[0], child);
		close(fds[0]);
		return r;
	}
	close(fds[0]);
	m->ready_pipe = fds[1];
	setsid();
	return 0;
}

static void say_ready(int *fd)
{
	if (*fd < 0)
		return;
	while (write(*fd, "\n", 1) < 0 && errno == EINTR)
		;
	close(*fd);
	*fd = -1;
}

/* In the background nobody reads what we print; standard input may be the events' stream. */
static void drop_terminal(const struct fnmount *m)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	if (strcmp(m->events, "-"))
		dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

int setup_own_mount(struct fnmount *m)
{
	int fd =
		open_tree(AT_FDCWD, m->backing, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd >= 0)
		m->own_mount = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open(m->backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void setup_read_only(struct fnmount *m)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	mount_setattr(AT_FDCWD, m->mountpoint, 0, &attr, sizeof(attr));
	if (m->own_mount >= 0)
		mount_setattr(m->own_mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
}

void setup_ready(struct fnmount *m)
{
	say_ready(&m->config.ready_fd);
	if (m->ready_pipe < 0)
		return;
	drop_terminal(m);
	say_ready(&m->ready_pipe);
}
