/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the shim's requests and its replies. */
#ifndef FN_REPLAY_SHIM_IMPL_H
#define FN_REPLAY_SHIM_IMPL_H

#include "replay/shim.h"

enum fn_verdict fn_shim_entry(struct fn_reply *reply, uint64_t unique, uint64_t nodeid,
			      uint64_t generation, const struct fuse_attr *attr);
enum fn_verdict fn_shim_make_up(struct fn_shim_op *op, struct fn_place *place,
				struct fn_reply *reply, uint64_t unique, struct fn_shim_fx *fx);

#endif
