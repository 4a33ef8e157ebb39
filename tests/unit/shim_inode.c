/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message shim, message by message: objects, and messages that are none. */
#include "shim_test.h"

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

/* The server is asked again only if the name may be bound to something else by now. */
static void made_up_before(void)
{
	start(FN_OP_ATTR, S_IFREG);
	knows(&op.at, MADE, S_IFREG);
	op.at.bound = true;
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_ANSWER);
	CHECK_INT(entry()->nodeid, MADE);
	CHECK_INT(entry()->entry_valid, 0);
	CHECK_INT(fx.made, MADE);
	op.at.bound = false;
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_PASS);
	CHECK_INT(server_gives(NODE, S_IFREG), FN_PASS);
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
	CHECK_INT(ask(), FN_ANSWER);
	request(FUSE_UNLINK, PARENT, NULL, 0, "na/me", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	request(FUSE_UNLINK, PARENT, NULL, 0, "", NULL);
	CHECK_INT(ask(), FN_ANSWER);
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
	start(FN_OP_NONE, 0);
	lookup(PARENT, "name");
	CHECK_INT(ask(), FN_PASS);
}

/* The directory was looked for by its path and is another one: the server must not hear of it. */
static void elsewhere(void)
{
	static const uint32_t opcodes[] = {FUSE_UNLINK,  FUSE_RMDIR,   FUSE_MKNOD, FUSE_MKDIR,
					   FUSE_SYMLINK, FUSE_RENAME2, FUSE_LINK};
	static const uint8_t zero[64];

	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++)
		for (int kind = FN_OP_CREATE; kind <= FN_OP_OPEN; kind++) {
			start_rename((enum fn_op_kind)kind);
			request(opcodes[i], OTHER + 1, zero, opcodes[i] == FUSE_RENAME2 ? 16 : 0,
				"name", "new");
			CHECK_INT(ask(), FN_ANSWER);
			CHECK_INT(out()->error, -ESTALE);
		}
	start(FN_OP_DELETE, S_IFREG);
	request(FUSE_UNLINK, PARENT, NULL, 0, "other", NULL);
	CHECK_INT(ask(), FN_ANSWER);
	setattr(NODE, FATTR_MTIME, 0);
	CHECK_INT(ask(), FN_ANSWER);
}

static const struct unit_test tests[] = {
	{"MODIFY and ATTRIB", attributes},
	{"MODIFY of what is gone", attributes_gone},
	{"ATTR of what was made up", made_up_before},
	{"the page cache is emptied", refresh},
	{"CLOSE_WRITE opens nothing", opening},
	{"FLUSH and RELEASE", releasing},
	{"nodes made up", made_up},
	{"malformed messages", malformed},
	{"extensions that are too long", extensions_too_long},
	{"no room to rewrite", small_buffer},
	{"other requests pass", others},
	{"nothing is changed elsewhere", elsewhere},
};
UNIT_MAIN(tests)
