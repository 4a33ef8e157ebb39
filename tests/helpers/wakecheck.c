/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wakecheck DIR ROUNDS: reads what inotifywait --csv or fnwatch --csv prints of DIR, and looks at
 * once, as a program that was woken would. In round N somebody overwrites the file "state" with N,
 * renames a file with N in it to "rN", and much later removes it. The Nth CLOSE_WRITE of "state" must
 * find N or more in it, in N digits or more of size; a name that came must be there, whole; one
 * that was removed must not. Prints "rounds N faults M"; status 1 on a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int dir;
static unsigned long written, came, faults;

static void fault(const char *what, const char *name, long found)
{
	if (faults++ < 10)
		printf("%s %s: found %ld\n", what, name, found);
}

/* The number in a file, by what stat() says of its size; -1: not there. */
static long number_in(const char *name)
{
	char text[32] = "";
	struct stat st;
	int fd = fstatat(dir, name, &st, 0) ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n >= 0 && n != st.st_size)
		return -2;
	return n < 0 ? -1 : strtol(text, NULL, 10);
}

static void look(const char *line, const char *name)
{
	struct stat st;
	long n;

	if (strstr(line, "CLOSE_WRITE") && !strcmp(name, "state")) {
		n = number_in(name);
		written++;
		/* While it is written again it may be empty, or size and content may differ: that
		 * has its own event. */
		if (n > 0 && n < (long)written)
			fault("close_write", name, n);
	} else if (strstr(line, "MOVED_TO") && *name == 'r') {
		n = number_in(name);
		came++;
		if (n != strtol(name + 1, NULL, 10))
			fault("moved_to", name, n);
	} else if (strstr(line, "DELETE") && *name == 'r' && !fstatat(dir, name, &st, 0)) {
		fault("delete", name, (long)st.st_size);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	char line[4500], *name;

	dir = rounds ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0)
		return 2;
	while (came < rounds && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		name = strrchr(line, ',');
		if (name)
			look(line, name + 1);
	}
	printf("rounds %lu faults %lu\n", came, faults);
	return faults || came < rounds;
}
