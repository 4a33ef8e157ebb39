/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers in options, strictly: popt's own conversions take "" as 0 and "010" as 8. */
#include "common/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Digits only, decimal; *end is behind them. */
static int digits(const char *text, uint64_t *value, const char **end)
{
	uint64_t v = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	}
	*value = v;
	*end = p;
	return p == text ? -1 : 0;
}

int fn_parse_u64(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *end;

	if (digits(text, value, &end) || *end || *value < min || *value > max) {
		fn_usage("--%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option,
			 text, min, max);
		return -1;
	}
	return 0;
}

static const struct {
	const char *name;
	uint64_t ns;
} time_units[] = {
	{"", 1000000000u}, {"s", 1000000000u},  {"ms", 1000000u},      {"us", 1000u},
	{"ns", 1u},        {"m", 60000000000u}, {"h", 3600000000000u},
};

static uint64_t time_unit(const char *name)
{
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++)
		if (!strcmp(time_units[i].name, name))
			return time_units[i].ns;
	return 0;
}

/* The digits behind a decimal point, as a share of unit. */
static uint64_t fraction(const char *p, const char **end, uint64_t unit)
{
	uint64_t sum = 0, scale = unit;

	for (; *p >= '0' && *p <= '9'; p++) {
		scale /= 10;
		sum += (uint64_t)(*p - '0') * scale;
	}
	*end = p;
	return sum;
}

int fn_parse_duration(const char *option, const char *text, int64_t *ns)
{
	uint64_t whole, unit, part = 0, total;
	const char *end, *dot = NULL;

	if (digits(text, &whole, &end))
		goto bad;
	if (*end == '.') {
		dot = end + 1;
		end = dot + strspn(dot, "0123456789");
		if (end == dot)
			goto bad;
	}
	unit = time_unit(end);
	if (!unit)
		goto bad;
	if (dot)
		part = fraction(dot, &end, unit);
	if (__builtin_mul_overflow(whole, unit, &total) ||
	    __builtin_add_overflow(total, part, &total) || total > INT64_MAX)
		goto bad;
	*ns = (int64_t)total;
	return 0;
bad:
	fn_usage("--%s: '%s' is not a time such as 2, 1.5s, 500ms, 20us, 3m", option, text);
	return -1;
}

int fn_parse_size(const char *option, const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *end, *unit;

	if (digits(text, bytes, &end))
		goto bad;
	if (!*end)
		return 0;
	unit = strchr(units, *end);
	if (!unit || end[1])
		goto bad;
	if (__builtin_mul_overflow(*bytes, (uint64_t)1 << (10 * (unit - units + 1)), bytes))
		goto bad;
	return 0;
bad:
	fn_usage("--%s: '%s' is not a size such as 4096, 64K, 1M", option, text);
	return -1;
}
