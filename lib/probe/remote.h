/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Remote watches: what a mount's server answers to HELLO. */
#ifndef FN_PROBE_REMOTE_H
#define FN_PROBE_REMOTE_H

#include "probe/child.h"

/* remote_watch and what goes with it. Asks the server. */
void fn_probe_remote(struct fn_report *r, const char *path);

#endif
