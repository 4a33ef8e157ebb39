/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stormcheck BACKING MOUNT DIRS ROUNDS: changes in BACKING, each heard on MOUNT. In each round
 * every directory gets a file that is made, written, renamed (every third time into the next
 * directory) and removed: six events. All of them have to come, in the order of their directory,
 * the halves of a rename as one pair. Four readers look up, stat and list meanwhile; any error
 * but ENOENT is one that BACKING would not give.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MASK (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE)
#define READERS 4
#define DEADLINE_MS 20000

struct want {
	uint32_t mask;
	char name[48];
};

static size_t dirs, rounds;
static struct want *wants; /* of each directory, a row */
static size_t *wanted, *seen, row;

static void want(size_t dir, uint32_t mask, const char *name)
{
	struct want *w = &wants[dir * row + wanted[dir]++];

	w->mask = mask;
	strcpy(w->name, name);
}

static size_t target_of(size_t dir, size_t round)
{
	return (dir + round) % 3 ? dir : (dir + 1) % dirs;
}

static void expect_all(void)
{
	char a[48], b[48];

	for (size_t r = 0; r < rounds; r++) {
		for (size_t d = 0; d < dirs; d++) {
			size_t to = target_of(d, r);

			snprintf(a, sizeof(a), "f%zu", r);
			snprintf(b, sizeof(b), "g%zu.%zu", r, d);
			want(d, IN_CREATE, a);
			want(d, IN_MODIFY, a);
			want(d, IN_CLOSE_WRITE, a);
			want(d, IN_MOVED_FROM, a);
			want(to, IN_MOVED_TO, b);
			want(to, IN_DELETE, b);
		}
	}
}

static void change(size_t d, size_t r)
{
	char a[96], b[96];
	int fd;

	snprintf(a, sizeof(a), "d%zu/f%zu", d, r);
	snprintf(b, sizeof(b), "d%zu/g%zu.%zu", target_of(d, r), r, d);
	fd = open(a, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) || rename(a, b) || unlink(b))
		err(1, "%s", a);
}

static void writer(const char *backing)
{
	if (chdir(backing))
		err(1, "%s", backing);
	for (size_t r = 0; r < rounds; r++)
		for (size_t d = 0; d < dirs; d++)
			change(d, r);
	_exit(0);
}

static void look(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *ent;
	struct stat st;

	if (!dir)
		err(1, "opendir %s", path);
	while (errno = 0, (ent = readdir(dir)))
		if (fstatat(dirfd(dir), ent->d_name, &st, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
			err(1, "stat %s/%s", path, ent->d_name);
	if (errno)
		err(1, "readdir %s", path);
	if (!fstatat(dirfd(dir), "never", &st, 0) || errno != ENOENT)
		err(1, "lookup in %s", path);
	closedir(dir);
}

static void reader(const char *mount, size_t n)
{
	char path[32];

	if (chdir(mount))
		err(1, "%s", mount);
	for (size_t d = n;; d = (d + 7) % dirs) {
		snprintf(path, sizeof(path), "d%zu", d);
		look(path);
	}
}

static pid_t child(void (*f)(const char *, size_t), const char *dir, size_t n)
{
	pid_t pid = fork();

	if (pid == 0) {
		f(dir, n);
		_exit(0);
	}
	return pid;
}

static void run_writer(const char *dir, size_t n)
{
	(void)n;
	writer(dir);
}

/* Watch descriptors count up from 1 in the order of the directories. */
static int watch_all(const char *mount)
{
	int fd = inotify_init1(IN_CLOEXEC);
	char path[4096];

	for (size_t d = 0; d < dirs; d++) {
		snprintf(path, sizeof(path), "%s/d%zu", mount, d);
		if (inotify_add_watch(fd, path, MASK) != (int)d + 1)
			err(1, "watch %s", path);
	}
	return fd;
}

static void check(const struct inotify_event *ev)
{
	static uint32_t cookie;
	size_t d = (size_t)ev->wd - 1;
	const struct want *w;

	if (ev->mask & IN_Q_OVERFLOW || ev->wd < 1 || d >= dirs)
		errx(1, "event 0x%x of no directory", ev->mask);
	w = &wants[d * row + seen[d]];
	if (seen[d] >= wanted[d] || ev->mask != w->mask || strcmp(ev->name, w->name))
		errx(1, "d%zu, event %zu: heard 0x%x %s, not 0x%x %s", d, seen[d], ev->mask,
		     ev->len ? ev->name : "", w->mask, w->name);
	if (ev->mask == IN_MOVED_FROM)
		cookie = ev->cookie;
	if (ev->mask == IN_MOVED_TO && ev->cookie != cookie)
		errx(1, "d%zu: %s is not paired", d, ev->name);
	seen[d]++;
}

static void hear(int fd, size_t total)
{
	_Alignas(struct inotify_event) static char buf[1 << 20];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (size_t heard = 0; heard < total;) {
		ssize_t n;

		if (poll(&p, 1, DEADLINE_MS) <= 0)
			errx(1, "%zu of %zu events", heard, total);
		n = read(fd, buf, sizeof(buf));
		for (char *at = buf; at < buf + n; heard++) {
			const struct inotify_event *ev = (const void *)at;

			check(ev);
			at += sizeof(*ev) + ev->len;
		}
	}
}

/* A reader ends by itself only in error. */
static void end_children(const pid_t *pids, pid_t writing)
{
	int status, bad = 0;

	waitpid(writing, &status, 0);
	bad |= status;
	for (size_t i = 0; i < READERS; i++) {
		kill(pids[i], SIGTERM);
		waitpid(pids[i], &status, 0);
		bad |= !WIFSIGNALED(status);
	}
	if (bad)
		errx(1, "a writer or reader failed");
}

static pid_t pids[READERS + 1];
static void kill_children(void)
{
	for (size_t i = 0; i <= READERS; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

int main(int argc, char **argv)
{
	char path[4096];
	int fd;

	if (argc != 5)
		errx(2, "usage: stormcheck BACKING MOUNT DIRS ROUNDS");
	dirs = strtoul(argv[3], NULL, 10);
	rounds = strtoul(argv[4], NULL, 10);
	row = rounds * 12;
	wants = calloc(dirs * row, sizeof(*wants));
	wanted = calloc(dirs, sizeof(*wanted));
	seen = calloc(dirs, sizeof(*seen));
	for (size_t d = 0; d < dirs; d++) {
		snprintf(path, sizeof(path), "%s/d%zu", argv[1], d);
		if (mkdir(path, 0755))
			err(1, "%s", path);
	}
	expect_all();
	fd = watch_all(argv[2]);
	for (size_t i = 0; i < READERS; i++)
		pids[i] = child(reader, argv[2], i);
	pids[READERS] = child(run_writer, argv[1], 0);
	atexit(kill_children);
	hear(fd, dirs * rounds * 6);
	end_children(pids, pids[READERS]);
	memset(pids, 0, sizeof(pids));
	printf("%zu events\n", dirs * rounds * 6);
	return 0;
}
