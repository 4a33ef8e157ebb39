/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nonsense MODE SEED /dev/fd/N: a FUSE server on a socket that behaves badly.
 *   silent      never answers          mute-after  answers INIT, nothing else
 *   garbage     random bytes           mutate      a good answer with bytes flipped
 *   flood       answers that nobody asked for      short, long, error, dies
 *   all-flags   INIT with every bit and a body of ones
 *   rfc-v2      takes bit 34 and accepts watches   tmpfile     takes bit 34, opcode 51 is TMPFILE
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct in_header {
	uint32_t len, opcode;
	uint64_t unique, nodeid;
	uint32_t uid, gid, pid, ext;
};

struct answer {
	uint32_t len;
	int32_t error;
	uint64_t unique;
	uint8_t body[65536];
};

static const char *mode;

static int is(const char *name)
{
	return !strcmp(mode, name);
}

static void random_bytes(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)(rand() >> 7);
}

/* major, minor, max_readahead, flags, background, max_write, time_gran, pages, flags2 */
static void good_init(struct answer *a, const uint32_t *body)
{
	uint32_t out[16] = {7, 38, 131072, 1u << 30, 12 | 9 << 16, 4096, 1, 1};

	if (is("rfc-v2") || is("tmpfile"))
		out[8] = 1u << 2;
	if (is("all-flags"))
		memset(out + 2, 0xff, sizeof(out) - 8);
	out[1] = body[1] < out[1] ? body[1] : out[1];
	memcpy(a->body, out, sizeof(out));
	a->len = 16 + sizeof(out);
}

static void good_answer(struct answer *a, const struct in_header *in)
{
	a->len = 16;
	a->error = 0;
	a->unique = in->unique;
	if (in->opcode == 26)
		good_init(a, (const uint32_t *)(in + 1));
	else if (in->opcode == 51 && is("tmpfile"))
		a->error = -EINVAL;
	else if (in->opcode != 51 && in->opcode != 38)
		a->error = -ENOSYS;
	if (is("mutate") && in->opcode != 26) {
		a->error = 0;
		a->len = 16 + (uint32_t)(rand() % 4096);
		random_bytes(a->body, a->len);
	}
}

static void spoil(struct answer *a, size_t *len, const struct in_header *in)
{
	if (is("garbage"))
		random_bytes(a, *len = 16 + (size_t)rand() % 200);
	if (is("mutate") && rand() % 3 == 0)
		((uint8_t *)a)[rand() % (int)*len] ^= (uint8_t)(1 << rand() % 8);
	if (is("flood"))
		a->unique = 12345;
	if (is("short"))
		*len = 7;
	if (is("long"))
		*len = a->len = 60000;
	if (is("error"))
		a->error = in->opcode == 26 ? 99999 : a->error;
	if (is("dies"))
		raise(SIGSEGV);
}

static int serve(int fd)
{
	static union {
		struct in_header in;
		uint8_t bytes[1 << 20];
	} req;
	static struct answer a;

	while (read(fd, &req, sizeof(req)) > 0) {
		size_t len;

		if (is("silent") || (is("mute-after") && req.in.opcode != 26))
			continue;
		good_answer(&a, &req.in);
		len = a.len;
		spoil(&a, &len, &req.in);
		do
			if (write(fd, &a, len) < 0)
				return 0;
		while (is("flood"));
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 4 || sscanf(argv[3], "/dev/fd/%d", &fd) != 1)
		return 2;
	mode = argv[1];
	srand((unsigned)atoi(argv[2]));
	signal(SIGPIPE, SIG_IGN);
	return serve(fd);
}
