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

#include "probe/vhost_user.h"

#define MAX_REGIONS 32

static int fail(const char *what)
{
	fprintf(stderr, "vhost_shim: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static int forward(int fd, struct fn_vhost_message *m)
{
	int r = fn_vhost_send(fd, m, -1);

	fn_vhost_close_fds(m);
	return r;
}

static void or_u64(uint8_t *p, uint64_t set, uint64_t clear)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = (v | set) & ~clear;
	memcpy(p, &v, sizeof(v));
}

static int answer_config(int front, struct fn_vhost_message *m, const char *tag)
{
	struct fn_vhost_fs_config config = {.num_request_queues = 1};
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
	m->flags = FN_VHOST_VERSION | FN_VHOST_REPLY;
	return forward(front, m);
}

static void trim_mem_table(struct fn_vhost_message *m)
{
	uint32_t regions;

	memcpy(&regions, m->payload, 4);
	if (m->size >= 8 && regions <= MAX_REGIONS && 8 + 32 * regions < m->size)
		m->size = 8 + 32 * regions;
}

static int from_front(int front, int back, struct fn_vhost_message *m, const char *tag)
{
	if (fn_vhost_receive(front, m, -1))
		return -1;
	if (m->request == FN_VHOST_GET_CONFIG)
		return answer_config(front, m, tag);
	if (m->request == FN_VHOST_SET_PROTOCOL_FEATURES && m->size >= 8)
		or_u64(m->payload, 0, FN_VHOST_PROTOCOL_F_CONFIG);
	if (m->request == FN_VHOST_SET_MEM_TABLE)
		trim_mem_table(m);
	return forward(back, m);
}

static int from_back(int back, int front, struct fn_vhost_message *m)
{
	if (fn_vhost_receive(back, m, -1))
		return -1;
	if (m->request == FN_VHOST_GET_PROTOCOL_FEATURES && m->size >= 8)
		or_u64(m->payload, FN_VHOST_PROTOCOL_F_CONFIG, 0);
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
	static struct fn_vhost_message m;
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
