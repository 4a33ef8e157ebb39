/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control file as a file: requests, answers, limits. */
#include "control_test.h"

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

static const struct unit_test tests[] = {
	{"a file, found by its name", is_a_file},
	{"only who opens it for both is a client", only_readers_and_writers_are_clients},
	{"HELLO comes first and tells the limits", hello_comes_first},
	{"answers are padded to the length asked for", answers_are_padded},
	{"a read waits for an event", a_read_waits},
	{"an interrupted read ends", an_interrupted_read_ends},
	{"poll works", poll_works},
	{"limits on requests and on clients", limits_hold},
	{"hostile writes", hostile_writes},
	{"close ends the client", close_ends_the_client},
};
UNIT_MAIN(tests)
