/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnprobe/fnprobe.h"
#include "probe/init.h"
#include "probe/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls back for every fact there can be: those of the table, then those of the wire's tables. */
typedef bool (*name_cb)(const struct fn_fact_desc *desc, void *arg);

static bool each_flag(name_cb cb, void *arg)
{
	const struct fn_wire_set *set = &fn_wire_sets[FN_SET_init];
	char name[FN_FACT_NAME_MAX], what[96];
	struct fn_fact_desc desc = {name, "init", "ksvr", what};

	for (size_t i = 0; i < set->count; i++) {
		unsigned bit = (unsigned)__builtin_ctzll(set->values[i].value);

		fn_probe_flag_name(name, bit);
		snprintf(what, sizeof(what), "INIT flag FUSE_%s, bit %u, since 7.%u",
			 set->values[i].name, bit, set->values[i].since);
		if (cb(&desc, arg))
			return true;
	}
	return false;
}

static bool each_dialect(name_cb cb, void *arg)
{
	char name[FN_FACT_NAME_MAX], what[96];
	struct fn_fact_desc desc = {name, "remote", "ksvr", what};

	for (int d = 0; d < FN_DIALECTS; d++) {
		if (!fn_wire_dialects[d].init_flag)
			continue;
		fn_probe_dialect_name(name, (enum fn_dialect)d);
		snprintf(what, sizeof(what), "remote fsnotify in the dialect %s",
			 fn_wire_dialects[d].name);
		if (cb(&desc, arg))
			return true;
	}
	return false;
}

static bool each_op(name_cb cb, void *arg)
{
	char name[FN_FACT_NAME_MAX], what[96];
	struct fn_fact_desc desc = {name, "opcodes", "sv", what};
	const struct fn_wire_op *op;

	for (size_t i = 0; (op = fn_wire_op_at(i)); i++) {
		if (op->code == 26 || op->code > 64 || op->dialect != FN_DIALECT_mainline)
			continue;
		fn_probe_op_name(name, op);
		snprintf(what, sizeof(what), "opcode FUSE_%s, %u, since 7.%u", op->name, op->code,
			 op->since);
		if (cb(&desc, arg))
			return true;
	}
	return false;
}

static bool each_kind(name_cb cb, void *arg)
{
	static const char *const watchers[] = {"inotify", "fanotify"};
	char name[FN_FACT_NAME_MAX], what[96];
	struct fn_fact_desc desc = {name, NULL, "e", what};
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (size_t i = 0; i < 2 * n; i++) {
		const struct fn_kind *k = &kinds[i % n];

		desc.group = watchers[i / n];
		snprintf(name, sizeof(name), "%s_%s", desc.group, k->name);
		snprintf(what, sizeof(what), "a far %s arrives as the exact event", k->name);
		if (cb(&desc, arg))
			return true;
		snprintf(name, sizeof(name), "%s_%s_us", desc.group, k->name);
		snprintf(what, sizeof(what), "and how long after the change, in us");
		if (cb(&desc, arg))
			return true;
	}
	return false;
}

static bool each_name(name_cb cb, void *arg)
{
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	for (size_t i = 0; i < n; i++)
		if (cb(&table[i], arg))
			return true;
	return each_dialect(cb, arg) || each_flag(cb, arg) || each_op(cb, arg) ||
	       each_kind(cb, arg);
}

static bool print_name(const struct fn_fact_desc *desc, void *arg)
{
	char letter = *(char *)arg;

	if (!letter || strchr(desc->probes, letter))
		printf("%-26s %-9s %s\n", desc->name, desc->group, desc->what);
	return false;
}

int list_facts(char letter)
{
	each_name(print_name, &letter);
	return fn_close_stdout(FN_EXIT_OK);
}

struct wanted {
	const char *name;
	size_t len;
};

static bool is_wanted(const struct fn_fact_desc *desc, void *arg)
{
	const struct wanted *w = arg;
	struct fn_fact fact = {0};

	snprintf(fact.name, sizeof(fact.name), "%s", desc->name);
	return fn_fact_name_is(&fact, w->name, w->len);
}

bool fact_name_known(const char *name, size_t len)
{
	struct wanted w = {name, len};
	char *end;

	if (len > 4 && !strncmp(name, "bit_", 4) && strtoul(name + 4, &end, 10) < 64)
		return end == name + len;
	return each_name(is_wanted, &w);
}
