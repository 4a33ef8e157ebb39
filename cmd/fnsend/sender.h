/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of a sender: what sender.c, means.c and follow.c share. */
#ifndef FNSEND_SENDER_H
#define FNSEND_SENDER_H

#include <limits.h>

#include "fnsend/send.h"

enum complaint {
	SAID_GONE,
	SAID_READ_ONLY,
	SAID_FOREIGN,
	SAID_OUTSIDE,
	SAID_FAILED,
	SAID_MISSED,
	SAID_LOST,
	SAID_REFUSED,
	SAID_CUT,
};

struct sender {
	struct settings *set;
	struct beat *beat;
	struct tally tally;
	uint64_t unsaid;
	unsigned said;
	bool echoes;
	int root_fd;
	char root[PATH_MAX]; /* canonical */
	char mountpoint[PATH_MAX], fstype[64];
	const char *base; /* root relative to the mount: "" or a path, within root[] */
	enum via via;     /* what was chosen */
	struct fn_nudge *nudge;
	struct replay *replay;
	struct native *native;
};

/* means.c: 0 or an exit status after a message. */
int choose_means(struct sender *s);
void close_means(struct sender *s);
void deliver(struct sender *s, const struct fn_event *ev, int64_t read_ns);

/* sender.c */
void nudge_event(struct sender *s, const struct fn_event *ev, int64_t read_ns);
/* Account for an event that one of the exact means took, or refused (-errno). */
void settle(struct sender *s, const struct fn_event *ev, const char *means, int err);
void report_missed(struct sender *s, const struct fn_event *ev, uint64_t missed, const char *why);
bool say_once(struct sender *s, enum complaint what);
const char *full_path(const struct sender *s, const struct fn_event *ev);
const char *event_text(uint64_t mask, char *text, size_t size);

#endif
