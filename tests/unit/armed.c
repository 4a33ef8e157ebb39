/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Announced operations, message by message, in a world made up for the test. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "replay/armed.h"
#include "request.h"
#include "unit.h"

#define PARENT 50
#define NEWDIR 60
#define OWNER 9
#define US 100 /* the process of the client */
#define MARK 0203

static pid_t tgid;
static long nr;
static const char *present[4]; /* what the store has */

static pid_t world_tgid(void *ctx, uint32_t pid)
{
	(void)ctx, (void)pid;
	return tgid;
}

static long world_syscall(void *ctx, uint32_t pid)
{
	(void)ctx, (void)pid;
	return nr;
}

static int world_stat(void *ctx, const char *path, struct stat *st)
{
	(void)ctx, (void)st;
	for (size_t i = 0; i < 4; i++)
		if (present[i] && !strcmp(present[i], path))
			return 0;
	return -ENOENT;
}

static struct fn_armed *table;
static uint8_t room[4096];
static struct fn_msg msg;
static struct fn_reply reply;
static struct fn_armed_fx fx;
static int64_t now;

static void world(const char *a, const char *b)
{
	const struct fn_armed_world w = {
		.tgid = world_tgid, .syscall = world_syscall, .stat = world_stat};

	fn_armed_free(table);
	CHECK_INT(fn_armed_new(&table, &w), 0);
	memset(present, 0, sizeof(present));
	present[0] = a;
	present[1] = b;
	tgid = US;
	nr = SYS_openat;
	now = 1000;
}

static int arm(uint64_t mask, const char *path, const char *old, uint32_t flags)
{
	const struct fn_arm_place place = {.parent = PARENT, .old_parent = NEWDIR, .node = 77};
	struct fn1_arm a = {.mask = mask,
			    .mark = MARK,
			    .flags = flags,
			    .deadline_ms = 100,
			    .mode = S_IFREG,
			    .stamp = 5000000007,
			    .ino = 4711};

	a.path = (struct fn_str){path, strlen(path)};
	if (old)
		a.old_path = (struct fn_str){old, strlen(old)};
	return fn_armed_set(table, OWNER, US, &a, &place, now);
}

static enum fn_verdict ask(uint32_t opcode, uint64_t nodeid, const void *body, size_t fixed,
			   const char *name, const char *second)
{
	msg = build_request(room, sizeof(room), opcode, nodeid, body, fixed, name, second);
	memset(&fx, 0, sizeof(fx));
	memset(&reply, 0, sizeof(reply));
	return fn_armed_request(table, &msg, now, &reply, &fx);
}

static enum fn_verdict look(const char *name)
{
	return ask(FUSE_LOOKUP, PARENT, NULL, 0, name, NULL);
}

static enum fn_verdict make(uint32_t mode)
{
	const struct fuse_mknod_in in = {.mode = mode};

	nr = SYS_mknodat;
	return ask(FUSE_MKNOD, PARENT, &in, sizeof(in), "n", NULL);
}

static int answer(void)
{
	return ((const struct fuse_out_header *)reply.buf)->error;
}

static uint32_t opcode(void)
{
	return ((const struct fuse_in_header *)room)->opcode;
}

static void create_is_swallowed(void)
{
	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), 0);
	CHECK(fn_armed_any(table));
	CHECK_INT(look("n"), FN_ANSWER);
	CHECK_INT(answer(), -ENOENT);
	CHECK_INT(look("other"), FN_PASS);
	CHECK_INT(make(S_IFREG | MARK), FN_REWRITTEN);
	CHECK_INT(opcode(), FUSE_LOOKUP);
	nr = SYS_openat;
	CHECK_INT(look("n"), FN_PASS); /* once */
	CHECK_INT(make(S_IFREG | MARK), FN_PASS);
}

static void create_by_open_is_swallowed(void)
{
	const struct fuse_create_in in = {.flags = O_CREAT | O_EXCL, .mode = S_IFREG | MARK};

	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), 0);
	nr = SYS_openat2;
	CHECK_INT(look("n"), FN_ANSWER);
	CHECK_INT(ask(FUSE_CREATE, PARENT, &in, sizeof(in), "n", NULL), FN_REWRITTEN);
	CHECK(fx.opened);
}

static void others_get_the_truth(void)
{
	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), 0);
	tgid = US + 1;
	CHECK_INT(look("n"), FN_PASS);
	CHECK_INT(make(S_IFREG | MARK), FN_PASS);
	tgid = US;
	nr = SYS_statx; /* unlink() of the C daemon */
	CHECK_INT(look("n"), FN_PASS);
	nr = SYS_unlinkat;
	CHECK_INT(look("n"), FN_PASS);
	nr = -1; /* cannot be told */
	CHECK_INT(look("n"), FN_PASS);
	CHECK(fn_armed_name(table, PARENT, "n", 1)); /* but the kernel may not keep it */
}

