/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control file without a kernel: requests go in, messages to the kernel are caught. */
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

static int catch_send(void *ctx, int fd, const struct iovec *iov, int count)
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

static void forget_sent(void)
{
	while (nsent)
		free(sent[--nsent].data);
}

/* A store with: dir/, dir/sub/, dir/file, secret/ (0700, root's), secret/in/, link -> dir. */
static int fake_stat(void *ctx, const char *path, struct stat *st)
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

static int fake_path(void *ctx, const struct fn_object *o, char *buf, size_t size)
{
	(void)ctx;
	if (!(o->has & FN_OBJ_NODE) || o->nodeid != 7)
		return -ESTALE;
	snprintf(buf, size, "dir");
	return 0;
}

static unsigned inject_room = 1000000; /* so many, then none for one call */

static int fake_inject(void *ctx, const struct fn_event *ev)
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

static struct fn_control *start(uint32_t max_queue, uint32_t max_watches, uint32_t max_rate)
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

static void finish(struct fn_control *ctl)
{
	fn_control_free(ctl);
	forget_sent();
}

/* One request; true if it was for the control file. */
static bool request_as(struct fn_control *ctl, uint32_t opcode, uint64_t nodeid, uid_t uid,
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

static bool request(struct fn_control *ctl, uint32_t opcode, const void *body, size_t len)
{
	return request_as(ctl, opcode, NODE, 0, body, len, NULL, 0);
}

static uint64_t open_as(struct fn_control *ctl, uid_t uid, int flags)
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

static int write_to(struct fn_control *ctl, uint64_t fh, const void *data, size_t len)
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
static const uint8_t *read_from(struct fn_control *ctl, uint64_t fh, uint32_t size, int flags,
				size_t *len, int *error)
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

static int hello(struct fn_control *ctl, uint64_t fh, uint32_t flags)
{
	_Alignas(8) uint8_t buf[256];
	struct fn1_hello h = {.version = 1, .flags = flags};
	ssize_t n = fn1_put_hello(buf, sizeof(buf), FN1_REQUEST, 11, &h);

	return write_to(ctl, fh, buf, (size_t)n);
}

/* The error, and what was accepted. */
static int watch(struct fn_control *ctl, uint64_t fh, struct fn1_watch *w)
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

static uint64_t client(struct fn_control *ctl, uid_t uid, uint32_t flags)
{
	uint64_t fh = open_as(ctl, uid, O_RDWR);
	size_t len;
	int error;

	CHECK(fh);
	CHECK_INT(hello(ctl, fh, flags), 0);
	read_from(ctl, fh, 4096, 0, &len, &error);
	return fh;
}

static int watch_path(struct fn_control *ctl, uint64_t fh, const char *path, uint64_t mask,
		      uint32_t flags)
{
	struct fn1_watch w = {.mask = mask, .flags = flags, .path = {path, strlen(path)}};

	return watch(ctl, fh, &w);
}

static void happens(struct fn_control *ctl, uint64_t mask, const char *path, const char *old)
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
static const char *events(struct fn_control *ctl, uint64_t fh)
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

static void is_a_file(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	struct fuse_entry_out e;
	struct fuse_getattr_in g = {0};

	CHECK(request_as(ctl, FUSE_LOOKUP, 1, 5, ".fsnotify", 10, NULL, 0));
	memcpy(&e, sent[0].data, sizeof(e));
	CHECK(e.nodeid == NODE && e.attr.size == 1ull << 40 && S_ISREG(e.attr.mode));
	CHECK(!request_as(ctl, FUSE_LOOKUP, 1, 5, ".fsnotify2", 11, NULL, 0));
	CHECK(!request_as(ctl, FUSE_LOOKUP, 1, 5, ".fsnotify", 9, NULL, 0));
	CHECK(!request_as(ctl, FUSE_LOOKUP, 2, 5, ".fsnotify", 10, NULL, 0));
	CHECK(request(ctl, FUSE_GETATTR, &g, sizeof(g)));
	/* The kernel would remember ENOSYS for the whole mount. */
	for (uint32_t op = 1; op < 60; op++) {
		forget_sent();
		request(ctl, op, &g, sizeof(g));
		for (unsigned i = 0; i < nsent; i++)
			CHECK(sent[i].error != -ENOSYS);
	}
	finish(ctl);
}

static void only_readers_and_writers_are_clients(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	size_t len;
	int error;

	CHECK_INT(open_as(ctl, 0, O_RDONLY), 0);
	CHECK_INT(sent[0].error, 0);
	CHECK_INT(open_as(ctl, 0, O_WRONLY), 0);
	CHECK(read_from(ctl, 0, 4096, 0, &len, &error));
	CHECK(len == 0 && !error);
	CHECK_INT(write_to(ctl, 0, "x", 1), -EBADF);
	CHECK(open_as(ctl, 0, O_RDWR));
	finish(ctl);
}

static void hello_comes_first(void)
{
	struct fn_control *ctl = start(0, 33, 0);
	uint64_t fh = open_as(ctl, 1000, O_RDWR);
	struct fn1_watch w = {.mask = FN_CREATE, .path = STR("")};
	struct fn1_hello h;
	struct fn1_msg msg;
	const uint8_t *p;
	size_t len;
	int error;

	CHECK_INT(watch(ctl, fh, &w), -EPROTO);
	CHECK_INT(hello(ctl, fh, FN1_HELLO_SHORT), 0);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	CHECK(p && len < 200);
	CHECK_INT(fn1_parse(p, len, &msg), 0);
	CHECK_INT(fn1_get_hello(&msg, &h), 0);
	CHECK(h.version == 1 && h.mask == FN_ALL_EVENTS && h.max_watches == 33);
	CHECK(h.flags == (FN1_HELLO_SHORT | FN1_HELLO_MAY_INJECT));
	finish(ctl);
}

static void answers_are_padded(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_NONBLOCK);
	static const uint32_t sizes[] = {512, 4096, 4097, 65536};
	struct fn1_msg msg;
	size_t len;
	int error;

	for (size_t i = 0; i < 4; i++) {
		const uint8_t *p = read_from(ctl, fh, sizes[i], 0, &len, &error);

		CHECK_INT(len, sizes[i]);
		CHECK(p && !fn1_parse(p, len, &msg) && msg.code == NOTIFY_FN1_PAD);
	}
	CHECK_INT(watch_path(ctl, fh, "dir", FN_CREATE, 0), 0);
	happens(ctl, FN_CREATE, "dir/a", NULL);
	CHECK(read_from(ctl, fh, 4096, 0, &len, &error));
	CHECK_INT(len, 4096);
	finish(ctl);
}

