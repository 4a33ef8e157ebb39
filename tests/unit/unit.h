/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A unit test is a list of functions; each gives one TAP line. */
#ifndef FN_TESTS_UNIT_H
#define FN_TESTS_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
	const char *name;
	void (*run)(void);
};

static int unit_faults;

#define CHECK(cond)                                                         \
	do {                                                                \
		if (!(cond)) {                                              \
			unit_faults++;                                      \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
		}                                                           \
	} while (0)

#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		intmax_t g_ = (intmax_t)(got), w_ = (intmax_t)(want);                              \
		if (g_ != w_) {                                                                    \
			unit_faults++;                                                             \
			printf("# %s:%d: %s is %jd, not %jd\n", __FILE__, __LINE__, #got, g_, w_); \
		}                                                                                  \
	} while (0)

#define CHECK_STR(got, want)                                                                    \
	do {                                                                                    \
		const char *g_ = (got), *w_ = (want);                                           \
		if (!g_ || strcmp(g_, w_)) {                                                    \
			unit_faults++;                                                          \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, \
			       g_ ? g_ : "(null)", w_);                                         \
		}                                                                               \
	} while (0)

static inline int unit_main(const struct unit_test *tests, size_t n)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < n; i++) {
		unit_faults = 0;
		tests[i].run();
		printf("%sok %zu - %s\n", unit_faults ? "not " : "", i + 1, tests[i].name);
		failed += unit_faults != 0;
	}
	printf("1..%zu\n", n);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(tests)                                                     \
	int main(void)                                                       \
	{                                                                    \
		return unit_main(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

#endif
