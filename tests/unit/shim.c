/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message shim, message by message: names. */
#include "shim_test.h"

static const struct {
	uint32_t opcode, mode;
	size_t fixed;
	const char *second;
} creations[] = {
	{FUSE_MKNOD, S_IFREG, sizeof(struct fuse_mknod_in), NULL},
	{FUSE_MKNOD, S_IFIFO, sizeof(struct fuse_mknod_in), NULL},
	{FUSE_MKNOD, S_IFSOCK, sizeof(struct fuse_mknod_in), NULL},
	{FUSE_MKNOD, S_IFCHR, sizeof(struct fuse_mknod_in), NULL},
	{FUSE_MKNOD, S_IFBLK, sizeof(struct fuse_mknod_in), NULL},
	{FUSE_MKDIR, S_IFDIR, sizeof(struct fuse_mkdir_in), NULL},
	{FUSE_SYMLINK, S_IFLNK, 0, "target/of/it"},
	{FUSE_LINK, S_IFREG, sizeof(struct fuse_link_in), NULL},
};
#define NCREATIONS (sizeof(creations) / sizeof(creations[0]))

static void creation(size_t i)
{
	static const uint8_t zero[64];

	start(FN_OP_CREATE, creations[i].mode);
	request(creations[i].opcode, PARENT, zero, creations[i].fixed, "name", creations[i].second);
}

static void create(void)
{
	for (size_t i = 0; i < NCREATIONS; i++) {
		creation(i);
		lookup(PARENT, "name");
		CHECK_INT(ask(), FN_ANSWER);
		is_error(-ENOENT);
		creation(i);
		CHECK_INT(ask(), FN_REWRITTEN);
		is_lookup(PARENT, "name");
		CHECK_INT(server_gives(NODE, creations[i].mode | 0600), FN_PASS);
		CHECK(!op.made && !fx.forget && !fx.excess && !fx.made);
	}
}

static void create_gone(void)
{
	for (size_t i = 0; i < NCREATIONS; i++) {
		creation(i);
		ask();
		CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
		CHECK_INT(out()->error, 0);
		CHECK_INT(entry()->nodeid, MADE);
		CHECK_INT(entry()->entry_valid, 0);
		CHECK(entry()->attr_valid > 0); /* an open would ask for them */
		CHECK_INT(entry()->attr.mode & S_IFMT, creations[i].mode);
		CHECK_INT(fx.made, MADE);
		CHECK(op.made);
	}
}

static void create_other_type(void)
{
	creation(0);
	ask();
	CHECK_INT(server_gives(NODE, S_IFDIR | 0700), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE);
	CHECK_INT(fx.forget, NODE); /* the server counted a LOOKUP that the kernel never saw */
	creation(0);
	op.mode_guessed = true;
	ask();
	CHECK_INT(server_gives(NODE, S_IFLNK | 0777), FN_ANSWER);
	is_error(-EIO);
	CHECK_INT(op.found_mode & S_IFMT, S_IFLNK);
	CHECK_INT(fx.forget, NODE);
}

static void create_errors(void)
{
	creation(0);
	ask();
	CHECK_INT(server_says(-EIO, NULL, 0), FN_PASS); /* an error is an error */
	creation(0);
	ask();
	CHECK_INT(server_says(0, "short", 5), FN_ANSWER);
	is_error(-EIO);
}

static void create_extensions(void)
{
	struct fuse_mknod_in arg = {0};
	uint16_t units = 2;

	start(FN_OP_CREATE, S_IFREG);
	request(FUSE_MKNOD, PARENT, &arg, sizeof(arg), "name", NULL);
	memset(room + msg.len, 'x', 16); /* a security context, and no NUL in it */
	msg.len += 16;
	((struct fuse_in_header *)room)->len = (uint32_t)msg.len;
	memcpy(room + 36, &units, sizeof(units));
	CHECK_INT(ask(), FN_REWRITTEN);
	is_lookup(PARENT, "name");
	CHECK_INT(msg.len, sizeof(struct fuse_in_header) + 5);
}

