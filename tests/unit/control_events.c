/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What clients of the control file are told, and what they may inject. */
#include "control_test.h"

static void events_find_their_watch(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(fn_control_wanted(ctl), 0);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_CREATE | FN_ATTRIB, 0), 0);
	CHECK(fn_control_wanted(ctl) & FN_CREATE);
	happens(ctl, FN_CREATE, "dir/a", NULL);
	happens(ctl, FN_CREATE, "dir/sub/a", NULL); /* not recursive */
	happens(ctl, FN_CREATE, "dirt", NULL);      /* a neighbour */
	happens(ctl, FN_MODIFY, "dir/a", NULL);     /* not asked for */
	happens(ctl, FN_CREATE, "dir", NULL);       /* of its own name */
	happens(ctl, FN_ATTRIB, "dir", NULL);       /* itself */
	happens(ctl, FN_ATTRIB | FN_MODIFY, "dir/f", NULL);
	CHECK_STR(events(ctl, fh), "100:dir/a;4:dir;4:dir/f;");
	CHECK_INT(watch_path(ctl, fh, "", FN_MODIFY, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_MODIFY, "dir/sub/deep/x", NULL);
	happens(ctl, FN_MODIFY, "top", NULL);
	happens(ctl, FN_MODIFY, "dir/a", NULL);
	CHECK_STR(events(ctl, fh), "2:dir/sub/deep/x;2:top;2:dir/a;");
	CHECK_INT(watch_path(ctl, fh, "", 0, 0), 0);
	CHECK_STR(events(ctl, fh), ""); /* GONE came with the reply */
	happens(ctl, FN_MODIFY, "top", NULL);
	CHECK_STR(events(ctl, fh), "");
	finish(ctl);
}

static void renames_are_one_event(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir", FN_RENAME, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_RENAME, "dir/b", "dir/a");
	happens(ctl, FN_RENAME, "dir/in", "out");
	happens(ctl, FN_RENAME, "out", "dir/in");
	happens(ctl, FN_RENAME, "out2", "out");
	CHECK_STR(events(ctl, fh),
		  "10000000:dir/b<dir/a;half 10000000:dir/in;half 10000000:<dir/in;");
	finish(ctl);
}

static void watches_move_along(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir", FN_CREATE | FN_MOVE_SELF, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", FN_CREATE, 0), 0);
	happens(ctl, FN_RENAME | FN_ISDIR, "new", "dir");
	happens(ctl, FN_CREATE, "new/x", NULL);
	happens(ctl, FN_CREATE, "new/sub/y", NULL);
	happens(ctl, FN_CREATE, "dir/sub/z", NULL);
	CHECK_STR(events(ctl, fh), "40000800:new;100:new/x;100:new/sub/y;");
	happens(ctl, FN_DELETE | FN_ISDIR, "new", NULL);
	happens(ctl, FN_CREATE, "new/x", NULL);
	CHECK(strstr(events(ctl, fh), "gone 8000:new"));
	finish(ctl);
}

static void an_end_is_told(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_DELETE_SELF | FN_MODIFY, 0), 0);
	happens(ctl, FN_MODIFY, "dir/file", NULL);
	happens(ctl, FN_DELETE, "dir/file", NULL);
	CHECK_STR(events(ctl, fh), "2:dir/file;400:dir/file;gone 8000:dir/file;");
	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_MODIFY, 0), 0);
	happens(ctl, FN_RENAME, "dir/file", "dir/other"); /* overwritten */
	CHECK_STR(events(ctl, fh), "gone 8000:dir/file;");
	CHECK_INT(watch_path(ctl, fh, "dir", FN_MODIFY, 0), 0);
	fn_control_unmount(ctl);
	fn_control_run(ctl);
	CHECK_STR(events(ctl, fh), "gone a000:dir;");
	finish(ctl);
}

static void loss_is_told(void)
{
	struct fn_control *ctl = start(10, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT), next = 0;
	struct fn_event ev;
	struct fn1_msg msg;
	const uint8_t *p;
	unsigned n = 0;
	uint64_t lost = 0;
	size_t len;
	int error;

	CHECK_INT(watch_path(ctl, fh, "", FN_MODIFY, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_MODIFY, 0), 0);
	for (int i = 0; i < 30; i++)
		happens(ctl, FN_MODIFY, "f", NULL);
	happens(ctl, FN_DELETE, "dir/file", NULL);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	for (; p && !fn1_parse(p, len, &msg); p += msg.len, len -= msg.len) {
		CHECK_INT(fn_fn1_decode_event(p, len, &ev), 0);
		CHECK_INT(fn1_seq_gap(&next, &ev), 0);
		n += ev.mask == FN_MODIFY;
		lost += ev.lost;
	}
	CHECK_INT(n, 10);
	CHECK_INT(lost, 20);
	CHECK_INT(ev.flags, FN_EV_GONE); /* last, and not lost */
	happens(ctl, FN_MODIFY, "f", NULL);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	CHECK_INT(fn_fn1_decode_event(p, len, &ev), 0);
	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
	finish(ctl);
}

static void only_what_the_client_could_see(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t user = client(ctl, 2000, FN1_HELLO_SHORT), root = client(ctl, 0, FN1_HELLO_SHORT);
	uint64_t member = client(ctl, 300, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, user, "secret/in", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "secret", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "noread", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "group", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, member, "group", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, root, "secret/in", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, user, "", FN_CREATE | FN_RENAME, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_CREATE, "secret/in/a", NULL);
	happens(ctl, FN_CREATE, "dir/hide/a", NULL);
	happens(ctl, FN_CREATE, "noread/a", NULL);
	happens(ctl, FN_CREATE, "dir/sub/a", NULL);
	happens(ctl, FN_RENAME, "dir/b", "secret/in/b");
	CHECK_STR(events(ctl, user), "100:dir/sub/a;half 10000000:dir/b;");
	CHECK_STR(events(ctl, root), "100:secret/in/a;");
	finish(ctl);
}

