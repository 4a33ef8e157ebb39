/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* strace's string literals, in every style that it has: \xHH (-xx), C escapes with octal, both. */
#ifndef FN_TRACE_UNESCAPE_H
#define FN_TRACE_UNESCAPE_H

#include "trace/cursor.h"

/* c stands after the opening quote; out has room for every remaining character. Ends after the
 * closing quote. Returns the number of bytes, or -1 when the literal does not end or has an
 * unknown escape. *cut: it is followed by "...", so there was more. */
long fn_strace_unescape(struct fn_cursor *c, uint8_t *out, bool *cut);

#endif
