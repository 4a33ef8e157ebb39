/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "unit.h"
#include "wire/dialects.h"

#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})

static const enum fn_dialect all[] = {FN_DIALECT_rfc_v1, FN_DIALECT_rfc_agg, FN_DIALECT_rfc_mail,
				      FN_DIALECT_rfc_v2, FN_DIALECT_fn_native};
#define ALL (sizeof(all) / sizeof(all[0]))

static struct fn_event named(uint64_t mask)
{
	struct fn_event ev = {.mask = mask, .name = STR("caf\xe9")};

	fn_object_set_node(&ev.parent, 0x1122334455667788, 9);
	return ev;
}

static struct fn_event joint(void)
{
	struct fn_event ev = named(FN_RENAME);

	ev.seq = 6;
	ev.old_name = STR("old");
	fn_object_set_node(&ev.old_parent, 3, 4);
	fn_object_set_node(&ev.object, 5, 6);
	return ev;
}

static bool is(struct fn_str s, const char *want)
{
	return s.len == strlen(want) && memcmp(s.data, want, s.len) == 0;
}

static void names_come_back(void)
{
	for (size_t i = 0; i < ALL * 2; i++) {
		bool swap = i & 1;
		uint8_t buf[FN_DIALECT_EVENT_MAX];
		struct fn_event ev = named(FN_CREATE | FN_ISDIR), back;
		ssize_t n = fn_dialect_put_event(all[i / 2], buf, sizeof(buf), &ev, swap);

		CHECK(n > 0);
		CHECK_INT(fn_get_u32(buf, swap), n);
		CHECK_INT(fn_dialect_get_event(all[i / 2], buf, (size_t)n, swap, &back), 0);
		CHECK(back.mask == (FN_CREATE | FN_ISDIR));
		CHECK(is(back.name, "caf\xe9"));
		CHECK(back.parent.nodeid == 0x1122334455667788);
		CHECK_INT(back.parent.generation, all[i / 2] == FN_DIALECT_rfc_v1 ? 0 : 9);
		CHECK(back.flags & FN_EV_REMOTE);
	}
}

static void objects_come_back(void)
{
	for (size_t i = 0; i < ALL; i++) {
		uint8_t buf[FN_DIALECT_EVENT_MAX];
		struct fn_event ev = {.mask = FN_ATTRIB}, back;
		ssize_t n;

		fn_object_set_node(&ev.object, 77, 2);
		n = fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false);
		CHECK_INT(fn_dialect_get_event(all[i], buf, (size_t)n, false, &back), 0);
		CHECK(back.mask == FN_ATTRIB && back.object.nodeid == 77 && !back.name.len);
	}
}

/* The layouts as published, byte for byte. */
static void layouts(void)
{
	static const size_t head[] = {24, 32, 48, 40, 64};
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = named(FN_DELETE);

	for (size_t i = 0; i < ALL; i++) {
		ssize_t n = fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false);

		CHECK_INT(n, 16 + head[i] + 4 + (all[i] == FN_DIALECT_fn_native));
		CHECK_INT(fn_get_u32(buf + 4, false),
			  all[i] == FN_DIALECT_fn_native ? 0x46534e01 : 8);
		CHECK(memcmp(buf + 16 + head[i], "caf\xe9", 4) == 0);
	}
	fn_dialect_put_event(FN_DIALECT_rfc_v2, buf, sizeof(buf), &ev, false);
	CHECK(fn_get_u64(buf + 16, false) == 0x1122334455667788);
	CHECK(fn_get_u64(buf + 16 + 16, false) == FN_DELETE);
	CHECK_INT(fn_get_u32(buf + 16 + 24, false), 4);
	CHECK_INT(fn_get_u32(buf + 16 + 28, false), 9);
	fn_dialect_put_event(FN_DIALECT_rfc_mail, buf, sizeof(buf), &ev, false);
	CHECK_INT(fn_get_u32(buf + 16 + 8, false), 9);
	CHECK(fn_get_u64(buf + 16 + 16, false) == FN_DELETE);
}

static void joint_renames_stay_joint_where_they_can(void)
{
	static const enum fn_dialect whole[] = {FN_DIALECT_rfc_mail, FN_DIALECT_fn_native};

	for (size_t i = 0; i < 2; i++) {
		uint8_t buf[FN_DIALECT_EVENT_MAX];
		struct fn_event ev = joint(), back;
		ssize_t n = fn_dialect_put_event(whole[i], buf, sizeof(buf), &ev, false);

		CHECK_INT(fn_get_u32(buf, false), n);
		CHECK_INT(fn_dialect_get_event(whole[i], buf, (size_t)n, false, &back), 0);
		CHECK(back.mask == FN_RENAME);
		CHECK(is(back.old_name, "old") && is(back.name, "caf\xe9"));
		CHECK_INT(back.old_parent.nodeid, 3);
		CHECK_INT(back.old_parent.generation, 4);
		CHECK(fn_object_equal(&back.parent, &ev.parent));
		CHECK(fn_object_equal(&back.object, &ev.object));
	}
}

