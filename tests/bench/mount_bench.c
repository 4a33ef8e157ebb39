/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurements of fnmount.sh, each on directories that are given:
 *   latency WATCHED CHANGED N    us from a change to its inotify event: median and 99th percentile
 *   replay WATCHED CHANGED N     inotify events a second, of N files made, written and removed
 *   storm WATCHED CHANGED N      changes a second in CHANGED/hidden, until a last one is heard
 *   raw CHANGED N                the same, heard by a bare fanotify file system mark
 *   io DIR                       MB/s written and read; stat, readdir, create+unlink a second
 *   create DIR                   create+unlink a second
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static int watch(const char *dir, uint32_t mask)
{
	int fd = inotify_init1(IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, dir, mask) < 0)
		err(1, "watch %s", dir);
	return fd;
}

static void touch(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", name);
	close(fd);
}

/* Reads events until one has this name and these bits; counts all. */
static size_t until(int fd, uint32_t bits, const char *name)
{
	_Alignas(struct inotify_event) char buf[65536];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t count = 0;

	for (;;) {
		ssize_t n;

		if (poll(&p, 1, 20000) <= 0)
			errx(1, "no event for %s", name);
		n = read(fd, buf, sizeof(buf));
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *ev = (const void *)at;

			count++;
			if (ev->mask & IN_Q_OVERFLOW)
				errx(1, "the watcher's queue is full");
			if (ev->mask & bits && ev->len && !strcmp(ev->name, name))
				return count;
			at += sizeof(*ev) + ev->len;
		}
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void latency(const char *watched, const char *changed, size_t n)
{
	int dir = open_dir(changed), fd = watch(watched, IN_CREATE);
	double *t = calloc(n, sizeof(*t));
	char name[32];

	for (size_t i = 0; i < n; i++) {
		double begin = now();

		snprintf(name, sizeof(name), "l%zu", i);
		if (mknodat(dir, name, S_IFREG | 0600, 0))
			err(1, "%s", name);
		until(fd, IN_CREATE, name);
		t[i] = (now() - begin) * 1e6;
		unlinkat(dir, name, 0);
		usleep(300);
	}
	qsort(t, n, sizeof(*t), compare);
	printf("%.1f %.1f\n", t[n / 2], t[n * 99 / 100]);
	free(t);
}

/* Each file: created, written, closed, renamed, removed. */
static void churn(int dir, size_t n)
{
	char name[32], other[32];

	for (size_t i = 0; i < n; i++) {
		int fd;

		snprintf(name, sizeof(name), "f%zu", i);
		snprintf(other, sizeof(other), "g%zu", i);
		fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, "x", 1) != 1)
			err(1, "%s", name);
		close(fd);
		renameat(dir, name, dir, other);
		unlinkat(dir, other, 0);
	}
	touch(dir, "last");
}

static void child_churn(int dir, size_t n)
{
	pid_t pid = fork();

	if (pid == 0) {
		churn(dir, n);
		_exit(0);
	}
}

static void replay(const char *watched, const char *changed, size_t n)
{
	int dir = open_dir(changed);
	int fd = watch(watched, IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE);
	double begin = now();
	size_t count;

	child_churn(dir, n);
	count = until(fd, IN_CREATE, "last");
	printf("%.0f %zu\n", (double)count / (now() - begin), count);
	wait(NULL);
	unlinkat(dir, "last", 0);
}

/* Five changes a file where nobody looks, and one where somebody does. */
static void storm(const char *watched, const char *changed, size_t n)
{
	int dir = open_dir(changed), hidden, fd = watch(watched, IN_CREATE);
	double begin;

	mkdirat(dir, "hidden", 0755);
	until(fd, IN_CREATE, "hidden");
	hidden = openat(dir, "hidden", O_RDONLY | O_DIRECTORY);
	begin = now();
	churn(hidden, n);
	touch(dir, "storm");
	until(fd, IN_CREATE, "storm");
	printf("%.0f\n", 5 * (double)n / (now() - begin));
	unlinkat(hidden, "last", 0);
	unlinkat(dir, "storm", 0);
	unlinkat(dir, "hidden", AT_REMOVEDIR);
}

/* The name at the end of a DFID_NAME record. */
static bool names(const struct fanotify_event_metadata *ev, const char *name)
{
	return memmem(ev, ev->event_len, name, strlen(name) + 1) != NULL;
}

