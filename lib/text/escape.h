/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names are bytes. How to show them in text so that a line stays a line and nothing is lost. */
#ifndef FN_TEXT_ESCAPE_H
#define FN_TEXT_ESCAPE_H

#include "text/buf.h"

/* Length of the well-formed UTF-8 sequence at data (1…4), 0 if there is none. */
size_t fn_utf8_step(const char *data, size_t len);
bool fn_utf8_ok(const char *data, size_t len);

/* C escapes: \n \t \r \\ and \ooo for other control characters and for bytes that are not UTF-8.
 * Reversible; printable text, spaces included, stays as it is. */
void fn_escape(struct fn_buf *b, const char *data, size_t len);
/* The reverse, in place of a shell's $'…'. 0, or -EINVAL on a malformed escape. */
int fn_unescape(struct fn_buf *b, const char *data, size_t len);

/* The inside of a JSON string: valid JSON for any bytes, U+FFFD where they are not UTF-8. */
void fn_escape_json(struct fn_buf *b, const char *data, size_t len);

#endif
