/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events of a mount's own control file, raised on the mount itself: for a share whose host
 * runs fnmount below a stock virtiofsd. What this mount's programs did themselves is left out at
 * the server; everything else goes down the ladder of means.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fnsend/sender.h"
#include "replay/repeat.h"
#include "source/source.h"

struct follow {
	struct sender *to;
	struct fn_control_file *control;
	struct fn_repeat *repeat; /* NULL: nudges only */
	int root;
	struct beat *beat;
	int64_t read_ns;
	bool verbose;
};

static void tell_why(const struct follow *f, const struct fn_event *ev, const char *why)
{
	char text[256];

	if (f->verbose)
		fn_warn("%s: %s: not repeated: %s", full_path(f->to, ev),
			event_text(ev->mask, text, sizeof(text)), why);
}

/* Exactly, where the server swallows the operation. What fails that way goes down the ladder. */
static bool repeated(struct follow *f, const struct fn_event *ev)
{
	int rc;

	if (!f->repeat || ev->mask & FN_Q_OVERFLOW)
		return false;
	beat_begin(f->beat, sender_root(f->to));
	rc = fn_repeat_event(f->repeat, ev);
	beat_end(f->beat);
	if (rc <= 0)
		tell_why(f, ev, rc ? strerror(-rc) : fn_repeat_why(f->repeat));
	if (rc <= 0)
		return false;
	sender_tally(f->to)->events++;
	sender_tally(f->to)->raised++;
	return true;
}

/* System calls want paths that end; those of a message need not. */
static void sent(struct follow *f, const struct fn_event *ev)
{
	struct fn_event *own = fn_event_dup(ev);

	if (own)
		sender_event(f->to, own, f->read_ns);
	else
		sender_tally(f->to)->failed++;
	fn_event_free(own);
}

static void open_repeat(struct follow *f, const struct settings *set)
{
	const struct fn_repeat_opts opts = {.risk = set->allow};
	const char *path = sender_root(f->to);
	int err = fn_control_open(&f->control, path, true);

	f->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!err && f->root >= 0 && set->via == VIA_AUTO)
		err = fn_repeat_new(&f->repeat, f->root, f->control, fn_control_path(f->control),
				    &opts);
	if (set->verbose)
		fn_warn("%s: %s", path,
			f->repeat ? "operations are repeated, and its server swallows them"
				  : "nudges only: its server swallows no operations");
}

static void close_repeat(struct follow *f)
{
	fn_repeat_free(f->repeat);
	fn_control_close(f->control);
	if (f->root >= 0)
		close(f->root);
}

static int take(const struct fn_event *ev, void *arg)
{
	struct follow *f = arg;

	bool nameless = !ev->path.data && !ev->old_path.data && !(ev->mask & FN_Q_OVERFLOW);

	if (ev->flags & FN_EV_GONE)
		sender_tally(f->to)->cut++;
	else if (nameless) /* it had lost its name before the server could tell of it */
		sender_tally(f->to)->gone++;
	else if (!repeated(f, ev))
		sent(f, ev);
	return sender_tally(f->to)->cut != 0 || fn_caught_signal();
}

/* Until the source ends, or a signal. */
static int loop(struct follow *f, struct fn_source *src)
{
	int rc = 0;

	while (!rc && !fn_caught_signal()) {
		struct pollfd p = {.fd = fn_source_fd(src), .events = POLLIN};

		if (poll(&p, 1, fn_source_timeout(src)) < 0 && errno != EINTR)
			return -errno;
		f->read_ns = now_ns();
		rc = fn_source_dispatch(src, take, f);
		sender_flush(f->to);
	}
	return rc < 0 ? rc : 0;
}

static int open_source(struct settings *set, struct beat *beat, struct fn_source **src)
{
	const struct fn_source_opts opts = {
		.mask = set->mask ? set->mask : FN_CHANGE_EVENTS,
		.flags = FN_SOURCE_RECURSIVE | FN_SOURCE_NO_SELF,
		.roots = (const char *const *)set->operands,
		.nroots = 1,
	};
	int err;

	beat_begin(beat, set->operands[0]);
	err = fn_source_control(src, &opts, NULL);
	beat_end(beat);
	if (err == -EOPNOTSUPP)
		return fn_fail(FN_EXIT_UNSUPPORTED,
			       "%s: no control file: nothing tells what happens there",
			       set->operands[0]);
	return err ? fn_fail(FN_EXIT_FAIL, "%s: %s", set->operands[0], strerror(-err)) : 0;
}

int send_follow(struct settings *set, struct beat *beat)
{
	struct fn_source *src = NULL;
	struct follow f = {.root = -1, .beat = beat, .verbose = set->verbose};
	int status = open_source(set, beat, &src), err;

	if (status)
		return status;
	f.to = sender_open(set, beat, set->operands[0], &status);
	if (f.to) {
		open_repeat(&f, set);
		err = loop(&f, src);
		close_repeat(&f);
		if (err)
			status = fn_fail(FN_EXIT_GONE, "%s: %s", set->operands[0], strerror(-err));
		sender_report(f.to);
		if (tally_status(sender_tally(f.to)) > status)
			status = tally_status(sender_tally(f.to));
		sender_close(f.to);
	}
	fn_source_close(src);
	return status;
}
