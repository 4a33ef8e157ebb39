/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What files can do in a directory, each ability tried in files of its own. */
#ifndef FN_PROBE_BEHAVIOUR_H
#define FN_PROBE_BEHAVIOUR_H

#include "probe/child.h"

/* dir is an empty directory that somebody else removes with all that is in it. */
void fn_probe_behaviour(struct fn_report *r, int dir);
/* Whether the mount that dirfd is on can be made idmapped; a clone of it is tried. */
int fn_idmap_error(int dirfd);

#endif
