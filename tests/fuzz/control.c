/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control file's message handler, fed with a row of FUSE requests as they come from the
 * kernel. Between them things happen in the mount. Every answer has to be well-formed, and no
 * request answered twice.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/control.h"
#include "wire/fn1.h"

#define NODE 0xf5f5000000000100ull

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int check_answer(void *ctx, int fd, const struct iovec *iov, int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	size_t len = 0;

	(void)ctx;
	(void)fd;
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	must(iov[0].iov_len == sizeof(*out) && out->len == len);
	must(out->unique ? out->error <= 0 && out->error > -4096 : out->error > 0);
	must(!out->error || out->unique == 0 || len == sizeof(*out));
	must(out->error != -ENOSYS);
	return 0;
}

static int fake_stat(void *ctx, const char *path, struct stat *st)
{
	size_t len = strlen(path);

	(void)ctx;
	memset(st, 0, sizeof(*st));
	if (len > 20)
		return -ENOENT;
	st->st_mode = len && path[len - 1] == 'l' ? S_IFLNK | 0777 : S_IFDIR | 0755;
	if (len && path[len - 1] == 's')
		st->st_mode = S_IFDIR | 0700;
	return 0;
}

static int fake_path(void *ctx, const struct fn_object *o, char *buf, size_t size)
{
	(void)ctx;
	must(o->handle_len <= FN_HANDLE_MAX);
	if (size < 4)
		return -ENAMETOOLONG;
	memcpy(buf, "d/e", 4);
	return 0;
}

static int fake_inject(void *ctx, const struct fn_event *ev)
{
	(void)ctx;
	must(!ev->path.data || fn_path_ok(ev->path.data, ev->path.len));
	must(ev->mask & FN_ALL_EVENTS);
	return 0;
}

#define STR(s)                     \
	{                          \
		(s), sizeof(s) - 1 \
	}

static void things_happen(struct fn_control *ctl, unsigned n)
{
	static const struct fn_event all[] = {
		{.mask = FN_CREATE, .name = STR("a"), .path = STR("a"), .pid = 1},
		{.mask = FN_MODIFY | FN_ATTRIB, .name = STR("x"), .path = STR("d/e/x")},
		{.mask = FN_RENAME | FN_ISDIR, .path = STR("d/f"), .old_path = STR("d/e")},
		{.mask = FN_RENAME,
		 .flags = FN_EV_EXCHANGE,
		 .path = STR("d"),
		 .old_path = STR("b")},
		{.mask = FN_DELETE | FN_ISDIR, .path = STR("d")},
		{.mask = FN_RENAME, .flags = FN_EV_PARTIAL, .old_path = STR("a")},
		{.mask = FN_DELETE_SELF, .path = STR("")},
		{.mask = FN_Q_OVERFLOW, .lost = 7},
	};

	fn_control_event(ctl, &all[n % (sizeof(all) / sizeof(all[0]))]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fn_control_conf conf = {.nodeid = NODE,
				       .owner = 1000,
				       .send = check_answer,
				       .stat = fake_stat,
				       .path = fake_path,
				       .inject = fake_inject,
				       .max_clients = 8,
				       .max_watches = 8,
				       .max_queue = 16};
	struct fn_control *ctl;
	unsigned n = 0;

	if (fn_control_new(&ctl, &conf))
		return 0;
	while (size >= sizeof(struct fuse_in_header)) {
		struct fuse_in_header in;
		uint8_t *copy;

		memcpy(&in, data, sizeof(in));
		if (in.len < sizeof(in) || in.len > size)
			in.len = (uint32_t)size;
		in.unique |= 2; /* 0 is no request's */
		copy = malloc(in.len);
		memcpy(copy, data, in.len);
		memcpy(copy, &in, sizeof(in));
		fn_control_request(ctl, -1, copy, in.len);
		free(copy);
		data += in.len;
		size -= in.len;
		things_happen(ctl, n++);
		if (n & 1)
			fn_control_run(ctl);
	}
	fn_control_unmount(ctl);
	fn_control_free(ctl);
	return 0;
}