static void a_read_waits(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, 0), waiting;
	struct fuse_interrupt_in in;
	size_t len;
	int error;

	CHECK(!read_from(ctl, fh, 4096, O_NONBLOCK, &len, &error) || error == -EAGAIN);
	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, 0), 0);
	CHECK(!read_from(ctl, fh, 4096, 0, &len, &error));
	waiting = last_unique;
	happens(ctl, FN_CREATE, "a", NULL);
	CHECK_INT(nsent, 1);
	CHECK(sent[0].unique == waiting && sent[0].len == 4096);
	CHECK(!read_from(ctl, fh, 4096, 0, &len, &error));
	in.unique = last_unique;
	CHECK(request(ctl, FUSE_INTERRUPT, &in, sizeof(in)) ||
	      request_as(ctl, FUSE_INTERRUPT, 0, 0, &in, sizeof(in), NULL, 0));
	finish(ctl);
}

static void an_interrupted_read_ends(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, 0);
	struct fuse_interrupt_in in;
	size_t len;
	int error;

	CHECK(!read_from(ctl, fh, 4096, 0, &len, &error));
	in.unique = last_unique;
	CHECK(request_as(ctl, FUSE_INTERRUPT, 0, 0, &in, sizeof(in), NULL, 0));
	CHECK_INT(nsent, 1);
	CHECK(sent[0].unique == in.unique);
	CHECK_INT(sent[0].error, -EINTR);
	CHECK(!request_as(ctl, FUSE_INTERRUPT, 0, 0, &in, sizeof(in), NULL, 0));
	finish(ctl);
}

