/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fnsource fanotify|inotify|control|local|feed [-w] [-q] ROOT…|STREAM: print what a source says,
 * one line an event, "ready" first. -q: only count. Ends at the end of its standard input. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/feed.h"
#include "source/source.h"

static unsigned long count;
static bool quiet;

static int print(const struct fn_event *ev, void *arg)
{
	uint64_t bit = ev->mask & ~(uint64_t)FN_ISDIR;

	(void)arg;
	count++;
	if (quiet)
		return 0;
	printf("%s%s%s%s%s pid=%d", fn_event_name(bit) ? fn_event_name(bit) : "?",
	       ev->mask & FN_ISDIR ? ",isdir" : "", ev->flags & FN_EV_SYNTHETIC ? ",syn" : "",
	       ev->flags & FN_EV_PARTIAL ? ",partial" : "", ev->flags & FN_EV_GONE ? ",gone" : "",
	       ev->pid);
	if (ev->lost)
		printf(" lost=%lu", (unsigned long)ev->lost);
	if (ev->flags & FN_EV_EXCHANGE)
		printf(" exchange");
	if (ev->old_path.data)
		printf(" %d:'%.*s' ->", ev->old_root ? ev->old_root - 1 : ev->root,
		       (int)ev->old_path.len, ev->old_path.data);
	if (ev->path.data)
		printf(" %d:'%.*s'", ev->root, (int)ev->path.len, ev->path.data);
	putchar('\n');
	return 0;
}

static void message(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

static int open_feed(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	*bad = 0;
	return fn_source_feed(src, opts->roots[0], &(struct fn_feed_opts){.message = message});
}

int main(int argc, char **argv)
{
	struct fn_source_opts opts = {.mask = FN_ALL_EVENTS, .flags = FN_SOURCE_RECURSIVE};
	struct fn_source_stats stats;
	struct fn_source *src;
	int i = 2, rc, bad;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (argv[i][1] == 'w')
			opts.flags |= FN_SOURCE_WHOLE_FS;
		else if (argv[i][1] == 'q')
			quiet = true;
		else if (argv[i][1] == 'c')
			opts.mask = FN_CHANGE_EVENTS;
	}
	if (i >= argc)
		return 2;
	opts.roots = (const char *const *)argv + i;
	opts.nroots = (size_t)(argc - i);
	rc = (!strcmp(argv[1], "feed") ? open_feed
	      : argv[1][0] == 'f'      ? fn_source_fanotify
	      : argv[1][0] == 'i'      ? fn_source_inotify
	      : argv[1][0] == 'c'      ? fn_source_control
				       : fn_source_local)(&src, &opts, &bad);
	if (rc) {
		fprintf(stderr, "fnsource: %s: %s\n", bad >= 0 ? opts.roots[bad] : "-",
			strerror(-rc));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		unsigned long before = count;
		struct pollfd p[2] = {{fn_source_fd(src), POLLIN, 0}, {0, POLLIN, 0}};

		poll(p, 2, fn_source_timeout(src));
		rc = fn_source_dispatch(src, print, NULL);
		fflush(stdout);
		if (rc || (p[1].revents && count == before))
			break;
	}
	if (rc)
		fprintf(stderr, "fnsource: %s\n", strerror(-rc));
	fn_source_stats(src, &stats);
	printf("count %lu dropped %lu\n", count, (unsigned long)stats.dropped);
	fn_source_close(src);
	return rc != 0;
}
