/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * INIT flags that the server's libfuse does not know. The kernel's offer is noted as it passes,
 * and what is wanted of it is added to the reply.
 */
#ifndef FN_SERVER_INIT_FLAGS_H
#define FN_SERVER_INIT_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Bits as in include/uapi/linux/fuse.h, flags2 from bit 32 on. */
#define FN_INITF_EXT (1ull << 30)
#define FN_INITF_HANDLE_KILLPRIV_V2 (1ull << 28)
#define FN_INITF_PASSTHROUGH (1ull << 37)
#define FN_INITF_OVER_IO_URING (1ull << 41)

struct fn_init_flags {
	uint64_t want;            /* flags to add where the kernel offers them */
	uint32_t max_stack_depth; /* goes with FN_INITF_PASSTHROUGH */
	uint64_t unique;          /* of the INIT request, 0: not seen yet */
	uint64_t offered;
	uint64_t negotiated; /* 0 until the reply has passed */
};

/* Any request as it was read: true if it is INIT. libfuse is not shown FUSE-over-io_uring: requests
 * would reach it without passing here. */
bool fn_init_flags_request(struct fn_init_flags *in, void *msg, size_t len);
/* Any reply before it is written, header in iov[0] and the body, if any, in iov[1]. */
void fn_init_flags_reply(struct fn_init_flags *in, const struct iovec *iov, int count);

#endif
