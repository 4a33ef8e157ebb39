/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The .def files as tables. */
#include "wire/wire.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { SIZE_U8 = 1, SIZE_U16 = 2, SIZE_U32 = 4, SIZE_S32 = 4, SIZE_U64 = 8, SIZE_S64 = 8 };

/* clang-format off */
#define FN_WIRE_STRUCT(id, since) static const struct fn_wire_field fields_##id[] = {
#define FN_WIRE_FIELD(id, member, type, offset, since, fmt, set) \
	{#member, offset, SIZE_##type, FN_##type, FN_FMT_##fmt, FN_SET_##set, since},
#define FN_WIRE_ROOM(id, member, offset, bytes, since) \
	{#member, offset, bytes, FN_ROOM, FN_FMT_PAD, FN_SET_none, since},
#define FN_WIRE_END(id) };
#include "wire/structs.def"
#include "wire/dialect_structs.def"
#undef FN_WIRE_STRUCT
#undef FN_WIRE_FIELD
#undef FN_WIRE_ROOM
#undef FN_WIRE_END

const struct fn_wire_struct fn_wire_structs[FN_STRUCTS] = {
	[FN_STRUCT_none] = {"none", FN_STRUCT_none, 0, 0, NULL},
#define FN_WIRE_STRUCT(id, since) \
	[FN_STRUCT_##id] = {#id, FN_STRUCT_##id, COUNT(fields_##id), since, fields_##id},
#define FN_WIRE_FIELD(id, member, type, offset, since, fmt, set)
#define FN_WIRE_ROOM(id, member, offset, bytes, since)
#define FN_WIRE_END(id)
#include "wire/structs.def"
#include "wire/dialect_structs.def"
#undef FN_WIRE_STRUCT
#undef FN_WIRE_FIELD
#undef FN_WIRE_ROOM
#undef FN_WIRE_END
};

enum { KIND_ENUM, KIND_BITS };
#define FN_WIRE_SET(id, kind, prefix) static const struct fn_wire_value values_##id[] = {
#define FN_WIRE_VALUE(id, name, macro, value, since) {#name, value, since},
#define FN_WIRE_PLAIN(id, name, value, since) {#name, value, since},
#define FN_WIRE_SET_END(id) };
#include "wire/flags.def"
#undef FN_WIRE_SET
#undef FN_WIRE_VALUE
#undef FN_WIRE_PLAIN
#undef FN_WIRE_SET_END

const struct fn_wire_set fn_wire_sets[FN_SETS] = {
	[FN_SET_none] = {"none", "", false, 0, NULL},
#define FN_WIRE_SET(id, kind, prefix) \
	[FN_SET_##id] = {#id, prefix, KIND_##kind == KIND_BITS, COUNT(values_##id), values_##id},
#define FN_WIRE_VALUE(id, name, macro, value, since)
#define FN_WIRE_PLAIN(id, name, value, since)
#define FN_WIRE_SET_END(id)
#include "wire/flags.def"
#undef FN_WIRE_SET
#undef FN_WIRE_VALUE
#undef FN_WIRE_PLAIN
#undef FN_WIRE_SET_END
};

const struct fn_wire_dialect fn_wire_dialects[FN_DIALECTS] = {
#define FN_WIRE_DIALECT(id, name, flag, what) {FN_DIALECT_##id, name, flag, what},
#include "wire/dialects.def"
#undef FN_WIRE_DIALECT
};

#define OP(dialect, code, name, since, in, out, out2, in_tail, out_tail, flags) \
	{code, #name, FN_DIALECT_##dialect, since, FN_STRUCT_##in, FN_STRUCT_##out, \
	 FN_STRUCT_##out2, FN_TAIL_##in_tail, FN_TAIL_##out_tail, flags},
#define NEAR 64
/* Mainline's by code: the decoder's fast path. */
static const struct fn_wire_op near_ops[NEAR] = {
#define FN_WIRE_OP(d, code, name, since, in, out, out2, it, ot, flags) \
	[code] = OP(d, code, name, since, in, out, out2, it, ot, flags)
#define FN_WIRE_OP_FAR(d, code, name, since, in, out, out2, it, ot, flags)
#include "wire/ops.def"
#undef FN_WIRE_OP
#undef FN_WIRE_OP_FAR
};
static const struct fn_wire_op far_ops[] = {
#define FN_WIRE_OP(d, code, name, since, in, out, out2, it, ot, flags)
#define FN_WIRE_OP_FAR(d, code, name, since, in, out, out2, it, ot, flags) \
	OP(d, code, name, since, in, out, out2, it, ot, flags)
#include "wire/ops.def"
#undef FN_WIRE_OP
#undef FN_WIRE_OP_FAR
};

static const struct fn_wire_notify notifies[] = {
#define FN_WIRE_NOTIFY(dialect, code, name, since, out, tail) \
	{code, #name, FN_DIALECT_##dialect, since, FN_STRUCT_##out, FN_TAIL_##tail},
#include "wire/notify.def"
#undef FN_WIRE_NOTIFY
};

static const struct fn_wire_attr attrs[] = {
#define FN_WIRE_FN1_ATTR(type, name, kind, set) {type, #name, FN_ATTR_##kind, FN_SET_##set},
#include "wire/attrs.def"
#undef FN_WIRE_FN1_ATTR
};
/* clang-format on */

size_t fn_wire_struct_size(enum fn_wire_struct_id id, const struct fn_wire_conn *conn)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];
	unsigned minor = conn && conn->minor ? conn->minor : FN_WIRE_MINOR;
	size_t n = s->count;

	/* SETXATTR grew only for those who asked for it. */
	if (id == FN_STRUCT_setxattr_in && conn && conn->flags && !(conn->flags & 1ull << 29))
		return 8;
	while (n && s->fields[n - 1].since > minor)
		n--;
	if (n == 0)
		return 0;
	n = s->fields[n - 1].offset + s->fields[n - 1].size;
	return s->count > 1 ? (n + 7) & ~(size_t)7 : n;
}

const struct fn_wire_op *fn_wire_op_at(size_t i)
{
	size_t n = 0;

	for (size_t code = 0; code < NEAR; code++)
		if (near_ops[code].name && n++ == i)
			return &near_ops[code];
	return i - n < COUNT(far_ops) ? &far_ops[i - n] : NULL;
}

const struct fn_wire_notify *fn_wire_notify_at(size_t i)
{
	return i < COUNT(notifies) ? &notifies[i] : NULL;
}

const struct fn_wire_attr *fn_wire_attr_at(size_t i)
{
	return i < COUNT(attrs) ? &attrs[i] : NULL;
}

static const struct fn_wire_op *far_op(uint32_t code, enum fn_dialect dialect)
{
	for (size_t i = 0; i < COUNT(far_ops); i++)
		if (far_ops[i].code == code && far_ops[i].dialect == dialect)
			return &far_ops[i];
	return NULL;
}

const struct fn_wire_op *fn_wire_opcode(uint32_t code, enum fn_dialect dialect)
{
	const struct fn_wire_op *op = NULL;

	if (dialect != FN_DIALECT_mainline)
		op = far_op(code, dialect);
	if (op)
		return op;
	if (code < NEAR)
		return near_ops[code].name ? &near_ops[code] : NULL;
	return far_op(code, FN_DIALECT_mainline);
}

static const struct fn_wire_notify *notify_of(uint32_t code, enum fn_dialect dialect)
{
	for (size_t i = 0; i < COUNT(notifies); i++)
		if (notifies[i].code == code && notifies[i].dialect == dialect)
			return &notifies[i];
	return NULL;
}

const struct fn_wire_notify *fn_wire_notify(uint32_t code, enum fn_dialect dialect)
{
	const struct fn_wire_notify *n = notify_of(code, dialect);

	return n ? n : notify_of(code, FN_DIALECT_mainline);
}

const struct fn_wire_attr *fn_wire_attr(uint16_t type)
{
	return type && type <= COUNT(attrs) ? &attrs[type - 1] : NULL;
}

const struct fn_wire_field *fn_wire_member(enum fn_wire_struct_id id, const char *name)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];

	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

uint64_t fn_wire_member_get(enum fn_wire_struct_id id, const char *name, const void *body,
			    size_t len)
{
	const struct fn_wire_field *m = fn_wire_member(id, name);

	return m && (size_t)m->offset + m->size <= len ? fn_wire_get(m, body, false) : 0;
}

void fn_wire_member_put(enum fn_wire_struct_id id, const char *name, void *body, uint64_t value)
{
	const struct fn_wire_field *m = fn_wire_member(id, name);

	if (m)
		fn_wire_put(m, body, value, false);
}
