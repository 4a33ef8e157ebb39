/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst), either way, with the
 * descriptors that travel with them.
 */
#ifndef FN_PROBE_VHOST_USER_H
#define FN_PROBE_VHOST_USER_H

#include <stddef.h>
#include <stdint.h>

enum fn_vhost_request {
	FN_VHOST_GET_FEATURES = 1,
	FN_VHOST_SET_FEATURES = 2,
	FN_VHOST_SET_OWNER = 3,
	FN_VHOST_SET_MEM_TABLE = 5,
	FN_VHOST_SET_VRING_NUM = 8,
	FN_VHOST_SET_VRING_ADDR = 9,
	FN_VHOST_SET_VRING_BASE = 10,
	FN_VHOST_SET_VRING_KICK = 12,
	FN_VHOST_SET_VRING_CALL = 13,
	FN_VHOST_GET_PROTOCOL_FEATURES = 15,
	FN_VHOST_SET_PROTOCOL_FEATURES = 16,
	FN_VHOST_GET_QUEUE_NUM = 17,
	FN_VHOST_SET_VRING_ENABLE = 18,
	FN_VHOST_GET_CONFIG = 24,
};

#define FN_VHOST_VERSION 1u      /* in flags */
#define FN_VHOST_REPLY (1u << 2) /* in flags */

/* Features: of virtio, and of the protocol. */
#define FN_VIRTIO_FS_F_NOTIFICATION (UINT64_C(1) << 0)
#define FN_VHOST_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define FN_VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)
#define FN_VHOST_PROTOCOL_F_MQ (UINT64_C(1) << 0)
#define FN_VHOST_PROTOCOL_F_CONFIG (UINT64_C(1) << 9)

#define FN_VHOST_PAYLOAD_MAX 8192
#define FN_VHOST_FDS_MAX 32

struct fn_vhost_message {
	uint32_t request, flags, size; /* of the payload */
	uint8_t payload[FN_VHOST_PAYLOAD_MAX];
	int fds[FN_VHOST_FDS_MAX]; /* received ones belong to the caller */
	size_t nfds;
};

/* struct virtio_fs_config, what GET_CONFIG gives from offset 0 */
struct fn_vhost_fs_config {
	char tag[36]; /* NUL only where it is shorter */
	uint32_t num_request_queues;
	uint32_t notify_buf_size;
};

/* Each: 0, or -errno: -EPIPE at the end, -EBADMSG when the size is too large, -ETIMEDOUT at the
 * deadline (CLOCK_MONOTONIC, ns; -1: never). The socket may be blocking or not. */
int fn_vhost_send(int fd, const struct fn_vhost_message *m, int64_t deadline_ns);
int fn_vhost_receive(int fd, struct fn_vhost_message *m, int64_t deadline_ns);
void fn_vhost_close_fds(struct fn_vhost_message *m);

#endif
