/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The test vectors of fnotify-protocol(7), read out of the manual page's source: what they show is
 * built here from their description, and has to be the same to the byte; and what is parsed out
 * of them is built again. With an argument it prints them, for the page.
 */
#include <ctype.h>
#include <errno.h>

#include "unit.h"
#include "wire/fn1.h"

#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})
#define PAGE "man/fnotify-protocol.7.scd"

static ssize_t hello_request(void *buf, size_t size)
{
	struct fn1_hello h = {.version = 1, .flags = FN1_HELLO_NONBLOCK | FN1_HELLO_SHORT};

	return fn1_put_hello(buf, size, FN1_REQUEST, 1, &h);
}

static struct fn1_hello server_hello(void)
{
	return (struct fn1_hello){.version = 1,
				  .flags = FN1_HELLO_NONBLOCK | FN1_HELLO_SHORT,
				  .mask = FN_CHANGE_EVENTS,
				  .max_watches = 65536,
				  .max_queue = 16384,
				  .max_message = 65536,
				  .max_rate = 200000,
				  .server = STR("fnutils 0.1.0")};
}

static ssize_t hello_reply(void *buf, size_t size)
{
	struct fn1_hello h = server_hello();

	return fn1_put_hello(buf, size, FN1_REPLY, 1, &h);
}

static ssize_t hello_stream(void *buf, size_t size)
{
	struct fn1_hello h = {.version = 1, .flags = FN1_HELLO_STREAM, .mask = FN_CHANGE_EVENTS};

	return fn1_put_hello(buf, size, FN1_NOTIFY, 0, &h);
}

static ssize_t watch_path(void *buf, size_t size)
{
	struct fn1_watch w = {
		.mask = FN_CHANGE_EVENTS, .flags = FN1_WATCH_RECURSIVE, .path = STR("src")};

	return fn1_put_watch(buf, size, FN1_REQUEST, 2, &w);
}

static ssize_t watch_reply(void *buf, size_t size)
{
	struct fn1_watch w = {.mask = FN_CHANGE_EVENTS, .flags = FN1_WATCH_RECURSIVE};

	return fn1_put_watch(buf, size, FN1_REPLY, 2, &w);
}

static ssize_t watch_remove(void *buf, size_t size)
{
	struct fn1_watch w = {.flags = FN1_WATCH_BY_ID};

	return fn1_put_watch(buf, size, FN1_REQUEST, 3, &w);
}

static struct fn_event created(void)
{
	struct fn_event ev = {.seq = 1,
			      .wall_ns = 1700000000000000001,
			      .mask = FN_CREATE,
			      .flags = FN_EV_REMOTE,
			      .pid = 4711,
			      .comm = "make",
			      .name = STR("main.o"),
			      .path = STR("src/main.o")};

	fn_object_set_handle(&ev.object, 1, "\x0c\x00\x00\x00\x2a\x00\x00\x00", 8);
	fn_object_set_node(&ev.parent, 2, 7);
	return ev;
}