static void poll_works(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fuse_poll_in in = {.fh = fh, .kh = 99, .flags = FUSE_POLL_SCHEDULE_NOTIFY};
	struct fuse_poll_out out;

	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, 0), 0);
	forget_sent();
	request(ctl, FUSE_POLL, &in, sizeof(in));
	memcpy(&out, sent[0].data, sizeof(out));
	CHECK_INT(out.revents & POLLIN, 0);
	forget_sent();
	happens(ctl, FN_CREATE, "a", NULL);
	CHECK_INT(nsent, 1);
	CHECK(sent[0].unique == 0 && sent[0].error == FUSE_NOTIFY_POLL);
	forget_sent();
	happens(ctl, FN_CREATE, "b", NULL); /* told once, until it polls again */
	CHECK_INT(nsent, 0);
	request(ctl, FUSE_POLL, &in, sizeof(in));
	memcpy(&out, sent[0].data, sizeof(out));
	CHECK(out.revents & POLLIN);
	finish(ctl);
}

static void events_find_their_watch(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(fn_control_wanted(ctl), 0);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_CREATE | FN_ATTRIB, 0), 0);
	CHECK(fn_control_wanted(ctl) & FN_CREATE);
	happens(ctl, FN_CREATE, "dir/a", NULL);
	happens(ctl, FN_CREATE, "dir/sub/a", NULL); /* not recursive */
	happens(ctl, FN_CREATE, "dirt", NULL);      /* a neighbour */
	happens(ctl, FN_MODIFY, "dir/a", NULL);     /* not asked for */
	happens(ctl, FN_CREATE, "dir", NULL);       /* of its own name */
	happens(ctl, FN_ATTRIB, "dir", NULL);       /* itself */
	happens(ctl, FN_ATTRIB | FN_MODIFY, "dir/f", NULL);
	CHECK_STR(events(ctl, fh), "100:dir/a;4:dir;4:dir/f;");
	CHECK_INT(watch_path(ctl, fh, "", FN_MODIFY, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_MODIFY, "dir/sub/deep/x", NULL);
	happens(ctl, FN_MODIFY, "top", NULL);
	happens(ctl, FN_MODIFY, "dir/a", NULL);
	CHECK_STR(events(ctl, fh), "2:dir/sub/deep/x;2:top;2:dir/a;");
	CHECK_INT(watch_path(ctl, fh, "", 0, 0), 0);
	CHECK_STR(events(ctl, fh), ""); /* GONE came with the reply */
	happens(ctl, FN_MODIFY, "top", NULL);
	CHECK_STR(events(ctl, fh), "");
	finish(ctl);
}

static void renames_are_one_event(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir", FN_RENAME, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_RENAME, "dir/b", "dir/a");
	happens(ctl, FN_RENAME, "dir/in", "out");
	happens(ctl, FN_RENAME, "out", "dir/in");
	happens(ctl, FN_RENAME, "out2", "out");
	CHECK_STR(events(ctl, fh),
		  "10000000:dir/b<dir/a;half 10000000:dir/in;half 10000000:<dir/in;");
	finish(ctl);
}

static void watches_move_along(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir", FN_CREATE | FN_MOVE_SELF, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", FN_CREATE, 0), 0);
	happens(ctl, FN_RENAME | FN_ISDIR, "new", "dir");
	happens(ctl, FN_CREATE, "new/x", NULL);
	happens(ctl, FN_CREATE, "new/sub/y", NULL);
	happens(ctl, FN_CREATE, "dir/sub/z", NULL);
	CHECK_STR(events(ctl, fh), "40000800:new;100:new/x;100:new/sub/y;");
	happens(ctl, FN_DELETE | FN_ISDIR, "new", NULL);
	happens(ctl, FN_CREATE, "new/x", NULL);
	CHECK(strstr(events(ctl, fh), "gone 8000:new"));
	finish(ctl);
}

