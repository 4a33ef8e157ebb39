/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wakecheck DIR ROUNDS REMOVED: reads what inotifywait --csv or fnwatch --csv prints of DIR, and
 * looks at once, as a program that was woken would. In round N somebody overwrites the file "state"
 * with N, and renames a file with N in it to "rN". The Nth CLOSE_WRITE of "state" must find N or
 * more in it, in N digits or more of size; a name that came must be there, whole. Prints "came"
 * once all names have; then REMOVED of them are removed, and must not be there any more. At the end
 * "rounds N removed N faults N"; status 1 on a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int dir;
static unsigned long rounds, written, came, removed, faults;
static bool *seen;

static void fault(const char *what, const char *name, long found)
{
	if (faults++ < 10)
		printf("%s %s: found %ld\n", what, name, found);
}

/* The number in a file, or where it was lost. */
enum { NOT_FOUND = -1, NOT_OPENED = -2, NOT_READ = -3, OTHER_SIZE = -4 };

static long number_in(const char *name)
{
	char text[32] = "";
	struct stat st;
	ssize_t n;
	int fd;

	if (fstatat(dir, name, &st, 0))
		return NOT_FOUND;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NOT_OPENED;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return NOT_READ;
	return n == st.st_size ? strtol(text, NULL, 10) : OTHER_SIZE;
}

static void written_again(void)
{
	long n = number_in("state");

	written++;
	/* While it is written again it may be empty, or size and content may differ: that has its
	 * own event. */
	if (n > 0 && n < (long)written)
		fault("close_write", "state", n);
}

static void named(const char *name, unsigned long number)
{
	long n = number_in(name);

	if (n != (long)number)
		fault("came", name, n);
	if (!number || number > rounds || seen[number])
		return;
	seen[number] = true;
	if (++came == rounds)
		printf("came\n"), fflush(stdout);
}

static void look(const char *line, const char *name)
{
	struct stat st;

	if (!strcmp(name, "state") && strstr(line, "CLOSE_WRITE")) {
		written_again();
	} else if (*name == 'r' && strstr(line, "DELETE")) {
		removed++;
		if (!fstatat(dir, name, &st, 0))
			fault("removed", name, (long)st.st_size);
	} else if (*name == 'r') {
		named(name, strtoul(name + 1, NULL, 10));
	}
}

int main(int argc, char **argv)
{
	unsigned long end = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	char line[4500], *name;

	rounds = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	dir = rounds ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	seen = calloc(rounds + 1, sizeof(*seen));
	if (dir < 0 || !seen)
		return 2;
	while ((came < rounds || removed < end) && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		name = strrchr(line, ',');
		if (name)
			look(line, name + 1);
	}
	printf("rounds %lu removed %lu faults %lu\n", came, removed, faults);
	return faults || came < rounds || removed < end;
}
