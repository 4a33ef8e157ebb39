/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define VSOCK_PREFIX "vsock:"

static int connect_to(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	if (!connect(fd, addr, len))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int dial_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (!*path)
		return -EINVAL; /* no path is an address, too: of nobody */
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	return connect_to(AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr));
}

/* A number of 32 bits and the character behind it; NULL if it is none. */
static const char *number(const char *text, unsigned *n, char stop)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	*n = (unsigned)v;
	return *text >= '0' && *text <= '9' && v <= UINT32_MAX && *end == stop ? end : NULL;
}

static int dial_vsock(const char *where)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK};
	const char *colon = number(where, &addr.svm_cid, ':');

	if (!colon || !number(colon + 1, &addr.svm_port, '\0'))
		return -EINVAL;
	return connect_to(AF_VSOCK, (const struct sockaddr *)&addr, sizeof(addr));
}

/* Between fork and exec, in a process of many threads: system calls only. */
static void run_command(const char *command, int out)
{
	int null = open("/dev/null", O_RDWR);
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_SECUREBITS, 0);
	sigaction(SIGPIPE, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int dial_command(const char *command, pid_t *pid)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*pid = fork();
	if (*pid == 0)
		run_command(command, fds[1]);
	close(fds[1]);
	if (*pid > 0)
		return fds[0];
	*pid = 0;
	close(fds[0]);
	return -EAGAIN;
}

static bool is_stream_file(const char *path)
{
	struct stat st;

	return strchr(path, '/') && !stat(path, &st) &&
	       (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode));
}

static int dial_any(const char *spec, pid_t *pid)
{
	int fd;

	if (!strncmp(spec, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		return dial_unix(spec + strlen(UNIX_PREFIX));
	if (!strncmp(spec, VSOCK_PREFIX, strlen(VSOCK_PREFIX)))
		return dial_vsock(spec + strlen(VSOCK_PREFIX));
	if (!strcmp(spec, "-"))
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else if (is_stream_file(spec))
		fd = open(spec, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	else
		return dial_command(spec, pid);
	return fd < 0 ? -errno : fd;
}

int fn_dial(const char *spec, struct fn_dialed *d)
{
	int flags;

	*d = (struct fn_dialed){.fd = -1};
	d->fd = dial_any(spec, &d->pid);
	if (d->fd < 0)
		return d->fd;
	flags = fcntl(d->fd, F_GETFL);
	if (flags >= 0)
		fcntl(d->fd, F_SETFL, flags | O_NONBLOCK);
	return 0;
}

void fn_hang_up(struct fn_dialed *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	if (d->pid <= 0)
		return;
	kill(-d->pid, SIGKILL);
	kill(d->pid, SIGKILL); /* it may not have its group yet */
	while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
		;
	d->pid = 0;
}