static void an_end_is_told(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_DELETE_SELF | FN_MODIFY, 0), 0);
	happens(ctl, FN_MODIFY, "dir/file", NULL);
	happens(ctl, FN_DELETE, "dir/file", NULL);
	CHECK_STR(events(ctl, fh), "2:dir/file;400:dir/file;gone 8000:dir/file;");
	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_MODIFY, 0), 0);
	happens(ctl, FN_RENAME, "dir/file", "dir/other"); /* overwritten */
	CHECK_STR(events(ctl, fh), "gone 8000:dir/file;");
	CHECK_INT(watch_path(ctl, fh, "dir", FN_MODIFY, 0), 0);
	fn_control_unmount(ctl);
	fn_control_run(ctl);
	CHECK_STR(events(ctl, fh), "gone a000:dir;");
	finish(ctl);
}

static void loss_is_told(void)
{
	struct fn_control *ctl = start(10, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT), next = 0;
	struct fn_event ev;
	struct fn1_msg msg;
	const uint8_t *p;
	unsigned n = 0;
	uint64_t lost = 0;
	size_t len;
	int error;

	CHECK_INT(watch_path(ctl, fh, "", FN_MODIFY, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/file", FN_MODIFY, 0), 0);
	for (int i = 0; i < 30; i++)
		happens(ctl, FN_MODIFY, "f", NULL);
	happens(ctl, FN_DELETE, "dir/file", NULL);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	for (; p && !fn1_parse(p, len, &msg); p += msg.len, len -= msg.len) {
		CHECK_INT(fn_fn1_decode_event(p, len, &ev), 0);
		CHECK_INT(fn1_seq_gap(&next, &ev), 0);
		n += ev.mask == FN_MODIFY;
		lost += ev.lost;
	}
	CHECK_INT(n, 10);
	CHECK_INT(lost, 20);
	CHECK_INT(ev.flags, FN_EV_GONE); /* last, and not lost */
	happens(ctl, FN_MODIFY, "f", NULL);
	p = read_from(ctl, fh, 65536, 0, &len, &error);
	CHECK_INT(fn_fn1_decode_event(p, len, &ev), 0);
	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
	finish(ctl);
}

static void only_what_the_client_could_see(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t user = client(ctl, 2000, FN1_HELLO_SHORT), root = client(ctl, 0, FN1_HELLO_SHORT);
	uint64_t member = client(ctl, 300, FN1_HELLO_SHORT);

	CHECK_INT(watch_path(ctl, user, "secret/in", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "secret", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "noread", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, user, "group", FN_CREATE, 0), -EACCES);
	CHECK_INT(watch_path(ctl, member, "group", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, root, "secret/in", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, user, "", FN_CREATE | FN_RENAME, FN1_WATCH_RECURSIVE), 0);
	happens(ctl, FN_CREATE, "secret/in/a", NULL);
	happens(ctl, FN_CREATE, "dir/hide/a", NULL);
	happens(ctl, FN_CREATE, "noread/a", NULL);
	happens(ctl, FN_CREATE, "dir/sub/a", NULL);
	happens(ctl, FN_RENAME, "dir/b", "secret/in/b");
	CHECK_STR(events(ctl, user), "100:dir/sub/a;half 10000000:dir/b;");
	CHECK_STR(events(ctl, root), "100:secret/in/a;");
	finish(ctl);
}

static void bad_watches(void)
{
	struct fn_control *ctl = start(0, 2, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn1_watch w = {.mask = FN_CREATE};

	CHECK_INT(watch_path(ctl, fh, "nothing", FN_CREATE, 0), -ENOENT);
	CHECK_INT(watch_path(ctl, fh, "link/sub", FN_CREATE, 0), -ELOOP);
	CHECK_INT(watch_path(ctl, fh, "dir/file/x", FN_CREATE, 0), -ENOTDIR);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_UNMOUNT, 0), -EOPNOTSUPP);
	CHECK_INT(watch(ctl, fh, &w), -EINVAL);
	fn_object_set_node(&w.object, 8, 0);
	CHECK_INT(watch(ctl, fh, &w), -ESTALE);
	fn_object_set_node(&w.object, 7, 0);
	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK_INT(w.watch, 0);
	happens(ctl, FN_CREATE, "dir/q", NULL);
	CHECK_STR(events(ctl, fh), "100:dir/q;");
	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", FN_CREATE, 0), -ENOSPC);
	CHECK_INT(watch_path(ctl, fh, "dir", FN_MODIFY, 0), 0);
	CHECK_INT(watch_path(ctl, fh, "dir/sub", 0, 0), -ENOENT);
	w = (struct fn1_watch){.mask = 0, .watch = 0, .flags = FN1_WATCH_BY_ID};
	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK_INT(w.mask, 0);
	finish(ctl);
}

static void masks_are_cut_to_what_is_supported(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn1_watch w = {.mask = FN_CREATE | 1ull << 50 | FN_Q_OVERFLOW, .path = STR("dir")};

	CHECK_INT(watch(ctl, fh, &w), 0);
	CHECK(w.mask == FN_CREATE);
	finish(ctl);
}

static void inject_needs_the_owner(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t user = client(ctl, 2000, FN1_HELLO_SHORT), owner = client(ctl, 1000, 2);
	_Alignas(8) uint8_t buf[512];
	struct fn_event ev = {.mask = FN_CREATE, .path = STR("dir/n"), .name = STR("n")};
	ssize_t n = fn1_put_inject(buf, sizeof(buf), 5, &ev);
	const uint8_t *p;
	struct fn1_msg msg;
	size_t len;
	int error;

	injected.mask = 0;
	CHECK_INT(write_to(ctl, user, buf, (size_t)n), 0);
	p = read_from(ctl, user, 4096, 0, &len, &error);
	CHECK(p && !fn1_parse(p, len, &msg));
	CHECK_INT(msg.error, -EPERM);
	CHECK_INT(injected.mask, 0);
	CHECK_INT(write_to(ctl, owner, buf, (size_t)n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	CHECK(p && !fn1_parse(p, len, &msg));
	CHECK_INT(msg.error, 0);
	CHECK_INT(injected.mask, FN_CREATE);
	CHECK_STR(injected_path, "dir/n");
	CHECK(injected.flags & FN_EV_REMOTE);
	finish(ctl);
}

/* What has to be sent again takes what followed it along. */
static void injections_keep_their_order(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t owner = client(ctl, 1000, FN1_HELLO_SHORT);
	_Alignas(8) uint8_t buf[1024];
	struct fn_event ev = {.mask = FN_CREATE, .path = STR("dir/n"), .name = STR("n")};
	static const int want[] = {0, -EAGAIN, -EAGAIN};
	const uint8_t *p;
	size_t len, n = 0;
	int error;

	for (uint64_t i = 0; i < 3; i++)
		n += (size_t)fn1_put_inject(buf + n, sizeof(buf) - n, i + 1, &ev);
	inject_room = 1;
	CHECK_INT(write_to(ctl, owner, buf, n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	for (size_t i = 0; i < 3; i++) {
		struct fn1_msg msg;

		CHECK(p && !fn1_parse(p, len, &msg));
		CHECK_INT(msg.error, want[i]);
		p += msg.len;
		len -= msg.len;
	}
	CHECK_INT(write_to(ctl, owner, buf, n), 0);
	p = read_from(ctl, owner, 4096, 0, &len, &error);
	CHECK(p && !fn_get_u32(p + 4, false));
	finish(ctl);
}

static void limits_hold(void)
{
	struct fn_control *ctl = start(0, 0, 50);
	uint64_t fh = client(ctl, 2000, FN1_HELLO_SHORT);
	_Alignas(8) uint8_t buf[64];
	ssize_t n = fn1_put_ping(buf, sizeof(buf), FN1_REQUEST, 1, 2);
	unsigned refused = 0, opens = 1;

	for (int i = 0; i < 200; i++)
		refused += write_to(ctl, fh, buf, (size_t)n) == -EAGAIN;
	CHECK(refused > 50);
	while (opens < 100 && open_as(ctl, 2000, O_RDWR))
		opens++;
	CHECK_INT(opens, 32);
	CHECK(open_as(ctl, 0, O_RDWR));
	finish(ctl);
}

static void hostile_writes(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	_Alignas(8) uint8_t buf[256] = {0};
	ssize_t n = fn1_put_ping(buf, sizeof(buf), FN1_REQUEST, 1, 2);
	struct fuse_write_in in = {.fh = fh, .size = 1u << 31};

	CHECK_INT(write_to(ctl, fh, buf, (size_t)n - 1), -EINVAL);
	CHECK_INT(write_to(ctl, fh, buf, sizeof(buf)), 0); /* filler after it */
	fn1_put_reply(buf + n, 16, 3, 0);
	CHECK_INT(write_to(ctl, fh, buf, (size_t)n + 16), -EINVAL);
	fn_put_u32(buf, 1u << 30, false);
	CHECK_INT(write_to(ctl, fh, buf, sizeof(buf)), -EINVAL);
	forget_sent();
	request(ctl, FUSE_WRITE, &in, sizeof(in));
	CHECK_INT(sent[0].error, -EINVAL);
	CHECK_INT(write_to(ctl, fh + 1, buf, sizeof(buf)), -EBADF);
	CHECK_INT(write_to(ctl, UINT64_MAX, buf, sizeof(buf)), -EBADF);
	finish(ctl);
}

static void close_ends_the_client(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fuse_flush_in flush = {.fh = fh};
	struct fuse_release_in in = {.fh = fh};

	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, 0), 0);
	request(ctl, FUSE_FLUSH, &flush, sizeof(flush));
	fn_control_run(ctl);
	CHECK(fn_control_wanted(ctl));
	request(ctl, FUSE_RELEASE, &in, sizeof(in));
	fn_control_run(ctl);
	CHECK_INT(fn_control_wanted(ctl), 0);
	CHECK_INT(write_to(ctl, fh, "x", 1), -EBADF);
	finish(ctl);
}

static void local_events_can_be_left_out(void)
{
	struct fn_control *ctl = start(0, 0, 0);
	uint64_t fh = client(ctl, 0, FN1_HELLO_SHORT);
	struct fn_event ev = {
		.mask = FN_CREATE, .flags = FN_EV_LOCAL, .path = STR("mine"), .name = STR("mine")};

	CHECK_INT(watch_path(ctl, fh, "", FN_CREATE, FN1_WATCH_NO_LOCAL), 0);
	fn_control_event(ctl, &ev);
	happens(ctl, FN_CREATE, "theirs", NULL);
	CHECK_STR(events(ctl, fh), "100:theirs;");
	finish(ctl);
}

static const struct unit_test tests[] = {
	{"a file, found by its name", is_a_file},
	{"only who opens it for both is a client", only_readers_and_writers_are_clients},
	{"HELLO comes first and tells the limits", hello_comes_first},
	{"answers are padded to the length asked for", answers_are_padded},
	{"a read waits for an event", a_read_waits},
	{"an interrupted read ends", an_interrupted_read_ends},
	{"poll works", poll_works},
	{"events find their watch", events_find_their_watch},
	{"a rename is one event, or half of one", renames_are_one_event},
	{"watches move along with a directory", watches_move_along},
	{"the end of a watch is told", an_end_is_told},
	{"loss is told, with its number, and GONE is not lost", loss_is_told},
	{"a client is told only what it could see", only_what_the_client_could_see},
	{"watches that cannot be", bad_watches},
	{"the accepted mask comes back", masks_are_cut_to_what_is_supported},
	{"INJECT needs the owner of the mount", inject_needs_the_owner},
	{"injections keep their order when there is no room", injections_keep_their_order},
	{"limits on requests and on clients", limits_hold},
	{"hostile writes", hostile_writes},
	{"close ends the client", close_ends_the_client},
	{"local events can be left out", local_events_can_be_left_out},
};
UNIT_MAIN(tests)
