/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens to one event on its way from a source to a record. */
#include "fnwatch/watch.h"

#include <string.h>

int watch_emit(const struct fn_event *ev, void *arg)
{
	struct watch *w = arg;

	if (w->opts.count && w->out.printed >= w->opts.count)
		return 1;
	output_print(&w->out, ev);
	w->deadline_ns = w->opts.timeout_ns ? watch_now() + w->opts.timeout_ns : -1;
	if (w->opts.count && w->out.printed >= w->opts.count)
		w->done = true;
	return w->done || w->out.gone || w->out.error;
}

static int take_settled(const struct fn_event *ev, void *arg)
{
	struct watch *w = arg;

	return settle_event(w->settle, ev, watch_now());
}

static int pass(struct watch *w, const struct fn_event *ev)
{
	return pick_event(&w->pick, ev, w->settle ? take_settled : watch_emit, w);
}

static int take_difference(const struct fn_event *ev, void *arg)
{
	return pass(arg, ev);
}

static int take_overflow(struct watch *w, const struct fn_event *ev)
{
	int r;

	w->overflows++;
	w->lost += ev->lost;
	w->lost_more |= !ev->lost;
	if (w->opts.overflow != OVERFLOW_RESCAN)
		w->any_lost = true;
	r = pass(w, ev);
	if (w->opts.overflow == OVERFLOW_EXIT)
		w->done = true;
	if (!r && w->rescan)
		r = rescan_compare(w->rescan, -1, take_difference, w);
	return w->done ? 1 : r;
}

/* A root that ended ends the command when it was the last. */
static void note_gone(struct watch *w, const struct fn_event *ev)
{
	bool one = ev->root >= 0 && (size_t)ev->root < w->opts.nroots;

	w->any_gone = true;
	if (ev->path.len)
		return; /* a directory below could not be watched any more */
	if (one)
		w->root_gone[ev->root] = true;
	for (size_t i = 0; w->current && !one && i < w->current->nroots; i++)
		w->root_gone[w->current->roots[i]] = true;
	for (size_t i = 0; i < w->opts.nroots; i++)
		if (!w->root_gone[i])
			return;
	w->done = true;
}

/* The source counts its own roots. */
static struct fn_event with_our_roots(const struct watch_input *in, const struct fn_event *ev)
{
	struct fn_event own = *ev;

	if (ev->root >= 0 && (size_t)ev->root < in->nroots)
		own.root = in->roots[ev->root];
	if (ev->old_root > 0 && (size_t)ev->old_root <= in->nroots)
		own.old_root = in->roots[ev->old_root - 1] + 1;
	return own;
}

static int take(struct watch *w, const struct fn_event *ev)
{
	int r;

	if (ev->mask & FN_Q_OVERFLOW)
		return take_overflow(w, ev);
	if (!is_notice(ev) && writers_has(&w->opts.writers, ev->pid, ev->comm)) {
		w->dropped++;
		return 0;
	}
	if (w->rescan)
		rescan_note(w->rescan, ev);
	r = pass(w, ev);
	if (ev->flags & FN_EV_GONE)
		note_gone(w, ev);
	return w->done ? 1 : r;
}

int watch_take(const struct fn_event *ev, void *arg)
{
	struct watch *w = arg;
	struct fn_event own;

	w->seen++;
	if (w->current && !w->current->same) {
		own = with_our_roots(w->current, ev);
		ev = &own;
	}
	return take(w, ev);
}
