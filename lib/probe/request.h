/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that change nothing, made from lib/wire's table. Names are "." where a request would
 * make or remove something: every file system refuses that.
 */
#ifndef FN_PROBE_REQUEST_H
#define FN_PROBE_REQUEST_H

#include "probe/peer.h"

/* Where a request goes. */
struct fn_request_target {
	uint64_t nodeid;
	uint64_t fh;      /* of the file or directory that is open, for structs that have one */
	const char *name; /* where the request has a name */
};

/* Returns its length, 0 if it does not fit FN_PEER_BUF. */
size_t fn_request_make(unsigned char *msg, const struct fn_wire_op *op,
		       const struct fn_wire_conn *conn, const struct fn_request_target *to,
		       uint64_t unique);

#endif
