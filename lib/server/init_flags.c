/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/init_flags.h"

#include <linux/fuse.h>
#include <string.h>

/* struct fuse_init_out of 7.40 has max_stack_depth behind flags2. */
#define STACK_DEPTH_AT (offsetof(struct fuse_init_out, flags2) + sizeof(uint32_t))

bool fn_init_flags_request(struct fn_init_flags *in, void *msg, size_t len)
{
	const size_t flags2_at = offsetof(struct fuse_init_in, flags2);
	struct fuse_in_header head;
	struct fuse_init_in body = {0};

	if (len < sizeof(head))
		return false;
	memcpy(&head, msg, sizeof(head));
	if (head.opcode != FUSE_INIT)
		return false;
	len -= sizeof(head);
	memcpy(&body, (const char *)msg + sizeof(head), len < sizeof(body) ? len : sizeof(body));
	in->unique = head.unique;
	in->offered = body.flags;
	if (body.flags & FN_INITF_EXT && len >= flags2_at + sizeof(uint32_t)) {
		in->offered |= (uint64_t)body.flags2 << 32;
		body.flags2 &= ~(uint32_t)(FN_INITF_OVER_IO_URING >> 32);
		memcpy((char *)msg + sizeof(head) + flags2_at, &body.flags2, sizeof(body.flags2));
	}
	return true;
}

void fn_init_flags_reply(struct fn_init_flags *in, const struct iovec *iov, int count)
{
	struct fuse_out_header head;
	struct fuse_init_out *out;
	uint64_t flags, add;

	if (!in->unique || count < 2 || iov[0].iov_len < sizeof(head))
		return;
	memcpy(&head, iov[0].iov_base, sizeof(head));
	if (head.unique != in->unique || head.error || iov[1].iov_len < sizeof(*out))
		return;
	in->unique = 0;
	out = iov[1].iov_base;
	flags = out->flags | (out->flags & FN_INITF_EXT ? (uint64_t)out->flags2 << 32 : 0);
	add = in->want & in->offered;
	if (add >> 32)
		add |= FN_INITF_EXT;
	flags |= add;
	out->flags = (uint32_t)flags;
	if (flags & FN_INITF_EXT)
		out->flags2 = (uint32_t)(flags >> 32);
	if (add & FN_INITF_PASSTHROUGH)
		memcpy((char *)out + STACK_DEPTH_AT, &in->max_stack_depth, sizeof(uint32_t));
	in->negotiated = flags;
}
