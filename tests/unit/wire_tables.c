/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/fuse.h>

#include "unit.h"
#include "wire/wire.h"

static size_t size_at(enum fn_wire_struct_id id, unsigned minor)
{
	struct fn_wire_conn conn = {.minor = (uint8_t)minor};

	return fn_wire_struct_size(id, &conn);
}

/* Fields follow each other without gap or overlap, up to the size of the struct. */
static void fields_are_dense(void)
{
	for (size_t i = 1; i < FN_STRUCTS; i++) {
		const struct fn_wire_struct *s = &fn_wire_structs[i];
		size_t at = 0;

		CHECK_INT(s->id, i);
		for (size_t k = 0; k < s->count; k++) {
			if (s->fields[k].offset != at)
				printf("# %s.%s at %u, not %zu\n", s->name, s->fields[k].name,
				       s->fields[k].offset, at);
			CHECK(s->fields[k].offset == at);
			CHECK(s->fields[k].since <= FN_WIRE_MINOR);
			CHECK(s->fields[k].since >= s->since);
			at += s->fields[k].size;
		}
		CHECK_INT(fn_wire_struct_size((enum fn_wire_struct_id)i, NULL), at);
	}
}

static void sizes_of_older_minors(void)
{
	CHECK_INT(size_at(FN_STRUCT_init_in, 5), 8);
	CHECK_INT(size_at(FN_STRUCT_init_in, 35), 16);
	CHECK_INT(size_at(FN_STRUCT_init_in, 36), 64);
	CHECK_INT(size_at(FN_STRUCT_init_out, 4), FUSE_COMPAT_INIT_OUT_SIZE);
	CHECK_INT(size_at(FN_STRUCT_init_out, 22), FUSE_COMPAT_22_INIT_OUT_SIZE);
	CHECK_INT(size_at(FN_STRUCT_init_out, 23), 64);
	CHECK_INT(size_at(FN_STRUCT_entry_out, 8), FUSE_COMPAT_ENTRY_OUT_SIZE);
	CHECK_INT(size_at(FN_STRUCT_entry_out, 9), 128);
	CHECK_INT(size_at(FN_STRUCT_attr_out, 8), FUSE_COMPAT_ATTR_OUT_SIZE);
	CHECK_INT(size_at(FN_STRUCT_attr_out, 9), 104);
	CHECK_INT(size_at(FN_STRUCT_write_in, 8), FUSE_COMPAT_WRITE_IN_SIZE);
	CHECK_INT(size_at(FN_STRUCT_write_in, 9), 40);
	CHECK_INT(size_at(FN_STRUCT_read_in, 8), 24);
	CHECK_INT(size_at(FN_STRUCT_statfs_out, 3), FUSE_COMPAT_STATFS_SIZE);
	CHECK_INT(size_at(FN_STRUCT_statfs_out, 4), 80);
	CHECK_INT(size_at(FN_STRUCT_mknod_in, 11), FUSE_COMPAT_MKNOD_IN_SIZE);
	CHECK_INT(size_at(FN_STRUCT_mknod_in, 12), 16);
	CHECK_INT(size_at(FN_STRUCT_mkdir_in, 0), 8);
	CHECK_INT(size_at(FN_STRUCT_create_in, 11), 8);
	CHECK_INT(size_at(FN_STRUCT_create_in, 12), 16);
	CHECK_INT(size_at(FN_STRUCT_getattr_in, 8), 0);
	CHECK_INT(size_at(FN_STRUCT_lk_in, 8), 40);
	CHECK_INT(size_at(FN_STRUCT_lk_in, 9), 48);
	CHECK_INT(size_at(FN_STRUCT_release_in, 7), 16);
	CHECK_INT(size_at(FN_STRUCT_release_in, 8), 24);
	CHECK_INT(size_at(FN_STRUCT_removemapping_in, 31), 4);
	CHECK_INT(size_at(FN_STRUCT_in_header, 7), 40);
	CHECK_INT(size_at(FN_STRUCT_statx_out, 38), 0);
}

static void setxattr_grows_only_when_asked(void)
{
	struct fn_wire_conn conn = {.minor = 45, .flags = FUSE_SETXATTR_EXT};

	CHECK_INT(fn_wire_struct_size(FN_STRUCT_setxattr_in, &conn), 16);
	conn.flags = FUSE_POSIX_LOCKS;
	CHECK_INT(fn_wire_struct_size(FN_STRUCT_setxattr_in, &conn), FUSE_COMPAT_SETXATTR_IN_SIZE);
	conn.minor = 32;
	conn.flags = 0;
	CHECK_INT(fn_wire_struct_size(FN_STRUCT_setxattr_in, &conn), 8);
}

