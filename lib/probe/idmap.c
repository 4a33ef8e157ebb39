/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/behaviour.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_map(pid_t pid, const char *file)
{
	char path[64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0 100000 1", 10) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* A user namespace with a mapping; a process lives in it until the pipe closes. */
static int user_namespace(pid_t *pid)
{
	char path[64], byte;
	int up[2], fd = -1;

	if (pipe2(up, O_CLOEXEC))
		return -errno;
	*pid = fork();
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		byte = unshare(CLONE_NEWUSER) ? 'n' : 'y';
		if (write(up[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	if (*pid > 0 && read(up[0], &byte, 1) == 1 && byte == 'y' && !write_map(*pid, "uid_map") &&
	    !write_map(*pid, "gid_map")) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", *pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(up[0]);
	close(up[1]);
	return fd < 0 ? -EPERM : fd;
}

int fn_idmap_error(int dirfd)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	pid_t pid = -1;
	int tree = open_tree(dirfd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), ns,
	    r = 0;

	if (tree < 0)
		return -errno;
	ns = user_namespace(&pid);
	if (ns < 0) {
		r = ns;
	} else {
		attr.userns_fd = (uint64_t)ns;
		if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
			r = -errno;
		close(ns);
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(tree);
	return r;
}