static void drain(int fan, const char *name)
{
	_Alignas(8) static char buf[262144];

	for (;;) {
		ssize_t n = read(fan, buf, sizeof(buf));
		struct fanotify_event_metadata *ev = (void *)buf;

		for (; FAN_EVENT_OK(ev, n); ev = FAN_EVENT_NEXT(ev, n)) {
			if (ev->mask & FAN_Q_OVERFLOW)
				errx(1, "fanotify's queue is full");
			if (names(ev, name))
				return;
		}
	}
}

static void raw(const char *changed, size_t n)
{
	int dir = open_dir(changed), hidden;
	int fan = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_REPORT_FID |
					FAN_REPORT_TARGET_FID,
				O_RDONLY);
	double begin;

	if (fan < 0 || fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
				     FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_MODIFY |
					     FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_ONDIR,
				     dir, NULL))
		err(1, "fanotify");
	mkdirat(dir, "hidden", 0755);
	hidden = openat(dir, "hidden", O_RDONLY | O_DIRECTORY);
	begin = now();
	if (fork() == 0) {
		churn(hidden, n);
		touch(dir, "storm-end");
		_exit(0);
	}
	drain(fan, "storm-end");
	printf("%.0f\n", 5 * (double)n / (now() - begin));
	wait(NULL);
	unlinkat(hidden, "last", 0);
	unlinkat(dir, "storm-end", 0);
	unlinkat(dir, "hidden", AT_REMOVEDIR);
}

#define FILE_MB 256
static double write_file(int dir)
{
	static char buf[1 << 20];
	int fd = openat(dir, "big", O_CREAT | O_TRUNC | O_WRONLY, 0644);
	double begin = now(), t;

	for (int i = 0; i < FILE_MB; i++)
		if (write(fd, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
			err(1, "write");
	t = now() - begin;
	close(fd);
	return FILE_MB / t;
}

/* Opened anew each time: what the mount's cache keeps over an open counts. */
static double read_file(int dir)
{
	static char buf[1 << 20];
	double begin = now();

	for (int round = 0; round < 4; round++) {
		int fd = openat(dir, "big", O_RDONLY);

		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	return 4 * FILE_MB / (now() - begin);
}

#define FILES 2000
static double stat_files(int dir)
{
	double begin;
	char name[32];
	struct stat st;

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		touch(dir, name);
	}
	usleep(1200000); /* past a cache of one second: what a program meets that comes back */
	begin = now();
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < FILES; i++) {
			snprintf(name, sizeof(name), "s%d", i);
			if (fstatat(dir, name, &st, 0))
				err(1, "%s", name);
		}
	return 5 * FILES / (now() - begin);
}

static double list_files(const char *path)
{
	double begin;
	size_t n = 0;

	usleep(1200000);
	begin = now();
	for (int round = 0; round < 20; round++) {
		DIR *d = opendir(path);

		while (d && readdir(d))
			n++;
		if (d)
			closedir(d);
	}
	return (double)n / (now() - begin);
}

static double create_files(int dir)
{
	double begin = now();
	char name[32];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		touch(dir, name);
		unlinkat(dir, name, 0);
	}
	return FILES / (now() - begin);
}

static void io(const char *path)
{
	int dir = open_dir(path);
	double w = write_file(dir), r = read_file(dir), c = create_files(dir), s = stat_files(dir);
	char name[32];

	printf("%.0f %.0f %.0f %.0f %.0f\n", w, r, s, list_files(path), c);
	unlinkat(dir, "big", 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		unlinkat(dir, name, 0);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 5 && !strcmp(what, "latency"))
		latency(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	else if (argc == 5 && !strcmp(what, "replay"))
		replay(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	else if (argc == 5 && !strcmp(what, "storm"))
		storm(argv[2], argv[3], strtoul(argv[4], NULL, 10));
	else if (argc == 4 && !strcmp(what, "raw"))
		raw(argv[2], strtoul(argv[3], NULL, 10));
	else if (argc == 3 && !strcmp(what, "io"))
		io(argv[2]);
	else if (argc == 3 && !strcmp(what, "create"))
		printf("%.0f\n", create_files(open_dir(argv[2])));
	else
		errx(2, "usage: see the top of the source");
	return 0;
}
