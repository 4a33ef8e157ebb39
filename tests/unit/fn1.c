/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "unit.h"
#include "wire/fn1.h"

#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})

static bool same_str(struct fn_str a, struct fn_str b)
{
	return !a.data == !b.data && a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static bool same_object(const struct fn_object *a, const struct fn_object *b)
{
	return a->has == b->has && a->fsid == b->fsid && a->nodeid == b->nodeid &&
	       a->generation == b->generation && a->ino == b->ino &&
	       a->handle_type == b->handle_type && a->handle_len == b->handle_len &&
	       memcmp(a->handle, b->handle, a->handle_len) == 0;
}

static void check_same(const struct fn_event *a, const struct fn_event *b)
{
	CHECK(a->seq == b->seq && a->mask == b->mask && a->flags == b->flags);
	CHECK(a->wall_ns == b->wall_ns && a->mono_ns == b->mono_ns);
	CHECK(a->cookie == b->cookie && a->lost == b->lost && a->pid == b->pid);
	CHECK(a->mode == b->mode && a->root == b->root && a->old_root == b->old_root);
	CHECK(strncmp(a->comm, b->comm, sizeof(a->comm)) == 0);
	CHECK(same_object(&a->object, &b->object) && same_object(&a->parent, &b->parent));
	CHECK(same_object(&a->old_parent, &b->old_parent) && same_object(&a->target, &b->target));
	CHECK(same_str(a->name, b->name) && same_str(a->old_name, b->old_name));
	CHECK(same_str(a->path, b->path) && same_str(a->old_path, b->old_path));
}

static void set_handle(struct fn_object *o, int type, uint64_t fsid, char fill, size_t len)
{
	uint8_t bytes[FN_HANDLE_MAX];

	memset(bytes, fill, sizeof(bytes));
	fn_object_set_handle(o, type, bytes, len);
	if (fsid) {
		o->fsid = fsid;
		o->has |= FN_OBJ_FSID;
	}
}

/* What a server sends for a file made in a watched tree. */
static struct fn_event typical(void)
{
	struct fn_event ev = {.seq = 77,
			      .wall_ns = 1760000000123456789,
			      .mask = FN_CREATE,
			      .flags = FN_EV_REMOTE,
			      .pid = 4711,
			      .comm = "webpack",
			      .name = STR("button.tsx"),
			      .path = STR("src/views/button.tsx")};

	set_handle(&ev.object, 1, 0, 'o', 8);
	set_handle(&ev.parent, 1, 0, 'p', 8);
	return ev;
}

static struct fn_event everything(void)
{
	struct fn_event ev = typical();

	ev.mask = FN_RENAME | FN_ISDIR | 1ull << 40;
	ev.flags |= FN_EV_EXCHANGE | 1 << 20;
	ev.mono_ns = 5000000001;
	ev.cookie = 9;
	ev.lost = 3;
	ev.mode = 0100644;
	ev.root = 3;
	ev.old_root = 1;
	set_handle(&ev.old_parent, -3, 0x1122334455667788, 'q', FN_HANDLE_MAX);
	set_handle(&ev.target, 0x10082, 99, 't', 24);
	fn_object_set_node(&ev.object, 5, 6);
	ev.object.ino = 1234;
	ev.object.has |= FN_OBJ_INO;
	ev.old_name = STR("old \xff\n name");
	ev.old_path = STR("src/old \xff\n name");
	memcpy(ev.comm, "exactly15bytes!", 16);
	return ev;
}

static void round_trip(const struct fn_event *ev)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	uint8_t odd[FN1_EVENT_MAX + 1];
	struct fn_event back;
	ssize_t n = fn_fn1_encode_event(buf, sizeof(buf), ev);

	CHECK(n > 0 && n % 4 == 0);
	CHECK_INT(fn_fn1_decode_event(buf, (size_t)n, &back), 0);
	check_same(ev, &back);
	memcpy(odd + 1, buf, (size_t)n);
	CHECK_INT(fn_fn1_decode_event(odd + 1, (size_t)n, &back), 0);
	check_same(ev, &back);
}

