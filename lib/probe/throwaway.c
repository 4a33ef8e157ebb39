/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/throwaway.h"
#include "probe/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* A user namespace in which we are root, with a mount namespace of its own. */
static int enter_namespaces(void)
{
	char map[32];
	unsigned uid = geteuid(), gid = getegid();
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -errno;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	r = write_file("/proc/self/gid_map", map);
	if (r)
		return r;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	return write_file("/proc/self/uid_map", map);
}

static int open_context(struct fn_throwaway *t)
{
	int r;

	t->step = "fsopen";
	t->fs = fsopen("fuse", FSOPEN_CLOEXEC);
	if (t->fs >= 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	t->step = "a user namespace";
	r = enter_namespaces();
	if (r)
		return r;
	t->step = "fsopen in a user namespace";
	t->fs = fsopen("fuse", FSOPEN_CLOEXEC);
	return t->fs < 0 ? -errno : 0;
}

static int create_super_block(struct fn_throwaway *t)
{
	char dev[16];
	const char *const params[][2] = {
		{"source", "fnprobe"}, {"fd", dev},       {"rootmode", "40000"},
		{"user_id", "0"},      {"group_id", "0"},
	};

	snprintf(dev, sizeof(dev), "%d", t->dev);
	t->step = "fsconfig";
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (fsconfig(t->fs, FSCONFIG_SET_STRING, params[i][0], params[i][1], 0))
			return -errno;
	t->step = "creating a FUSE super block";
	return fsconfig(t->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ? -errno : 0;
}

static int read_init(struct fn_throwaway *t, int64_t deadline_ns)
{
	struct pollfd p = {.fd = t->dev, .events = POLLIN};
	ssize_t n;

	t->step = "waiting for INIT";
	if (poll(&p, 1, fn_ms_left(deadline_ns)) <= 0)
		return -ETIMEDOUT;
	t->step = "reading INIT";
	n = read(t->dev, t->buf, FN_THROWAWAY_BUF);
	if (n < 0)
		return -errno;
	t->init_len = (size_t)n;
	return 0;
}

int fn_throwaway_open(struct fn_throwaway *t, int64_t deadline_ns)
{
	int r;

	*t = (struct fn_throwaway){.dev = -1, .fs = -1, .root = -1, .dir = -1, .step = "memory"};
	t->buf = malloc(FN_THROWAWAY_BUF);
	if (!t->buf)
		return -ENOMEM;
	r = open_context(t);
	if (r)
		return r;
	/* After the namespace: the kernel wants both in the same one. */
	t->step = "/dev/fuse";
	t->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->dev < 0)
		return -errno;
	r = create_super_block(t);
	return r ? r : read_init(t, deadline_ns);
}

static void reply(int dev, uint64_t unique, int error, const void *body, size_t len)
{
	char msg[sizeof(struct fuse_out_header) + 256];
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len), .error = error, .unique = unique};

	memcpy(msg, &head, sizeof(head));
	if (len)
		memcpy(msg + sizeof(head), body, len);
	if (write(dev, msg, head.len) < 0) {
		/* ENOENT: nobody waits for it any more */
	}
}

static void serve_one(const struct fn_throwaway *t, const struct fuse_in_header *in)
{
	struct fuse_attr_out attr = {.attr_valid = 60,
				     .attr = {.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2}};
	struct fuse_statfs_out st = {.st = {.bsize = 4096, .namelen = 255}};

	switch (in->opcode) {
	case FUSE_GETATTR:
		reply(t->dev, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_STATFS:
		reply(t->dev, in->unique, 0, &st, sizeof(st));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(t->dev, in->unique, -ENOSYS, NULL, 0);
	}
}

static void *serve(void *arg)
{
	const struct fn_throwaway *t = arg;
	struct pollfd p = {.fd = t->dev, .events = POLLIN};
	struct fuse_in_header in;

	while (poll(&p, 1, -1) > 0) {
		ssize_t n = read(t->dev, t->buf, FN_THROWAWAY_BUF);

		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOENT)
			break;
		if (n < (ssize_t)sizeof(in))
			continue;
		memcpy(&in, t->buf, sizeof(in));
		serve_one(t, &in);
	}
	return NULL;
}

int fn_throwaway_serve(struct fn_throwaway *t, uint64_t flags)
{
	struct fuse_in_header in;
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = 31,
				    .flags = (uint32_t)flags,
				    .max_write = 4096,
				    .max_background = 12,
				    .congestion_threshold = 9};
	pthread_t thread;

	t->step = "fsmount";
	t->root = fsmount(t->fs, FSMOUNT_CLOEXEC, 0);
	if (t->root < 0)
		return -errno;
	memcpy(&in, t->buf, sizeof(in));
	reply(t->dev, in.unique, 0, &out, sizeof(out));
	t->step = "a thread";
	if (pthread_create(&thread, NULL, serve, t))
		return -EAGAIN;
	t->step = "opening the root";
	t->dir = openat(t->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir < 0 ? -errno : 0;
}
