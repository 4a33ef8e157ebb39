/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --format: inotifywait's and fsnotifywait's directives, and ours by name. */
#ifndef FNWATCH_FORMAT_H
#define FNWATCH_FORMAT_H

#include "fnwatch/record.h"

struct format;

/* NULL with the reason in why. */
struct format *format_compile(const char *text, char *why, size_t size);
void format_free(struct format *f);
/* A rename is one record for a format that uses a directive of ours, else two halves. */
bool format_joint(const struct format *f);
/* The format prints NUL itself: names need no escapes. */
bool format_nul(const struct format *f);
void format_print(struct fn_buf *out, const struct format *f, const struct record *r);

#endif