static void events_come_back(void)
{
	struct fn_event ev = typical();

	round_trip(&ev);
	ev = everything();
	round_trip(&ev);
	ev = (struct fn_event){.seq = 1, .mask = FN_MODIFY, .path = STR("")};
	round_trip(&ev);
	ev = (struct fn_event){.seq = 1, .mask = FN_DELETE, .root = -1, .name = STR("a")};
	round_trip(&ev);
	ev.path = STR("b/ca"); /* ends with the name, but not as its last part */
	round_trip(&ev);
}

static void shared_fsid_is_sent_once(void)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = typical();
	ssize_t without = fn_fn1_encode_event(buf, sizeof(buf), &ev), with;

	ev.object.fsid = ev.parent.fsid = 42;
	ev.object.has |= FN_OBJ_FSID;
	ev.parent.has |= FN_OBJ_FSID;
	with = fn_fn1_encode_event(buf, sizeof(buf), &ev);
	CHECK_INT(with - without, 12);
	round_trip(&ev);
	ev.parent.fsid = 43;
	round_trip(&ev);
	ev.object.fsid = ev.parent.fsid = 0;
	round_trip(&ev);
}

static void a_typical_event_is_small(void)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = typical();
	ssize_t n = fn_fn1_encode_event(buf, sizeof(buf), &ev);

	CHECK(n <= 120);
}

static void longest_event_fits(void)
{
	static char path[FN1_PATH_MAX];
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = everything();

	memset(path, 'x', sizeof(path));
	for (size_t i = 200; i < sizeof(path); i += 200)
		path[i] = '/';
	ev.path = (struct fn_str){path, sizeof(path) - 1};
	ev.old_path = ev.path;
	ev.name = (struct fn_str){path, 190};
	ev.old_name = ev.name;
	set_handle(&ev.object, 1 << 20, 1, 'x', FN_HANDLE_MAX);
	set_handle(&ev.parent, 1 << 20, 2, 'x', FN_HANDLE_MAX);
	set_handle(&ev.target, 1 << 20, 3, 'x', FN_HANDLE_MAX);
	CHECK(fn_fn1_encode_event(buf, sizeof(buf), &ev) > 8000);
	round_trip(&ev);
	ev.path.len++;
	CHECK_INT(fn_fn1_encode_event(buf, sizeof(buf), &ev), -EINVAL);
}

static void encoder_respects_its_buffer(void)
{
	_Alignas(4) uint8_t whole[FN1_EVENT_MAX], buf[FN1_EVENT_MAX];
	struct fn_event ev = everything();
	size_t need = (size_t)fn_fn1_encode_event(whole, sizeof(whole), &ev);

	for (size_t size = 0; size < need; size++) {
		memset(buf, 0xa5, sizeof(buf));
		CHECK_INT(fn_fn1_encode_event(buf, size, &ev), -EMSGSIZE);
		CHECK(buf[size] == 0xa5);
	}
	CHECK_INT(fn_fn1_encode_event(buf, need, &ev), need);
	ev.name = STR("a/b");
	CHECK_INT(fn_fn1_encode_event(buf, sizeof(buf), &ev), -EINVAL);
}

/* Cut at every length, with and without the length word saying so: never a crash, never success
 * that reads what is not there. */
static void truncation_at_every_length(void)
{
	_Alignas(4) uint8_t whole[FN1_EVENT_MAX];
	struct fn_event ev = everything(), back;
	size_t len = (size_t)fn_fn1_encode_event(whole, sizeof(whole), &ev);

	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, whole, n);
		CHECK_INT(fn_fn1_decode_event(copy, n, &back), -EBADMSG);
		if (n >= 4) {
			fn_put_u32(copy, (uint32_t)n, false);
			(void)fn_fn1_decode_event(copy, n, &back);
		}
		free(copy);
	}
}

