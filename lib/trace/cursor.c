/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/cursor.h"

bool fn_cur_u64(struct fn_cursor *c, uint64_t *v)
{
	const char *p = c->p;
	uint64_t n = 0;

	if (!fn_cur_digit(c))
		return false;
	for (; p < c->end && *p >= '0' && *p <= '9'; p++) {
		unsigned d = (unsigned)(*p - '0');

		if (n > (UINT64_MAX - d) / 10)
			return false;
		n = n * 10 + d;
	}
	c->p = p;
	*v = n;
	return true;
}

bool fn_cur_i64(struct fn_cursor *c, int64_t *v)
{
	struct fn_cursor d = *c;
	bool minus = fn_cur_eat(&d, '-');
	uint64_t u;

	if (!fn_cur_u64(&d, &u) || u > INT64_MAX)
		return false;
	*v = minus ? -(int64_t)u : (int64_t)u;
	*c = d;
	return true;
}

uint32_t fn_cur_fraction(struct fn_cursor *c)
{
	uint32_t ns = 0, unit = 100000000;

	for (; fn_cur_digit(c); c->p++, unit /= 10)
		ns += unit * (uint32_t)(*c->p - '0');
	return ns;
}