static void a_creator_ends_the_answers(void)
{
	const uint32_t foreign[] = {S_IFREG | 0644, S_IFIFO | MARK, S_IFDIR | 0755};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		world("d/n", NULL);
		CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), 0);
		CHECK_INT(look("n"), FN_ANSWER);
		CHECK_INT(make(foreign[i]), FN_PASS);
		nr = SYS_openat;
		CHECK_INT(look("n"), FN_PASS);
		/* and the client's own, should it still come, is refused */
		CHECK_INT(make(S_IFREG | MARK), FN_ANSWER);
		CHECK_INT(answer(), -EEXIST);
	}
}

static void late_is_refused(void)
{
	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), 0);
	now += 100000000 + 1;
	CHECK_INT(look("n"), FN_PASS);
	CHECK_INT(make(S_IFREG | MARK), FN_ANSWER);
	CHECK_INT(answer(), -EEXIST);
}

static void end_tells_what_came(void)
{
	struct fn1_arm was = {0};

	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, FN1_ARM_PROBE), 0);
	CHECK_INT(look("n"), FN_PASS);
	CHECK_INT(look("n"), FN_PASS);
	CHECK(fn_armed_end(table, OWNER, &was));
	CHECK_INT(was.lookups, 2);
	CHECK_INT(was.flags, FN1_ARM_END);
	CHECK(!fn_armed_any(table));
	CHECK(!fn_armed_end(table, OWNER, &was));
	CHECK_INT(make(S_IFREG | MARK), FN_PASS);
}

static void the_store_decides(void)
{
	world(NULL, NULL);
	CHECK_INT(arm(FN_CREATE, "d/n", NULL, 0), -ESTALE);
	CHECK_INT(arm(FN_RENAME, "d/n", "e/o", 0), -ESTALE);
	present[0] = "d/n";
	CHECK_INT(arm(FN_DELETE, "d/n", NULL, 0), -ESTALE);
	present[1] = "e/o";
	CHECK_INT(arm(FN_RENAME, "d/n", "e/o", 0), -ESTALE);
}

static void delete_is_swallowed_or_refused(void)
{
	world(NULL, NULL);
	CHECK_INT(arm(FN_DELETE, "d/n", NULL, 0), 0);
	CHECK_INT(look("n"), FN_PASS); /* somebody looks: the truth */
	nr = SYS_statx;
	CHECK_INT(look("n"), FN_ANSWER);
	CHECK_INT(answer(), 0);
	nr = SYS_unlinkat;
	CHECK_INT(look("n"), FN_ANSWER);
	CHECK_INT(ask(FUSE_UNLINK, PARENT, NULL, 0, "n", NULL), FN_ANSWER);
	CHECK_INT(answer(), 0);
	world(NULL, NULL);
	CHECK_INT(arm(FN_DELETE, "d/n", NULL, FN1_ARM_RISK), 0);
	CHECK_INT(look("n"), FN_ANSWER);
	present[0] = "d/n"; /* there again */
	CHECK_INT(ask(FUSE_UNLINK, PARENT, NULL, 0, "n", NULL), FN_ANSWER);
	CHECK_INT(answer(), -EBUSY);
}

static void rename_needs_its_mark(void)
{
	struct fuse_rename2_in in = {.newdir = PARENT};

	world("d/n", NULL);
	CHECK_INT(arm(FN_RENAME, "d/n", "e/o", 0), 0);
	CHECK_INT(look("n"), FN_ANSWER); /* the new name is not there */
	CHECK_INT(answer(), -ENOENT);
	CHECK_INT(ask(FUSE_LOOKUP, NEWDIR, NULL, 0, "o", NULL), FN_PASS);
	nr = SYS_renameat2;
	CHECK_INT(ask(FUSE_LOOKUP, NEWDIR, NULL, 0, "o", NULL), FN_REWRITTEN);
	CHECK(fx.brief);
	in.flags = 1; /* RENAME_NOREPLACE */
	CHECK_INT(ask(FUSE_RENAME2, NEWDIR, &in, sizeof(in), "o", "n"), FN_ANSWER);
	CHECK_INT(answer(), 0);
	world("d/n", NULL);
	CHECK_INT(arm(FN_RENAME, "d/n", "e/o", 0), 0);
	in.flags = 0;
	CHECK_INT(ask(FUSE_RENAME2, NEWDIR, &in, sizeof(in), "o", "n"), FN_PASS);
	in.flags = 1;
	CHECK_INT(ask(FUSE_RENAME2, NEWDIR, &in, sizeof(in), "o", "n"), FN_ANSWER);
	CHECK_INT(answer(), -EEXIST);
}

