/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <time.h>

#include "probe/child.h"
#include "probe/init.h"
#include "probe/matrix.h"
#include "probe/mountinfo.h"
#include "probe/peer.h"
#include "probe/request.h"
#include "text/buf.h"

static enum fn_fact_state state_of(const struct fn_facts *f, const char *name)
{
	const struct fn_fact *fact = fn_facts_find(f, name);

	CHECK(fact != NULL);
	return fact ? fact->state : FN_FACT_UNKNOWN;
}

static const char *reason_of(const struct fn_facts *f, const char *name)
{
	const struct fn_fact *fact = fn_facts_find(f, name);

	return fact ? fact->reason : NULL;
}

static void facts_travel(void)
{
	struct fn_facts from = {0}, to = {0};
	struct fn_buf b = {0};
	const struct fn_fact *fact;

	fn_fact_no(&from, "xattr", "tried", "because of %d", 7);
	fn_fact_u64(&from, "max_write", "INIT", 4096);
	fn_fact_put(&from, "unlisted", FN_FACT_OFFERED, &(struct fn_fact_text){0})->declined = true;
	for (size_t i = 0; i < from.count; i++)
		fn_fact_pack(&b, &from.list[i]);
	/* Whole facts are taken, what is cut off is left. */
	CHECK(fn_facts_unpack(&to, b.data, b.len - 1) < (long)b.len);
	CHECK_INT(to.count, 2);
	CHECK_INT(fn_facts_unpack(&to, b.data, b.len), b.len);
	CHECK_INT(to.count, 3);
	CHECK_STR(reason_of(&to, "xattr"), "because of 7");
	fact = fn_facts_find(&to, "max_write");
	CHECK_STR(fact->value, "4096");
	CHECK_STR(fact->group, "fuse");
	fact = fn_facts_find(&to, "unlisted");
	CHECK(!fact->value && !fact->reason && !fact->how && fact->declined);
	CHECK_INT(fn_fact_holds(fact), 0);
	for (size_t i = 0; i < b.len; i++) {
		struct fn_facts junk = {0};

		b.data[i] ^= 0x41;
		fn_facts_unpack(&junk, b.data, b.len);
		b.data[i] ^= 0x41;
		fn_facts_free(&junk);
	}
	fn_facts_free(&from);
	fn_facts_free(&to);
	fn_buf_free(&b);
}

static void facts_keep_their_order(void)
{
	struct fn_facts f = {0};

	fn_fact_yes(&f, "zzz", NULL);
	fn_fact_yes(&f, "xattr", NULL);
	fn_fact_yes(&f, "protocol", NULL);
	fn_fact_yes(&f, "fuse", NULL);
	fn_facts_sort(&f);
	CHECK_STR(f.list[0].name, "fuse");
	CHECK_STR(f.list[1].name, "protocol");
	CHECK_STR(f.list[2].name, "xattr");
	CHECK_STR(f.list[3].name, "zzz");
	fn_facts_free(&f);
}

static void names_are_read_kindly(void)
{
	struct fn_fact fact = {.name = "big_writes"};

	CHECK(fn_fact_name_is(&fact, "BIG_WRITES", 10));
	CHECK(fn_fact_name_is(&fact, "big-writes", 10));
	CHECK(fn_fact_name_is(&fact, "FUSE_BIG_WRITES", 15));
	CHECK(!fn_fact_name_is(&fact, "big_write", 9));
	CHECK(!fn_fact_name_is(&fact, "big_writes2", 11));
	CHECK(!fn_fact_name_is(&fact, "fuse_", 5));
}

static void errors_are_no_or_unknown(void)
{
	struct fn_facts f = {0};

	fn_fact_result(&f, "a", "x", 0);
	fn_fact_result(&f, "b", "x", -EOPNOTSUPP);
	fn_fact_result(&f, "c", "x", -EPERM);
	fn_fact_result(&f, "d", "x", -EROFS);
	CHECK_INT(state_of(&f, "a"), FN_FACT_YES);
	CHECK_INT(state_of(&f, "b"), FN_FACT_NO);
	CHECK_INT(state_of(&f, "c"), FN_FACT_UNKNOWN);
	CHECK_INT(state_of(&f, "d"), FN_FACT_UNKNOWN);
	fn_facts_free(&f);
}

