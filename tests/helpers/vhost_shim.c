/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_shim FRONT BACK TAG: lets User Mode Linux use a stock virtiofsd. It waits for UML on the
 * socket FRONT, connects to the daemon's socket BACK, and passes messages and descriptors both
 * ways, with these repairs:
 *   - the C daemon lacks VHOST_USER_PROTOCOL_F_CONFIG, without which UML learns no tag: the bit is
 *     offered, never passed on, and GET_CONFIG is answered here;
 *   - UML sends SET_MEM_TABLE with room for all regions; the Rust daemon wants only those in use.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SET_MEM_TABLE = 5,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_CONFIG = 24,
};
#define F_CONFIG (UINT64_C(1) << 9)
#define FLAG_REPLY 4u
#define FLAGS_REPLY (1u | FLAG_REPLY) /* version 1, reply */
#define MAX_FDS 32

struct message {
	uint32_t request, flags, size;
	uint8_t payload[8192];
	int fds[MAX_FDS];
	size_t nfds;
};

/* struct virtio_fs_config */
struct fs_config {
	char tag[36];
	uint32_t queues;
	uint32_t notify_buf_size;
};

static int fail(const char *what)
{
	fprintf(stderr, "vhost_shim: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static void take_fds(struct message *m, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || n > MAX_FDS)
			continue;
		memcpy(m->fds, CMSG_DATA(c), n * sizeof(int));
		m->nfds = n;
	}
}

static int read_rest(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		if (n <= 0)
			return -1;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive(int fd, struct message *m)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {m, 12};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_WAITALL);

	m->nfds = 0;
	if (n != 12)
		return -1;
	take_fds(m, &h);
	if (m->size > sizeof(m->payload)) {
		errno = EMSGSIZE;
		return -1;
	}
	return read_rest(fd, m->payload, m->size);
}

static int forward(int fd, struct message *m)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {m, 12 + m->size};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (m->nfds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		h.msg_control = control.room;
		h.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fds, m->nfds * sizeof(int));
	}
	n = sendmsg(fd, &h, MSG_NOSIGNAL);
	for (size_t i = 0; i < m->nfds; i++)
		close(m->fds[i]);
	return n == (ssize_t)(12 + m->size) ? 0 : -1;
}

static void or_u64(uint8_t *p, uint64_t set, uint64_t clear)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = (v | set) & ~clear;
	memcpy(p, &v, sizeof(v));
}

static int answer_config(int front, struct message *m, const char *tag)
{
	struct fs_config config = {.queues = 1};
	uint32_t offset, size;

	memcpy(config.tag, tag, strnlen(tag, sizeof(config.tag)));
	memcpy(&offset, m->payload, 4);
	memcpy(&size, m->payload + 4, 4);
	if (m->size < 12 || size > m->size - 12)
		return -1;
	memset(m->payload + 12, 0, size);
	if (offset < sizeof(config))
		memcpy(m->payload + 12, (char *)&config + offset,
		       size < sizeof(config) - offset ? size : sizeof(config) - offset);
	m->flags = FLAGS_REPLY;
	return forward(front, m);
}

static void trim_mem_table(struct message *m)
{
	uint32_t regions;

	memcpy(&regions, m->payload, 4);
	if (m->size >= 8 && regions <= MAX_FDS && 8 + 32 * regions < m->size)
		m->size = 8 + 32 * regions;
}

static int from_front(int front, int back, struct message *m, const char *tag)
{
	if (receive(front, m))
		return -1;
	if (m->request == GET_CONFIG)
		return answer_config(front, m, tag);
	if (m->request == SET_PROTOCOL_FEATURES && m->size >= 8)
		or_u64(m->payload, 0, F_CONFIG);
	if (m->request == SET_MEM_TABLE)
		trim_mem_table(m);
	return forward(back, m);
}

static int from_back(int back, int front, struct message *m)
{
	if (receive(back, m))
		return -1;
	if (m->request == GET_PROTOCOL_FEATURES && m->size >= 8)
		or_u64(m->payload, F_CONFIG, 0);
	return forward(front, m);
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return a;
}

static int accept_one(const char *path)
{
	struct sockaddr_un a = address(path);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c;

	unlink(path);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
		return -1;
	c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	close(s);
	return c;
}

int main(int argc, char **argv)
{
	static struct message m;
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	struct sockaddr_un a;

	if (argc != 4) {
		fprintf(stderr, "usage: vhost_shim FRONT BACK TAG\n");
		return 2;
	}
	p[0].fd = accept_one(argv[1]);
	if (p[0].fd < 0)
		return fail(argv[1]);
	a = address(argv[2]);
	p[1].fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(p[1].fd, (struct sockaddr *)&a, sizeof(a)))
		return fail(argv[2]);
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents && from_front(p[0].fd, p[1].fd, &m, argv[3]))
			break;
		if (p[1].revents && from_back(p[1].fd, p[0].fd, &m))
			break;
	}
	return EXIT_SUCCESS;
}
