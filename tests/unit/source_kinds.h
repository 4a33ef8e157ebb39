/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All scenarios, each on every kind of source that a program has. */
#ifndef FN_TESTS_SOURCE_KINDS_H
#define FN_TESTS_SOURCE_KINDS_H

#include "source_busy.h"
#include "source_model.h"
#include "source_roots.h"

static const struct unit_test scenarios[] = {
	{"life of a file", life_of_a_file},
	{"life of a directory", life_of_a_directory},
	{"renames", renames},
	{"exchanges", exchanges},
	{"directory renames", directory_renames},
	{"directory moved in and out", directory_moved_in_and_out},
	{"deep and quick", deep_and_quick},
	{"odd names", odd_names},
	{"pruned", pruned},
	{"symlinks", symlink_root},
	{"two roots, and a third in one", two_roots},
	{"root moved and removed", root_removed},
	{"root moved away", root_moved_away},
	{"unmounted", unmounted},
	{"a file as root", file_root},
	{"not recursive", not_recursive},
	{"a callback that stops", stopping_callback},
	{"own changes", own_changes},
	{"mode and command", mode_and_command},
	{"overflow", overflow},
	{"bad roots", bad_roots},
	{"a busy neighbour", busy_neighbour},
	{"random changes against a model", random_changes},
	{"random changes of another process", random_meanwhile},
};

static const struct kind *all_kinds;
static size_t nkinds, current;

static void run_current(void)
{
	size_t n = sizeof(scenarios) / sizeof(scenarios[0]);

	const char *only = getenv("FN_MODEL_KIND");

	kind = &all_kinds[current / n];
	if ((!getenv("FN_MODEL_SEED") || current % n >= n - 2) &&
	    (!only || !strcmp(only, kind->name)))
		scenarios[current % n].run();
	current++;
}

/* One TAP line for each scenario and kind, then `extra`. */
static int run_kinds(const struct kind *kinds, size_t n, const struct unit_test *extra,
		     size_t nextra)
{
	size_t per = sizeof(scenarios) / sizeof(scenarios[0]), count = n * per + nextra;
	struct unit_test *tests = calloc(count, sizeof(*tests));
	int rc;

	all_kinds = kinds;
	nkinds = n;
	for (size_t i = 0; i < n * per; i++) {
		char *name = malloc(200);

		snprintf(name, 200, "%s: %s", kinds[i / per].name, scenarios[i % per].name);
		tests[i] = (struct unit_test){name, run_current};
	}
	for (size_t i = 0; i < nextra; i++)
		tests[n * per + i] = extra[i];
	rc = unit_main(tests, count);
	for (size_t i = 0; i < n * per; i++)
		free((char *)(uintptr_t)tests[i].name);
	free(tests);
	return rc;
}

#endif
