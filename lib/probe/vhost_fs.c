/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vhost-user front-end for virtiofsd, without a guest: two split virtqueues and room for one
 * request at a time in a memfd. What the back-end writes there is read once and then checked.
 */
#include "probe/vhost_fs.h"
#include "probe/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_BASE UINT64_C(0x100000) /* where the memory is for the guest that we are not */
#define RING 16                       /* descriptors of a queue */
#define DESC_NEXT 1
#define DESC_WRITE 2
#define CONFIG_SIZE 40 /* without notify_buf_size, which few know */
#define NQUEUES 2      /* high priority, requests */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct queue_memory {
	struct desc desc[RING];
	struct {
		uint16_t flags, idx, ring[RING], used_event;
	} avail;
	char pad[4096 - sizeof(struct desc) * RING - 2 * (RING + 3)];
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING];
		uint16_t avail_event;
	} used;
	char pad2[4096 - 4 - 8 * RING - 4];
};

struct memory {
	struct queue_memory queue[NQUEUES];
	uint8_t request[FN_PEER_BUF];
	uint8_t reply[FN_PEER_BUF];
};

static uint64_t guest(const struct fn_vhost_fs *v, const volatile void *p)
{
	return GUEST_BASE + (uint64_t)((const char *)p - (const char *)v->memory);
}

static int set(struct fn_vhost_fs *v, uint32_t request, const void *payload, size_t size, int fd)
{
	v->msg.request = request;
	v->msg.flags = FN_VHOST_VERSION;
	v->msg.size = (uint32_t)size;
	v->msg.nfds = fd >= 0;
	v->msg.fds[0] = fd;
	if (size)
		memcpy(v->msg.payload, payload, size);
	return fn_vhost_send(v->fd, &v->msg, v->deadline_ns);
}

/* Sends what needs a reply, and takes it; size bytes of it are wanted. */
static int get(struct fn_vhost_fs *v, uint32_t request, const void *payload, size_t size,
	       void *reply, size_t wanted)
{
	int r = set(v, request, payload, size, -1);

	if (!r)
		r = fn_vhost_receive(v->fd, &v->msg, v->deadline_ns);
	if (r)
		return r;
	fn_vhost_close_fds(&v->msg);
	if (v->msg.request != request || !(v->msg.flags & FN_VHOST_REPLY) || v->msg.size < wanted)
		return -EBADMSG;
	memcpy(reply, v->msg.payload, wanted);
	return 0;
}

static int get_config(struct fn_vhost_fs *v)
{
	struct {
		uint32_t offset, size, flags;
		struct fn_vhost_fs_config config;
	} c = {.size = CONFIG_SIZE};
	int r;

	if (!(v->protocol_features & FN_VHOST_PROTOCOL_F_CONFIG))
		return 0;
	r = get(v, FN_VHOST_GET_CONFIG, &c, 12 + CONFIG_SIZE, &c, 12 + CONFIG_SIZE);
	if (!r)
		v->config = c.config;
	return r;
}

static int negotiate(struct fn_vhost_fs *v)
{
	const uint64_t known = FN_VHOST_PROTOCOL_F_MQ | FN_VHOST_PROTOCOL_F_CONFIG;
	uint64_t taken;
	int r = get(v, FN_VHOST_GET_FEATURES, NULL, 0, &v->features, 8);

	if (!r && (v->features & FN_VHOST_F_PROTOCOL_FEATURES)) {
		r = get(v, FN_VHOST_GET_PROTOCOL_FEATURES, NULL, 0, &v->protocol_features, 8);
		taken = v->protocol_features & known;
		if (!r)
			r = set(v, FN_VHOST_SET_PROTOCOL_FEATURES, &taken, 8, -1);
		if (!r && (taken & FN_VHOST_PROTOCOL_F_MQ))
			r = get(v, FN_VHOST_GET_QUEUE_NUM, NULL, 0, &v->queues, 8);
	}
	/* No payload, or the Rust daemon hangs up. */
	if (!r)
		r = set(v, FN_VHOST_SET_OWNER, NULL, 0, -1);
	if (!r)
		r = get_config(v);
	taken = v->features & (FN_VIRTIO_F_VERSION_1 | FN_VHOST_F_PROTOCOL_FEATURES);
	return r ? r : set(v, FN_VHOST_SET_FEATURES, &taken, 8, -1);
}

