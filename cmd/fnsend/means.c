/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ladder: native, replay, nudge. What does not work at all is left for the next below. */
#include <errno.h>
#include <string.h>

#include "fnsend/native.h"

static void say(const struct sender *s, const char *means, const char *what)
{
	if (s->set->verbose)
		fn_warn("%s: %s: %s", s->mountpoint, means, what);
}

static int choose_native(struct sender *s)
{
	int status;

	if (!s->set->dialect || !s->set->pid) {
		if (s->set->via == VIA_NATIVE)
			return fn_usage("--via=native: in which --dialect, through which --pid?");
		say(s, "native", "not asked for (--dialect and --pid)");
		return -1;
	}
	status = native_open(s);
	if (!status)
		s->via = VIA_NATIVE;
	return status;
}

/* 0, an exit status, or -1: not this one. */
int choose_means(struct sender *s)
{
	enum via via = s->set->via;
	int status = -1;

	if (via == VIA_AUTO || via == VIA_NATIVE)
		status = choose_native(s);
	if (status >= 0)
		return status;
	if (via == VIA_REPLAY)
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s: replay: its server has no control file",
			       s->mountpoint);
	s->via = VIA_NUDGE;
	say(s, "nudge", "works on any mount");
	return 0;
}

void close_means(struct sender *s)
{
	native_close(s);
}

/* True when that settled it. */
static bool try_native(struct sender *s, const struct fn_event *ev)
{
	int err = native_event(s, ev);

	if (err == -EOPNOTSUPP && s->set->via == VIA_AUTO) {
		say(s, "native", "this kernel did not negotiate it");
		s->via = VIA_NUDGE;
		return false;
	}
	if (err == -EOPNOTSUPP) {
		s->tally.missed++;
		if (say_once(s, SAID_REFUSED))
			fn_warn("%s: native: this kernel did not negotiate it", s->mountpoint);
	} else {
		settle(s, ev, "native", err);
	}
	return true;
}

void deliver(struct sender *s, const struct fn_event *ev, int64_t read_ns)
{
	if (s->via == VIA_NATIVE && try_native(s, ev))
		return;
	nudge_event(s, ev, read_ns);
}

void sender_flush(struct sender *s)
{
	(void)s;
}