static void joint_renames_split_with_one_cookie(void)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = joint(), from, to;
	ssize_t n = fn_dialect_put_event(FN_DIALECT_rfc_agg, buf, sizeof(buf), &ev, false);
	size_t first = fn_get_u32(buf, false);

	CHECK_INT(n, 16 + 32 + 3 + 16 + 32 + 4);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_agg, buf, first, false, &from), 0);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_agg, buf + first, (size_t)n - first, false,
				       &to),
		  0);
	CHECK(from.mask == FN_MOVED_FROM && to.mask == FN_MOVED_TO);
	CHECK(from.cookie && from.cookie == to.cookie);
	CHECK(is(from.name, "old") && is(to.name, "caf\xe9"));
	CHECK_INT(from.parent.nodeid, 3);
}

static void half_renames(void)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = joint(), back;
	ssize_t n;

	ev.flags |= FN_EV_PARTIAL;
	ev.old_name = (struct fn_str){NULL, 0};
	n = fn_dialect_put_event(FN_DIALECT_fn_native, buf, sizeof(buf), &ev, false);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_fn_native, buf, (size_t)n, false, &back), 0);
	CHECK(back.mask == FN_MOVED_TO && is(back.name, "caf\xe9"));
	n = fn_dialect_put_event(FN_DIALECT_rfc_v1, buf, sizeof(buf), &ev, false);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v1, buf, (size_t)n, false, &back), 0);
	CHECK(back.mask == FN_MOVED_TO);
}

/* The RFC's own server sent inotify's padded length. */
static void names_padded_by_the_rfc_server(void)
{
	uint8_t buf[16 + 24 + 16] = {0};
	struct fn_event back;

	fn_put_u32(buf, sizeof(buf), false);
	fn_put_u32(buf + 4, 8, false);
	fn_put_u64(buf + 16, 5, false);
	fn_put_u64(buf + 24, FN_CREATE, false);
	fn_put_u32(buf + 32, 16, false);
	memcpy(buf + 40, "name", 4);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v1, buf, sizeof(buf), false, &back), 0);
	CHECK(is(back.name, "name"));
	CHECK_INT(back.parent.nodeid, 5);
	memset(buf + 40, 0, 16);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v1, buf, sizeof(buf), false, &back), 0);
	CHECK_INT(back.object.nodeid, 5);
	memcpy(buf + 40, "a\0b", 3);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v1, buf, sizeof(buf), false, &back),
		  -EBADMSG);
}

static void overflow(void)
{
	for (size_t i = 0; i < ALL; i++) {
		uint8_t buf[FN_DIALECT_EVENT_MAX];
		struct fn_event ev = {.mask = FN_Q_OVERFLOW}, back;
		ssize_t n = fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false);

		CHECK(n > 0);
		CHECK_INT(fn_dialect_get_event(all[i], buf, (size_t)n, false, &back), 0);
		CHECK(back.mask & FN_Q_OVERFLOW);
	}
}

static void content_events_of_v2_name_the_child(void)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = named(FN_MODIFY), back;
	ssize_t n;

	fn_object_set_node(&ev.object, 5, 6);
	n = fn_dialect_put_event(FN_DIALECT_rfc_v2, buf, sizeof(buf), &ev, false);
	CHECK_INT(buf[16 + 32], 1);
	CHECK_INT(fn_get_u64(buf + 16, false), 5);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v2, buf, (size_t)n, false, &back), 0);
	CHECK(back.mask == FN_MODIFY && fn_object_equal(&back.object, &ev.object));
}

