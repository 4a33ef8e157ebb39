/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int start_rescan(struct watch *w)
{
	struct rescan_opts ro = {
		.roots = w->opts.roots,
		.nroots = w->opts.nroots,
		.recursive = w->opts.recursive,
		.prune = pick_prunes,
		.prune_arg = &w->pick,
	};
	int r = rescan_new(&w->rescan, &ro);

	return r ? fn_fail(FN_EXIT_FAIL, "%s", strerror(-r)) : 0;
}

static void say_ready(const struct watch *w)
{
	if (w->opts.ready_fd < 0)
		return;
	if (write(w->opts.ready_fd, "\n", 1) != 1)
		fn_warn("--ready-fd: %s", strerror(errno));
	if (w->opts.ready_fd > STDERR_FILENO)
		close(w->opts.ready_fd);
}

static int start(struct watch *w)
{
	int status;

	w->root_gone = calloc(w->opts.nroots + 1, sizeof(*w->root_gone));
	if (w->opts.settle_ns)
		w->settle = settle_new(w->opts.settle_ns, watch_emit, w);
	if (!w->root_gone || (w->opts.settle_ns && !w->settle))
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	status = inputs_open(w);
	/* The picture comes after the watches: what changes in between is in both. */
	if (!status && w->opts.overflow == OVERFLOW_RESCAN)
		status = start_rescan(w);
	return status;
}

int main(int argc, char **argv)
{
	struct watch w = {.deadline_ns = -1};
	int status;

	if (watch_options_parse(&w.opts, argc, argv, &status)) {
		watch_options_free(&w.opts);
		return status;
	}
	pick_init(&w.pick, &w.opts);
	output_init(&w.out, &w.opts);
	status = start(&w);
	if (!status) {
		output_start(&w.out);
		say_ready(&w);
		status = watch_run(&w);
	}
	inputs_close(&w);
	settle_free(w.settle);
	rescan_free(w.rescan);
	output_free(&w.out);
	pick_free(&w.pick);
	free(w.root_gone);
	watch_options_free(&w.opts);
	return status;
}
