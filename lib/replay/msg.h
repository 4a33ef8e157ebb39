/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded access to one FUSE request. */
#ifndef FN_REPLAY_MSG_H
#define FN_REPLAY_MSG_H

#include "replay/shim.h"

#define OP_TMPFILE 51 /* FUSE_TMPFILE, since 7.37: not in every <linux/fuse.h> */

/* The header, or NULL when the message is not a whole one. */
const struct fuse_in_header *fn_msg_header(const struct fn_msg *msg);
/* The fixed part of the body, or NULL when the message is shorter. */
const void *fn_msg_body(const struct fn_msg *msg, size_t size);
/* The nth (0, 1) NUL-terminated name after a fixed part of that size; NULL: there is none, or it
 * is empty, too long, or holds '/'. Extensions behind the names are not looked at. */
const char *fn_msg_name(const struct fn_msg *msg, size_t fixed, int n, size_t *len);
/* Gather len bytes at offset off of a reply; false when it is shorter. */
bool fn_iov_read(const struct iovec *iov, int count, size_t off, void *buf, size_t len);
size_t fn_iov_len(const struct iovec *iov, int count);

/* Rewrite. False: the buffer is too small, and nothing was changed. */
bool fn_msg_to_lookup(struct fn_msg *msg, uint64_t parent, const char *name, size_t len);
bool fn_msg_to_getattr(struct fn_msg *msg, uint64_t nodeid, const uint64_t *fh);

#endif