/* As 6.18 sends it, and as a kernel of the first RFC would have. */
static void offers(void)
{
	struct fn_init_offer offer = {
		.major = 7, .minor = 45, .flags = 0x5fd73fffffb, .extended = true};
	unsigned char msg[FN_INIT_REQUEST_MAX];
	struct fn_facts f = {0};
	size_t len = fn_init_request(msg, &offer, 1);

	CHECK_INT(len, 104);
	CHECK_INT(fn_probe_init_offer(&f, &offer, msg, len, "x"), 0);
	CHECK_INT(state_of(&f, "passthrough"), FN_FACT_OFFERED);
	CHECK_INT(state_of(&f, "file_ops"), FN_FACT_NO);
	CHECK_INT(state_of(&f, "fsnotify_rfc_v1"), FN_FACT_NO);
	CHECK_STR(reason_of(&f, "fsnotify_rfc_v1"), "bit 30 is INIT_EXT since 7.36");
	CHECK_STR(reason_of(&f, "has_io_uring_bufpool"), "it came with 7.46, this is 7.45");
	CHECK(!fn_facts_find(&f, "bit_50"));
	fn_facts_free(&f);

	offer = (struct fn_init_offer){.major = 7, .minor = 36, .flags = 1u << 30};
	len = fn_init_request(msg, &offer, 1);
	CHECK_INT(len, 56);
	CHECK_INT(fn_probe_init_offer(&f, &offer, msg, len, "x"), 0);
	CHECK_INT(state_of(&f, "fsnotify_rfc_v1"), FN_FACT_OFFERED);
	fn_facts_free(&f);
	for (size_t i = 0; i < 56; i++)
		CHECK_INT(fn_probe_init_offer(&f, &offer, msg, i, "x"), -EBADMSG);
	fn_facts_free(&f);

	offer = (struct fn_init_offer){.major = 7,
				       .minor = 45,
				       .flags = 1ull << 60 | 1ull << 50 | 1u << 30,
				       .extended = true};
	len = fn_init_request(msg, &offer, 1);
	CHECK_INT(fn_probe_init_offer(&f, &offer, msg, len, "x"), 0);
	CHECK_INT(state_of(&f, "fsnotify_fn_native"), FN_FACT_OFFERED);
	CHECK_INT(state_of(&f, "bit_50"), FN_FACT_OFFERED);
	fn_facts_free(&f);
}

struct reply {
	uint32_t len;
	int32_t error;
	uint64_t unique;
	uint32_t body[16];
};

static int judge(struct fn_facts *f, const struct fn_init_offer *offer, struct reply *r,
		 uint64_t flags, size_t len)
{
	uint64_t seen;

	r->len = (uint32_t)len;
	r->body[0] = 7;
	r->body[1] = 38;
	r->body[3] = (uint32_t)flags;
	r->body[8] = (uint32_t)(flags >> 32);
	return fn_probe_init_reply(f, offer, &seen, r, len, "x");
}

static void replies(void)
{
	struct fn_init_offer offer;
	struct fn_facts f = {0};
	struct reply r = {.body = {0}};

	fn_peer_offer(&offer, "7.38");
	CHECK_INT(judge(&f, &offer, &r, 1u << 30 | 1ull << 34 | 1ull << 37 | 1, 80), 0);
	CHECK_INT(state_of(&f, "async_read"), FN_FACT_NEGOTIATED);
	CHECK_INT(state_of(&f, "passthrough"), FN_FACT_WANTED);
	CHECK_INT(state_of(&f, "posix_locks"), FN_FACT_OFFERED);
	CHECK_INT(fn_fact_holds(fn_facts_find(&f, "posix_locks")), 0);
	CHECK_INT(state_of(&f, "fsnotify_rfc_v2"), FN_FACT_NO);
	fn_facts_free(&f);
	/* flags2 means nothing without INIT_EXT */
	CHECK_INT(judge(&f, &offer, &r, 1ull << 34, 80), 0);
	CHECK_INT(state_of(&f, "create_supp_group"), FN_FACT_OFFERED);
	fn_facts_free(&f);
	/* in the dialect itself the bit alone is no proof: a mainline server takes it too */
	fn_peer_offer(&offer, "rfc-v2");
	CHECK_INT(judge(&f, &offer, &r, 1u << 30 | 1ull << 34, 80), 0);
	CHECK_INT(state_of(&f, "fsnotify_rfc_v2"), FN_FACT_UNKNOWN);
	fn_facts_free(&f);
	fn_peer_offer(&offer, "fn-native");
	CHECK_INT(judge(&f, &offer, &r, 1u << 30 | 1ull << 60, 80), 0);
	CHECK_INT(state_of(&f, "fsnotify_fn_native"), FN_FACT_NEGOTIATED);
	fn_facts_free(&f);
	/* replies of old servers are short; less than a version is none */
	CHECK_INT(judge(&f, &offer, &r, 0, 24), 0);
	CHECK_INT(judge(&f, &offer, &r, 0, 23), -EBADMSG);
	r.error = -EPROTO;
	CHECK_INT(judge(&f, &offer, &r, 0, 16), -EPROTO);
	fn_facts_free(&f);
}

