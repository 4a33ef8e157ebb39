/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a line of text from left to right. Nothing here passes the end. */
#ifndef FN_TRACE_CURSOR_H
#define FN_TRACE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fn_cursor {
	const char *p, *end;
};

static inline bool fn_cur_is(const struct fn_cursor *c, char ch)
{
	return c->p < c->end && *c->p == ch;
}

static inline bool fn_cur_eat(struct fn_cursor *c, char ch)
{
	if (!fn_cur_is(c, ch))
		return false;
	c->p++;
	return true;
}

static inline bool fn_cur_eat_str(struct fn_cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n))
		return false;
	c->p += n;
	return true;
}

static inline void fn_cur_blanks(struct fn_cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static inline bool fn_cur_digit(const struct fn_cursor *c)
{
	return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

/* Just past the next ch; false, and no move, if there is none. */
static inline bool fn_cur_after(struct fn_cursor *c, char ch)
{
	const char *q = c->p < c->end ? memchr(c->p, ch, (size_t)(c->end - c->p)) : NULL;

	if (!q)
		return false;
	c->p = q + 1;
	return true;
}

/* Decimal digits; false, and no move, on none or too many. */
bool fn_cur_u64(struct fn_cursor *c, uint64_t *v);
bool fn_cur_i64(struct fn_cursor *c, int64_t *v);
/* Digits after a decimal point, as nanoseconds. */
uint32_t fn_cur_fraction(struct fn_cursor *c);

#endif
