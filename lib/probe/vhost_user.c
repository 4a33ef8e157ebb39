/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/vhost_user.h"
#include "probe/child.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 12

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(FN_VHOST_FDS_MAX * sizeof(int))];
};

/* After EAGAIN. 0 to try again. */
static int wait_ready(int fd, short events, int64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n = poll(&p, 1, deadline_ns < 0 ? -1 : fn_ms_left(deadline_ns));

	if (n == 0)
		return -ETIMEDOUT;
	return n < 0 && errno != EINTR ? -errno : 0;
}

static int retry(int fd, short events, int64_t deadline_ns)
{
	if (errno == EAGAIN)
		return wait_ready(fd, events, deadline_ns);
	if (errno == EINTR)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static void put_fds(struct msghdr *h, union control *c, const struct fn_vhost_message *m)
{
	struct cmsghdr *head;

	if (!m->nfds)
		return;
	h->msg_control = c->room;
	h->msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
	head = CMSG_FIRSTHDR(h);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
	memcpy(CMSG_DATA(head), m->fds, m->nfds * sizeof(int));
}

int fn_vhost_send(int fd, const struct fn_vhost_message *m, int64_t deadline_ns)
{
	uint8_t bytes[HEADER + FN_VHOST_PAYLOAD_MAX];
	union control c = {0};
	struct iovec v = {bytes, HEADER + m->size};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};

	if (m->size > FN_VHOST_PAYLOAD_MAX || m->nfds > FN_VHOST_FDS_MAX)
		return -EMSGSIZE;
	memcpy(bytes, &m->request, HEADER);
	memcpy(bytes + HEADER, m->payload, m->size);
	put_fds(&h, &c, m);
	while (v.iov_len) {
		ssize_t n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = n < 0 ? retry(fd, POLLOUT, deadline_ns) : 0;

		if (r)
			return r;
		if (n > 0) { /* the descriptors go with the first byte */
			h.msg_control = NULL;
			h.msg_controllen = 0;
			v.iov_base = (uint8_t *)v.iov_base + n;
			v.iov_len -= (size_t)n;
		}
	}
	return 0;
}

static void take_fds(struct fn_vhost_message *m, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (n > FN_VHOST_FDS_MAX - m->nfds)
			n = FN_VHOST_FDS_MAX - m->nfds;
		memcpy(m->fds + m->nfds, CMSG_DATA(c), n * sizeof(int));
		m->nfds += n;
	}
}

static int read_all(int fd, void *to, size_t len, struct fn_vhost_message *m, int64_t deadline_ns)
{
	union control c;
	struct iovec v = {to, len};

	while (v.iov_len) {
		struct msghdr h = {.msg_iov = &v,
				   .msg_iovlen = 1,
				   .msg_control = c.room,
				   .msg_controllen = sizeof(c.room)};
		ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		int r = n < 0 ? retry(fd, POLLIN, deadline_ns) : 0;

		if (r)
			return r;
		if (n == 0)
			return -EPIPE;
		if (n > 0) {
			take_fds(m, &h);
			v.iov_base = (uint8_t *)v.iov_base + n;
			v.iov_len -= (size_t)n;
		}
	}
	return 0;
}

void fn_vhost_close_fds(struct fn_vhost_message *m)
{
	while (m->nfds)
		close(m->fds[--m->nfds]);
}

int fn_vhost_receive(int fd, struct fn_vhost_message *m, int64_t deadline_ns)
{
	int r;

	m->nfds = 0;
	r = read_all(fd, &m->request, HEADER, m, deadline_ns);
	if (!r && m->size > FN_VHOST_PAYLOAD_MAX)
		r = -EBADMSG;
	if (!r)
		r = read_all(fd, m->payload, m->size, m, deadline_ns);
	if (r)
		fn_vhost_close_fds(m);
	return r;
}
