/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables by name. */
#include <ctype.h>

#include "wire/wire.h"

static bool same(const char *want, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = name[i] == '-' ? '_' : name[i];

		if (!want[i] || tolower((unsigned char)want[i]) != tolower((unsigned char)c))
			return false;
	}
	return want[len] == '\0';
}

/* want itself, or prefix and want. */
static bool matches(const char *prefix, const char *want, const char *name, size_t len)
{
	size_t n = strlen(prefix);

	return same(want, name, len) ||
	       (len > n && same(prefix, name, n) && same(want, name + n, len - n));
}

const struct fn_wire_op *fn_wire_op_named(const char *name, size_t len, enum fn_dialect dialect)
{
	const struct fn_wire_op *op, *found = NULL;

	for (size_t i = 0; (op = fn_wire_op_at(i)); i++) {
		if (!matches("FUSE_", op->name, name, len))
			continue;
		if (op->dialect == dialect)
			return op;
		if (op->dialect == FN_DIALECT_mainline)
			found = op;
	}
	return found;
}

const struct fn_wire_notify *fn_wire_notify_named(const char *name, size_t len,
						  enum fn_dialect dialect)
{
	const struct fn_wire_notify *n, *found = NULL;

	for (size_t i = 0; (n = fn_wire_notify_at(i)); i++) {
		if (!matches("FUSE_NOTIFY_", n->name, name, len) &&
		    !matches("NOTIFY_", n->name, name, len))
			continue;
		if (n->dialect == dialect)
			return n;
		if (n->dialect == FN_DIALECT_mainline)
			found = n;
	}
	return found;
}

const struct fn_wire_dialect *fn_wire_dialect_named(const char *name, size_t len)
{
	for (size_t i = 0; i < FN_DIALECTS; i++)
		if (strlen(fn_wire_dialects[i].name) == len &&
		    memcmp(fn_wire_dialects[i].name, name, len) == 0)
			return &fn_wire_dialects[i];
	return NULL;
}

bool fn_wire_value_named(enum fn_wire_set_id id, const char *name, size_t len, uint64_t *value)
{
	const struct fn_wire_set *set = &fn_wire_sets[id];

	for (size_t i = 0; i < set->count; i++) {
		if (!matches(set->prefix, set->values[i].name, name, len))
			continue;
		*value = set->values[i].value;
		return true;
	}
	return false;
}

const char *fn_wire_value_name(enum fn_wire_set_id id, uint64_t value)
{
	const struct fn_wire_set *set = &fn_wire_sets[id];

	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].value == value)
			return set->values[i].name;
	return NULL;
}
