/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events of a mount's own control file, raised on the mount itself: for a share whose host
 * runs fnmount below a stock virtiofsd. What this mount's programs did themselves is left out at
 * the server; everything else goes down the ladder of means.c.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fnsend/send.h"
#include "source/source.h"

struct follow {
	struct sender *to;
	int64_t read_ns;
};

static int take(const struct fn_event *ev, void *arg)
{
	struct follow *f = arg;

	if (ev->flags & FN_EV_GONE)
		sender_tally(f->to)->cut++;
	else
		sender_event(f->to, ev, f->read_ns);
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
	struct follow f;
	int status = open_source(set, beat, &src), err;

	if (status)
		return status;
	f.to = sender_open(set, beat, set->operands[0], &status);
	if (f.to) {
		err = loop(&f, src);
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
