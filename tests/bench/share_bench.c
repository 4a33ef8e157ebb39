/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How late changes of a shared directory are heard in a guest, by the guest's clock.
 *
 *   share_bench clock FILE SECONDS     on the host: keep its time in FILE
 *   share_bench offset FILE            in the guest: how far its clock is ahead, and the error (ns)
 *   share_bench make DIR COUNT US      make COUNT files named by the time, a pause between them
 *   share_bench pump                   standard input to standard output, a megabyte ahead
 *   share_bench hear DIR COUNT OFFSET  watch DIR with inotify
 *   share_bench read COUNT OFFSET      read names from standard input
 *   share_bench poll DIR COUNT OFFSET  look at all files of DIR ten times a second
 *
 * The last three print how many were heard, median and 99th percentile in µs, and names a second
 * from the first that was made to the last that was heard.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define QUIET_MS 10000 /* nothing more will come */
#define POLL_NS 100000000

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int keep_clock(const char *file, int seconds)
{
	int fd = open(file, O_RDWR | O_CREAT, 0644);
	_Atomic int64_t *at;
	int64_t end = now_ns() + seconds * 1000000000LL, t;

	if (fd < 0 || ftruncate(fd, PAGE))
		err(1, "%s", file);
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		err(1, "%s", file);
	while ((t = now_ns()) < end)
		atomic_store(at, t);
	return 0;
}

/* What is read is old by as long as its writer did not run and the read took: the least that our
 * clock was ever ahead of it, less half of the shortest read, is how far it is ahead. */
static int find_offset(const char *file)
{
	int fd = open(file, O_RDONLY | O_DIRECT);
	int64_t *buf = aligned_alloc(PAGE, PAGE), fastest = INT64_MAX, ahead = INT64_MAX;

	if (fd < 0 || !buf)
		err(1, "%s", file);
	for (int i = 0; i < 5000; i++) {
		int64_t from = now_ns(), to;

		if (pread(fd, buf, PAGE, 0) != PAGE)
			errx(1, "%s: short", file);
		to = now_ns();
		fastest = to - from < fastest ? to - from : fastest;
		ahead = to - *buf < ahead ? to - *buf : ahead;
	}
	printf("%lld %lld\n", (long long)(ahead - fastest / 2), (long long)fastest / 2);
	free(buf);
	return 0;
}

static int make(const char *path, int count, int us)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	char name[64];

	if (dir < 0)
		err(1, "%s", path);
	for (int i = 0; i < count; i++) {
		struct timespec pause = {.tv_nsec = (us + i * 37 % 1000) * 1000L};
		int fd;

		snprintf(name, sizeof(name), "n%d.%lld", i, (long long)now_ns());
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			err(1, "%s", name);
		close(fd);
		if (us)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static struct heard {
	int count, seen;
	int64_t offset, first, last, *took;
} h;

static void begin(const char *count, const char *offset)
{
	h.count = atoi(count);
	h.offset = atoll(offset);
	h.first = INT64_MAX;
	h.took = calloc((size_t)h.count, sizeof(*h.took));
	if (h.count < 1 || !h.took)
		errx(2, "COUNT");
}

/* Each name counts once: a change may have several events. */
static void hear(const char *name)
{
	long long made;
	int i;

	if (sscanf(name, "n%d.%lld", &i, &made) != 2 || i < 0 || i >= h.count || h.took[i])
		return;
	made += h.offset;
	h.last = now_ns();
	h.took[i] = h.last - made;
	h.first = made < h.first ? made : h.first;
	h.seen++;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int report(void)
{
	size_t lost = (size_t)(h.count - h.seen);

	qsort(h.took, (size_t)h.count, sizeof(*h.took), by_number);
	if (h.seen)
		printf("%d %.0f %.0f %.0f\n", h.seen,
		       (double)h.took[lost + (size_t)h.seen / 2] / 1000,
		       (double)h.took[lost + (size_t)h.seen * 99 / 100] / 1000,
		       h.seen * 1e9 / (double)(h.last - h.first));
	else
		puts("0 - - -");
	free(h.took);
	return 0;
}

/* False when it is time to stop. */
static int wait_for(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return h.seen < h.count && poll(&p, 1, QUIET_MS) == 1;
}

static int by_inotify(const char *path)
{
	_Alignas(struct inotify_event) char buf[65536];
	int fd = inotify_init1(IN_CLOEXEC);

	if (inotify_add_watch(fd, path, IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE) < 0)
		err(1, "%s", path);
	fputs("ready\n", stderr);
	while (wait_for(fd)) {
		ssize_t n = read(fd, buf, sizeof(buf));

		for (char *p = buf; n > 0 && p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			if (e->len)
				hear(e->name);
			p += sizeof(*e) + e->len;
		}
	}
	return report();
}

static int by_lines(void)
{
	char buf[65536];
	size_t used = 0;

	while (wait_for(STDIN_FILENO)) {
		ssize_t n = read(STDIN_FILENO, buf + used, sizeof(buf) - 1 - used);
		char *line = buf, *stop;

		if (n <= 0)
			break;
		used += (size_t)n;
		buf[used] = '\0';
		for (; (stop = strchr(line, '\n')); line = stop + 1)
			hear(line);
		used = strlen(line);
		memmove(buf, line, used);
	}
	return report();
}

static int by_polling(const char *path)
{
	int64_t quiet = 0;

	fputs("ready\n", stderr);
	while (h.seen < h.count && quiet < QUIET_MS * 1000000LL) {
		const struct timespec pause = {.tv_nsec = POLL_NS};
		DIR *d = opendir(path);
		int before = h.seen;
		struct dirent *e;
		struct stat st;

		while (d && (e = readdir(d)))
			if (!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
				hear(e->d_name);
		if (d)
			closedir(d);
		quiet = h.seen == before ? quiet + POLL_NS : 0;
		nanosleep(&pause, NULL);
	}
	return report();
}

/* UML's serial line stops for ever once its reader has been late. */
static int pump(void)
{
	static char buf[65536];
	ssize_t n;

	fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "pump"))
		return pump();
	if (!strcmp(what, "clock") && argc == 4)
		return keep_clock(argv[2], atoi(argv[3]));
	if (!strcmp(what, "offset") && argc == 3)
		return find_offset(argv[2]);
	if (!strcmp(what, "make") && argc == 5)
		return make(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (argc < 4)
		errx(2, "usage: see the first lines of the source");
	begin(argv[argc - 2], argv[argc - 1]);
	if (!strcmp(what, "hear") && argc == 5)
		return by_inotify(argv[2]);
	if (!strcmp(what, "poll") && argc == 5)
		return by_polling(argv[2]);
	if (!strcmp(what, "read") && argc == 4)
		return by_lines();
	errx(2, "usage: see the first lines of the source");
}