static void every_byte_can_be_hostile(void)
{
	_Alignas(4) uint8_t whole[FN1_EVENT_MAX];
	struct fn_event ev = everything(), back;
	size_t len = (size_t)fn_fn1_encode_event(whole, sizeof(whole), &ev);
	static const uint8_t bad[] = {0x00, 0x01, 0x03, 0x7f, 0x80, 0xff};
	uint8_t *copy = malloc(len);

	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(bad); k++) {
			memcpy(copy, whole, len);
			copy[i] = bad[k];
			if (fn_fn1_decode_event(copy, len, &back))
				continue;
			CHECK(!back.name.len || fn_name_ok(back.name.data, back.name.len));
			CHECK(fn_path_ok(back.path.data, back.path.len));
			CHECK(back.target.handle_len <= FN_HANDLE_MAX);
		}
	}
	free(copy);
}

/* A later version's attribute, object kind and mask bit. */
static void unknown_things_are_passed_over(void)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = typical(), back;
	size_t n = (size_t)fn_fn1_encode_event(buf, sizeof(buf), &ev);
	static const uint8_t attr[8] = {7, 0, 0xff, 0x3f, 'n', 'e', 'w', 0};

	memcpy(buf + n, attr, sizeof(attr));
	fn_put_u32(buf, (uint32_t)n + sizeof(attr), false);
	CHECK_INT(fn_fn1_decode_event(buf, n + sizeof(attr), &back), 0);
	check_same(&ev, &back);
	memcpy(buf + n, "\x08\0\x08\0\x80\0\0", 8); /* TARGET with an unknown has bit */
	CHECK_INT(fn_fn1_decode_event(buf, n + 8, &back), 0);
	CHECK(!fn_object_known(&back.target));
	ev.mask |= 1ull << 63;
	round_trip(&ev);
}

static void loss_and_end_have_codes(void)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = {.seq = 5, .mask = FN_Q_OVERFLOW, .lost = 1000};

	CHECK(fn_fn1_encode_event(buf, sizeof(buf), &ev) > 0);
	CHECK_INT(fn_get_u32(buf + 4, false), NOTIFY_FN1_OVERFLOW);
	round_trip(&ev);
	ev = (struct fn_event){.seq = 6, .mask = FN_IGNORED, .flags = FN_EV_GONE, .path = STR("d")};
	CHECK(fn_fn1_encode_event(buf, sizeof(buf), &ev) > 0);
	CHECK_INT(fn_get_u32(buf + 4, false), NOTIFY_FN1_GONE);
	round_trip(&ev);
}

static void hello_comes_back(void)
{
	_Alignas(4) uint8_t buf[256];
	struct fn1_hello h = {.version = 1, .flags = FN1_HELLO_SHORT, .mask = FN_ALL_EVENTS}, back;
	struct fn1_msg msg;
	ssize_t n;

	h.max_watches = 10;
	h.max_queue = 20;
	h.max_message = 30;
	h.max_rate = 40;
	h.server = STR("fnmount 0.1");
	for (int kind = FN1_REQUEST; kind <= FN1_NOTIFY; kind++) {
		uint64_t unique = kind == FN1_NOTIFY ? 0 : 9;

		n = fn1_put_hello(buf, sizeof(buf), (enum fn1_kind)kind, unique, &h);
		CHECK(n > 0);
		CHECK_INT(fn1_parse(buf, (size_t)n, &msg), 0);
		CHECK_INT(msg.kind, kind);
		CHECK_INT(msg.unique, unique);
		CHECK_INT(fn1_get_hello(&msg, &back), 0);
		CHECK(back.version == 1 && back.flags == h.flags && back.mask == h.mask);
		CHECK(back.max_watches == 10 && back.max_queue == 20);
		CHECK(back.max_message == 30 && back.max_rate == 40);
		CHECK(same_str(back.server, h.server));
		for (size_t len = 0; len < (size_t)n; len++)
			CHECK_INT(fn1_parse(buf, len, &msg), -EAGAIN);
	}
}

