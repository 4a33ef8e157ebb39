/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * badvhost MODE SEED SOCKET: a vhost-user back-end that behaves badly, for one connection.
 *   silent   accepts, never answers        closes   hangs up after some messages
 *   garbage  replies of random bytes       huge     a reply whose size is 4 GiB
 *   idle     answers, never uses a queue   jump     the used index runs ahead
 *   rings    random bytes in the rings, whatever it is kicked for
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct message {
	uint32_t request, flags, size;
	uint8_t payload[65536];
};

static const char *mode;
static uint8_t *memory;
static size_t memory_size;
static int call = -1;

static int is(const char *name)
{
	return !strcmp(mode, name);
}

static void random_bytes(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)(rand() >> 7);
}

/* The descriptor of a message, or -1. */
static int receive(int fd, struct message *m)
{
	union {
		struct cmsghdr head;
		char room[256];
	} c;
	struct iovec v = {m, 12};
	struct msghdr h = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = c.room,
			   .msg_controllen = sizeof(c.room)};
	int got = -1;

	if (recvmsg(fd, &h, MSG_WAITALL) != 12 || m->size > sizeof(m->payload))
		return -2;
	if (m->size && recv(fd, m->payload, m->size, MSG_WAITALL) != (ssize_t)m->size)
		return -2;
	if (CMSG_FIRSTHDR(&h))
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(got));
	return got;
}

static void answer(int fd, struct message *m)
{
	uint64_t value = m->request == 1    ? 1ull << 30 | 1ull << 32
			 : m->request == 15 ? 1 | 1 << 9
					    : 2;

	if (m->request != 24) { /* GET_CONFIG answers in the shape of the question */
		memcpy(m->payload, &value, sizeof(value));
		m->size = sizeof(value);
	}
	m->flags = 5;
	if (is("garbage"))
		random_bytes(m, 12 + m->size);
	if (is("huge"))
		m->size = 0xffffffff;
	if (write(fd, m, 12 + (is("huge") ? 8 : (m->size & 0xff))) < 0)
		exit(0);
}

static void map(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return;
	memory_size = (size_t)st.st_size;
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* The used rings lie somewhere in the first 16 KiB: spoiling all of that spoils them too. */
static void spoil(void)
{
	uint64_t one = 1;

	if (!memory || memory == MAP_FAILED)
		return;
	if (is("rings") || is("jump"))
		random_bytes(memory, memory_size < 16384 ? memory_size : 16384);
	if (call >= 0 && write(call, &one, sizeof(one)) < 0)
		exit(0);
}

static void serve(int fd)
{
	static struct message m;
	int got, n = 0;

	while ((got = receive(fd, &m)) > -2) {
		if (is("silent"))
			continue;
		if (is("closes") && n++ == rand() % 12)
			exit(0);
		if (m.request == 5)
			map(got);
		if (m.request == 13)
			call = got;
		if (m.request == 1 || m.request == 15 || m.request == 17 || m.request == 24)
			answer(fd, &m);
		if (m.request == 18)
			spoil();
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 4 || fd < 0)
		return 2;
	mode = argv[1];
	srand((unsigned)atoi(argv[2]));
	signal(SIGPIPE, SIG_IGN);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[3]);
	unlink(a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		return 1;
	fd = accept(fd, NULL, NULL);
	if (fd >= 0)
		serve(fd);
	return 0;
}
