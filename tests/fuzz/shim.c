/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input: 8 bytes that choose the operation, then a request; what is left after in.len bytes is the
 * server's reply. Whatever comes, a message that passes is whole, and an answer has its length.
 */
#include <stdlib.h>
#include <string.h>

#include "replay/msg.h"
#include "replay/shim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose(struct fn_shim_op *op, const uint8_t *c)
{
	memset(op, 0, sizeof(*op));
	op->kind = (enum fn_op_kind)(c[0] % (FN_OP_OPEN + 1));
	op->mode = (uint32_t)c[1] << 12;
	op->at = (struct fn_place){.parent = c[2] & 3 ? c[2] & 3u : FN_NODE_LIMBO, .name = "name"};
	op->old = (struct fn_place){.parent = c[3] & 3 ? c[3] & 3u : FN_NODE_LIMBO, .name = "old"};
	op->at.len = 4;
	op->old.len = 3;
	op->at.entry.nodeid = c[4] & 1 ? 7 : c[4] & 2 ? FN_NODE_MADE_UP + 1 : 0;
	op->old.entry.nodeid = c[4] & 4 ? 8 : c[4] & 8 ? FN_NODE_MADE_UP + 2 : 0;
	op->at.entry.attr.mode = op->old.entry.attr.mode = op->mode;
	op->at.bound = c[5] & 1;
	op->old.bound = c[5] & 2;
	op->by_identity = c[5] & 4;
	op->forward = c[5] & 8;
	op->refresh = c[5] & 16;
	op->mode_guessed = c[5] & 32;
	op->at.seen = c[6] & 1;
	op->old.seen = c[6] & 2;
	op->made_up = FN_NODE_MADE_UP + 16;
	op->fh = 0x5555;
}

static void check_answer(const struct fn_reply *reply, uint64_t unique)
{
	struct fuse_out_header out;

	if (reply->len < sizeof(out) || reply->len > sizeof(reply->buf))
		abort();
	memcpy(&out, reply->buf, sizeof(out));
	if (out.len != reply->len || out.unique != unique || out.error > 0)
		abort();
}

static void respond(struct fn_shim_op *op, uint64_t unique, const uint8_t *data, size_t size)
{
	struct fuse_out_header out = {.unique = unique};
	struct fn_shim_fx fx = {0};
	struct fn_reply reply;
	struct iovec iov[2] = {{&out, sizeof(out)}};

	if (!fn_shim_awaits(op, unique))
		return;
	if (size)
		out.error = -(int)data[0];
	iov[1] = (struct iovec){(void *)(uintptr_t)(data + (size != 0)), size - (size != 0)};
	out.len = (uint32_t)fn_iov_len(iov, 2);
	if (fn_shim_reply(op, iov, 2, &reply, &fx) == FN_ANSWER)
		check_answer(&reply, unique);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *buf = malloc(size + 1);
	struct fn_shim_op op;
	struct fn_shim_fx fx = {0};
	struct fn_reply reply;
	struct fuse_in_header in;
	struct fn_msg msg;

	if (!buf)
		return 0;
	if (size < 8 + sizeof(in)) {
		free(buf);
		return -1;
	}
	choose(&op, data);
	memcpy(&in, data + 8, sizeof(in));
	msg.len = in.len < size - 8 ? in.len : size - 8;
	msg.cap = size - 8 < 1 ? 1 : size - 8;
	msg.buf = memcpy(buf, data + 8, size - 8);
	fn_shim_is_release(&msg, op.fh);
	switch (fn_shim_request(&op, &msg, &reply, &fx)) {
	case FN_ANSWER:
		check_answer(&reply, in.unique);
		break;
	case FN_REWRITTEN:
		if (!fn_msg_header(&msg) || msg.len > msg.cap)
			abort();
		/* fall through */
	case FN_PASS:
		respond(&op, in.unique, data + 8 + (in.len < size - 8 ? in.len : size - 8),
			size - 8 - (in.len < size - 8 ? in.len : size - 8));
		break;
	}
	free(buf);
	return 0;
}
