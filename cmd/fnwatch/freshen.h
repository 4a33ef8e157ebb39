/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNWATCH_FRESHEN_H
#define FNWATCH_FRESHEN_H

#include "event/event.h"

/* An event comes from the far side of a share whose caches nobody tells of it (virtiofs): let our
 * kernel ask for what changed, so that whoever reads the record finds the new state. root: the
 * watched root that ev->path is below. */
void freshen(const char *root, const struct fn_event *ev);

#endif
