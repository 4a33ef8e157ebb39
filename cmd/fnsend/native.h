/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNSEND_NATIVE_H
#define FNSEND_NATIVE_H

#include "fnsend/sender.h"

/* 0 or an exit status after a message. */
int native_open(struct sender *s);
void native_close(struct sender *s);
/* 0; -EOPNOTSUPP: this kernel, or this dialect, does not do it; or another -errno. */
int native_event(struct sender *s, const struct fn_event *ev);

#endif