static void sizes_of_dialects(void)
{
	static const struct {
		enum fn_wire_struct_id id;
		size_t size;
	} want[] = {
		{FN_STRUCT_rfc_v1_in, 24},    {FN_STRUCT_rfc_v1_out, 24},
		{FN_STRUCT_rfc_agg_in, 8},    {FN_STRUCT_rfc_agg_out, 32},
		{FN_STRUCT_rfc_mail_out, 48}, {FN_STRUCT_rfc_v2_in, 8},
		{FN_STRUCT_rfc_v2_out, 40},   {FN_STRUCT_native_in, 16},
		{FN_STRUCT_native_out, 64},   {FN_STRUCT_fn1_hello, 16},
		{FN_STRUCT_fn1_watch, 16},    {FN_STRUCT_fn1_event, 32},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		CHECK_INT(fn_wire_struct_size(want[i].id, NULL), want[i].size);
}

static void opcodes_by_number(void)
{
	size_t n = 0;

	for (const struct fn_wire_op *op; (op = fn_wire_op_at(n)); n++) {
		CHECK(fn_wire_opcode(op->code, op->dialect) == op);
		CHECK(fn_wire_op_named(op->name, strlen(op->name), op->dialect) == op);
	}
	CHECK(n > 60);
	CHECK(!fn_wire_opcode(0, FN_DIALECT_mainline));
	CHECK(!fn_wire_opcode(7, FN_DIALECT_mainline));
	CHECK(!fn_wire_opcode(19, FN_DIALECT_rfc_v1));
	CHECK(!fn_wire_opcode(54, FN_DIALECT_mainline));
	CHECK(!fn_wire_opcode(0x1e01, FN_DIALECT_mainline));
	CHECK(!fn_wire_opcode(UINT32_MAX, FN_DIALECT_fn1));
}

/* 51 means two things, and only the dialect tells them apart. */
static void dialects_lie_over_mainline(void)
{
	CHECK_STR(fn_wire_opcode(51, FN_DIALECT_mainline)->name, "TMPFILE");
	CHECK_STR(fn_wire_opcode(51, FN_DIALECT_rfc_v1)->name, "FSNOTIFY");
	CHECK_STR(fn_wire_opcode(51, FN_DIALECT_fn_native)->name, "TMPFILE");
	CHECK_STR(fn_wire_opcode(1, FN_DIALECT_rfc_v2)->name, "LOOKUP");
	CHECK_STR(fn_wire_opcode(0x1e01, FN_DIALECT_fn_native)->name, "FSNOTIFY");
	CHECK_STR(fn_wire_notify(8, FN_DIALECT_mainline)->name, "INC_EPOCH");
	CHECK_STR(fn_wire_notify(8, FN_DIALECT_rfc_v2)->name, "FSNOTIFY");
	CHECK_INT(fn_wire_notify(8, FN_DIALECT_rfc_v2)->out, FN_STRUCT_rfc_v2_out);
	CHECK_STR(fn_wire_notify(3, FN_DIALECT_fn1)->name, "INVAL_ENTRY");
	CHECK(!fn_wire_notify(10, FN_DIALECT_mainline));
	CHECK(fn_wire_dialects[FN_DIALECT_rfc_v1].init_flag == FUSE_INIT_EXT);
	CHECK_INT(fn_wire_dialect_named("fn-native", 9)->id, FN_DIALECT_fn_native);
	CHECK(!fn_wire_dialect_named("rfc", 3));
}

/* A message of fn1 is known by the word at offset 4 alone. */
static void fn1_numbers_are_apart(void)
{
	const struct fn_wire_op *op;
	const struct fn_wire_notify *n;

	for (size_t i = 0; (op = fn_wire_op_at(i)); i++)
		for (size_t k = 0; (n = fn_wire_notify_at(k)); k++)
			CHECK(op->code != n->code || op->code < 64);
	for (size_t i = 0; (op = fn_wire_op_at(i)); i++)
		if (op->dialect != FN_DIALECT_fn1)
			CHECK(op->code < 0x66000000 || op->code > 0x66ffffff);
}

static void notifications_by_name(void)
{
	const struct fn_wire_notify *n;

	for (size_t i = 0; (n = fn_wire_notify_at(i)); i++) {
		CHECK(fn_wire_notify(n->code, n->dialect) == n);
		CHECK(fn_wire_notify_named(n->name, strlen(n->name), n->dialect) == n);
	}
	CHECK_INT(fn_wire_notify_named("inval-entry", 11, FN_DIALECT_mainline)->code, 3);
	CHECK_INT(fn_wire_notify_named("FUSE_NOTIFY_PRUNE", 17, FN_DIALECT_mainline)->code, 9);
	CHECK(!fn_wire_notify_named("inval", 5, FN_DIALECT_mainline));
}

static void values_by_name(void)
{
	uint64_t v = 0;

	CHECK(fn_wire_value_named(FN_SET_init, "FUSE_PASSTHROUGH", 16, &v));
	CHECK(v == 1ull << 37);
	CHECK(fn_wire_value_named(FN_SET_init, "passthrough", 11, &v));
	CHECK(!fn_wire_value_named(FN_SET_init, "pass", 4, &v));
	CHECK_STR(fn_wire_value_name(FN_SET_init, 1ull << 36), "DIRECT_IO_ALLOW_MMAP");
	CHECK_STR(fn_wire_value_name(FN_SET_fopen, FOPEN_KEEP_CACHE), "KEEP_CACHE");
	CHECK_STR(fn_wire_value_name(FN_SET_dt, 4), "DIR");
	CHECK(!fn_wire_value_name(FN_SET_init, 1ull << 50));
	/* All INIT bits up to 43 have a name. */
	for (unsigned bit = 0; bit < 44; bit++)
		CHECK(fn_wire_value_name(FN_SET_init, 1ull << bit));
}

static void values_are_unique(void)
{
	for (size_t s = 1; s < FN_SETS; s++) {
		const struct fn_wire_set *set = &fn_wire_sets[s];

		for (size_t i = 0; i < set->count; i++)
			for (size_t k = i + 1; k < set->count; k++)
				CHECK(set->values[i].value != set->values[k].value);
	}
}

static void numbers_in_both_orders(void)
{
	uint8_t in[FN_WIRE_IN_HEADER] = {0}, other[FN_WIRE_IN_HEADER] = {0};
	const struct fn_wire_struct *s = &fn_wire_structs[FN_STRUCT_in_header];
	int64_t error;

	for (size_t k = 0; k < s->count; k++) {
		const struct fn_wire_field *f = &s->fields[k];

		fn_wire_put(f, in, 0x0102030405060708u, false);
		fn_wire_put(f, other, 0x0102030405060708u, true);
		CHECK(fn_wire_get(f, in, false) == fn_wire_get(f, other, true));
		if (f->type == FN_U32)
			CHECK(fn_wire_get(f, other, false) == 0x08070605);
	}
	fn_put_u32(in + 4, (uint32_t)-2, true);
	error = (int64_t)fn_wire_get(&fn_wire_structs[FN_STRUCT_out_header].fields[1], in, true);
	CHECK_INT(error, -2);
}

static void messages_in_a_row(void)
{
	uint8_t buf[56] = {0};
	const void *p = buf;
	size_t rest = sizeof(buf), n = 0;

	fn_put_u32(buf, 40, false);
	fn_put_u32(buf + 40, 16, false);
	for (; fn_msg_ok(p, rest, false); p = fn_msg_next(p, &rest, false))
		n++;
	CHECK_INT(n, 2);
	CHECK_INT(rest, 0);
	fn_put_u32(buf, 15, false);
	CHECK(!fn_msg_ok(buf, sizeof(buf), false));
	fn_put_u32(buf, 57, false);
	CHECK(!fn_msg_ok(buf, sizeof(buf), false));
	CHECK(!fn_msg_ok(buf, 15, false));
}

static const struct unit_test tests[] = {
	{"fields follow each other without a gap", fields_are_dense},
	{"structs of older minor versions have their size", sizes_of_older_minors},
	{"setxattr_in grows only with SETXATTR_EXT", setxattr_grows_only_when_asked},
	{"structs of the dialects have their size", sizes_of_dialects},
	{"every opcode is found by number and name", opcodes_by_number},
	{"a dialect lies over mainline", dialects_lie_over_mainline},
	{"fn1's numbers are far from all others", fn1_numbers_are_apart},
	{"every notification is found by number and name", notifications_by_name},
	{"values are found by name and number", values_by_name},
	{"no set has a value twice", values_are_unique},
	{"numbers read and written in both byte orders", numbers_in_both_orders},
	{"messages in a row", messages_in_a_row},
};
UNIT_MAIN(tests)