static void kernels_to_be(void)
{
	struct fn_init_offer o;

	CHECK_INT(fn_peer_offer(&o, NULL), 0);
	CHECK_INT(o.minor, FN_WIRE_MINOR);
	CHECK_INT(fn_peer_offer(&o, "7.31"), 0);
	CHECK(o.minor == 31 && !o.extended && !(o.flags >> 30));
	CHECK_INT(fn_peer_offer(&o, "rfc-v1"), 0);
	CHECK(!o.extended && (o.flags & 1u << 30));
	CHECK_INT(fn_peer_offer(&o, "7.0"), -EINVAL);
	CHECK_INT(fn_peer_offer(&o, "7.3x"), -EINVAL);
	CHECK_INT(fn_peer_offer(&o, "8.1"), -EINVAL);
	CHECK_INT(fn_peer_offer(&o, "fn1"), -EINVAL);
}

/* No request of ours names anything that could be made or removed. */
static void requests_change_nothing(void)
{
	static unsigned char msg[FN_PEER_BUF];
	struct fn_wire_conn conn = {.minor = FN_WIRE_MINOR, .flags = 1u << 29};
	struct fn_request_target to = {1, 5, "."};
	const struct fn_wire_op *op;

	for (size_t i = 0; (op = fn_wire_op_at(i)); i++) {
		size_t len = fn_request_make(msg, op, &conn, &to, 9);

		CHECK(len >= 40 && len < 400);
		CHECK_INT(fn_get_u32(msg, false), len);
		CHECK_INT(fn_get_u32(msg + 4, false), op->code);
		CHECK_INT(fn_get_u64(msg + 8, false), 9);
		if (!strcmp(op->name, "UNLINK") || !strcmp(op->name, "RMDIR"))
			CHECK(len == 42 && !memcmp(msg + 40, ".", 2));
		if (!strcmp(op->name, "SETATTR"))
			CHECK_INT(fn_get_u32(msg + 40, false), 0);
		if (!strcmp(op->name, "WRITE"))
			CHECK_INT(
				fn_wire_member_get(FN_STRUCT_write_in, "size", msg + 40, len - 40),
				0);
	}
}

static void mount_lines(void)
{
	static struct fn_mount m;

	CHECK_INT(
		fn_mount_parse(&m, "45 27 0:40 / /a\\040b rw,nosuid shared:3 - fuse.x src ro,x=1"),
		0);
	CHECK(m.id == 45 && m.major == 0 && m.minor == 40 && m.read_only);
	CHECK_STR(m.point, "/a b");
	CHECK_STR(m.fstype, "fuse.x");
	CHECK_STR(m.source, "src");
	CHECK_INT(fn_mount_parse(&m, "45 27 0:40 / /a rw,errors=remount-ro - ext4 /dev/x rw"), 0);
	CHECK(!m.read_only);
	CHECK_INT(fn_mount_parse(&m, "45 27 0:40 / /a rw"), -EINVAL);
	CHECK_INT(fn_mount_parse(&m, ""), -EINVAL);
	CHECK_INT(fn_mount_find(&m, -1, "/proc/self"), 0);
	CHECK_STR(m.fstype, "proc");
}

static const struct fn_kind *kind(const char *name)
{
	size_t n;
	const struct fn_kind *k = fn_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(k[i].name, name))
			return &k[i];
	abort();
}

static void see(const char *k, struct fn_seen_of_kind *s, uint64_t mask, uint32_t cookie,
		const char *name, const char *old)
{
	struct fn_sight sight = {.mask = mask,
				 .cookie = cookie,
				 .name = {name, strlen(name)},
				 .old_name = {old, old ? strlen(old) : 0}};

	fn_kind_see(kind(k), s, &sight, 1);
}

#define VERDICT(k, s, want)                                        \
	do {                                                       \
		char text_[96];                                    \
		fn_kind_verdict(kind(k), s, text_, sizeof(text_)); \
		CHECK_STR(text_, want);                            \
		*(s) = (struct fn_seen_of_kind){0};                \
	} while (0)

