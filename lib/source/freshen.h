/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_SOURCE_FRESHEN_H
#define FN_SOURCE_FRESHEN_H

#include "event/event.h"

/* An event comes from the far side of a share whose caches nobody tells of it (virtiofs): let our
 * kernel ask for what changed, so that whoever is told of it finds the new state. root: what
 * ev->path is relative to. */
void fn_freshen(const char *root, const struct fn_event *ev);

#endif
