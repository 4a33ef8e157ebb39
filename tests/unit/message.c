/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public messages: every one of every dialect is built, taken apart, and built again. */
#include <errno.h>
#include <linux/fuse.h>

#include "fnotify.h"
#include "unit.h"
#include "wire/wire.h"

static const char *const bytes_fields[] = {
	"name",          "newname",           "target",       "data",   "path",
	"old_name",      "old_path",          "comm",         "server", "object.handle",
	"parent.handle", "old_parent.handle", "target.handle"};
static const char *const fn1_numbers[] = {"seq",
					  "mask",
					  "flags",
					  "wall_ns",
					  "pid",
					  "mode",
					  "cookie",
					  "watch",
					  "version",
					  "max_queue",
					  "token",
					  "object.nodeid",
					  "object.generation",
					  "object.handle_type",
					  "parent.fsid",
					  "max_rate",
					  "target.ino"};

/* Set whatever the message has: structs' fields by the table, the rest by name. */
static void fill(struct fn_message *m, const struct fn_wire_struct *s)
{
	uint64_t v = 3;

	for (size_t i = 0; i < s->count; i++)
		if (s->fields[i].type != FN_ROOM && strcmp(s->fields[i].name, "namelen") &&
		    strcmp(s->fields[i].name, "newnamelen"))
			(void)fn_message_set_number(m, s->fields[i].name, v++);
	for (size_t i = 0; i < sizeof(fn1_numbers) / sizeof(fn1_numbers[0]); i++)
		(void)fn_message_set_number(m, fn1_numbers[i], v++);
	for (size_t i = 0; i < sizeof(bytes_fields) / sizeof(bytes_fields[0]); i++)
		(void)fn_message_set_bytes(m, bytes_fields[i], "bytes", 5);
}

static bool same_message(const struct fn_message *a, const struct fn_message *b)
{
	const char *name;

	for (size_t i = 0; (name = fn_message_field(a, i)); i++) {
		const void *p, *q;
		size_t n, k;
		uint64_t v, w;

		if (!fn_message_number(a, name, &v)) {
			if (fn_message_number(b, name, &w))
				w = 0;
			if (v != w) {
				printf("# %s.%s %" PRIu64 " %" PRIu64 "\n", fn_message_name(a),
				       name, v, w);
				return false;
			}
		} else if (fn_message_bytes(a, name, &p, &n) || fn_message_bytes(b, name, &q, &k) ||
			   n != k || memcmp(p, q, n)) {
			printf("# %s.%s\n", fn_message_name(a), name);
			return false;
		}
	}
	return true;
}

static void there_and_back(const char *dialect, enum fn_message_kind kind, const char *name,
			   const struct fn_wire_struct *s, bool swapped)
{
	struct fn_link link = {.dialect = dialect, .swapped = swapped};
	_Alignas(8) uint8_t buf[1024], again[1024];
	struct fn_message *m, *back = NULL;
	size_t used = 0;
	ssize_t n;

	CHECK_INT(fn_message_new(&m, dialect, kind, name), 0);
	fill(m, s);
	CHECK(fn_message_set_number(m, "unique", kind == FN_MESSAGE_NOTIFICATION ? 0 : 77) == 0);
	if (!strcmp(name, "FN1_OVERFLOW"))
		CHECK_INT(fn_message_set_number(m, "mask", 0x4000), 0);
	if (!strcmp(name, "FN1_GONE"))
		CHECK_INT(fn_message_set_number(m, "flags", 0x20), 0);
	n = fn_message_build(m, &link, buf, sizeof(buf));
	CHECK(n >= 16);
	CHECK_INT(fn_message_parse(&back, &link, kind, name, buf, (size_t)n, &used), 0);
	CHECK_INT(used, n);
	if (back) {
		CHECK(same_message(m, back));
		CHECK_STR(fn_message_name(back), name);
		CHECK_INT(fn_message_build(back, &link, again, sizeof(again)), n);
		CHECK(memcmp(buf, again, (size_t)n) == 0);
	}
	for (ssize_t k = 0; k < n; k++) {
		struct fn_message *none;

		CHECK_INT(fn_message_parse(&none, &link, kind, name, buf, (size_t)k, NULL),
			  -EAGAIN);
		CHECK(fn_message_build(m, &link, again, (size_t)k) == -EMSGSIZE);
	}
	fn_message_unref(m);
	fn_message_unref(back);
}

static void every_request_and_reply(void)
{
	const struct fn_wire_op *op;

	for (size_t i = 0; (op = fn_wire_op_at(i)); i++) {
		const char *dialect = fn_wire_dialects[op->dialect].name;

		there_and_back(dialect, FN_MESSAGE_REQUEST, op->name, &fn_wire_structs[op->in],
			       i & 1);
		if (!(op->flags & FN_OP_NO_REPLY))
			there_and_back(dialect, FN_MESSAGE_REPLY, op->name,
				       &fn_wire_structs[op->out], i & 1);
	}
}

static void every_notification(void)
{
	const struct fn_wire_notify *n;

	for (size_t i = 0; (n = fn_wire_notify_at(i)); i++)
		there_and_back(fn_wire_dialects[n->dialect].name, FN_MESSAGE_NOTIFICATION, n->name,
			       &fn_wire_structs[n->out], i & 1);
}

