/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNSEND_REPLAY_H
#define FNSEND_REPLAY_H

#include "fnsend/sender.h"

/* INJECT over the mount's control file. 0, or why not: *why is set, and -errno returned. */
int replay_open(struct sender *s, const char **why);
void replay_close(struct sender *s);
/* Takes a copy, which goes out with others of its kind. */
void replay_event(struct sender *s, const struct fn_event *ev);
void replay_flush(struct sender *s);

#endif