static void delete_unknown(void)
{
	start(FN_OP_DELETE, S_IFREG);
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE);
	CHECK_INT(entry()->entry_valid, 0);
	CHECK_INT(fx.made, 0);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(0);
	start(FN_OP_DELETE, S_IFDIR);
	lookup(PARENT, "name");
	ask();
	CHECK(S_ISDIR(entry()->attr.mode));
	request(FUSE_RMDIR, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(0);
}

static void delete_known(void)
{
	start(FN_OP_DELETE, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_getattr(NODE);
	CHECK_INT(server_has(S_IFREG | 0644, 2), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE);
	CHECK_INT(entry()->generation, 5);
	CHECK_INT(entry()->attr.nlink, 3); /* the kernel takes one off */
	CHECK_INT(fx.excess, NODE);
	start(FN_OP_DELETE, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
	CHECK_INT(entry()->attr.nlink, 1);
	CHECK_INT(entry()->attr.size, 99); /* as it was last seen */
}

static void delete_directory(void)
{
	start(FN_OP_DELETE, S_IFDIR);
	knows(&op.at, NODE, S_IFDIR);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_has(S_IFDIR | 0755, 0), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE);
	start(FN_OP_DELETE, S_IFDIR);
	knows(&op.at, NODE, S_IFDIR);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_has(S_IFDIR | 0755, 2), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE); /* alive: it must not be killed in the kernel */
	CHECK_INT(fx.excess, 0);
}

static void delete_cached(void)
{
	start(FN_OP_DELETE, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_REWRITTEN);
	is_getattr(NODE);
	CHECK_INT(server_has(S_IFREG, 0), FN_ANSWER);
	is_error(0);
	start(FN_OP_DELETE, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	ask();
	CHECK_INT(server_has(S_IFREG, 1), FN_ANSWER);
	is_error(-ESTALE); /* other links: it has to be looked up */
	start(FN_OP_DELETE, S_IFREG);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(-ESTALE);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(0); /* once is enough */
}

static void renames(uint32_t opcode)
{
	struct fuse_rename2_in arg = {.newdir = OTHER};

	request(opcode, PARENT, &arg, opcode == FUSE_RENAME ? 8 : sizeof(arg), "old", "name");
}

static void rename_known(void)
{
	for (uint32_t opcode = 0; opcode < 2; opcode++) {
		start_rename(FN_OP_RENAME);
		knows(&op.old, NODE, S_IFREG);
		lookup(PARENT, "old");
		CHECK_INT(ask(), FN_REWRITTEN);
		is_getattr(NODE);
		CHECK_INT(server_has(S_IFREG, 1), FN_ANSWER);
		CHECK_INT(entry()->attr.nlink, 1);
		CHECK_INT(fx.excess, NODE);
		CHECK(op.moved_alive);
		lookup(OTHER, "name");
		CHECK_INT(ask(), FN_ANSWER);
		is_error(-ENOENT);
		renames(opcode ? FUSE_RENAME2 : FUSE_RENAME);
		CHECK_INT(ask(), FN_ANSWER);
		is_error(0);
	}
}

static void rename_unknown(void)
{
	start_rename(FN_OP_RENAME);
	lookup(PARENT, "old");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_lookup(OTHER, "name");
	CHECK_INT(server_gives(NODE, S_IFREG | 0600), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE);
	CHECK_INT(entry()->entry_valid, 0);
	CHECK(!fx.excess && !fx.forget);
	lookup(PARENT, "old"); /* once more: the node may be forgotten by now */
	CHECK_INT(ask(), FN_REWRITTEN);
	is_lookup(OTHER, "name");
	CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE + 1);
	CHECK_INT(fx.made, MADE + 1);
}

