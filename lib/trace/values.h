/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How numbers of the protocol read. */
#ifndef FN_TRACE_VALUES_H
#define FN_TRACE_VALUES_H

#include "text/buf.h"
#include "wire/wire.h"

/* v as the field's format wants it; node ids without their path. */
void fn_value_text(struct fn_buf *b, const struct fn_wire_field *f, uint64_t v);
/* Names of the bits, joined with '|', and what has no name in hex; "0" for none. */
void fn_value_flags(struct fn_buf *b, enum fn_wire_set_id set, uint64_t v);
/* Each name of the bits in turn; the call returns what has none. O_RDONLY is a name of no bit. */
uint64_t fn_value_each_flag(enum fn_wire_set_id set, uint64_t v,
			    void (*cb)(void *arg, const char *prefix, const char *name), void *arg);
/* "ENOENT" of 2 or -2; NULL if it has no name. */
const char *fn_errno_name(int error);
/* The number of "ENOENT", 0 if there is none. */
int fn_errno_number(const char *name, size_t len);

/* "text" with C escapes, at most max bytes of it, "..." behind when there is more. */
void fn_value_quoted(struct fn_buf *b, const char *text, size_t len, size_t max);

#endif
