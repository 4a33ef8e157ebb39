/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop: wait for a source, a signal, a deadline or the reader's end; flush once a round. */
#include "fnwatch/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t want_stats;

int64_t watch_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void watch_print_stats(const struct watch *w)
{
	struct fn_source_stats sum = {0}, st;

	for (size_t i = 0; i < w->ninputs; i++) {
		if (!w->inputs[i].src)
			continue;
		fn_source_stats(w->inputs[i].src, &st);
		sum.watches += st.watches;
		sum.dropped += st.dropped;
		sum.halves_expired += st.halves_expired;
	}
	fprintf(stderr,
		"fnwatch: seen %" PRIu64 ", printed %" PRIu64 ", by excluded writers %" PRIu64
		", overflows %" PRIu64 ", lost %" PRIu64 "%s, outside %" PRIu64
		", half renames %" PRIu64 ", watches %" PRIu64 "\n",
		w->seen, w->out.printed, w->dropped, w->overflows, w->lost, w->lost_more ? "+" : "",
		sum.dropped, sum.halves_expired, sum.watches);
}

static void note_stats(int sig)
{
	(void)sig;
	want_stats = 1;
}

/* Signals come only while we wait, so that none is missed between a check and the wait. */
static void set_up_signals(struct watch *w)
{
	struct sigaction act = {.sa_handler = note_stats};
	sigset_t block;

	fn_catch_signals();
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	if (w->opts.stats) {
		sigaction(SIGUSR1, &act, NULL);
		sigaddset(&block, SIGUSR1);
	}
	sigprocmask(SIG_BLOCK, &block, &w->wait_mask);
	w->out.waiting_mask = w->wait_mask;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Nanoseconds until something is due, -1: nothing. */
static int64_t time_left(const struct watch *w, int64_t now)
{
	int64_t due = w->deadline_ns;

	if (w->settle)
		due = sooner(due, settle_due(w->settle));
	for (size_t i = 0; i < w->ninputs; i++) {
		int ms = w->inputs[i].ended ? -1 : fn_source_timeout(w->inputs[i].src);

		if (ms >= 0)
			due = sooner(due, now + (int64_t)ms * 1000000);
	}
	if (due < 0)
		return -1;
	return due > now ? due - now : 0;
}

static void wait_for_work(const struct watch *w, struct pollfd *fds)
{
	int64_t left = time_left(w, watch_now());
	struct timespec ts = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};

	for (size_t i = 0; i < w->ninputs; i++)
		fds[i] = (struct pollfd){
			.fd = w->inputs[i].ended ? -1 : fn_source_fd(w->inputs[i].src),
			.events = POLLIN,
		};
	/* No events asked for: only that the reader has gone. */
	fds[w->ninputs] = (struct pollfd){.fd = w->out.is_pipe ? STDOUT_FILENO : -1};
	if (ppoll(fds, w->ninputs + 1, left < 0 ? NULL : &ts, &w->wait_mask) < 0)
		for (size_t i = 0; i <= w->ninputs; i++)
			fds[i].revents = 0;
}

/* Where the connection ends, so do the roots that were watched through it. */
static void input_ended(struct watch *w, struct watch_input *in, int error)
{
	struct fn_event ev = {.flags = FN_EV_GONE, .mask = FN_IGNORED, .root = -1};

	in->ended = true;
	if (in->file && error == ENODATA) {
		w->done = true;
		return;
	}
	if (error == ENOMEM || error == EPROTO || error == EBADMSG) {
		w->status = fn_fail(FN_EXIT_FAIL, "%s: %s", fn_source_name(in->src),
				    error == EPROTO ? "this is not a fn1 stream" : strerror(error));
		w->done = true;
		return;
	}
	if (error != ENODATA)
		fn_warn("%s: %s", fn_source_name(in->src), strerror(error));
	w->current = in;
	watch_take(&ev, w);
	w->current = NULL;
	w->done |= !w->opts.nroots;
}

static void dispatch(struct watch *w, const struct pollfd *fds)
{
	for (size_t i = 0; i < w->ninputs && !w->done; i++) {
		struct watch_input *in = &w->inputs[i];
		int r;

		if (in->ended || (!fds[i].revents && fn_source_timeout(in->src) < 0))
			continue;
		w->current = in;
		r = fn_source_dispatch(in->src, watch_take, w);
		w->current = NULL;
		if (r < 0)
			input_ended(w, in, -r);
	}
}

static void check_deadline(struct watch *w)
{
	if (w->done || w->deadline_ns < 0 || watch_now() < w->deadline_ns)
		return;
	w->timed_out = true;
	w->done = true;
}

static void check_signals(struct watch *w)
{
	if (want_stats) {
		want_stats = 0;
		watch_print_stats(w);
	}
	if (fn_caught_signal())
		w->done = true;
}

static bool stop_waiting(void *arg)
{
	check_signals(arg);
	return fn_caught_signal();
}

static int final_status(const struct watch *w)
{
	if (w->out.error)
		return fn_fail(FN_EXIT_FAIL, "standard output: %s", strerror(w->out.error));
	if (w->status)
		return w->status;
	if (w->any_gone)
		return FN_EXIT_GONE;
	if (w->any_lost)
		return FN_EXIT_LOST;
	return w->timed_out ? FN_EXIT_TIMEOUT : FN_EXIT_OK;
}

static void one_round(struct watch *w, struct pollfd *fds)
{
	wait_for_work(w, fds);
	check_signals(w);
	if (fds[w->ninputs].revents & (POLLERR | POLLHUP | POLLNVAL))
		w->out.gone = true;
	if (!w->done && !w->out.gone)
		dispatch(w, fds);
	if (w->settle && !w->done)
		settle_run(w->settle, watch_now(), false);
	output_flush(&w->out);
	check_deadline(w);
}

int watch_run(struct watch *w)
{
	struct pollfd *fds = calloc(w->ninputs + 1, sizeof(*fds));

	if (!fds)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	set_up_signals(w);
	w->out.stop_waiting = stop_waiting;
	w->out.stop_arg = w;
	w->deadline_ns = w->opts.timeout_ns ? watch_now() + w->opts.timeout_ns : -1;
	while (!w->done && !w->out.gone && !w->out.error)
		one_round(w, fds);
	free(fds);
	if (w->settle && !w->out.gone)
		settle_run(w->settle, watch_now(), true);
	output_flush(&w->out);
	if (w->opts.stats)
		watch_print_stats(w);
	return final_status(w);
}
