/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* Where it is below the root. What is done to a file is told to who watches its directory, and the
 * first of these is a directory that nobody watches. */
static const char *const names[] = {".fsnotify.d/control", ".fsnotify"};
#define NAMES (sizeof(names) / sizeof(names[0]))
#define NAME_SIZE 24
#define FUSE_MAGIC 0x65735546

int64_t fn_control_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The path without symlinks; with !follow its last part is left as it is. */
static char *absolute(const char *path, bool follow)
{
	char *dir, *slash, *full = NULL;

	if (follow)
		return realpath(path, NULL);
	dir = strdup(path);
	if (!dir)
		return NULL;
	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	slash = strrchr(dir, '/');
	if (slash == dir || !strcmp(slash ? slash + 1 : dir, "..") ||
	    !strcmp(slash ? slash + 1 : dir, ".")) {
		full = realpath(dir, NULL);
	} else {
		char *base = slash ? slash + 1 : dir, *parent;

		if (slash)
			*slash = '\0';
		parent = realpath(slash ? dir : ".", NULL);
		if (parent && asprintf(&full, "%s/%s", strcmp(parent, "/") ? parent : "", base) < 0)
			full = NULL;
		free(parent);
	}
	free(dir);
	return full;
}

/* Which of the names dir, a path without slash at its end, has; NULL: none. */
static const char *control_in(const char *dir)
{
	char file[PATH_MAX + NAME_SIZE];
	struct stat st;

	for (size_t i = 0; i < NAMES; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, names[i]);
		if (!lstat(file, &st) && S_ISREG(st.st_mode) && st.st_size == (off_t)1 << 40)
			return names[i];
	}
	return NULL;
}

/* From path upwards to where the control file is, without leaving the file system. The length of
 * that directory's path and the name of the file there, or -errno. */
static ssize_t find_root(const char *path, const char **name)
{
	char dir[PATH_MAX];
	size_t len = strlen(path);
	struct statfs fs;
	struct stat first, st;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len + 1);
	if (lstat(dir, &first))
		return -errno;
	for (;;) {
		if (lstat(dir, &st) || st.st_dev != first.st_dev || statfs(dir, &fs) ||
		    fs.f_type != FUSE_MAGIC)
			return -EOPNOTSUPP;
		if (S_ISDIR(st.st_mode) && (*name = control_in(len > 1 ? dir : "")))
			return (ssize_t)len;
		while (len > 1 && dir[len - 1] != '/')
			len--;
		if (len == 1 && dir[1] == '\0')
			return -EOPNOTSUPP;
		len = len > 1 ? len - 1 : 1;
		dir[len] = '\0';
	}
}

