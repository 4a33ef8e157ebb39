/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control file without a kernel: requests go in, messages to the kernel are caught. */
#ifndef FN_UNIT_CONTROL_TEST_H
#define FN_UNIT_CONTROL_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>

#include "server/control.h"
#include "unit.h"
#include "wire/fn1.h"

#define NODE 0xf5f5000000000100ull
#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})
#define SENT_MAX 64

static struct {
	uint64_t unique;
	int32_t error;
	size_t len;
	uint8_t *data;
} sent[SENT_MAX];
static unsigned nsent;
static struct fn_event injected;
static char injected_path[64];
static uint64_t last_unique;

static inline int catch_send(void *ctx, int fd, const struct iovec *iov, int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	size_t len = count > 1 ? iov[1].iov_len : 0;

	(void)ctx;
	(void)fd;
	CHECK_INT(out->len, 16 + len);
	if (nsent == SENT_MAX)
		return -ENOSPC;
	sent[nsent].unique = out->unique;
	sent[nsent].error = out->error;
	sent[nsent].len = len;
	sent[nsent].data = malloc(len ? len : 1);
	if (len)
		memcpy(sent[nsent].data, iov[1].iov_base, len);
	nsent++;
	return 0;
}

static inline void forget_sent(void)
{
	while (nsent)
		free(sent[--nsent].data);
}

/* A store with: dir/, dir/sub/, dir/file, secret/ (0700, root's), secret/in/, link -> dir. */
static inline int fake_stat(void *ctx, const char *path, struct stat *st)
{
	static const struct {
		const char *path;
		mode_t mode;
	} store[] = {{"", S_IFDIR | 0755},         {"dir", S_IFDIR | 0755},
		     {"dir/sub", S_IFDIR | 0755},  {"dir/file", S_IFREG | 0644},
		     {"secret", S_IFDIR | 0700},   {"secret/in", S_IFDIR | 0755},
		     {"link", S_IFLNK | 0777},     {"group", S_IFDIR | 0750},
		     {"dir/hide", S_IFDIR | 0700}, {"noread", S_IFDIR | 0711}};

	(void)ctx;
	memset(st, 0, sizeof(*st));
	for (size_t i = 0; i < sizeof(store) / sizeof(store[0]); i++) {
		if (strcmp(store[i].path, path))
			continue;
		st->st_mode = store[i].mode;
		st->st_gid = strcmp(path, "group") ? 0 : 500;
		return 0;
	}
	return -ENOENT;
}

static inline int fake_path(void *ctx, const struct fn_object *o, char *buf, size_t size)
{
	(void)ctx;
	if (!(o->has & FN_OBJ_NODE) || o->nodeid != 7)
		return -ESTALE;
	snprintf(buf, size, "dir");
	return 0;
}

static unsigned inject_room = 1000000; /* so many, then none for one call */

static inline int fake_inject(void *ctx, const struct fn_event *ev)
{
	(void)ctx;
	if (!inject_room--) {
		inject_room = 1000000;
		return -EAGAIN;
	}
	injected = *ev;
	snprintf(injected_path, sizeof(injected_path), "%.*s", (int)ev->path.len, ev->path.data);
	return 0;
}

static inline struct fn_control *start(uint32_t max_queue, uint32_t max_watches, uint32_t max_rate)
{
	struct fn_control_conf conf = {.nodeid = NODE,
				       .owner = 1000,
				       .send = catch_send,
				       .stat = fake_stat,
				       .path = fake_path,
				       .inject = fake_inject,
				       .server = "unit 1",
				       .max_queue = max_queue,
				       .max_watches = max_watches,
				       .max_rate = max_rate};
	struct fn_control *ctl = NULL;

	forget_sent();
	CHECK_INT(fn_control_new(&ctl, &conf), 0);
	return ctl;
}

static inline void finish(struct fn_control *ctl)
{
	fn_control_free(ctl);
	forget_sent();
}

/* One request; true if it was for the control file. */
static inline bool request_as(struct fn_control *ctl, uint32_t opcode, uint64_t nodeid, uid_t uid,
			      const void *body, size_t len, const void *more, size_t more_len)
{
	size_t size = sizeof(struct fuse_in_header) + len + more_len;
	uint8_t *msg = malloc(size);
	struct fuse_in_header in = {.len = (uint32_t)size,
				    .opcode = opcode,
				    .unique = ++last_unique,
				    .nodeid = nodeid,
				    .uid = uid,
				    .gid = uid == 300 ? 500 : uid};
	bool ours;

	memcpy(msg, &in, sizeof(in));
	if (len)
		memcpy(msg + sizeof(in), body, len);
	if (more_len)
		memcpy(msg + sizeof(in) + len, more, more_len);
	ours = fn_control_request(ctl, -1, msg, size);
	free(msg);
	return ours;
}

static inline bool request(struct fn_control *ctl, uint32_t opcode, const void *body, size_t len)
{
	return request_as(ctl, opcode, NODE, 0, body, len, NULL, 0);
}

static inline uint64_t open_as(struct fn_control *ctl, uid_t uid, int flags)
{
	struct fuse_open_in in = {.flags = (uint32_t)flags};
	struct fuse_open_out out;

	forget_sent();
	request_as(ctl, FUSE_OPEN, NODE, uid, &in, sizeof(in), NULL, 0);
	CHECK_INT(nsent, 1);
	if (sent[0].error)
		return 0;
	memcpy(&out, sent[0].data, sizeof(out));
	CHECK_INT(out.open_flags, FOPEN_DIRECT_IO);
	return out.fh;
}