static ssize_t event_create(void *buf, size_t size)
{
	struct fn_event ev = created();

	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t event_rename(void *buf, size_t size)
{
	struct fn_event ev = created();

	ev.seq = 2;
	ev.mask = FN_RENAME | FN_ISDIR;
	ev.comm[0] = '\0';
	ev.old_name = STR("tmp");
	ev.old_path = STR("src/tmp");
	ev.name = STR("out");
	ev.path = STR("src/out");
	fn_object_set_handle(&ev.old_parent, 0x10082, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	ev.object.fsid = ev.old_parent.fsid = 0x1122334455667788;
	ev.object.has |= FN_OBJ_FSID;
	ev.old_parent.has |= FN_OBJ_FSID;
	ev.mode = 040755;
	ev.root = 1;
	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t event_modify(void *buf, size_t size)
{
	struct fn_event ev = {.seq = 3, .mask = FN_MODIFY, .flags = FN_EV_LOCAL, .root = -1};

	ev.name = STR("caf\xc3\xa9");
	fn_object_set_node(&ev.parent, 1, 0);
	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t overflow(void *buf, size_t size)
{
	struct fn_event ev = {.seq = 4, .mask = FN_Q_OVERFLOW, .lost = 1000};

	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t gone(void *buf, size_t size)
{
	struct fn_event ev = {
		.seq = 1004, .mask = FN_IGNORED, .flags = FN_EV_GONE, .path = STR("src")};

	return fn_fn1_encode_event(buf, size, &ev);
}

static ssize_t inject(void *buf, size_t size)
{
	struct fn_event ev = {.mask = FN_DELETE, .path = STR("src/main.o"), .name = STR("main.o")};

	return fn1_put_inject(buf, size, 4, &ev);
}

static ssize_t ping(void *buf, size_t size)
{
	return fn1_put_ping(buf, size, FN1_REQUEST, 5, 0x0123456789abcdef);
}

static ssize_t reply_error(void *buf, size_t size)
{
	return fn1_put_reply(buf, size, 4, -EPERM);
}

static ssize_t pad(void *buf, size_t size)
{
	if (size < 24)
		return -EMSGSIZE;
	fn1_put_pad(buf, 24);
	return 24;
}

static const struct {
	const char *name;
	ssize_t (*build)(void *buf, size_t size);
} vectors[] = {
	{"hello-request", hello_request},
	{"hello-reply", hello_reply},
	{"hello-stream", hello_stream},
	{"watch-path", watch_path},
	{"watch-reply", watch_reply},
	{"watch-remove", watch_remove},
	{"event-create", event_create},
	{"event-rename", event_rename},
	{"event-modify", event_modify},
	{"overflow", overflow},
	{"gone", gone},
	{"inject", inject},
	{"ping", ping},
	{"reply-error", reply_error},
	{"pad", pad},
};
#define COUNT (sizeof(vectors) / sizeof(vectors[0]))

static struct {
	size_t len;
	_Alignas(8) uint8_t bytes[512];
} page[COUNT];

static int index_of(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(vectors[i].name) == len && memcmp(vectors[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

static void add_hex(int i, const char *hex)
{
	unsigned byte;

	for (; sscanf(hex, " %2x", &byte) == 1 && page[i].len < sizeof(page[i].bytes); hex += 2) {
		page[i].bytes[page[i].len++] = (uint8_t)byte;
		while (isspace((unsigned char)*hex))
			hex++;
	}
}

/* Lines "vector NAME" of the page, and the lines of hex that follow each. */
static void read_page(void)
{
	const char *root = getenv("FN_ROOT");
	char path[4096], line[256];
	int i = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" PAGE, root ? root : ".");
	f = fopen(path, "r");
	CHECK(f);
	while (f && fgets(line, sizeof(line), f)) {
		char *s = line + strspn(line, " \t");

		if (!strncmp(s, "vector ", 7))
			i = index_of(s + 7, strcspn(s + 7, "\n"));
		else if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
			i = -1;
		else if (i >= 0)
			add_hex(i, s);
	}
	if (f)
		fclose(f);
}

static void the_page_has_them_all(void)
{
	read_page();
	for (size_t i = 0; i < COUNT; i++) {
		if (!page[i].len)
			printf("# no vector %s\n", vectors[i].name);
		CHECK(page[i].len);
	}
}

static void built_from_their_description(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		_Alignas(8) uint8_t buf[512];
		ssize_t n = vectors[i].build(buf, sizeof(buf));
		bool same = n == (ssize_t)page[i].len && !memcmp(buf, page[i].bytes, page[i].len);

		if (!same)
			printf("# %s differs\n", vectors[i].name);
		CHECK(same);
	}
}

/* Parse, build again: nothing got lost. */
static ssize_t again(const struct fn1_msg *msg, void *buf, size_t size)
{
	struct fn1_hello h;
	struct fn1_watch w;
	struct fn_event ev;
	uint64_t token;

	switch (msg->kind == FN1_REPLY ? 0 : msg->code) {
	case FN1_HELLO:
	case NOTIFY_FN1_HELLO:
		CHECK_INT(fn1_get_hello(msg, &h), 0);
		return fn1_put_hello(buf, size, msg->kind, msg->unique, &h);
	case FN1_WATCH:
		CHECK_INT(fn1_get_watch(msg, &w), 0);
		return fn1_put_watch(buf, size, msg->kind, msg->unique, &w);
	case FN1_PING:
		CHECK_INT(fn1_get_ping(msg, &token), 0);
		return fn1_put_ping(buf, size, msg->kind, msg->unique, token);
	case FN1_INJECT:
		CHECK_INT(fn1_get_event(msg, &ev), 0);
		return fn1_put_inject(buf, size, msg->unique, &ev);
	case NOTIFY_FN1_EVENT:
	case NOTIFY_FN1_OVERFLOW:
	case NOTIFY_FN1_GONE:
		CHECK_INT(fn1_get_event(msg, &ev), 0);
		return fn_fn1_encode_event(buf, size, &ev);
	case NOTIFY_FN1_PAD:
		fn1_put_pad(buf, msg->len);
		return (ssize_t)msg->len;
	default:
		return fn1_put_reply(buf, size, msg->unique, msg->error);
	}
}

static void parsed_and_built_again(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		_Alignas(8) uint8_t buf[512];
		struct fn1_msg msg;
		ssize_t n;

		CHECK_INT(fn1_parse(page[i].bytes, page[i].len, &msg), 0);
		/* Which request a reply answers, only its unique tells. */
		if (msg.kind == FN1_REPLY && msg.body_len)
			continue;
		n = again(&msg, buf, sizeof(buf));
		CHECK(n == (ssize_t)page[i].len && !memcmp(buf, page[i].bytes, page[i].len));
	}
}

static void print_vectors(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		_Alignas(8) uint8_t buf[512];
		ssize_t n = vectors[i].build(buf, sizeof(buf));

		printf("vector %s\n", vectors[i].name);
		for (ssize_t k = 0; k < n; k++)
			printf("%02x%s", buf[k],
			       k % 16 == 15 || k + 1 == n ? "\n"
			       : k % 4 == 3               ? "  "
							  : " ");
	}
}

static const struct unit_test tests[] = {
	{"the page has every vector", the_page_has_them_all},
	{"each is what its description builds", built_from_their_description},
	{"each comes back from its parts", parsed_and_built_again},
};

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		print_vectors();
		return 0;
	}
	return unit_main(tests, sizeof(tests) / sizeof(tests[0]));
}