static void as_the_header_lays_it_out(void)
{
	struct fn_message *m;
	struct {
		struct fuse_in_header in;
		struct fuse_mkdir_in arg;
		char name[8];
	} msg;

	CHECK_INT(fn_message_new(&m, NULL, FN_MESSAGE_REQUEST, "MKDIR"), 0);
	CHECK_INT(fn_message_set_number(m, "unique", 8), 0);
	CHECK_INT(fn_message_set_number(m, "nodeid", 1), 0);
	CHECK_INT(fn_message_set_number(m, "mode", 0755), 0);
	CHECK_INT(fn_message_set_bytes(m, "name", "dir", 3), 0);
	CHECK_INT(fn_message_build(m, NULL, &msg, sizeof(msg)), 40 + 8 + 4);
	CHECK(msg.in.opcode == FUSE_MKDIR && msg.in.len == 52 && msg.in.nodeid == 1);
	CHECK(msg.arg.mode == 0755 && !strcmp(msg.name, "dir"));
	fn_message_unref(m);
}

static void older_minors_are_shorter(void)
{
	struct fn_link old = {.minor = 8};
	struct fn_message *m;
	uint8_t buf[512];

	CHECK_INT(fn_message_new(&m, NULL, FN_MESSAGE_REPLY, "LOOKUP"), 0);
	CHECK_INT(fn_message_set_number(m, "nodeid", 5), 0);
	CHECK_INT(fn_message_build(m, &old, buf, sizeof(buf)), 16 + FUSE_COMPAT_ENTRY_OUT_SIZE);
	CHECK_INT(fn_message_build(m, NULL, buf, sizeof(buf)), 16 + 128);
	fn_message_unref(m);
}

static void errors_have_no_body(void)
{
	struct fn_message *m;
	uint8_t buf[64];
	uint64_t v;

	CHECK_INT(fn_message_new(&m, NULL, FN_MESSAGE_REPLY, "OPEN"), 0);
	CHECK_INT(fn_message_set_number(m, "error", (uint64_t)-ENOENT), 0);
	CHECK_INT(fn_message_build(m, NULL, buf, sizeof(buf)), 16);
	fn_message_unref(m);
	CHECK_INT(fn_message_parse(&m, NULL, FN_MESSAGE_REPLY, "OPEN", buf, 16, NULL), 0);
	CHECK_INT(fn_message_number(m, "error", &v), 0);
	CHECK_INT((int64_t)v, -ENOENT);
	CHECK_INT(fn_message_number(m, "fh", &v), -ENOENT);
	fn_message_unref(m);
}

static void what_is_not_there(void)
{
	struct fn_message *m = NULL;
	const void *p;
	uint64_t v;
	size_t n;
	uint8_t buf[64] = {0};
	struct fn_link odd = {.dialect = "klingon"};

	CHECK_INT(fn_message_new(&m, "klingon", FN_MESSAGE_REQUEST, "LOOKUP"), -EINVAL);
	CHECK_INT(fn_message_new(&m, NULL, FN_MESSAGE_REQUEST, "LOOK"), -ENOMSG);
	CHECK_INT(fn_message_parse(&m, &odd, FN_MESSAGE_REQUEST, NULL, buf, 64, NULL), -EINVAL);
	CHECK_INT(fn_message_parse(&m, NULL, FN_MESSAGE_REQUEST, NULL, buf, 64, NULL), -EBADMSG);
	fn_put_u32(buf, 64, false);
	fn_put_u32(buf + 4, 7, false);
	CHECK_INT(fn_message_parse(&m, NULL, FN_MESSAGE_REQUEST, NULL, buf, 64, NULL), -ENOMSG);
	CHECK_INT(fn_message_new(&m, NULL, FN_MESSAGE_REQUEST, "fuse_lookup"), 0);
	CHECK_INT(fn_message_set_number(m, "mode", 1), -ENOKEY);
	CHECK_INT(fn_message_set_number(m, "name", 1), -EINVAL);
	CHECK_INT(fn_message_set_bytes(m, "nodeid", "x", 1), -EINVAL);
	CHECK_INT(fn_message_bytes(m, "name", &p, &n), -ENOENT);
	CHECK_INT(fn_message_number(m, "opcode", &v), -ENOKEY);
	CHECK(fn_message_ref(m) == m);
	fn_message_unref(m);
	fn_message_unref(m);
	fn_message_unref(NULL);
}

static void a_hostile_message_is_refused(void)
{
	struct fn_link link = {.dialect = "rfc-v1"};
	struct fn_message *m;
	uint8_t buf[44] = {0};

	fn_put_u32(buf, 44, false);
	fn_put_u32(buf + 4, 8, false);
	fn_put_u32(buf + 16 + 16, 5, false); /* namelen beyond the end */
	CHECK_INT(fn_message_parse(&m, &link, FN_MESSAGE_NOTIFICATION, NULL, buf, 44, NULL),
		  -EBADMSG);
	fn_put_u32(buf + 16 + 16, UINT32_MAX, false);
	CHECK_INT(fn_message_parse(&m, &link, FN_MESSAGE_NOTIFICATION, NULL, buf, 44, NULL),
		  -EBADMSG);
	fn_put_u32(buf + 16 + 16, 4, false);
	CHECK_INT(fn_message_parse(&m, &link, FN_MESSAGE_NOTIFICATION, NULL, buf, 44, NULL), 0);
	fn_message_unref(m);
}

static const struct unit_test tests[] = {
	{"every request and reply of every dialect", every_request_and_reply},
	{"every notification of every dialect", every_notification},
	{"a message is laid out as the header says", as_the_header_lays_it_out},
	{"older minor versions have shorter structs", older_minors_are_shorter},
	{"a reply with an error has no body", errors_have_no_body},
	{"what does not exist is refused", what_is_not_there},
	{"a hostile message is refused", a_hostile_message_is_refused},
};
UNIT_MAIN(tests)
