/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where messages come from: a file, a process, a mount. */
#ifndef FN_FNDUMP_SOURCE_H
#define FN_FNDUMP_SOURCE_H

#include "fndump/fndump.h"

struct source;

/* 0, or a status after a message. *name is what to call it in messages. */
int source_open(struct source **s, const struct config *c, const char *path, const char **name);
void source_close(struct source *s);
int source_next(struct source *s, struct fn_trace_msg *m); /* as fn_trace_next() */
const char *source_fault(const struct source *s, uint64_t *offset, uint64_t *line);
uint64_t source_unseen(const struct source *s);
/* It waits without saying so first (config's trace.idle). */
bool source_waits(const struct source *s);
/* It ends by itself after a signal, when it has given what was taken until then. */
bool source_drains(const struct source *s);
int source_status(const struct source *s); /* at the end: the command's own, else 0 */

#endif
