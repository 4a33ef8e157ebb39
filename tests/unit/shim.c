/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message shim, message by message, without a kernel. */
#include <errno.h>
#include <sys/stat.h>

#include "replay/msg.h"
#include "replay/shim.h"
#include "request.h"
#include "unit.h"

#define PARENT 50
#define OTHER 60
#define NODE 70
#define MADE (FN_NODE_MADE_UP + 8)
#define FH 0x1122334455667788ULL

static uint8_t room[4096];
static struct fn_msg msg;
static struct fn_reply reply;
static struct fn_shim_fx fx;
static struct fn_shim_op op;

static void request(uint32_t opcode, uint64_t nodeid, const void *body, size_t fixed,
		    const char *name, const char *second)
{
	msg = build_request(room, sizeof(room), opcode, nodeid, body, fixed, name, second);
}

static void start(enum fn_op_kind kind, uint32_t mode)
{
	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.at = (struct fn_place){.parent = PARENT, .name = "name", .len = 4};
	op.mode = mode;
	op.made_up = MADE;
	op.fh = FH;
}

static enum fn_verdict ask(void)
{
	memset(&reply, 0, sizeof(reply));
	memset(&fx, 0, sizeof(fx));
	return fn_shim_request(&op, &msg, &reply, &fx);
}

static const struct fuse_in_header *in(void)
{
	return (const void *)room;
}

static const struct fuse_out_header *out(void)
{
	return (const void *)reply.buf;
}

static const struct fuse_entry_out *entry(void)
{
	return (const void *)(reply.buf + sizeof(struct fuse_out_header));
}

static const struct fuse_attr_out *attr(void)
{
	return (const void *)(reply.buf + sizeof(struct fuse_out_header));
}

static enum fn_verdict server_says(int error, const void *body, size_t len)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len), .error = error, .unique = 42};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)body, len}};

	CHECK(fn_shim_awaits(&op, 42));
	CHECK(!fn_shim_awaits(&op, 44));
	memset(&reply, 0, sizeof(reply));
	memset(&fx, 0, sizeof(fx));
	return fn_shim_reply(&op, iov, error ? 1 : 2, &reply, &fx);
}

static enum fn_verdict server_gives(uint64_t nodeid, uint32_t mode)
{
	struct fuse_entry_out e = {
		.nodeid = nodeid, .entry_valid = 1, .attr = {.mode = mode, .nlink = 1}};

	return server_says(0, &e, sizeof(e));
}

static enum fn_verdict server_has(uint32_t mode, uint32_t nlink)
{
	struct fuse_attr_out a = {.attr = {.mode = mode, .nlink = nlink, .mtimensec = 10}};

	return server_says(0, &a, sizeof(a));
}

static void knows(struct fn_place *place, uint64_t nodeid, uint32_t mode)
{
	place->entry = (struct fn_entry){.nodeid = nodeid, .generation = 5};
	place->entry.attr.mode = mode;
	place->entry.attr.nlink = 1;
	place->entry.attr.size = 99;
	place->bound = true;
}

static void lookup(uint64_t parent, const char *name)
{
	request(FUSE_LOOKUP, parent, NULL, 0, name, NULL);
}

static void is_lookup(uint64_t parent, const char *name)
{
	size_t len;
	const char *got = fn_msg_name(&msg, 0, 0, &len);

	CHECK_INT(in()->opcode, FUSE_LOOKUP);
	CHECK_INT(in()->nodeid, parent);
	CHECK_STR(got, name);
	CHECK_INT(in()->len, msg.len);
}

static void is_getattr(uint64_t nodeid)
{
	CHECK_INT(in()->opcode, FUSE_GETATTR);
	CHECK_INT(in()->nodeid, nodeid);
	CHECK_INT(msg.len, sizeof(struct fuse_in_header) + sizeof(struct fuse_getattr_in));
	CHECK_INT(in()->len, msg.len);
}

static void is_error(int error)
{
	CHECK_INT(out()->error, error);
	CHECK_INT(out()->unique, 42);
	CHECK_INT(out()->len, 16);
}

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
		CHECK_INT(entry()->attr_valid, 0);
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

