/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * count_events DIR COUNT: says "ready", then counts the native events in DIR until COUNT have come
 * or five seconds pass without one; prints how many came, the seconds from the first to the last,
 * and whether each DELETE was of the name that the CREATE right before it was of.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static char created[256];
static bool disorder;

static void check_order(const struct inotify_event *e)
{
	if (e->mask & IN_CREATE)
		strcpy(created, e->len ? e->name : "");
	else if (e->mask & IN_DELETE && (!e->len || strcmp(created, e->name)))
		disorder = true;
}

static unsigned long count_in(const char *buf, ssize_t n)
{
	unsigned long count = 0;

	for (const char *p = buf; p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;

		check_order(e);
		count += !(e->mask & IN_Q_OVERFLOW);
		p += sizeof(*e) + e->len;
	}
	return count;
}

int main(int argc, char **argv)
{
	static _Alignas(struct inotify_event) char buf[1 << 20];
	int fd = inotify_init1(IN_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned long want, got = 0;
	double first = 0, last = 0;
	const uint32_t mask =
		IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVE | IN_CLOSE_WRITE;

	if (argc != 3 || inotify_add_watch(fd, argv[1], mask) < 0)
		return 1;
	want = strtoul(argv[2], NULL, 10);
	printf("ready\n");
	fflush(stdout);
	while (got < want && poll(&p, 1, got ? 5000 : 30000) == 1) {
		ssize_t n = read(fd, buf, sizeof(buf));

		last = now();
		if (!got)
			first = last;
		got += n > 0 ? count_in(buf, n) : 0;
	}
	printf("%lu %.6f %s\n", got, last - first, disorder ? "not in order" : "in order");
	return got != want;
}
