/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lawloop DIR NAME ROUNDS [FIXED…]: a process that owns its names in DIR knows what each of its
 * operations must give; files FIXED exist all the time. Whatever replay does on the same names
 * and beside them, no result may differ. Prints "operations N faults M"; status 1 on a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long operations, faults;
static int dir;
static char name_a[200], name_b[200], name_d[200];

/* Note what an operation gave; want is 0 or the errno. */
static void expect(const char *what, const char *name, int result, int want)
{
	int got = result < 0 ? errno : 0;

	operations++;
	if (got == want)
		return;
	if (faults++ < 20)
		printf("%s %s: %s, not %s\n", what, name, got ? strerror(got) : "success",
		       want ? strerror(want) : "success");
}

static int create(const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int look(const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

static int open_it(const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

static void own_file(void)
{
	expect("create", name_a, create(name_a), 0);
	expect("stat", name_a, look(name_a), 0);
	expect("create again", name_a, create(name_a), EEXIST);
	expect("mkdir over", name_a, mkdirat(dir, name_a, 0755), EEXIST);
	expect("rename", name_a, renameat(dir, name_a, dir, name_b), 0);
	expect("stat after rename", name_a, look(name_a), ENOENT);
	expect("open", name_b, open_it(name_b), 0);
	expect("unlink", name_b, unlinkat(dir, name_b, 0), 0);
	expect("stat after unlink", name_b, look(name_b), ENOENT);
	expect("unlink again", name_b, unlinkat(dir, name_b, 0), ENOENT);
}

static void own_directory(void)
{
	expect("mkdir", name_d, mkdirat(dir, name_d, 0755), 0);
	expect("mkdir again", name_d, mkdirat(dir, name_d, 0755), EEXIST);
	expect("stat", name_d, look(name_d), 0);
	expect("rmdir", name_d, unlinkat(dir, name_d, AT_REMOVEDIR), 0);
	expect("stat after rmdir", name_d, look(name_d), ENOENT);
}

static void fixed(const char *name)
{
	expect("stat fixed", name, look(name), 0);
	expect("open fixed", name, open_it(name), 0);
	expect("create fixed", name, create(name), EEXIST);
	expect("mkdir fixed", name, mkdirat(dir, name, 0755), EEXIST);
}

int main(int argc, char **argv)
{
	long rounds;

	if (argc < 4) {
		fprintf(stderr, "usage: lawloop DIR NAME ROUNDS [FIXED...]\n");
		return 2;
	}
	rounds = strtol(argv[3], NULL, 10);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	snprintf(name_a, sizeof(name_a), "%s.a", argv[2]);
	snprintf(name_b, sizeof(name_b), "%s.b", argv[2]);
	snprintf(name_d, sizeof(name_d), "%s.d", argv[2]);
	for (long i = 0; i < rounds; i++) {
		own_file();
		own_directory();
		for (int k = 4; k < argc; k++)
			fixed(argv[k]);
	}
	printf("operations %lu faults %lu\n", operations, faults);
	return faults ? EXIT_FAILURE : EXIT_SUCCESS;
}