static void start_rename(enum fn_op_kind kind)
{
	start(kind, S_IFREG);
	op.old = (struct fn_place){.parent = PARENT, .name = "old", .len = 3};
	op.at.parent = OTHER;
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

static void setattr(uint64_t nodeid, uint32_t valid, uint64_t fh)
{
	struct fuse_setattr_in set = {.valid = valid, .fh = fh};

	request(FUSE_SETATTR, nodeid, &set, sizeof(set), NULL, NULL);
}

static void attributes(void)
{
	const struct fuse_getattr_in *get = (const void *)(room + sizeof(struct fuse_in_header));

	start(FN_OP_ATTR, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_PASS);
	CHECK_INT(server_gives(NODE, S_IFREG), FN_PASS);
	setattr(NODE, FATTR_MTIME | FATTR_MTIME_NOW, 0);
	CHECK_INT(ask(), FN_REWRITTEN);
	is_getattr(NODE);
	CHECK_INT(get->getattr_flags, 0);
	CHECK_INT(server_has(S_IFREG, 1), FN_PASS);
	setattr(NODE, FATTR_MTIME | FATTR_FH, 1234);
	ask();
	CHECK_INT(get->getattr_flags, FUSE_GETATTR_FH);
	CHECK_INT(get->fh, 1234);
	CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
	CHECK_INT(attr()->attr.size, 99);
	setattr(NODE, FATTR_MTIME | FATTR_FH, FH); /* a descriptor that the server never saw */
	ask();
	CHECK_INT(get->getattr_flags, 0);
}

static void attributes_gone(void)
{
	start(FN_OP_ATTR, S_IFREG);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE);
	setattr(MADE, FATTR_MTIME, 0);
	CHECK_INT(ask(), FN_ANSWER);
	CHECK_INT(out()->error, 0);
	CHECK(S_ISREG(attr()->attr.mode));
	start(FN_OP_ATTR, S_IFREG);
	knows(&op.at, NODE, S_IFREG);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_says(-ENOENT, NULL, 0), FN_ANSWER);
	CHECK_INT(entry()->nodeid, NODE);
	CHECK_INT(fx.excess, NODE);
}

static void refresh(void)
{
	start(FN_OP_ATTR, S_IFREG);
	op.refresh = true;
	request(FUSE_GETATTR, NODE, room, sizeof(struct fuse_getattr_in), NULL, NULL);
	CHECK_INT(ask(), FN_PASS);
	CHECK_INT(server_has(S_IFREG, 1), FN_ANSWER);
	CHECK_INT(attr()->attr.mtimensec, 11);
	CHECK_INT(attr()->attr_valid, 0);
	request(FUSE_GETATTR, NODE, room, sizeof(struct fuse_getattr_in), NULL, NULL);
	CHECK_INT(ask(), FN_PASS);
	CHECK(!fn_shim_awaits(&op, 42));
}

static void opening(void)
{
	struct fuse_open_in arg = {0};
	const struct fuse_open_out *o = (const void *)(reply.buf + sizeof(struct fuse_out_header));

	start(FN_OP_OPEN, S_IFREG);
	op.open_flags = FOPEN_KEEP_CACHE;
	request(FUSE_OPEN, NODE, &arg, sizeof(arg), NULL, NULL);
	CHECK_INT(ask(), FN_ANSWER);
	CHECK_INT(o->fh, FH);
	CHECK_INT(o->open_flags, FOPEN_KEEP_CACHE);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_gives(NODE, S_IFCHR | 0600), FN_ANSWER);
	is_error(-EIO); /* no device is opened */
	CHECK_INT(fx.forget, NODE);
	lookup(PARENT, "name");
	ask();
	CHECK_INT(server_gives(NODE, S_IFREG), FN_PASS);
}

static void releasing(void)
{
	const uint32_t opcodes[] = {FUSE_FLUSH, FUSE_RELEASE, FUSE_RELEASEDIR, FUSE_FSYNC,
				    FUSE_FSYNCDIR};
	struct fuse_release_in arg = {.fh = FH};

	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		request(opcodes[i], NODE, &arg, sizeof(arg), NULL, NULL);
		CHECK(fn_shim_is_release(&msg, FH));
		CHECK(!fn_shim_is_release(&msg, FH + 1));
		request(opcodes[i], NODE, &arg, 7, NULL, NULL);
		CHECK(!fn_shim_is_release(&msg, FH));
	}
	request(FUSE_READ, NODE, &arg, sizeof(arg), NULL, NULL);
	CHECK(!fn_shim_is_release(&msg, FH));
}

