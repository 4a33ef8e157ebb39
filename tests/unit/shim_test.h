/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message shim without a kernel: a request goes in, then what the server says to it. */
#ifndef FN_UNIT_SHIM_TEST_H
#define FN_UNIT_SHIM_TEST_H

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

static inline void request(uint32_t opcode, uint64_t nodeid, const void *body, size_t fixed,
			   const char *name, const char *second)
{
	msg = build_request(room, sizeof(room), opcode, nodeid, body, fixed, name, second);
}

static inline void start(enum fn_op_kind kind, uint32_t mode)
{
	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.at = (struct fn_place){.parent = PARENT, .name = "name", .len = 4};
	op.mode = mode;
	op.made_up = MADE;
	op.fh = FH;
}

static inline enum fn_verdict ask(void)
{
	memset(&reply, 0, sizeof(reply));
	memset(&fx, 0, sizeof(fx));
	return fn_shim_request(&op, &msg, &reply, &fx);
}

static inline const struct fuse_in_header *in(void)
{
	return (const void *)room;
}

static inline const struct fuse_out_header *out(void)
{
	return (const void *)reply.buf;
}

static inline const struct fuse_entry_out *entry(void)
{
	return (const void *)(reply.buf + sizeof(struct fuse_out_header));
}

static inline const struct fuse_attr_out *attr(void)
{
	return (const void *)(reply.buf + sizeof(struct fuse_out_header));
}

static inline enum fn_verdict server_says(int error, const void *body, size_t len)
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

static inline enum fn_verdict server_gives(uint64_t nodeid, uint32_t mode)
{
	struct fuse_entry_out e = {
		.nodeid = nodeid, .entry_valid = 1, .attr = {.mode = mode, .nlink = 1}};

	return server_says(0, &e, sizeof(e));
}

static inline enum fn_verdict server_has(uint32_t mode, uint32_t nlink)
{
	struct fuse_attr_out a = {.attr = {.mode = mode, .nlink = nlink, .mtimensec = 10}};

	return server_says(0, &a, sizeof(a));
}

static inline void knows(struct fn_place *place, uint64_t nodeid, uint32_t mode)
{
	place->entry = (struct fn_entry){.nodeid = nodeid, .generation = 5};
	place->entry.attr.mode = mode;
	place->entry.attr.nlink = 1;
	place->entry.attr.size = 99;
	place->bound = true;
}

static inline void lookup(uint64_t parent, const char *name)
{
	request(FUSE_LOOKUP, parent, NULL, 0, name, NULL);
}

static inline void is_lookup(uint64_t parent, const char *name)
{
	size_t len;
	const char *got = fn_msg_name(&msg, 0, 0, &len);

	CHECK_INT(in()->opcode, FUSE_LOOKUP);
	CHECK_INT(in()->nodeid, parent);
	CHECK_STR(got, name);
	CHECK_INT(in()->len, msg.len);
}

static inline void is_getattr(uint64_t nodeid)
{
	CHECK_INT(in()->opcode, FUSE_GETATTR);
	CHECK_INT(in()->nodeid, nodeid);
	CHECK_INT(msg.len, sizeof(struct fuse_in_header) + sizeof(struct fuse_getattr_in));
	CHECK_INT(in()->len, msg.len);
}

static inline void is_error(int error)
{
	CHECK_INT(out()->error, error);
	CHECK_INT(out()->unique, 42);
	CHECK_INT(out()->len, 16);
}

static inline void start_rename(enum fn_op_kind kind)
{
	start(kind, S_IFREG);
	op.old = (struct fn_place){.parent = PARENT, .name = "old", .len = 3};
	op.at.parent = OTHER;
}

#endif
