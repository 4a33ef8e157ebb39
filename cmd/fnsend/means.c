/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ladder: native, replay, nudge. What does not work at all is left for the next below. */
#include <errno.h>
#include <string.h>

#include "fnsend/native.h"
#include "fnsend/replay.h"

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

static int choose_replay(struct sender *s)
{
	const char *why;
	int err = replay_open(s, &why);

	if (!err) {
		s->via = VIA_REPLAY;
		say(s, "replay", "its server takes events");
		return 0;
	}
	if (s->set->via == VIA_REPLAY)
		return fn_fail(err == -EOPNOTSUPP || err == -EPERM || err == -EACCES
				       ? FN_EXIT_UNSUPPORTED
				       : FN_EXIT_FAIL,
			       "%s: replay: %s", s->mountpoint, why);
	say(s, "replay", why);
	return -1;
}

/* Following a mount's own events: its server knows them already. */
static bool may_replay(const struct sender *s)
{
	return s->set->via == VIA_REPLAY || (s->set->via == VIA_AUTO && !s->set->follow);
}

int choose_means(struct sender *s)
{
	enum via via = s->set->via;
	int status = -1;

	s->via = VIA_NUDGE;
	if (via == VIA_AUTO || via == VIA_NATIVE)
		status = choose_native(s);
	if (status < 0 && may_replay(s))
		status = choose_replay(s);
	if (status >= 0)
		return status;
	say(s, "nudge", "works on any mount");
	return 0;
}

void close_means(struct sender *s)
{
	native_close(s);
	replay_close(s);
}

/* True when that settled it. */
static bool try_native(struct sender *s, const struct fn_event *ev)
{
	int err = native_event(s, ev);

	if (err == -EOPNOTSUPP && s->set->via == VIA_AUTO) {
		const char *why;

		say(s, "native", "this kernel did not negotiate it");
		s->via = may_replay(s) && !replay_open(s, &why) ? VIA_REPLAY : VIA_NUDGE;
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
	if (s->via == VIA_REPLAY)
		replay_event(s, ev);
	else
		nudge_event(s, ev, read_ns);
}

void sender_flush(struct sender *s)
{
	if (!s->replay)
		return;
	beat_begin(s->beat, s->mountpoint);
	replay_flush(s);
	beat_end(s->beat);
}