static void made_up(void)
{
	start(FN_OP_ATTR, S_IFREG);
	for (uint32_t opcode = 1; opcode < 60; opcode++) {
		static const uint8_t zero[128];

		request(opcode, MADE, zero, sizeof(zero), NULL, NULL);
		CHECK_INT(ask(), FN_ANSWER); /* the server has never heard of it */
		CHECK_INT(fn_shim_stranger(&msg, &reply), FN_ANSWER);
		is_error(-ESTALE);
	}
}

/* Every message cut at every length, and with every header length: never more than a pass. */
static void malformed(void)
{
	static const uint32_t opcodes[] = {FUSE_LOOKUP,  FUSE_MKNOD,   FUSE_MKDIR, FUSE_SYMLINK,
					   FUSE_LINK,    FUSE_UNLINK,  FUSE_RMDIR, FUSE_RENAME,
					   FUSE_RENAME2, FUSE_SETATTR, FUSE_OPEN,  FUSE_OPENDIR};
	static const uint8_t zero[sizeof(struct fuse_setattr_in)];

	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++)
		for (int kind = FN_OP_NONE; kind <= FN_OP_OPEN; kind++)
			for (size_t cut = 0; cut < 40 + sizeof(zero); cut++) {
				start_rename((enum fn_op_kind)kind);
				request(opcodes[i], PARENT, zero, sizeof(zero), NULL, NULL);
				msg.len = cut; /* in.len says otherwise */
				CHECK_INT(ask(), FN_PASS);
				((struct fuse_in_header *)room)->len = (uint32_t)cut;
				ask();
			}
	start(FN_OP_DELETE, S_IFREG);
	request(FUSE_UNLINK, PARENT, "name", 4, NULL, NULL); /* no NUL */
	CHECK_INT(ask(), FN_PASS);
	request(FUSE_UNLINK, PARENT, NULL, 0, "na/me", NULL);
	CHECK_INT(ask(), FN_PASS);
	request(FUSE_UNLINK, PARENT, NULL, 0, "", NULL);
	CHECK_INT(ask(), FN_PASS);
}

static void extensions_too_long(void)
{
	uint16_t units = 0xffff;

	start(FN_OP_DELETE, S_IFREG);
	request(FUSE_UNLINK, PARENT, NULL, 0, "name", NULL);
	memcpy(room + 36, &units, sizeof(units));
	CHECK_INT(ask(), FN_PASS);
}

static void small_buffer(void)
{
	static char longer[200];

	memset(longer, 'n', sizeof(longer) - 1);
	start_rename(FN_OP_RENAME);
	op.at.name = longer;
	op.at.len = sizeof(longer) - 1;
	lookup(PARENT, "old");
	msg.cap = msg.len;
	CHECK_INT(ask(), FN_ANSWER); /* no room to ask: made up */
	CHECK_INT(entry()->nodeid, MADE + 1);
}

static void others(void)
{
	start(FN_OP_DELETE, S_IFREG);
	lookup(PARENT, "other");
	CHECK_INT(ask(), FN_PASS);
	lookup(OTHER, "name");
	CHECK_INT(ask(), FN_PASS);
	request(FUSE_UNLINK, PARENT, NULL, 0, "other", NULL);
	CHECK_INT(ask(), FN_PASS);
	setattr(NODE, FATTR_MTIME, 0);
	CHECK_INT(ask(), FN_PASS);
	start(FN_OP_NONE, 0);
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_PASS);
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
	{"MODIFY and ATTRIB", attributes},
	{"MODIFY of what is gone", attributes_gone},
	{"the page cache is emptied", refresh},
	{"CLOSE_WRITE opens nothing", opening},
	{"FLUSH and RELEASE", releasing},
	{"nodes made up", made_up},
	{"malformed messages", malformed},
	{"extensions that are too long", extensions_too_long},
	{"no room to rewrite", small_buffer},
	{"other requests pass", others},
};
UNIT_MAIN(tests)
