/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/far.h"
#include "probe/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int write_and_close(int dir, const char *name, int flags, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | flags, 0644), r = 0;

	if (fd < 0)
		return -errno;
	if (*text && write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int change_here(int dir, enum fn_change change, const char *a, const char *b)
{
	int r = 0;

	switch (change) {
	case FN_CHANGE_CREATE:
		return write_and_close(dir, a, O_CREAT, "");
	case FN_CHANGE_APPEND:
		return write_and_close(dir, a, O_APPEND, "x\n");
	case FN_CHANGE_TRUNCATE:
		return write_and_close(dir, a, O_TRUNC, "");
	case FN_CHANGE_OPEN_CLOSE:
		return write_and_close(dir, a, 0, "");
	case FN_CHANGE_CHMOD:
		r = fchmodat(dir, a, 0600, 0);
		break;
	case FN_CHANGE_RENAME:
		r = renameat(dir, a, dir, b);
		break;
	case FN_CHANGE_LINK:
		r = linkat(dir, a, dir, b, 0);
		break;
	case FN_CHANGE_SYMLINK:
		r = symlinkat("target", dir, a);
		break;
	case FN_CHANGE_MKDIR:
		r = mkdirat(dir, a, 0755);
		break;
	case FN_CHANGE_UNLINK:
		r = unlinkat(dir, a, 0);
		break;
	case FN_CHANGE_RMDIR:
		r = unlinkat(dir, a, AT_REMOVEDIR);
		break;
	}
	return r ? -errno : 0;
}

static int write_text(struct fn_far *far, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(far->to, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The next line of the shell that is one of ours; what else it prints (a greeting) is passed. */
static int read_answer(struct fn_far *far)
{
	struct pollfd p = {.fd = far->from, .events = POLLIN};
	char line[64];
	size_t len = 0;

	while (poll(&p, 1, fn_ms_left(far->deadline_ns)) > 0) {
		char c;

		if (read(far->from, &c, 1) != 1)
			return -EPIPE;
		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		if (!strcmp(line, "fnprobe-ok"))
			return 0;
		if (!strcmp(line, "fnprobe-no"))
			return -EREMOTEIO;
	}
	return -ETIMEDOUT;
}

/* Our names hold no character that a shell would read otherwise. */
static int change_by_shell(struct fn_far *far, enum fn_change change, const char *a, const char *b)
{
	static const char *const commands[] = {
		[FN_CHANGE_CREATE] = ": > %s",      [FN_CHANGE_APPEND] = "echo x >> %s",
		[FN_CHANGE_TRUNCATE] = ": > %s",    [FN_CHANGE_OPEN_CLOSE] = ": >> %s",
		[FN_CHANGE_CHMOD] = "chmod 600 %s", [FN_CHANGE_RENAME] = "mv -f %s %s",
		[FN_CHANGE_LINK] = "ln %s %s",      [FN_CHANGE_SYMLINK] = "ln -s target %s",
		[FN_CHANGE_MKDIR] = "mkdir %s",     [FN_CHANGE_UNLINK] = "rm -f %s",
		[FN_CHANGE_RMDIR] = "rmdir %s",
	};
	char command[128], text[256];
	int r;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), commands[change], a, b ? b : "");
#pragma GCC diagnostic pop
	snprintf(text, sizeof(text), "%s && echo fnprobe-ok || echo fnprobe-no\n", command);
	r = write_text(far, text);
	return r ? r : read_answer(far);
}

int fn_far_change(struct fn_far *far, enum fn_change change, const char *a, const char *b)
{
	return far->local ? change_here(far->scratch.fd, change, a, b)
			  : change_by_shell(far, change, a, b);
}

static _Noreturn void exec_shell(const char *command, int in, int out)
{
	setpgid(0, 0);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* The end of its input ends a shell, and lets it clean up; what heeds that not is ended after a
 * while. This goes on in a process of its own when we are dead. */
static _Noreturn void keep_shell(const char *command, int in, int out, int guard)
{
	struct timespec tick = {.tv_nsec = 10000000};
	pid_t pid = fork();

	if (pid == 0)
		exec_shell(command, in, out);
	fn_guard_until_eof(guard, guard);
	for (int i = 0; pid > 0 && waitpid(pid, NULL, WNOHANG) == 0; i++) {
		if (i == 300)
			kill(-pid, SIGTERM);
		if (i == 400)
			kill(-pid, SIGKILL);
		nanosleep(&tick, NULL);
	}
	_exit(0);
}

static int start_shell(struct fn_far *far, const char *command)
{
	int in[2], out[2], guard[2];

	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(out, O_CLOEXEC) || pipe2(guard, O_CLOEXEC))
		return -EMFILE; /* our process ends with the probe */
	far->pid = fork();
	if (far->pid == 0)
		keep_shell(command, in[0], out[1], guard[0]);
	close(in[0]);
	close(out[1]);
	close(guard[0]);
	far->to = in[1];
	far->from = out[0];
	far->guard = guard[1];
	return far->pid < 0 ? -EAGAIN : 0;
}

/* The far shell cleans up by itself at the end of its input, whatever has become of us. */
static int make_far_directory(struct fn_far *far)
{
	char text[512];
	uint64_t random;
	int r;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(far->name, sizeof(far->name), ".fnprobe-%016llx", (unsigned long long)random);
	snprintf(text, sizeof(text),
		 "d=$PWD/%s; trap '' HUP INT TERM PIPE; trap 'cd /; rm -rf \"$d\"' EXIT\n"
		 "umask 022; mkdir \"$d\" && cd \"$d\" && echo fnprobe-ok || echo fnprobe-no\n",
		 far->name);
	r = write_text(far, text);
	return r ? r : read_answer(far);
}

int fn_far_open(struct fn_far *far, const char *dir, const char *command, int64_t deadline_ns)
{
	int fd, r;

	*far = (struct fn_far){.to = -1,
			       .from = -1,
			       .guard = -1,
			       .local = dir != NULL,
			       .deadline_ns = deadline_ns};
	if (!dir) {
		signal(SIGPIPE, SIG_IGN);
		r = start_shell(far, command);
		if (!r)
			r = make_far_directory(far);
		if (r)
			fn_far_close(far);
		return r;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fn_scratch_open(&far->scratch, fd);
	close(fd);
	memcpy(far->name, far->scratch.name, sizeof(far->name));
	return r;
}

void fn_far_close(struct fn_far *far)
{
	struct timespec tick = {.tv_nsec = 2000000};

	if (far->local) {
		fn_scratch_close(&far->scratch);
		return;
	}
	if (far->to >= 0)
		close(far->to);
	if (far->guard >= 0)
		close(far->guard);
	for (int i = 0; far->pid > 0 && waitpid(far->pid, NULL, WNOHANG) == 0 && i < 2500; i++)
		nanosleep(&tick, NULL);
	if (far->from >= 0)
		close(far->from);
}
