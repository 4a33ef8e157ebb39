/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the sources share: a tree of their own, a source on it, and the lines that its
 * events make. A test file sets `kinds` and runs the scenarios of source_kinds.h on each. */
#ifndef FN_TESTS_SOURCE_TEST_H
#define FN_TESTS_SOURCE_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "source/source.h"
#include "unit.h"

struct kind {
	const char *name;
	int (*open)(struct fn_source **src, const struct fn_source_opts *opts, int *bad);
	unsigned flags;
	const char *base; /* where its trees are made */
};

static const struct kind *kind; /* of the scenario that runs */

#define LINES_MAX 300000
struct watch {
	struct fn_source *src;
	char **lines;
	size_t n, checked;
	int stop_after; /* > 0: the callback returns 1 after so many events, again and again */
	int since_stop;
	bool quiet; /* only count */
	uint64_t last_seq;
	uint64_t overflows;
};

static char tree[256]; /* of the scenario: tree/root is watched, tree/out is not */

__attribute__((format(printf, 1, 2))) static const char *at(const char *fmt, ...)
{
	static char ring[8][8192];
	static int i;
	char *path = ring[i++ % 8];
	int n = snprintf(path, 8192, "%s/", tree);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, (size_t)(8192 - n), fmt, ap);
	va_end(ap);
	return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 64, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0)
		printf("# mkdir %s: %s\n", path, strerror(errno));
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("# write %s: %s\n", path, strerror(errno));
	close(fd);
}

static void make_node(const char *path)
{
	if (mknod(path, S_IFREG | 0644, 0) < 0)
		printf("# mknod %s: %s\n", path, strerror(errno));
}

static void move(const char *from, const char *to)
{
	if (rename(from, to) < 0)
		printf("# rename %s %s: %s\n", from, to, strerror(errno));
}

static void tree_begin(void)
{
	snprintf(tree, sizeof(tree), "%s/fnsource.XXXXXX", kind->base);
	if (!mkdtemp(tree))
		printf("# mkdtemp %s: %s\n", tree, strerror(errno));
	make_dir(at("root"));
	make_dir(at("out"));
}

static void put(char *line, size_t size, struct fn_str s)
{
	size_t n = strlen(line);

	snprintf(line + n, size - n, " %.*s", (int)s.len, s.len ? s.data : "");
	if (!s.len)
		snprintf(line + n, size - n, " .");
}

static void describe(char *line, size_t size, const struct fn_event *ev)
{
	const char *name = fn_event_name(ev->mask & ~(uint64_t)FN_ISDIR);

	snprintf(line, size, "%s%s%s%s%s%s", name ? name : "?", ev->mask & FN_ISDIR ? ",dir" : "",
		 ev->flags & FN_EV_SYNTHETIC ? ",syn" : "",
		 ev->flags & FN_EV_PARTIAL ? ",partial" : "",
		 ev->flags & FN_EV_EXCHANGE ? ",exchange" : "",
		 ev->flags & FN_EV_GONE ? ",gone" : "");
	if (ev->mask & FN_Q_OVERFLOW)
		return;
	if (ev->old_path.data) {
		if (ev->old_root)
			snprintf(line + strlen(line), size - strlen(line),
				 " %d:", ev->old_root - 1);
		put(line, size, ev->old_path);
		strcat(line, " ->");
	}
	if (ev->root)
		snprintf(line + strlen(line), size - strlen(line), " %d:", ev->root);
	if (ev->path.data)
		put(line, size, ev->path);
}

static int collect(const struct fn_event *ev, void *arg)
{
	struct watch *w = arg;
	char line[20000];

	if (ev->seq != w->last_seq + 1)
		printf("# sequence %" PRIu64 " after %" PRIu64 "\n", ev->seq, w->last_seq);
	w->last_seq = ev->seq;
	w->overflows += (ev->mask & FN_Q_OVERFLOW) != 0;
	if (w->n < LINES_MAX && !w->quiet) {
		describe(line, sizeof(line), ev);
		w->lines[w->n] = strdup(line);
	}
	w->n++;
	if (w->stop_after && ++w->since_stop >= w->stop_after) {
		w->since_stop = 0;
		return 1;
	}
	return 0;
}

static int open_watch(struct watch *w, const struct fn_source_opts *opts)
{
	struct fn_source_opts o = *opts;
	int rc;

	memset(w, 0, sizeof(*w));
	w->lines = calloc(LINES_MAX, sizeof(char *));
	o.flags |= kind->flags;
	rc = kind->open(&w->src, &o, NULL);
	if (rc) {
		printf("# %s: %s\n", kind->name, strerror(-rc));
		unit_faults++;
	}
	return rc;
}

static const char *const names_only_root[1] = {NULL};

/* A recursive watch of tree/root for `mask`. */
static int watch_tree(struct watch *w, uint64_t mask)
{
	const char *root = at("root");
	struct fn_source_opts o = {.mask = mask, .flags = FN_SOURCE_RECURSIVE, .nroots = 1};

	(void)names_only_root;
	o.roots = &root;
	return open_watch(w, &o);
}

static int64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One round; waits at most ms. False when nothing came. */
static bool pump(struct watch *w, int ms)
{
	struct pollfd p = {w->src ? fn_source_fd(w->src) : -1, POLLIN, 0};
	int timeout = w->src ? fn_source_timeout(w->src) : 0;
	size_t before = w->n;
	int rc;

	if (!w->src)
		return false;
	if (timeout < 0 || timeout > ms)
		timeout = ms;
	poll(&p, 1, timeout);
	rc = fn_source_dispatch(w->src, collect, w);
	CHECK(rc >= 0);
	return w->n > before;
}

/* Until there are n events, then whatever is queued as well: too much is a fault. */
static void pump_until(struct watch *w, size_t n)
{
	int64_t end = ms_now() + 10000;

	while (w->n < n && ms_now() < end)
		pump(w, 100);
	while (pump(w, w->n == w->checked ? 15 : 0))
		;
}

/* The events since the last call are exactly these lines, in this order. */
static void expect_lines(struct watch *w, int line_no, const char *const *want)
{
	size_t n = 0, from = w->checked;
	bool same = true;

	if (!w->src)
		return;
	while (want[n])
		n++;
	pump_until(w, from + n);
	for (size_t i = 0; i < n || from + i < w->n; i++)
		same = same && i < n && from + i < w->n && !strcmp(want[i], w->lines[from + i]);
	w->checked = w->n;
	if (same)
		return;
	unit_faults++;
	printf("# line %d, %s:\n", line_no, kind->name);
	for (size_t i = 0; i < n || from + i < w->n; i++)
		printf("#   %-40s | %s\n", i < n ? want[i] : "-",
		       from + i < w->n ? w->lines[from + i] : "-");
}

#define EXPECT(w, ...) expect_lines(w, __LINE__, (const char *const[]){__VA_ARGS__, NULL})
#define EXPECT_NOTHING(w) expect_lines(w, __LINE__, (const char *const[]){NULL})

static void close_watch(struct watch *w)
{
	fn_source_close(w->src);
	for (size_t i = 0; i < w->n && i < LINES_MAX && w->lines; i++)
		free(w->lines[i]);
	free(w->lines);
}

static void tree_end(struct watch *w)
{
	close_watch(w);
	remove_tree(tree);
}

#endif