static void verdicts(void)
{
	struct fn_seen_of_kind s = {0};

	VERDICT("create", &s, "none");
	see("create", &s, FN_CREATE, 0, "create", NULL);
	see("create", &s, FN_CLOSE_WRITE, 0, "create", NULL);
	VERDICT("create", &s, "exact");
	see("create", &s, FN_ATTRIB, 0, "create", NULL);
	VERDICT("create", &s, "degraded to ATTRIB");
	see("create", &s, FN_CREATE, 0, "create", NULL);
	see("create", &s, FN_CREATE, 0, "create", NULL);
	VERDICT("create", &s, "wrong: it came 2 times");
	/* a delete that comes as a create; a directory that comes as a file; another's name */
	see("delete", &s, FN_CREATE, 0, "delete", NULL);
	see("delete", &s, FN_DELETE, 0, "delete", NULL);
	VERDICT("delete", &s, "wrong: also CREATE");
	see("mkdir", &s, FN_CREATE, 0, "mkdir", NULL);
	VERDICT("mkdir", &s, "degraded to CREATE");
	see("mkdir", &s, FN_CREATE | FN_ISDIR, 0, "mkdir", NULL);
	VERDICT("mkdir", &s, "exact");
	see("create", &s, FN_CREATE, 0, "createx", NULL);
	VERDICT("create", &s, "none");
}

static void verdicts_on_renames(void)
{
	struct fn_seen_of_kind s = {0};

	see("rename", &s, FN_MOVED_FROM, 5, "rename-old", NULL);
	CHECK(!fn_kind_complete(kind("rename"), &s));
	see("rename", &s, FN_MOVED_TO, 5, "rename-new", NULL);
	VERDICT("rename", &s, "exact");
	/* cookies that do not pair, as the second RFC made them */
	see("rename", &s, FN_MOVED_FROM, 1, "rename-old", NULL);
	see("rename", &s, FN_MOVED_TO, 2, "rename-new", NULL);
	VERDICT("rename", &s, "degraded to MOVED_FROM+MOVED_TO");
	see("rename", &s, FN_RENAME, 0, "rename-new", "rename-old");
	VERDICT("rename", &s, "exact");
	see("rename", &s, FN_DELETE, 0, "rename-old", NULL);
	see("rename", &s, FN_CREATE, 0, "rename-new", NULL);
	VERDICT("rename", &s, "wrong: also CREATE+DELETE");
	see("move_out", &s, FN_MOVED_FROM, 3, "move-out", NULL);
	VERDICT("move_out", &s, "exact");
	see("move_in", &s, FN_MOVED_TO, 3, "moved-in", NULL);
	VERDICT("move_in", &s, "exact");
}

static void verdicts_on_watched_objects(void)
{
	struct fn_seen_of_kind s = {0};
	struct fn_sight sight = {.mask = FN_DELETE_SELF, .self = kind("delete_self")};

	see("delete_self", &s, FN_DELETE, 0, "delete-self", NULL);
	VERDICT("delete_self", &s, "degraded to DELETE");
	see("delete_self", &s, FN_DELETE, 0, "delete-self", NULL);
	CHECK(fn_kind_see(kind("delete_self"), &s, &sight, 1));
	CHECK(!fn_kind_see(kind("move_self"), &s, &sight, 1));
	VERDICT("delete_self", &s, "exact");
}

static void hang(struct fn_report *r, void *arg)
{
	(void)arg;
	fn_fact_yes(&r->facts, "xattr", "seen");
	fn_report_doing(r, "sleeping");
	for (;;)
		nanosleep(&(struct timespec){.tv_sec = 100}, NULL);
}

static void die(struct fn_report *r, void *arg)
{
	(void)arg;
	fn_report_doing(r, "dying");
	abort();
}

static void children_are_bounded(void)
{
	struct fn_facts f = {0};
	struct fn_bounded b = {0};
	int64_t start = fn_mono_ns();

	CHECK_INT(fn_probe_bounded(&f, start + 50000000, hang, NULL, &b), -ETIMEDOUT);
	CHECK_STR(b.doing, "sleeping");
	CHECK_INT(state_of(&f, "xattr"), FN_FACT_YES);
	CHECK_INT(f.count, 1);
	CHECK_INT(b.pid, 0);
	CHECK_INT(fn_probe_bounded(&f, fn_mono_ns() + INT64_C(10000000000), die, NULL, &b), -EPIPE);
	CHECK_STR(b.doing, "dying");
	fn_facts_free(&f);
}

static const struct unit_test tests[] = {
	{"facts travel between processes", facts_travel},
	{"facts have a stable order", facts_keep_their_order},
	{"names are read kindly", names_are_read_kindly},
	{"an error is no, or unknown", errors_are_no_or_unknown},
	{"INIT offers", offers},
	{"INIT replies", replies},
	{"--as", kernels_to_be},
	{"requests change nothing", requests_change_nothing},
	{"mountinfo", mount_lines},
	{"verdicts", verdicts},
	{"verdicts on renames", verdicts_on_renames},
	{"verdicts on watched objects", verdicts_on_watched_objects},
	{"a probe that hangs or dies is bounded", children_are_bounded},
};

UNIT_MAIN(tests)
