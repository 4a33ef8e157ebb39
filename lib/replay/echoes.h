/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a nudge will make the far side report, so that it can be told from a change that was made
 * there. An event is an echo when it is expected, came after the nudge, and finds the object
 * exactly as the nudge left it; a real change in between alters the change time, and its event
 * passes. Bounded in size and age.
 */
#ifndef FN_REPLAY_ECHOES_H
#define FN_REPLAY_ECHOES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct fn_echoes;

struct fn_echoes *fn_echoes_new(int64_t keep_ns); /* NULL: no memory */
void fn_echoes_free(struct fn_echoes *l);

/* path was nudged with these bits at now; state: what fn_cached_attr() then says of it. */
void fn_echoes_expect(struct fn_echoes *l, const char *path, size_t len, uint64_t bits,
		      const struct statx *state, int64_t now);
/* An event that was read at read_ns: true if it is an echo, which is then used up. */
bool fn_echoes_take(struct fn_echoes *l, const char *path, size_t len, uint64_t bits,
		    const struct statx *state, int64_t read_ns);

#endif