static int share_memory(struct fn_vhost_fs *v)
{
	struct {
		uint32_t regions, padding;
		uint64_t guest, size, user, offset;
	} table = {.regions = 1, .guest = GUEST_BASE, .size = sizeof(struct memory)};

	/* Sealed: a back-end that cuts the file would end us with SIGBUS. */
	v->memfd = memfd_create("fnprobe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (v->memfd < 0 || ftruncate(v->memfd, sizeof(struct memory)) ||
	    fcntl(v->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	v->memory =
		mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE, MAP_SHARED, v->memfd, 0);
	if (v->memory == MAP_FAILED) {
		v->memory = NULL;
		return -errno;
	}
	table.user = (uint64_t)(uintptr_t)v->memory;
	return set(v, FN_VHOST_SET_MEM_TABLE, &table, sizeof(table), v->memfd);
}

static int start_queue(struct fn_vhost_fs *v, uint32_t i)
{
	struct queue_memory *q = &v->memory->queue[i];
	struct {
		uint32_t index, value;
	} state = {i, RING};
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr = {.index = i,
		  .desc = (uint64_t)(uintptr_t)q->desc,
		  .used = (uint64_t)(uintptr_t)&q->used,
		  .avail = (uint64_t)(uintptr_t)&q->avail};
	uint64_t index = i;
	int r = set(v, FN_VHOST_SET_VRING_NUM, &state, sizeof(state), -1);

	v->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->kick[i] < 0 || v->call[i] < 0)
		return -errno;
	state.value = 0;
	if (!r)
		r = set(v, FN_VHOST_SET_VRING_BASE, &state, sizeof(state), -1);
	if (!r)
		r = set(v, FN_VHOST_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	if (!r)
		r = set(v, FN_VHOST_SET_VRING_CALL, &index, 8, v->call[i]);
	if (!r)
		r = set(v, FN_VHOST_SET_VRING_KICK, &index, 8, v->kick[i]);
	state.value = 1;
	if (!r && (v->features & FN_VHOST_F_PROTOCOL_FEATURES))
		r = set(v, FN_VHOST_SET_VRING_ENABLE, &state, sizeof(state), -1);
	return r;
}

int fn_vhost_fs_start(struct fn_vhost_fs *v)
{
	uint64_t features;
	int r;

	v->memfd = -1;
	for (int i = 0; i < NQUEUES; i++)
		v->kick[i] = v->call[i] = -1;
	r = negotiate(v);
	if (!r)
		r = share_memory(v);
	for (uint32_t i = 0; !r && i < NQUEUES; i++)
		r = start_queue(v, i);
	/* A kick before the queue is enabled is lost: when this is answered, all before is done. */
	return r ? r : get(v, FN_VHOST_GET_FEATURES, NULL, 0, &features, 8);
}

void fn_vhost_fs_stop(struct fn_vhost_fs *v)
{
	for (int i = 0; i < NQUEUES; i++) {
		if (v->kick[i] >= 0)
			close(v->kick[i]);
		if (v->call[i] >= 0)
			close(v->call[i]);
	}
	if (v->memory)
		munmap(v->memory, sizeof(struct memory));
	if (v->memfd >= 0)
		close(v->memfd);
}

/* Until the queue's used index moves, the back-end is gone, or the time is over. */
static int wait_used(struct fn_vhost_fs *v, uint32_t i, uint16_t before, int64_t deadline_ns)
{
	struct pollfd p[2] = {{.fd = v->call[i], .events = POLLIN}, {.fd = v->fd}};
	uint64_t count;

	for (;;) {
		uint16_t now = __atomic_load_n(&v->memory->queue[i].used.idx, __ATOMIC_ACQUIRE);
		int n;

		if (now != before)
			return now == (uint16_t)(before + 1) ? 0 : -EBADMSG;
		n = poll(p, 2, fn_ms_left(deadline_ns));
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[0].revents && read(v->call[i], &count, 8) < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0 && (p[1].revents & (POLLHUP | POLLERR)))
			return -EPIPE;
	}
}

/* Room for the reply's body. READ fills what there is, so that is what was asked for. */
static uint32_t reply_room(const void *req, size_t len)
{
	const uint8_t *body = (const uint8_t *)req + FN_WIRE_IN_HEADER;
	const struct fn_wire_op *op =
		fn_wire_opcode(fn_get_u32((const uint8_t *)req + 4, false), FN_DIALECT_mainline);
	uint64_t size = 0;

	if (op && op->in == FN_STRUCT_read_in)
		size = fn_wire_member_get(op->in, "size", body, len - FN_WIRE_IN_HEADER);
	return size && size < FN_PEER_BUF - FN_WIRE_OUT_HEADER ? (uint32_t)size
							       : FN_PEER_BUF - FN_WIRE_OUT_HEADER;
}

static int put_request(struct fn_vhost_fs *v, uint32_t i, const void *req, size_t len, bool noreply)
{
	struct queue_memory *q = &v->memory->queue[i];
	uint64_t one = 1;
	uint16_t idx = q->avail.idx;

	memcpy(v->memory->request, req, len);
	memset(v->memory->reply, 0, FN_PEER_BUF);
	q->desc[0] = (struct desc){guest(v, v->memory->request), (uint32_t)len,
				   noreply ? 0 : DESC_NEXT, 1};
	/* Header and rest apart, as a guest's kernel has them. */
	q->desc[1] = (struct desc){guest(v, v->memory->reply), FN_WIRE_OUT_HEADER,
				   DESC_WRITE | DESC_NEXT, 2};
	q->desc[2] = (struct desc){guest(v, v->memory->reply + FN_WIRE_OUT_HEADER),
				   reply_room(req, len), DESC_WRITE, 0};
	q->avail.ring[idx % RING] = 0;
	__atomic_store_n(&q->avail.idx, (uint16_t)(idx + 1), __ATOMIC_RELEASE);
	return write(v->kick[i], &one, 8) == 8 ? 0 : -errno;
}

long fn_vhost_fs_call(struct fn_vhost_fs *v, const void *req, size_t len, void *reply, bool noreply,
		      int64_t deadline_ns)
{
	uint32_t i = noreply ? 0 : 1; /* FORGET goes to the high-priority queue */
	uint16_t before = v->used[i];
	uint32_t id, written;
	int r = put_request(v, i, req, len, noreply);

	if (!r)
		r = wait_used(v, i, before, deadline_ns);
	if (r)
		return r;
	v->used[i]++;
	id = *(volatile uint32_t *)&v->memory->queue[i].used.ring[before % RING].id;
	written = *(volatile uint32_t *)&v->memory->queue[i].used.ring[before % RING].len;
	if (id != 0 || written > FN_PEER_BUF)
		return -EBADMSG;
	if (noreply)
		return 0;
	memcpy(reply, v->memory->reply, written);
	return (long)written;
}