static void truncation_and_hostile_lengths(void)
{
	for (size_t i = 0; i < ALL; i++) {
		uint8_t buf[FN_DIALECT_EVENT_MAX];
		struct fn_event ev = joint(), back;
		ssize_t n = fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false);
		size_t first = fn_get_u32(buf, false);

		for (size_t len = 0; len < first; len++) {
			uint8_t *copy = malloc(len ? len : 1);

			memcpy(copy, buf, len);
			CHECK_INT(fn_dialect_get_event(all[i], copy, len, false, &back), -EBADMSG);
			if (len >= 16) {
				fn_put_u32(copy, (uint32_t)len, false);
				CHECK_INT(fn_dialect_get_event(all[i], copy, len, false, &back),
					  -EBADMSG);
			}
			free(copy);
		}
		for (size_t size = 0; size < (size_t)n; size++)
			CHECK_INT(fn_dialect_put_event(all[i], buf, size, &ev, false), -EMSGSIZE);
		for (size_t at = 0; at < first; at++) {
			fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false);
			buf[at] = 0xff;
			(void)fn_dialect_get_event(all[i], buf, first, false, &back);
		}
	}
}

static void what_cannot_be_said_is_refused(void)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = {.mask = FN_CREATE, .name = STR("x")}, back;
	static const uint8_t inc_epoch[16] = {16, 0, 0, 0, 8};

	for (size_t i = 0; i < ALL; i++)
		CHECK_INT(fn_dialect_put_event(all[i], buf, sizeof(buf), &ev, false), -EINVAL);
	ev = named(FN_CREATE);
	CHECK_INT(fn_dialect_put_event(FN_DIALECT_mainline, buf, sizeof(buf), &ev, false),
		  -EOPNOTSUPP);
	ev.name = STR("a/b");
	CHECK_INT(fn_dialect_put_event(FN_DIALECT_rfc_v1, buf, sizeof(buf), &ev, false), -EINVAL);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_mainline, inc_epoch, 16, false, &back), -ENOMSG);
	CHECK_INT(fn_dialect_get_event(FN_DIALECT_rfc_v1, inc_epoch, 16, false, &back), -EBADMSG);
}

static void watches_come_back(void)
{
	for (size_t i = 0; i < ALL * 2; i++) {
		bool swap = i & 1;
		enum fn_dialect d = all[i / 2];
		uint8_t buf[128];
		struct fn_dialect_watch w = {.nodeid = 5, .mask = FN_CREATE, .group = 8}, back;
		ssize_t n = fn_dialect_put_watch(d, buf, sizeof(buf), 99, &w, swap);

		CHECK(n > 40);
		CHECK_INT(fn_dialect_get_watch(d, buf, (size_t)n, swap, &back), 0);
		CHECK(back.nodeid == 5 && back.mask == FN_CREATE);
		CHECK_INT(back.group, d == FN_DIALECT_rfc_v1 ? 8 : 0);
		CHECK_INT(fn_dialect_get_watch(d, buf, (size_t)n - 1, swap, &back), -EBADMSG);
		w.mask = 0;
		n = fn_dialect_put_watch(d, buf, sizeof(buf), 99, &w, swap);
		CHECK_INT(fn_dialect_get_watch(d, buf, (size_t)n, swap, &back), 0);
		CHECK_INT(back.mask, 0);
	}
}

static void native_records(void)
{
	uint8_t buf[2 * FN_DIALECT_EVENT_MAX], msg[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = joint(), back;
	const void *p = buf;
	size_t len = 0, n = 0;

	for (int i = 0; i < 3; i++) {
		size_t size = (size_t)fn_dialect_put_event(FN_DIALECT_fn_native, msg, sizeof(msg),
							   &ev, false) -
			      16;

		fn_put_u64(buf + len, size, false);
		memcpy(buf + len + 8, msg + 16, size);
		len += 8 + size;
	}
	for (size_t rest = len; fn_native_next(&p, &rest, false, &back) > 0;)
		n += back.mask == FN_RENAME;
	CHECK_INT(n, 3);
	p = buf;
	len = 70;
	CHECK_INT(fn_native_next(&p, &len, false, &back), -EBADMSG);
}

static const struct unit_test tests[] = {
	{"events with a name come back, in both byte orders", names_come_back},
	{"events without a name come back", objects_come_back},
	{"the layouts are those published", layouts},
	{"a joint rename stays joint where the dialect can",
	 joint_renames_stay_joint_where_they_can},
	{"elsewhere it splits, with one cookie", joint_renames_split_with_one_cookie},
	{"half a rename is a half", half_renames},
	{"names padded with NULs, as the RFC's server sends", names_padded_by_the_rfc_server},
	{"overflow", overflow},
	{"rfc-v2 names the child of content events", content_events_of_v2_name_the_child},
	{"truncation at every length, hostile bytes", truncation_and_hostile_lengths},
	{"what cannot be said is refused", what_cannot_be_said_is_refused},
	{"watch requests come back", watches_come_back},
	{"records of FSNOTIFY_READ", native_records},
};
UNIT_MAIN(tests)