int fn_control_send(struct fn_control_file *f, const void *msg, size_t len)
{
	int64_t deadline = fn_control_now_ms() + ANSWER_MS;
	ssize_t n;

	/* EAGAIN: faster than the server's limit on requests. */
	while ((n = pwrite(f->fd, msg, len, 0)) < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (fn_control_now_ms() > deadline)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

/* 1: there are bytes; 0: none now. */
static int fetch(struct fn_control_file *f)
{
	ssize_t n;

	if (f->at < f->end)
		return 1;
	f->at = f->end = 0;
	f->reads++;
	n = pread(f->fd, f->buf, READ_SIZE, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	f->end = (size_t)n;
	return n > 0;
}

/* The next message that is not filler. 1, 0, or -errno. */
static int next_message(struct fn_control_file *f, struct fn1_msg *msg, const uint8_t **at)
{
	int rc;

	while ((rc = fetch(f)) > 0) {
		*at = f->buf + f->at;
		if (fn1_rest_is_filler(*at, f->end - f->at)) {
			f->at = f->end;
			return 0;
		}
		if (fn1_parse(*at, f->end - f->at, msg))
			return -EBADMSG;
		f->at += msg->len;
		if (msg->kind != FN1_NOTIFY || msg->code != NOTIFY_FN1_PAD)
			return 1;
		if (f->at == f->end)
			return 0; /* filled up: there was no more */
	}
	return rc;
}

/* For fn_control_read(), later. */
static int keep(struct fn_control_file *f, const uint8_t *p, size_t len)
{
	size_t size = f->kept_size ? f->kept_size * 2 : READ_SIZE;
	uint8_t *more;

	if (f->kept_end + len > f->kept_size) {
		while (size < f->kept_end + len)
			size *= 2;
		more = realloc(f->kept, size);
		if (!more)
			return -ENOMEM;
		f->kept = more;
		f->kept_size = size;
	}
	memcpy(f->kept + f->kept_end, p, len);
	f->kept_end += len;
	return 0;
}

/* Until there may be something to read. */
static void await_input(const struct fn_control_file *f, int64_t deadline)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	int64_t left = deadline - fn_control_now_ms();

	if (f->paced)
		nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
	else if (left > 0)
		poll(&p, 1, (int)left);
}

int fn_control_reply(struct fn_control_file *f, int64_t deadline, struct fn1_msg *msg)
{
	const uint8_t *p;
	int rc;

	for (;;) {
		rc = next_message(f, msg, &p);
		if (rc > 0 && msg->kind == FN1_REPLY)
			return 0;
		if (rc > 0 && msg->kind == FN1_NOTIFY)
			rc = keep(f, p, msg->len);
		else if (rc == 0 && fn_control_now_ms() >= deadline)
			rc = -ETIMEDOUT;
		else if (rc == 0)
			await_input(f, deadline);
		if (rc < 0)
			return rc;
	}
}

/* The answer to unique, in msg, with its body in the read buffer. */
static int await(struct fn_control_file *f, uint64_t unique, struct fn1_msg *msg)
{
	int64_t deadline = fn_control_now_ms() + ANSWER_MS;
	int rc;

	do {
		rc = fn_control_reply(f, deadline, msg);
	} while (!rc && msg->unique != unique);
	return rc ? rc : msg->error;
}

static int ask(struct fn_control_file *f, const void *buf, ssize_t n, struct fn1_msg *msg)
{
	int rc = n < 0 ? (int)n : fn_control_send(f, buf, (size_t)n);

	return rc ? rc : await(f, f->unique, msg);
}

static int greet(struct fn_control_file *f, uint32_t flags)
{
	_Alignas(8) uint8_t buf[256];
	struct fn1_hello h = {.version = FN1_VERSION, .flags = flags};
	struct fn1_msg msg;
	int rc;

	rc = ask(f, buf, fn1_put_hello(buf, sizeof(buf), FN1_REQUEST, ++f->unique, &h), &msg);
	if (!rc)
		rc = fn1_get_hello(&msg, &f->hello);
	if (rc)
		return rc;
	if (f->hello.server.len >= sizeof(f->server))
		f->hello.server.len = sizeof(f->server) - 1;
	if (f->hello.server.len)
		memcpy(f->server, f->hello.server.data, f->hello.server.len);
	f->hello.server.data = f->server;
	return 0;
}

/* With nothing to read, poll() that says there is something does not reach the server. */
static int choose_way(struct fn_control_file *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	int rc;

	f->paced = true;
	rc = greet(f, FN1_HELLO_NONBLOCK);
	if (rc)
		return rc;
	f->at = f->end; /* the rest is filler: nothing is watched yet */
	if (poll(&p, 1, 0) != 0)
		return 0;
	f->paced = false;
	return greet(f, FN1_HELLO_NONBLOCK | FN1_HELLO_SHORT);
}

static int open_file(struct fn_control_file *f, const char *name)
{
	char file[PATH_MAX + NAME_SIZE];
	int rc;

	snprintf(file, sizeof(file), "%s/%s", strcmp(f->root, "/") ? f->root : "", name);
	f->fd = open(file, O_RDWR | O_DIRECT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (f->fd < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	if (posix_memalign((void **)&f->buf, 4096, READ_SIZE))
		return -ENOMEM;
	rc = choose_way(f);
	return rc == -EBADMSG || rc == -EPROTO || rc == -EINVAL ? -EOPNOTSUPP : rc;
}

int fn_control_open(struct fn_control_file **out, const char *path, bool follow)
{
	struct fn_control_file *f = calloc(1, sizeof(*f));
	char *full = absolute(path, follow);
	const char *name = NULL;
	ssize_t len;
	int rc;

	if (!f || !full) {
		rc = full ? -ENOMEM : -errno;
		free(full);
		free(f);
		return rc;
	}
	f->fd = -1;
	f->path = full;
	len = find_root(full, &name);
	f->root = len > 0 ? strndup(full, (size_t)len) : NULL;
	rc = len < 0 ? (int)len : !f->root ? -ENOMEM : open_file(f, name);
	if (rc) {
		fn_control_close(f);
		return rc;
	}
	*out = f;
	return 0;
}

void fn_control_close(struct fn_control_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->root);
	free(f->path);
	free(f->buf);
	free(f->kept);
	free(f);
}

const struct fn1_hello *fn_control_hello(const struct fn_control_file *f)
{
	return &f->hello;
}

const char *fn_control_root(const struct fn_control_file *f)
{
	return f->root;
}

const char *fn_control_relative(const struct fn_control_file *f, const char *full)
{
	size_t len = strcmp(f->root, "/") ? strlen(f->root) : 0;

	if (strncmp(full, f->root, len) != 0 || (full[len] && full[len] != '/'))
		return NULL;
	full += len;
	return *full == '/' ? full + 1 : full;
}

const char *fn_control_path(const struct fn_control_file *f)
{
	return fn_control_relative(f, f->path);
}

int fn_control_fd(const struct fn_control_file *f)
{
	return f->paced ? -1 : f->fd;
}

int fn_control_watch(struct fn_control_file *f, struct fn1_watch *watch)
{
	_Alignas(8) uint8_t buf[FN1_PATH_MAX + 512];
	struct fn1_msg msg;
	int rc;

	rc = ask(f, buf, fn1_put_watch(buf, sizeof(buf), FN1_REQUEST, ++f->unique, watch), &msg);
	return rc ? rc : fn1_get_watch(&msg, watch);
}

int fn_control_inject(struct fn_control_file *f, const struct fn_event *ev)
{
	_Alignas(8) uint8_t buf[FN1_EVENT_MAX];
	struct fn1_msg msg;

	return ask(f, buf, fn1_put_inject(buf, sizeof(buf), ++f->unique, ev), &msg);
}

int fn_control_arm(struct fn_control_file *f, struct fn1_arm *arm)
{
	_Alignas(8) uint8_t buf[2 * FN1_PATH_MAX + 512];
	struct fn1_msg msg;
	int rc;

	rc = ask(f, buf, fn1_put_arm(buf, sizeof(buf), FN1_REQUEST, ++f->unique, arm), &msg);
	return rc ? rc : fn1_get_arm(&msg, arm);
}

int fn_control_disarm(struct fn_control_file *f)
{
	const struct fn1_arm end = {.flags = FN1_ARM_END};
	_Alignas(8) uint8_t buf[256];
	ssize_t n = fn1_put_arm(buf, sizeof(buf), FN1_REQUEST, ++f->unique, &end);

	return n < 0 ? (int)n : fn_control_send(f, buf, (size_t)n);
}

static bool is_event(const struct fn1_msg *msg)
{
	return msg->kind == FN1_NOTIFY && msg->code >= NOTIFY_FN1_EVENT &&
	       msg->code <= NOTIFY_FN1_GONE;
}

/* 1: *msg is the next that was kept. */
static int next_kept(struct fn_control_file *f, struct fn1_msg *msg)
{
	if (f->kept_at == f->kept_end) {
		f->kept_at = f->kept_end = 0;
		return 0;
	}
	if (fn1_parse(f->kept + f->kept_at, f->kept_end - f->kept_at, msg))
		return -EBADMSG;
	f->kept_at += msg->len;
	return 1;
}

int fn_control_read(struct fn_control_file *f, struct fn_event *ev)
{
	struct fn1_msg msg;
	const uint8_t *p;
	int rc;

	for (;;) {
		rc = next_kept(f, &msg);
		if (rc == 0)
			rc = next_message(f, &msg, &p);
		if (rc <= 0)
			return rc;
		if (is_event(&msg))
			break;
	}
	rc = fn1_get_event(&msg, ev);
	return rc ? rc : 1;
}

uint64_t fn_control_reads(const struct fn_control_file *f)
{
	return f->reads;
}

bool fn_control_pending(const struct fn_control_file *f)
{
	return f->at < f->end || f->kept_at < f->kept_end;
}
