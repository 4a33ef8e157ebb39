/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rename/split.h"

#include "rename_test.h"

static struct fn_event halves[8];
static int nhalves;

static int keep(const struct fn_event *ev, void *arg)
{
	halves[nhalves++] = *ev;
	return take(ev, arg);
}

static struct fn_event renamed(const char *old, const char *new)
{
	struct fn_event ev = make(FN_RENAME, new ? new : "", 0);

	if (!new)
		ev.path = ev.name = (struct fn_str){NULL, 0};
	if (old) {
		ev.old_path = str(old);
		ev.old_name = str(last_component(old));
	}
	fn_object_set_node(&ev.object, 5, 1);
	nhalves = 0;
	return ev;
}

static void whole(void)
{
	struct out out = {.n = 0};
	struct fn_split sp = {UINT32_MAX - 1};
	struct fn_event ev = renamed("a/x", "b/y");

	ev.mask |= FN_ISDIR;
	ev.old_root = 4;
	CHECK_INT(fn_split_event(&sp, &ev, keep, &out), 0);
	OUT(&out, "moved-from,dir a/x", "moved-to,dir b/y");
	CHECK_INT(halves[0].cookie, UINT32_MAX);
	CHECK_INT(halves[1].cookie, UINT32_MAX);
	CHECK_INT(halves[0].root, 3);
	CHECK_INT(halves[1].root, 0);
	CHECK_INT(halves[0].object.nodeid, 5);
	CHECK_INT(halves[1].object.nodeid, 5);
	CHECK(halves[0].name.len == 1 && halves[0].name.data[0] == 'x');
	fn_split_event(&sp, &ev, keep, &out);
	CHECK_INT(halves[2].cookie, 1); /* never 0 */
}

static void partial(void)
{
	struct out out = {.n = 0};
	struct fn_split sp = {0};
	struct fn_event ev = renamed("a", NULL);

	ev.flags = FN_EV_PARTIAL | FN_EV_REMOTE;
	fn_split_event(&sp, &ev, keep, &out);
	OUT(&out, "moved-from a");
	CHECK_INT(halves[0].flags, FN_EV_REMOTE);
	ev = renamed(NULL, "b");
	ev.flags = FN_EV_PARTIAL;
	fn_split_event(&sp, &ev, keep, &out);
	OUT(&out, "moved-to b");
}

static void exchange(void)
{
	struct out out = {.n = 0};
	struct fn_split sp = {0};
	struct fn_event ev = renamed("a", "b");

	ev.flags = FN_EV_EXCHANGE | FN_EV_TARGET_DIR;
	fn_object_set_node(&ev.target, 6, 1);
	fn_split_event(&sp, &ev, keep, &out);
	OUT(&out, "moved-from a", "moved-to b", "moved-from,dir b", "moved-to,dir a");
	CHECK_INT(halves[0].cookie, 1);
	CHECK_INT(halves[1].cookie, 1);
	CHECK_INT(halves[2].cookie, 2);
	CHECK_INT(halves[3].cookie, 2);
	CHECK_INT(halves[1].object.nodeid, 5);
	CHECK_INT(halves[3].object.nodeid, 6);
	CHECK(!fn_object_known(&halves[1].target));
}

static void overwrite_and_others(void)
{
	struct out out = {.n = 0};
	struct fn_split sp = {0};
	struct fn_event ev = renamed("a", "b");

	fn_object_set_node(&ev.target, 6, 1);
	fn_split_event(&sp, &ev, keep, &out);
	CHECK(!fn_object_known(&halves[0].target));
	CHECK_INT(halves[1].target.nodeid, 6);
	ev = make(FN_MODIFY, "f", 0);
	fn_split_event(&sp, &ev, keep, &out);
	OUT(&out, "moved-from a", "moved-to b", "modify f");
	out.stop_at = 1;
	ev = renamed("a", "b");
	CHECK_INT(fn_split_event(&sp, &ev, keep, &out), 1);
	OUT(&out, "moved-from a");
}

static const struct unit_test tests[] = {
	{"a rename is two halves with one cookie", whole},
	{"a half stays a half", partial},
	{"an exchange is two pairs", exchange},
	{"what was overwritten; other events; stopping", overwrite_and_others},
};

UNIT_MAIN(tests)
