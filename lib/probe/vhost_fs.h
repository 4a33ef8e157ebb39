/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A front-end for virtiofsd: FUSE requests over virtqueues, without a guest. */
#ifndef FN_PROBE_VHOST_FS_H
#define FN_PROBE_VHOST_FS_H

#include "probe/peer.h"
#include "probe/vhost_user.h"

struct memory;

struct fn_vhost_fs {
	int fd;              /* connected; the caller's */
	int64_t deadline_ns; /* of the set-up */

	uint64_t features, protocol_features, queues;
	struct fn_vhost_fs_config config; /* with FN_VHOST_PROTOCOL_F_CONFIG */

	int memfd, kick[2], call[2];
	struct memory *memory;
	uint16_t used[2];
	struct fn_vhost_message msg;
};

/* Set fd and deadline_ns, the rest 0. What was learned before a failure stays. 0 or -errno. */
int fn_vhost_fs_start(struct fn_vhost_fs *v);
void fn_vhost_fs_stop(struct fn_vhost_fs *v);
/* As fn_peer.call. */
long fn_vhost_fs_call(struct fn_vhost_fs *v, const void *req, size_t len, void *reply, bool noreply,
		      int64_t deadline_ns);

#endif