static void rename_over(void)
{
	start_rename(FN_OP_RENAME);
	knows(&op.old, NODE, S_IFREG);
	knows(&op.at, NODE + 1, S_IFREG);
	lookup(OTHER, "name");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_getattr(NODE + 1);
	CHECK_INT(server_has(S_IFREG, 0), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE + 1);
	CHECK_INT(entry()->attr.nlink, 1);
	/* What somebody has found under the new name is what moved. */
	start_rename(FN_OP_RENAME);
	knows(&op.at, NODE, S_IFREG);
	lookup(PARENT, "old");
	ask();
	server_gives(NODE, S_IFREG);
	lookup(OTHER, "name");
	CHECK_INT(ask(), FN_ANSWER);
	is_error(-ENOENT);
}

static void rename_cached(void)
{
	start_rename(FN_OP_RENAME);
	renames(FUSE_RENAME2);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(-ESTALE);
	start_rename(FN_OP_RENAME);
	knows(&op.old, NODE, S_IFREG);
	op.by_identity = true;
	lookup(OTHER, "name");
	ask();
	renames(FUSE_RENAME2);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(0);
	for (int i = 0; i < 2; i++) { /* it is another object by now, or cannot have been cached */
		start_rename(FN_OP_RENAME);
		knows(&op.old, i ? MADE : NODE, S_IFREG);
		op.by_identity = true;
		lookup(OTHER, "name");
		ask();
		op.old.bound = i;
		renames(FUSE_RENAME2);
		CHECK_INT(ask(), FN_ANSWER);
		is_error(-ESTALE);
	}
}

static void rename_limbo(void)
{
	start_rename(FN_OP_RENAME); /* half: it came from where nobody looks */
	op.old.parent = FN_NODE_LIMBO;
	lookup(FN_NODE_LIMBO, "old");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_lookup(OTHER, "name");
	start_rename(FN_OP_RENAME); /* it went there */
	op.at.parent = FN_NODE_LIMBO;
	lookup(PARENT, "old");
	CHECK_INT(ask(), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE + 1);
	lookup(FN_NODE_LIMBO, "name");
	CHECK_INT(ask(), FN_ANSWER);
	is_error(-ENOENT);
	request(FUSE_GETATTR, FN_NODE_LIMBO, room, sizeof(struct fuse_getattr_in), NULL, NULL);
	CHECK_INT(ask(), FN_ANSWER);
	CHECK(S_ISDIR(attr()->attr.mode));
}

static void forwarded(void)
{
	start_rename(FN_OP_RENAME);
	op.forward = op.old.seen = true;
	renames(FUSE_RENAME2);
	CHECK_INT(ask(), FN_PASS);
	CHECK(op.forwarded);
	start(FN_OP_DELETE, S_IFREG);
	op.forward = op.at.seen = true;
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	CHECK_INT(ask(), FN_PASS);
	CHECK(op.forwarded);
}

static void exchange(void)
{
	start_rename(FN_OP_EXCHANGE);
	knows(&op.old, NODE, S_IFREG);
	lookup(PARENT, "old");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_getattr(NODE);
	server_has(S_IFREG, 1);
	lookup(OTHER, "name");
	CHECK_INT(ask(), FN_REWRITTEN);
	is_lookup(PARENT, "old"); /* what was there is now here */
	CHECK_INT(server_gives(NODE + 1, S_IFREG), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE + 1);
	renames(FUSE_RENAME2);
	CHECK_INT(ask(), FN_ANSWER);
	is_error(0);
}

static const struct unit_test tests[] = {
	{"CREATE: every type and call", create},
	{"CREATE of what is gone", create_gone},
	{"CREATE of what is something else", create_other_type},
	{"CREATE: errors and short replies", create_errors},
	{"CREATE with extensions behind the name", create_extensions},
	{"DELETE of an unknown name", delete_unknown},
	{"DELETE of a known file", delete_known},
	{"DELETE of a known directory", delete_directory},
	{"DELETE of a cached name", delete_cached},
	{"RENAME of a known file", rename_known},
	{"RENAME of an unknown file", rename_unknown},
	{"RENAME over a target", rename_over},
	{"RENAME of a cached name", rename_cached},
	{"half a RENAME", rename_limbo},
	{"servers that follow names", forwarded},
	{"EXCHANGE", exchange},
};
UNIT_MAIN(tests)