static void bad_watches(void)
{
	struct fn_control *ctl = start(0, 2, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn1_watch w = {.mask = FN_CREATE};

	CHECK_INT(watch_path(ctl, fh, "nothing", FN_CREATE, 0), -ENOENT);
	CHECK_INT(watch_path(ctl, fh, "link/sub", FN_CREATE, 0), -ELOOP);
	CHECK_INT(watch_path(ctl, fh, "dir/file/x", FN_CREATE, 0), -ENOTDIR);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_UNMOUNT, 0), -EOPNOTSUPP);
	CHECK_INT(watch(ctl, fh, &w), -EINVAL);
	fn_object_set_node(&w.object, 8, 0);
	CHECK_INT(watch(ctl, fh, &w), -ESTALE);
	fn_object_set_node(&w.object, 7, 0);
	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK_INT(w.watch, 0);
	happens(ctl, FN_CREATE, "dir/q", NULL);
	CHECK_STR(events(ctl, fh), "100:dir/q;");
	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", FN_CREATE, 0), -ENOSPC);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_MODIFY, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", 0, 0), -ENOENT);
	w = (struct fn1_watch){.mask = 0, .watch = 0, .flags = FN1_WATCH_BY_ID};
	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK_INT(w.mask, 0);
	finish(ctl);
}

static void masks_are_cut_to_what_is_supported(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn1_watch w = {.mask = FN_CREATE | 1ull << 50 | FN_Q_OVERFLOW, .path = STR("dir")};

	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK(w.mask == FN_CREATE);
	finish(ctl);
}

static void inject_needs_the_owner(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t user = client(ctl, 2000, FN1_HELLO_SHORT), owner = client(ctl, 1000, 2);
	_Alignas(8) uint8_t buf[512];
	struct fn_event ev = {.mask = FN_CREATE, .path = STR("dir/n"), .name = STR("n")};
	ssize_t n = fn1_put_inject(buf, sizeof(buf), 5, &ev);
	const uint8_t *p;
	struct fn1_msg msg;
	size_t len;
	int error;

	injected.mask = 0;
	CHECK_INT(write_to(ctl, user, buf, (size_t)n), 0);
	p = read_from(ctl, user, 4096, 0, &len, &error);
	CHECK(p && !fn1_parse(p, len, &msg));
	CHECK_INT(msg.error, -EPERM);
	CHECK_INT(injected.mask, 0);
	CHECK_INT(write_to(ctl, owner, buf, (size_t)n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	CHECK(p && !fn1_parse(p, len, &msg));
	CHECK_INT(msg.error, 0);
	CHECK_INT(injected.mask, FN_CREATE);
	CHECK_STR(injected_path, "dir/n");
	CHECK(injected.flags & FN_EV_REMOTE);
	finish(ctl);
}

/* What has to be sent again takes what followed it along. */
static void injections_keep_their_order(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t owner = client(ctl, 1000, FN1_HELLO_SHORT);
	_Alignas(8) uint8_t buf[1024];
	struct fn_event ev = {.mask = FN_CREATE, .path = STR("dir/n"), .name = STR("n")};
	static const int want[] = {0, -EAGAIN, -EAGAIN};
	const uint8_t *p;
	size_t len, n = 0;
	int error;

	for (uint64_t i = 0; i < 3; i++)
		n += (size_t)fn1_put_inject(buf + n, sizeof(buf) - n, i + 1, &ev);
	inject_room = 1;
	CHECK_INT(write_to(ctl, owner, buf, n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	for (size_t i = 0; i < 3; i++) {
		struct fn1_msg msg;

		CHECK(p && !fn1_parse(p, len, &msg));
		CHECK_INT(msg.error, want[i]);
		p += msg.len;
		len -= msg.len;
	}
	CHECK_INT(write_to(ctl, owner, buf, n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	CHECK(p && !fn_get_u32(p + 4, false));
	finish(ctl);
}

static void local_events_can_be_left_out(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn_event ev = {
		.mask = FN_CREATE, .flags = FN_EV_LOCAL, .path = STR("mine"), .name = STR("mine")};

	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, FN1_WATCH_NO_LOCAL), 0);
	fn_control_event(ctl, &ev);
	happens(ctl, FN_CREATE, "theirs", NULL);
	CHECK_STR(events(ctl, fh), "100:theirs;");
	finish(ctl);
}

static const struct unit_test tests[] = {
	{"events find their watch", events_find_their_watch},
	{"a rename is one event, or half of one", renames_are_one_event},
	{"watches move along with a directory", watches_move_along},
	{"the end of a watch is told", an_end_is_told},
	{"loss is told, with its number, and GONE is not lost", loss_is_told},
	{"a client is told only what it could see", only_what_the_client_could_see},
	{"watches that cannot be", bad_watches},
	{"the accepted mask comes back", masks_are_cut_to_what_is_supported},
	{"INJECT needs the owner of the mount", inject_needs_the_owner},
	{"injections keep their order when there is no room", injections_keep_their_order},
	{"local events can be left out", local_events_can_be_left_out},
};
UNIT_MAIN(tests)