static void watch_comes_back(void)
{
	_Alignas(4) uint8_t buf[512];
	struct fn1_watch w = {.mask = FN_CREATE, .watch = 4, .flags = FN1_WATCH_RECURSIVE}, back;
	struct fn1_msg msg;
	ssize_t n;

	w.path = STR("a/b");
	set_handle(&w.object, 1, 7, 'h', 12);
	n = fn1_put_watch(buf, sizeof(buf), FN1_REQUEST, 3, &w);
	CHECK_INT(fn1_parse(buf, (size_t)n, &msg), 0);
	CHECK_INT(msg.code, FN1_WATCH);
	CHECK_INT(fn1_get_watch(&msg, &back), 0);
	CHECK(back.mask == w.mask && back.watch == 4 && back.flags == w.flags);
	CHECK(same_str(back.path, w.path) && same_object(&back.object, &w.object));
	w.path = STR("../b");
	CHECK_INT(fn1_put_watch(buf, sizeof(buf), FN1_REQUEST, 3, &w), -EINVAL);
}

static void small_messages(void)
{
	_Alignas(4) uint8_t buf[128];
	struct fn1_msg msg;
	uint64_t token = 0;
	ssize_t n = fn1_put_ping(buf, sizeof(buf), FN1_REQUEST, 8, 0xfeedface01234567);

	CHECK_INT(fn1_parse(buf, (size_t)n, &msg), 0);
	CHECK_INT(msg.code, FN1_PING);
	CHECK_INT(fn1_get_ping(&msg, &token), 0);
	CHECK(token == 0xfeedface01234567);
	n = fn1_put_reply(buf, sizeof(buf), 8, -EPERM);
	CHECK_INT(n, 16);
	CHECK_INT(fn1_parse(buf, 16, &msg), 0);
	CHECK_INT(msg.kind, FN1_REPLY);
	CHECK_INT(msg.error, -EPERM);
	fn1_put_pad(buf, sizeof(buf));
	CHECK_INT(fn1_parse(buf, sizeof(buf), &msg), 0);
	CHECK_INT(msg.code, NOTIFY_FN1_PAD);
	CHECK_INT(msg.len, sizeof(buf));
	fn1_put_pad(buf, 12);
	CHECK(fn1_rest_is_filler(buf, 12));
	CHECK(fn_wire_notify(NOTIFY_FN1_PAD, FN_DIALECT_fn1));
}

static void inject_is_a_request(void)
{
	_Alignas(4) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event ev = everything(), back;
	struct fn1_msg msg;
	ssize_t n = fn1_put_inject(buf, sizeof(buf), 12, &ev);

	CHECK_INT(fn1_parse(buf, (size_t)n, &msg), 0);
	CHECK_INT(msg.code, FN1_INJECT);
	CHECK_INT(fn1_get_event(&msg, &back), 0);
	check_same(&ev, &back);
	CHECK_INT(fn_fn1_decode_event(buf, (size_t)n, &back), -ENOMSG);
}

static size_t build_stream(uint8_t *buf, size_t size, unsigned events)
{
	struct fn1_hello h = {.version = 1, .flags = FN1_HELLO_STREAM, .server = STR("t")};
	size_t at = (size_t)fn1_put_hello(buf, size, FN1_NOTIFY, 0, &h);

	for (unsigned i = 1; i <= events; i++) {
		struct fn_event ev = i % 2 ? typical() : everything();

		ev.seq = i;
		at += (size_t)fn_fn1_encode_event(buf + at, size - at, &ev);
		if (i % 3 == 0) {
			fn1_put_pad(buf + at, 24);
			at += 24;
		}
	}
	return at;
}

/* Feeds in pieces of n bytes; how many events came, in order. */
static unsigned feed(struct fn1_stream *s, const uint8_t *buf, size_t len, size_t n, int *rc)
{
	unsigned seen = 0;
	struct fn_event ev;

	for (size_t at = 0; at < len;) {
		size_t room, take = n < len - at ? n : len - at;
		void *to = fn1_stream_room(s, &room);

		take = take < room ? take : room;
		memcpy(to, buf + at, take);
		fn1_stream_add(s, take);
		at += take;
		while ((*rc = fn1_stream_next(s, &ev)) > 0)
			CHECK_INT(ev.seq, ++seen);
		if (*rc < 0)
			return seen;
	}
	return seen;
}

