/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnprobe/fnprobe.h"

#include <string.h>

/* A bit that nobody set and that has no name is not among the facts: it is off, when INIT was
 * seen at all. */
static int holds_unlisted(const struct fn_facts *f, const char *name)
{
	const struct fn_fact *flags = fn_facts_find(f, "init_flags");

	if (!strncmp(name, "bit_", 4) && flags && flags->value)
		return 0;
	return -1;
}

static int holds(const struct fn_facts *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->count; i++)
		if (fn_fact_name_is(&f->list[i], name, len))
			return fn_fact_holds(&f->list[i]);
	if (!fact_name_known(name, len)) {
		fn_usage("%.*s: no such fact, see --list", (int)len, name);
		return -2;
	}
	return holds_unlisted(f, name);
}

/* One list; sense is what each fact has to be. A "no" outweighs a "cannot tell". */
static int check(const struct fn_facts *f, const char *list, int sense)
{
	int all = 1;

	for (const char *p = list; p && *p;) {
		size_t len = strcspn(p, ",");
		int h = len ? holds(f, p, len) : sense;

		if (h == -2)
			return -2;
		if (h < 0)
			all = all ? -1 : 0;
		else if (h != sense)
			all = 0;
		p += len + (p[len] == ',');
	}
	return all;
}

int requirements(const struct fn_facts *f, const struct args *a)
{
	int yes = check(f, a->require, 1), no = check(f, a->require_not, 0);

	if (yes == -2 || no == -2)
		return -2;
	if (!yes || !no)
		return 0;
	return yes < 0 || no < 0 ? -1 : 1;
}