static inline int write_to(struct fn_control *ctl, uint64_t fh, const void *data, size_t len)
{
	struct fuse_write_in in = {.fh = fh, .size = (uint32_t)len};
	int rc;

	forget_sent();
	request_as(ctl, FUSE_WRITE, NODE, 0, &in, sizeof(in), data, len);
	for (unsigned i = 0; i < nsent; i++)
		if (sent[i].unique == last_unique) {
			rc = sent[i].error;
			fn_control_run(ctl);
			return rc;
		}
	return -ENOMSG;
}

/* READ; the answer's bytes, or NULL when none came (yet). */
static inline const uint8_t *read_from(struct fn_control *ctl, uint64_t fh, uint32_t size,
				       int flags, size_t *len, int *error)
{
	struct fuse_read_in in = {.fh = fh, .size = size, .flags = (uint32_t)flags};

	forget_sent();
	request(ctl, FUSE_READ, &in, sizeof(in));
	*len = 0;
	*error = -ENOMSG;
	for (unsigned i = 0; i < nsent; i++) {
		if (sent[i].unique != last_unique)
			continue;
		*len = sent[i].len;
		*error = sent[i].error;
		return sent[i].data;
	}
	return NULL;
}

static inline int hello(struct fn_control *ctl, uint64_t fh, uint32_t flags)
{
	_Alignas(8) uint8_t buf[256];
	struct fn1_hello h = {.version = 1, .flags = flags};
	ssize_t n = fn1_put_hello(buf, sizeof(buf), FN1_REQUEST, 11, &h);

	return write_to(ctl, fh, buf, (size_t)n);
}

/* The error, and what was accepted. */
static inline int watch(struct fn_control *ctl, uint64_t fh, struct fn1_watch *w)
{
	_Alignas(8) uint8_t buf[8192];
	struct fn1_msg msg;
	const uint8_t *p;
	size_t len;
	int error;
	ssize_t n = fn1_put_watch(buf, sizeof(buf), FN1_REQUEST, 12, w);

	CHECK_INT(write_to(ctl, fh, buf, (size_t)n), 0);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	CHECK(p && !error);
	if (!p || fn1_parse(p, len, &msg))
		return -ENOMSG;
	CHECK_INT(msg.unique, 12);
	CHECK_INT(msg.kind, FN1_REPLY);
	if (!msg.error)
		CHECK_INT(fn1_get_watch(&msg, w), 0);
	return msg.error;
}

static inline uint64_t client(struct fn_control *ctl, uid_t uid, uint32_t flags)
{
	uint64_t fh = open_as(ctl, uid, O_RDWR);
	size_t len;
	int error;

	CHECK(fh);
	CHECK_INT(hello(ctl, fh, flags), 0);
	read_from(ctl, fh, 4096, 0, &len, &error);
	return fh;
}

static inline int watch_path(struct fn_control *ctl, uint64_t fh, const char *path, uint64_t mask,
			     uint32_t flags)
{
	struct fn1_watch w = {.mask = mask, .flags = flags, .path = {path, strlen(path)}};

	return watch(ctl, fh, &w);
}

static inline void happens(struct fn_control *ctl, uint64_t mask, const char *path, const char *old)
{
	struct fn_event ev = {.mask = mask, .flags = FN_EV_REMOTE};
	const char *slash = strrchr(path, '/');

	if (*path) {
		ev.path = (struct fn_str){path, strlen(path)};
		ev.name = (struct fn_str){slash ? slash + 1 : path, 0};
		ev.name.len = strlen(ev.name.data);
	}
	if (old) {
		slash = strrchr(old, '/');
		ev.old_path = (struct fn_str){old, strlen(old)};
		ev.old_name = (struct fn_str){slash ? slash + 1 : old, 0};
		ev.old_name.len = strlen(ev.old_name.data);
	}
	fn_control_event(ctl, &ev);
	fn_control_run(ctl);
}

/* What a client reads now, as text: "CODE:mask:path<old;" per message. */
static inline const char *events(struct fn_control *ctl, uint64_t fh)
{
	static char text[4096];
	size_t len, at = 0;
	int error;
	const uint8_t *p = read_from(ctl, fh, 65536, O_NONBLOCK, &len, &error);
	struct fn1_msg msg;
	struct fn_event ev;

	text[0] = '\0';
	if (error == -EAGAIN)
		return "";
	for (; p && !fn1_parse(p, len, &msg); p += msg.len, len -= msg.len) {
		if (msg.code == NOTIFY_FN1_PAD || fn_fn1_decode_event(p, len, &ev))
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIx64 ":%.*s",
				       msg.code == NOTIFY_FN1_GONE       ? "gone "
				       : msg.code == NOTIFY_FN1_OVERFLOW ? "lost "
				       : ev.flags & FN_EV_PARTIAL        ? "half "
									 : "",
				       ev.mask, (int)ev.path.len, ev.path.data ? ev.path.data : "");
		if (ev.old_path.data)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "<%.*s",
					       (int)ev.old_path.len, ev.old_path.data);
		at += (size_t)snprintf(text + at, sizeof(text) - at, ";");
	}
	return text;
}

#endif