static void stream_in_pieces(void)
{
	static _Alignas(4) uint8_t buf[400000];
	size_t len = build_stream(buf, sizeof(buf), 800);
	static const size_t sizes[] = {1, 7, 16, 100, 4096, 65536, 400000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fn1_stream *s;
		int rc;

		CHECK_INT(fn1_stream_new(&s), 0);
		CHECK(fn1_stream_cut(s));
		CHECK_INT(feed(s, buf, len, sizes[i], &rc), 800);
		CHECK_INT(rc, 0);
		CHECK(!fn1_stream_cut(s));
		CHECK(same_str(fn1_stream_hello(s)->server, STR("t")));
		fn1_stream_free(s);
	}
}

static void stream_cut_in_a_message(void)
{
	static _Alignas(4) uint8_t buf[4096];
	size_t len = build_stream(buf, sizeof(buf), 2);

	for (size_t n = 0; n < len; n++) {
		struct fn1_stream *s;
		int rc = 0;
		unsigned seen;

		CHECK_INT(fn1_stream_new(&s), 0);
		seen = feed(s, buf, n, 4096, &rc);
		CHECK_INT(rc, 0);
		CHECK(seen < 2);
		/* Between messages is a clean end. */
		if (seen == 0 && n > 40 && !fn1_stream_cut(s))
			CHECK(fn1_stream_hello(s));
		fn1_stream_free(s);
	}
}

static void not_a_stream(void)
{
	static const char json[] = "{\"path\":\"a\",\"events\":[\"create\"]}\n";
	static _Alignas(4) uint8_t buf[4096];
	size_t len = build_stream(buf, sizeof(buf), 2);
	struct fn1_stream *s;
	int rc;

	CHECK(!fn1_stream_magic(json, sizeof(json)));
	CHECK(fn1_stream_magic(buf, len));
	CHECK_INT(fn1_stream_new(&s), 0);
	feed(s, (const uint8_t *)json, sizeof(json), 100, &rc);
	CHECK_INT(rc, -EPROTO);
	fn1_stream_free(s);
	CHECK_INT(fn1_stream_new(&s), 0);
	fn_put_u32(buf + 40 - fn_get_u32(buf, false) % 4, 3, false);
	fn_put_u32(buf + fn_get_u32(buf, false), 5, false); /* a length that cannot be */
	CHECK_INT(feed(s, buf, len, len, &rc), 0);
	CHECK_INT(rc, -EBADMSG);
	fn1_stream_free(s);
}

static void gaps_are_seen(void)
{
	struct fn_event ev = {.seq = 10};
	uint64_t next = 0;

	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
	ev.seq = 11;
	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
	ev.seq = 15;
	CHECK_INT(fn1_seq_gap(&next, &ev), 3);
	ev = (struct fn_event){.seq = 16, .mask = FN_Q_OVERFLOW, .lost = 100};
	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
	ev = (struct fn_event){.seq = 116};
	CHECK_INT(fn1_seq_gap(&next, &ev), 0);
}

static const struct unit_test tests[] = {
	{"events come back as they were, at any address", events_come_back},
	{"an fsid that objects share is sent once", shared_fsid_is_sent_once},
	{"a typical event takes no more than 120 bytes", a_typical_event_is_small},
	{"the longest event fits the bound", longest_event_fits},
	{"the encoder keeps within its buffer", encoder_respects_its_buffer},
	{"truncation at every length", truncation_at_every_length},
	{"hostile values at every byte", every_byte_can_be_hostile},
	{"unknown attributes are skipped, unknown bits kept", unknown_things_are_passed_over},
	{"overflow and gone are messages of their own", loss_and_end_have_codes},
	{"hello comes back as request, reply and notification", hello_comes_back},
	{"watch comes back", watch_comes_back},
	{"ping, reply and filler", small_messages},
	{"inject is a request with an event", inject_is_a_request},
	{"a stream in pieces of any size", stream_in_pieces},
	{"a stream cut in the middle of a message", stream_cut_in_a_message},
	{"what is no stream is refused", not_a_stream},
	{"gaps in sequence numbers are counted", gaps_are_seen},
};
UNIT_MAIN(tests)
