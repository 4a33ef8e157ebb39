/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch_latency DIR COUNT WATCHER…: how long it takes from making a file in DIR until the watcher,
 * whose standard output we read, has printed its name. Prints median and 99th percentile in µs. */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char text[65536];

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static pid_t start(char **argv, int *out)
{
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(p[1]);
	*out = p[0];
	return pid;
}

/* True when name came within the time. */
static int await(int fd, const char *name, int ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	double end = now_us() + ms * 1e3;
	size_t len = 0;

	while (now_us() < end) {
		ssize_t n;

		if (poll(&pfd, 1, ms) <= 0)
			return 0;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			errx(1, "the watcher ended");
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, name))
			return 1;
		if (len > sizeof(text) / 2)
			len = 0;
	}
	return 0;
}

static void make(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		err(1, "%s", name);
	close(fd);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int dir = argc > 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1, out, n;
	struct timespec pause = {.tv_nsec = 2000000};
	double *took;
	char name[32];
	pid_t pid;

	if (dir < 0)
		err(2, "watch_latency DIR COUNT WATCHER...");
	n = atoi(argv[2]);
	took = calloc((size_t)n, sizeof(*took));
	pid = start(argv + 3, &out);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "warm%d.", i);
		make(dir, name);
		if (await(out, name, 100))
			break;
	}
	for (int i = 0; i < n; i++) {
		double t;

		nanosleep(&pause, NULL);
		snprintf(name, sizeof(name), "lat%d.", i);
		t = now_us();
		make(dir, name);
		if (!await(out, name, 5000))
			errx(1, "%s never came", name);
		took[i] = now_us() - t;
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	qsort(took, (size_t)n, sizeof(*took), compare);
	printf("%.0f %.0f\n", took[n / 2], took[n * 99 / 100]);
	return 0;
}
