/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/unescape.h"

/* Hex digit values plus one; 0 for everything else. */
static const uint8_t hex[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Above 255 when one of the two is no hex digit. */
static inline unsigned hex_byte(const char *p)
{
	unsigned hi = hex[(uint8_t)p[0]] - 1u, lo = hex[(uint8_t)p[1]] - 1u;

	return (hi | lo) > 15 ? 256 : hi << 4 | lo;
}

static int simple_escape(char ch)
{
	switch (ch) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'v':
		return '\v';
	case 'f':
		return '\f';
	case 'a':
		return '\a';
	case 'b':
		return '\b';
	case '"':
	case '\\':
	case '<':
	case '>':
		return ch;
	default:
		return -1;
	}
}

/* One to three octal digits; c stands on the first. */
static int octal_escape(struct fn_cursor *c)
{
	int v = 0;

	for (int i = 0; i < 3 && c->p < c->end && *c->p >= '0' && *c->p <= '7'; i++)
		v = v * 8 + (*c->p++ - '0');
	return v & 0xff;
}

/* c stands after the backslash. */
static int escape(struct fn_cursor *c)
{
	int v;

	if (c->p >= c->end)
		return -1;
	if (*c->p >= '0' && *c->p <= '7')
		return octal_escape(c);
	if (*c->p == 'x' && c->end - c->p >= 3) {
		unsigned b = hex_byte(c->p + 1);

		c->p += 3;
		return b > 255 ? -1 : (int)b;
	}
	v = simple_escape(*c->p);
	c->p++;
	return v;
}

/* The run of \xHH at the cursor, four characters a byte: nearly all of a trace is this. */
static uint8_t *hex_run(struct fn_cursor *c, uint8_t *o)
{
	const char *p = c->p;

	for (; c->end - p >= 4 && p[0] == '\\' && p[1] == 'x'; p += 4) {
		unsigned b = hex_byte(p + 2);

		if (b > 255)
			break;
		*o++ = (uint8_t)b;
	}
	c->p = p;
	return o;
}

long fn_strace_unescape(struct fn_cursor *c, uint8_t *out, bool *cut)
{
	uint8_t *o = out;

	for (;;) {
		int v;

		o = hex_run(c, o);
		if (c->p >= c->end)
			return -1;
		v = (uint8_t)*c->p++;
		if (v == '"')
			break;
		if (v == '\\')
			v = escape(c);
		if (v < 0)
			return -1;
		*o++ = (uint8_t)v;
	}
	*cut = fn_cur_eat_str(c, "...");
	return o - out;
}
