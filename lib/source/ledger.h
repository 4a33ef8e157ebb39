/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this process is about to do itself, so that the events of it can be told from others'.
 * Bounded in size and age. Any thread may use it at any time. */
#ifndef FN_SOURCE_LEDGER_H
#define FN_SOURCE_LEDGER_H

#include "event/event.h"

struct fn_ledger;

struct fn_ledger *fn_ledger_new(void);
void fn_ledger_free(struct fn_ledger *l);
/* One event of each bit in mask is expected for path. */
void fn_ledger_expect(struct fn_ledger *l, uint64_t mask, struct fn_str path);
/* Was this event (one bit) expected? It is not any more. */
bool fn_ledger_take(struct fn_ledger *l, uint64_t bit, struct fn_str path);
/* Was this event expected? A name that a walk found may be there by an expected rename as well, and
 * of a rename one side may be all that is seen. */
bool fn_ledger_expected(struct fn_ledger *l, const struct fn_event *ev);

#endif
