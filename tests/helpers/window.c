/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial line that is never ahead of its reader: User Mode Linux's never moves again once its
 * buffer of 4 KiB was full.
 *   window TO ACKS   standard input to TO, no more at a time than what ACKS has told to be read
 *   window LINE      LINE to standard output, and a byte to LINE for each block that was read
 */
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#define BLOCK 128
#define AHEAD 1024

static bool put(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_all(int to, int acks)
{
	char buf[BLOCK], ack[AHEAD];
	size_t ahead = 0;
	ssize_t n;

	while ((n = read(0, buf, sizeof(buf))) > 0) {
		while (ahead + (size_t)n > AHEAD) {
			ssize_t got = read(acks, ack, sizeof(ack));

			if (got <= 0)
				return false;
			/* Some may be for who used the line before. */
			got *= BLOCK;
			ahead -= (size_t)got < ahead ? (size_t)got : ahead;
		}
		if (!put(to, buf, (size_t)n))
			return false;
		ahead += (size_t)n;
	}
	return n == 0;
}

static bool receive_all(int line)
{
	char buf[AHEAD];
	size_t unsaid = 0;
	ssize_t n;

	while ((n = read(line, buf, sizeof(buf))) > 0) {
		if (!put(1, buf, (size_t)n))
			return false;
		for (unsaid += (size_t)n; unsaid >= BLOCK; unsaid -= BLOCK)
			if (!put(line, ".", 1))
				return false;
	}
	return n == 0;
}

int main(int argc, char **argv)
{
	int one = argc > 1 ? open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	int acks = argc > 2 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1;

	if (one < 0 || (argc > 2 && acks < 0))
		return 2;
	return argc > 2 ? !send_all(one, acks) : !receive_all(one);
}
