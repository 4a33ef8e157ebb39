/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (1u << 18)

extern char **environ;

/* Room for n bytes from the head. Bytes are moved only when more than that were consumed since,
 * so that moving costs no more than reading. */
static int input_room(struct fn_input *in, size_t n)
{
	size_t have = fn_input_have(in), cap = in->cap ? in->cap : CHUNK;
	uint8_t *buf;

	if (in->head >= have && (in->head + n > in->cap || !have)) {
		if (have)
			memmove(in->buf, in->buf + in->head, have);
		in->tail = have;
		in->head = 0;
	}
	while (cap < in->head + n)
		cap *= 2;
	if (cap == in->cap)
		return 0;
	buf = realloc(in->buf, cap);
	if (!buf)
		return -ENOMEM;
	in->buf = buf;
	in->cap = cap;
	return 0;
}

static bool stopped(const struct fn_input *in)
{
	return in->stop && in->stop(in->arg);
}

/* At the end of a followed file: until it was written to, or an interrupt. */
static bool wait_growth(struct fn_input *in)
{
	struct pollfd p = {.fd = in->watch, .events = POLLIN};
	char events[4096];

	if (stopped(in))
		return false;
	if (poll(&p, 1, 1000) > 0 && read(in->watch, events, sizeof(events)) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		return false;
	return !stopped(in);
}

/* No more waiting, but no loss of what is there either. */
static bool drains(struct fn_input *in)
{
	return stopped(in) && in->drain &&
	       fcntl(in->fd, F_SETFL, fcntl(in->fd, F_GETFL) | O_NONBLOCK) == 0;
}

static ssize_t input_read(struct fn_input *in)
{
	if (in->idle)
		in->idle(in->arg);
	for (;;) {
		bool draining = drains(in);
		ssize_t r = read(in->fd, in->buf + in->tail, in->cap - in->tail);

		if (r > 0)
			return r;
		if (r < 0 && errno == EAGAIN && draining)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0 ? stopped(in) && !in->drain
			  : !(in->follow && in->watch >= 0 && wait_growth(in)))
			return 0;
	}
}

/* A tool that failed has not given all of the input. */
static int tool_result(struct fn_input *in)
{
	int status = 0;
	pid_t pid = in->pids[0];

	in->pids[0] = 0;
	if (pid <= 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EIO : 0;
}

size_t fn_input_fill(struct fn_input *in, size_t n)
{
	while (fn_input_have(in) < n && !in->eof) {
		ssize_t r = input_room(in, n);

		if (r == 0)
			r = input_read(in);
		if (r <= 0) {
			in->error = r ? (int)r : tool_result(in);
			in->eof = true;
			break;
		}
		in->tail += (size_t)r;
	}
	return fn_input_have(in);
}

bool fn_input_line(struct fn_input *in, size_t max, const char **line, size_t *len, bool *whole)
{
	for (;;) {
		const uint8_t *p = fn_input_ptr(in), *nl;
		size_t have = fn_input_have(in);

		nl = have > in->scanned ? memchr(p + in->scanned, '\n', have - in->scanned) : NULL;
		*line = (const char *)p;
		*len = nl ? (size_t)(nl - p) : have;
		*whole = nl || in->eof;
		if (*len > max) {
			*len = max;
			*whole = false;
			return true;
		}
		if (nl || in->eof)
			return nl || have;
		in->scanned = have;
		fn_input_fill(in, have + 1);
	}
}

/* Compressed input goes through the system's own tools: one more process, and no library. */
static const char *decompressor(const uint8_t *p, size_t n)
{
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return "gzip";
	if (n >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4))
		return "zstd";
	if (n >= 6 && !memcmp(p,
			      "\xfd"
			      "7zXZ\0",
			      6))
		return "xz";
	return NULL;
}

/* What was read to find the magic has to reach the tool as well: a child hands it on. */
static pid_t feed(struct fn_input *in, int from[2])
{
	pid_t pid;

	if (pipe2(from, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid != 0) {
		close(from[1]);
		return pid < 0 ? -errno : pid;
	}
	close(from[0]);
	signal(SIGPIPE, SIG_DFL);
	in->idle = NULL;
	do {
		for (size_t n; (n = fn_input_have(in)) > 0;) {
			ssize_t w = write(from[1], fn_input_ptr(in), n);

			if (w < 0)
				_exit(1);
			fn_input_skip(in, (size_t)w);
		}
	} while (fn_input_fill(in, 1));
	_exit(0);
}

static int spawn_tool(const char *tool, int in, int out, pid_t *pid)
{
	char *argv[] = {(char *)tool, (char *)"-dcq", NULL};
	posix_spawn_file_actions_t fa;
	int r = posix_spawn_file_actions_init(&fa);

	if (r)
		return -r;
	posix_spawn_file_actions_adddup2(&fa, in, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	r = posix_spawnp(pid, tool, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static int decompress(struct fn_input *in, const char *tool)
{
	int from[2], to[2], r;

	in->follow = false;
	r = feed(in, from);
	if (r < 0)
		return r;
	in->pids[1] = r;
	r = pipe2(to, O_CLOEXEC) < 0 ? -errno : spawn_tool(tool, from[0], to[1], &in->pids[0]);
	close(from[0]);
	if (r < 0)
		return r;
	close(to[1]);
	close(in->fd);
	in->fd = to[0];
	in->head = in->tail = in->scanned = 0;
	in->base = 0;
	in->eof = false;
	return 0;
}

static void watch_growth(struct fn_input *in)
{
	char path[40];
	struct stat st;

	if (fstat(in->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	in->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in->fd);
	if (in->watch >= 0)
		inotify_add_watch(in->watch, path, IN_MODIFY);
}

int fn_input_open(struct fn_input *in, int fd)
{
	const char *tool;
	size_t n;

	in->fd = fd;
	in->watch = -1;
	if (in->follow)
		watch_growth(in);
	n = fn_input_fill(in, 6);
	tool = decompressor(fn_input_ptr(in), n);
	return tool ? decompress(in, tool) : in->error;
}

void fn_input_mem(struct fn_input *in, const void *data, size_t len)
{
	in->fd = in->watch = -1;
	in->buf = (uint8_t *)data;
	in->cap = in->tail = len;
	in->eof = in->lent = true;
}

void fn_input_close(struct fn_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	if (in->watch >= 0)
		close(in->watch);
	for (int i = 0; i < 2; i++) {
		if (in->pids[i] <= 0)
			continue;
		kill(in->pids[i], SIGTERM);
		while (waitpid(in->pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (!in->lent)
		free(in->buf);
}
