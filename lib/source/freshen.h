/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events come from the far side of a share whose caches nobody tells of it (virtiofs): our kernel
 * is made to ask for what changed, so that whoever is told of it finds the new state. Events that
 * were read together need one look at each name: it shows what all of them left.
 */
#ifndef FN_SOURCE_FRESHEN_H
#define FN_SOURCE_FRESHEN_H

#include "event/event.h"

struct fn_freshen;

/* root: what the paths of events are relative to. NULL: no memory, or it cannot be opened; then
 * nothing is made fresh. */
struct fn_freshen *fn_freshen_new(const char *root);
void fn_freshen_free(struct fn_freshen *f);

/* More has been read: what was looked at before may have changed since. */
void fn_freshen_again(struct fn_freshen *f);
void fn_freshen(struct fn_freshen *f, const struct fn_event *ev);

/* Whether our kernel knows the directory that path is in. Asks nobody. */
bool fn_freshen_known(struct fn_freshen *f, struct fn_str path);

#endif
