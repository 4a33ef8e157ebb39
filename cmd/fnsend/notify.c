/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A notification through a running server's own /dev/fuse descriptor. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fnsend/message.h"

struct fuse_fd {
	int fd;
	long connection; /* -1: the kernel does not tell */
};
#define FDS_MAX 64

static bool is_fuse(int pid, int fd)
{
	char path[64], to[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return false;
	to[n] = '\0';
	return !strcmp(to, "/dev/fuse");
}

static long connection_of(int pid, int fd)
{
	char path[64], line[128];
	long c = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "fuse_connection:", 16))
			c = strtol(line + 16, NULL, 10);
	if (f)
		fclose(f);
	return c;
}

/* How many there are, at most FDS_MAX; or -errno. */
static int find_fds(int pid, struct fuse_fd *fds)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((e = readdir(d)) && n < FDS_MAX) {
		int fd = atoi(e->d_name);

		if (*e->d_name != '.' && is_fuse(pid, fd))
			fds[n++] = (struct fuse_fd){fd, connection_of(pid, fd)};
	}
	closedir(d);
	return n;
}

static int find_or_say(int pid, struct fuse_fd *fds, int *n)
{
	*n = find_fds(pid, fds);
	if (*n == -EACCES || *n == -EPERM)
		return fn_fail(FN_EXIT_UNSUPPORTED, "process %d: %s", pid, strerror(-*n));
	if (*n < 0)
		return fn_fail(FN_EXIT_FAIL, "process %d: %s", pid, strerror(-*n));
	if (*n == 0)
		return fn_fail(FN_EXIT_FAIL,
			       "process %d is not a FUSE server: it has no /dev/fuse open", pid);
	return 0;
}

/* A mount's device number is its connection's. */
static void print_mounts(long connection)
{
	char *line = NULL, place[4096];
	size_t room = 0;
	unsigned major, minor;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && connection >= 0 && getline(&line, &room, f) > 0)
		if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &major, &minor, place) == 3 &&
		    !major && minor == (unsigned)connection)
			printf("\t%s", place);
	free(line);
	if (f)
		fclose(f);
}

int list_fds(struct settings *set)
{
	struct fuse_fd fds[FDS_MAX];
	int n, status = find_or_say(set->pid, fds, &n);

	if (status)
		return status;
	for (int i = 0; i < n; i++) {
		if (fds[i].connection < 0)
			printf("%d\t-", fds[i].fd);
		else
			printf("%d\t%ld", fds[i].fd, fds[i].connection);
		print_mounts(fds[i].connection);
		putchar('\n');
	}
	return 0;
}

/* Descriptors of one connection are all the same; those of several are for the user to choose. */
static int choose_fd(const struct settings *set, int *fd)
{
	struct fuse_fd fds[FDS_MAX];
	int n, status;

	if (set->fd >= 0) {
		*fd = set->fd;
		return is_fuse(set->pid, set->fd)
			       ? 0
			       : fn_fail(FN_EXIT_FAIL,
					 "descriptor %d of process %d is not /dev/fuse", set->fd,
					 set->pid);
	}
	status = find_or_say(set->pid, fds, &n);
	if (status)
		return status;
	*fd = fds[0].fd;
	for (int i = 1; i < n; i++)
		if (fds[i].connection != fds[0].connection || fds[i].connection < 0)
			return fn_usage(
				"process %d has several /dev/fuse descriptors: which? (--fd, "
				"--list-fds)",
				set->pid);
	return 0;
}

/* An invalidation waits for locks that a caller of a stopped server may hold for ever. */
static bool is_stopped(int pid)
{
	char path[64], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && p[1] && (p[2] == 'T' || p[2] == 't');
}

/* Codes that mean something else to a kernel which did not negotiate the dialect. */
static int check_code(const struct settings *set, const struct message *m)
{
	uint32_t code = message_code(m);

	if (set->force || m->dialect == FN_DIALECT_mainline)
		return 0;
	if (code == 8)
		return fn_fail(
			FN_EXIT_UNSUPPORTED,
			"code 8 is INC_EPOCH to a stock kernel since 6.16, which would drop "
			"every cached entry; no kernel says that it takes %s (--force sends it)",
			fn_wire_dialects[m->dialect].name);
	if (code == 7)
		return fn_fail(FN_EXIT_UNSUPPORTED, "code 7 is RESEND to a stock kernel since 6.9 "
						    "(--force sends it)");
	return 0;
}

static int explain(const struct message *m, int err)
{
	if (err == EINVAL && m->dialect == FN_DIALECT_mainline)
		return fn_fail(FN_EXIT_UNSUPPORTED,
			       "the kernel refused it: not known to it, or malformed");
	if (err == EINVAL || err == EOPNOTSUPP)
		return fn_fail(FN_EXIT_UNSUPPORTED, "this kernel did not negotiate %s",
			       fn_wire_dialects[m->dialect].name);
	if (err == ENOENT)
		return fn_fail(FN_EXIT_FAIL, "the kernel has no such node or entry cached");
	return fn_fail(FN_EXIT_FAIL, "the kernel refused it: %s", strerror(err));
}

int take_server_fd(const struct settings *set, int *fd)
{
	int pidfd, remote, status = choose_fd(set, &remote);

	if (status)
		return status;
	pidfd = (int)syscall(SYS_pidfd_open, set->pid, 0);
	*fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, remote, 0);
	if (*fd < 0)
		status = fn_fail(
			errno == EPERM || errno == ENOSYS ? FN_EXIT_UNSUPPORTED : FN_EXIT_FAIL,
			"process %d: its descriptor cannot be had: %s", set->pid, strerror(errno));
	if (pidfd >= 0)
		close(pidfd);
	return status;
}

int write_message(const struct settings *set, int fd, const struct message *m)
{
	int status = check_code(set, m);

	if (status)
		return status;
	if (is_stopped(set->pid))
		return fn_fail(FN_EXIT_TIMEOUT, "process %d is stopped", set->pid);
	if (write(fd, m->data, m->len) < 0)
		return explain(m, errno);
	if (set->verbose)
		fn_warn("sent %zu bytes, code %u", m->len, message_code(m));
	return 0;
}

static const char *last_operand(const struct settings *set)
{
	return set->noperands ? set->operands[set->noperands - 1] : "";
}

/* The messages, checked before anything is sent. */
static int build(const struct settings *set, struct message *m, size_t *n)
{
	int status = message_notify(set, m, n);

	for (size_t i = 0; !status && i < *n; i++) {
		if (set->malformed)
			status = message_spoil(&m[i], set->malformed, last_operand(set));
		if (!status && !set->dry_run)
			status = check_code(set, &m[i]);
	}
	return status;
}

static int notify_at(struct settings *set, struct beat *beat)
{
	static struct message m[MESSAGES_MAX];
	int fd = -1, status;
	size_t n;

	beat_begin(beat, set->notify);
	status = build(set, m, &n);
	if (!status)
		status = take_server_fd(set, &fd);
	for (uint64_t i = 0; !status && i < n * set->repeat; i++)
		status = write_message(set, fd, &m[i % n]);
	if (fd >= 0)
		close(fd);
	beat_end(beat);
	return status;
}

static int show_notify(struct settings *set)
{
	static struct message m[MESSAGES_MAX];
	size_t n;
	int status = build(set, m, &n);

	for (size_t i = 0; !status && i < n; i++)
		message_show(&m[i]);
	return status;
}

int send_notify(struct settings *set)
{
	return set->dry_run ? show_notify(set) : worker_run(notify_at, set);
}
