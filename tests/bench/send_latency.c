/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * send_latency DIR NAME COUNT COMMAND…: writes "modify NAME" to the command's standard input and
 * waits for the native event in DIR, COUNT times; prints the median and the 99th percentile in
 * microseconds. Without a COMMAND it changes the time of modification itself.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int start(char **command, pid_t *pid)
{
	int in[2];

	if (pipe2(in, O_CLOEXEC))
		return -1;
	*pid = fork();
	if (*pid == 0) {
		dup2(in[0], STDIN_FILENO);
		execvp(command[0], command);
		_exit(127);
	}
	close(in[0]);
	return in[1];
}

static void change(int dir, const char *name)
{
	const struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	utimensat(dir, name, ts, 0);
}

/* From the line to the event; -1 when none comes. */
static int64_t once(int dir, const char *name, int to, int watcher)
{
	_Alignas(struct inotify_event) char buf[4096];
	struct pollfd p = {.fd = watcher, .events = POLLIN};
	int64_t from = now_ns();

	if (to >= 0)
		dprintf(to, "modify %s\n", name);
	else
		change(dir, name);
	if (poll(&p, 1, 5000) != 1 || read(watcher, buf, sizeof(buf)) <= 0)
		return -1;
	return now_ns() - from;
}

int main(int argc, char **argv)
{
	int dir = argc > 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int watcher = inotify_init1(IN_CLOEXEC), to = -1;
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int64_t *took = calloc(count + 1, sizeof(*took));
	pid_t pid = -1;

	signal(SIGPIPE, SIG_IGN);
	if (dir < 0 || !count || !took ||
	    inotify_add_watch(watcher, argv[1], IN_MODIFY | IN_ATTRIB) < 0)
		return 1;
	if (argc > 4)
		to = start(argv + 4, &pid);
	once(dir, argv[2], to, watcher); /* warm */
	for (size_t i = 0; i < count; i++) {
		took[i] = once(dir, argv[2], to, watcher);
		if (took[i] < 0)
			return 1;
	}
	qsort(took, count, sizeof(*took), by_number);
	printf("%.0f %.0f\n", (double)took[count / 2] / 1000,
	       (double)took[count * 99 / 100] / 1000);
	free(took);
	if (to >= 0)
		close(to);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return 0;
}