static void times_and_modes(void)
{
	struct fuse_setattr_in in = {.valid = FATTR_MTIME, .mtime = 5, .mtimensec = 7};

	world("d/n", NULL);
	CHECK_INT(arm(FN_MODIFY, "d/n", NULL, 0), 0);
	CHECK_INT(ask(FUSE_SETATTR, 78, &in, sizeof(in), NULL, NULL), FN_PASS);
	in.mtime = 6;
	CHECK_INT(ask(FUSE_SETATTR, 77, &in, sizeof(in), NULL, NULL), FN_PASS);
	in.mtime = 5;
	CHECK_INT(ask(FUSE_SETATTR, 77, &in, sizeof(in), NULL, NULL), FN_REWRITTEN);
	CHECK_INT(opcode(), FUSE_GETATTR);
	CHECK_INT(arm(FN_ATTRIB, "d/n", NULL, 0), 0);
	in = (struct fuse_setattr_in){.valid = FATTR_MODE | FATTR_SIZE, .mode = S_IFREG | MARK};
	CHECK_INT(ask(FUSE_SETATTR, 77, &in, sizeof(in), NULL, NULL), FN_PASS);
	in.valid = FATTR_MODE;
	CHECK_INT(ask(FUSE_SETATTR, 77, &in, sizeof(in), NULL, NULL), FN_REWRITTEN);
}

static void nonsense_is_refused(void)
{
	const struct fn_arm_place place = {.parent = PARENT};
	struct fn1_arm a = {.mask = FN_CREATE, .deadline_ms = 10, .path = {"d/n", 3}};

	world("d/n", NULL);
	CHECK_INT(arm(FN_CREATE | FN_DELETE, "d/n", NULL, 0), -EINVAL);
	CHECK_INT(arm(FN_OPEN, "d/n", NULL, 0), -EINVAL);
	CHECK_INT(arm(FN_CREATE, "d/..", NULL, 0), -EINVAL);
	CHECK_INT(arm(FN_RENAME, "d/n", NULL, 0), -EINVAL);
	a.deadline_ms = 0;
	CHECK_INT(fn_armed_set(table, OWNER, US, &a, &place, now), -EINVAL);
	a.deadline_ms = FN_ARM_DEADLINE_MAX_MS + 1;
	CHECK_INT(fn_armed_set(table, OWNER, US, &a, &place, now), -EINVAL);
	a.deadline_ms = 10;
	CHECK_INT(fn_armed_set(table, OWNER, 0, &a, &place, now), -EINVAL);
	for (uint64_t i = 0; i < FN_ARMED_MAX; i++)
		CHECK_INT(fn_armed_set(table, 100 + i, US, &a, &place, now), 0);
	CHECK_INT(fn_armed_set(table, OWNER, US, &a, &place, now), -ENOSPC);
}

static void every_truncation(void)
{
	const struct fuse_rename2_in in = {.newdir = PARENT, .flags = 1};

	world("d/n", NULL);
	CHECK_INT(arm(FN_RENAME, "d/n", "e/o", 0), 0);
	nr = SYS_renameat2;
	msg = build_request(room, sizeof(room), FUSE_RENAME2, NEWDIR, &in, sizeof(in), "o", "n");
	for (size_t len = 0; len < msg.len; len++) {
		uint8_t copy[512];
		struct fn_msg cut = {copy, len, sizeof(copy)};

		memcpy(copy, room, len);
		if (len >= 4)
			memcpy(copy, &(uint32_t){(uint32_t)len}, 4);
		memset(&fx, 0, sizeof(fx));
		CHECK_INT(fn_armed_request(table, &cut, now, &reply, &fx), FN_PASS);
	}
	fn_armed_free(table);
	table = NULL;
}

static const struct unit_test tests[] = {
	{"CREATE is swallowed, once", create_is_swallowed},
	{"also where a daemon makes files by open", create_by_open_is_swallowed},
	{"others, and other system calls, get the truth", others_get_the_truth},
	{"a creator's own operation ends the answers", a_creator_ends_the_answers},
	{"what comes late is refused", late_is_refused},
	{"END says what came", end_tells_what_came},
	{"what the store does not bear out is not armed", the_store_decides},
	{"DELETE is swallowed, or refused where the name is back", delete_is_swallowed_or_refused},
	{"RENAME is known by its flag", rename_needs_its_mark},
	{"MODIFY and ATTRIB by their values", times_and_modes},
	{"nonsense is not armed", nonsense_is_refused},
	{"every truncation", every_truncation},
};
UNIT_MAIN(tests)
