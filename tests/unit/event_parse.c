/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "unit.h"

#include "event/event_json.h"
#include "event/event_parse.h"

static struct fn_parser *parser;
static struct fn_event ev;
static char path[4200], old_path[4200];

static int parse_n(enum fn_input input, const char *format, const char *line, size_t len)
{
	int r;

	fn_parser_free(parser);
	CHECK_INT(fn_parser_new(&parser, input, format), 0);
	if (!parser)
		return -1;
	r = fn_parse_line(parser, line, len, &ev);
	snprintf(path, sizeof(path), "%.*s", (int)ev.path.len, ev.path.data ? ev.path.data : "");
	snprintf(old_path, sizeof(old_path), "%.*s", (int)ev.old_path.len,
		 ev.old_path.data ? ev.old_path.data : "");
	return r;
}

static int parse(enum fn_input input, const char *line)
{
	return parse_n(input, NULL, line, strlen(line));
}

static void mask_lines(void)
{
	CHECK_INT(parse(FN_INPUT_MASK, "MODIFY src/a b.c"), 0);
	CHECK_INT(ev.mask, FN_MODIFY);
	CHECK_STR(path, "src/a b.c");
	CHECK_INT(parse(FN_INPUT_MASK, "create,isdir d/"), 0);
	CHECK_INT(ev.mask, FN_CREATE | FN_ISDIR);
	CHECK_STR(path, "d");
	CHECK_INT(parse(FN_INPUT_MASK, "100 x"), 0);
	CHECK_INT(ev.mask, FN_CREATE);
	CHECK_INT(parse(FN_INPUT_MASK, "0x40000200 x"), 0);
	CHECK_INT(ev.mask, FN_DELETE | FN_ISDIR);
	CHECK_INT(parse(FN_INPUT_MASK, "IN_CLOSE_WRITE \"a\\n\\042b\\\"\""), 0);
	CHECK_STR(path, "a\n\"b\"");
	CHECK_INT(parse(FN_INPUT_MASK, "rename old name\tnew name"), 0);
	CHECK_STR(old_path, "old name");
	CHECK_STR(path, "new name");
	CHECK_INT(parse(FN_INPUT_MASK, "exchange \"a\" \"b\""), 0);
	CHECK_INT(ev.flags, FN_EV_EXCHANGE);
	CHECK_STR(old_path, "a");
	CHECK_INT(parse(FN_INPUT_MASK, "create,isdir\t/s/a\\n\\101 \"b\""), 0);
	CHECK_STR(path, "/s/a\nA \"b\"");
	CHECK_INT(parse(FN_INPUT_MASK, "rename\t/s/a\\tb\t/s/c"), 0);
	CHECK_STR(old_path, "/s/a\tb");
	CHECK_STR(path, "/s/c");
	CHECK_INT(parse(FN_INPUT_MASK, "create\t/s/\\q"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_MASK, "overflow"), 0);
	CHECK_INT(ev.mask, FN_Q_OVERFLOW);
	CHECK_INT(parse(FN_INPUT_MASK, ""), 1);
	CHECK_INT(parse(FN_INPUT_MASK, "# a comment"), 1);
	CHECK_INT(parse(FN_INPUT_MASK, "frobnicate x"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_MASK, "modify"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_MASK, "modify \"open"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_MASK, "modify \"a\\q\""), -EINVAL);
	CHECK_INT(parse(FN_INPUT_MASK, "rename onlyone"), -EINVAL);
	CHECK_INT(parse_n(FN_INPUT_MASK, NULL, "modify a\0b", 10), -EINVAL);
}

static void inotifywait_lines(void)
{
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "/src/ CREATE a b,\"c"), 0);
	CHECK_INT(ev.mask, FN_CREATE);
	CHECK_STR(path, "/src/a b,\"c");
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "/src/my dir/ CLOSE_WRITE,CLOSE x"), 0);
	CHECK_INT(ev.mask, FN_CLOSE_WRITE);
	CHECK_STR(path, "/src/my dir/x");
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "/src/ OPEN,ISDIR "), 0);
	CHECK_INT(ev.mask, FN_OPEN | FN_ISDIR);
	CHECK_STR(path, "/src");
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "/src/f MODIFY "), 0);
	CHECK_STR(path, "/src/f");
	/* A name that is itself an event name, in a directory that has one in it too. */
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "/a CREATE b/ DELETE x MODIFY "), 0);
	CHECK_INT(ev.mask, FN_DELETE);
	CHECK_STR(path, "/a CREATE b/x MODIFY ");
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "Setting up watches.  Beware"), 1);
	CHECK_INT(parse(FN_INPUT_INOTIFYWAIT, "nothing of the kind"), -EINVAL);
	CHECK_STR(fn_parser_error(parser), "not inotifywait's WATCHED EVENTS NAME");
}

static void format_line(const char *format, const char *line, uint64_t mask, const char *want)
{
	CHECK_INT(parse_n(FN_INPUT_INOTIFYWAIT, format, line, strlen(line)), 0);
	CHECK_INT(ev.mask, mask);
	CHECK_STR(path, want);
}

static void format_lines(void)
{
	struct fn_parser *p;

	format_line("%T|%w%f|%;e|%c", "12:30|w/a b,\"c|CLOSE_WRITE;CLOSE|0", FN_CLOSE_WRITE,
		    "w/a b,\"c");
	format_line("%T|%w%f|%;e|%c", "179|w/q|MOVED_TO|2df6", FN_MOVED_TO, "w/q");
	CHECK_INT(ev.cookie, 0x2df6);
	format_line("%w %e %f", "/s/ CREATE,ISDIR d e", FN_CREATE | FN_ISDIR, "/s/d e");
	format_line("%e %w%f%n", "DELETE /s/d e", FN_DELETE, "/s/d e");
	format_line("%f: %e in %w 100%%", "n: MODIFY in /d/ 100%", FN_MODIFY, "/d/n");
	CHECK_INT(fn_parser_new(&p, FN_INPUT_INOTIFYWAIT, "%w%f"), -EINVAL);
	CHECK_INT(fn_parser_new(&p, FN_INPUT_INOTIFYWAIT, "%e %e %f"), -EINVAL);
	CHECK_INT(fn_parser_new(&p, FN_INPUT_INOTIFYWAIT, "%e %q %f"), -EINVAL);
	CHECK_INT(parse_n(FN_INPUT_INOTIFYWAIT, "[%e] %w%f", "MODIFY /d/n", 11), -EINVAL);
}

static void csv_lines(void)
{
	CHECK_INT(parse(FN_INPUT_CSV, "w/,CREATE,\"a b,\"\"c\""), 0);
	CHECK_STR(path, "w/a b,\"c");
	CHECK_INT(parse(FN_INPUT_CSV, "w/,\"OPEN,ISDIR\","), 0);
	CHECK_INT(ev.mask, FN_OPEN | FN_ISDIR);
	CHECK_STR(path, "w");
	CHECK_INT(parse(FN_INPUT_CSV, "w/,CREATE"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_CSV, "w/,CREATE,a,b"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_CSV, "w/,NOTHING,a"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_CSV, "\"w/,CREATE,a"), -EINVAL);
}

static void fswatch_lines(void)
{
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/a b,\"c Created IsFile"), 0);
	CHECK_INT(ev.mask, FN_CREATE);
	CHECK_STR(path, "/w/a b,\"c");
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/a Removed MovedFrom"), 0);
	CHECK_INT(ev.mask, FN_MOVED_FROM);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/q Created MovedTo"), 0);
	CHECK_INT(ev.mask, FN_MOVED_TO);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/q Renamed IsDir"), 0);
	CHECK_INT(ev.mask, FN_MOVED_FROM | FN_MOVED_TO | FN_ISDIR);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/q Created Renamed MovedTo"), 0);
	CHECK_INT(ev.mask, FN_MOVED_TO);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/q PlatformSpecific"), 1);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "/w/q"), -EINVAL);
	CHECK_INT(parse(FN_INPUT_FSWATCH, "Created"), -EINVAL);
}

static void json_lines(void)
{
	CHECK_INT(parse(FN_INPUT_JSON,
			"{\"events\":[\"rename\"],\"root\":\"/src\",\"path\":\"/src/b\","
			"\"old_path\":\"/src/a\",\"time\":1795508567.123456789}"),
		  0);
	CHECK_INT(ev.mask, FN_RENAME);
	CHECK_STR(path, "b");
	CHECK_STR(old_path, "a");
	CHECK_INT(ev.wall_ns, 1795508567123456789);
	CHECK_INT(parse(FN_INPUT_JSON, "{\"event\":\"modify\",\"path_raw\":[97,255]}"), 0);
	CHECK_STR(path, "a\xff");
	CHECK_INT(parse(FN_INPUT_JSON, "{\"mask\":256,\"more\":{\"time\":[1]},\"path\":\"\"}"), 0);
	CHECK_INT(ev.path.len, 0);
	CHECK(ev.path.data != NULL);
	CHECK_INT(parse(FN_INPUT_JSON,
			"{\"mask\": 18446744073709551615,\"path\":\"a:1234567890123456789012\"}"),
		  0);
	CHECK(ev.mask == UINT64_MAX);
	CHECK_STR(path, "a:1234567890123456789012");
	CHECK_INT(parse(FN_INPUT_JSON, "{\"mask\":18446744073709551616,\"path\":\"a\"}"), -EINVAL);
}

static void json_faults(void)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"{}",
		"{\"mask\":\"x\"}",
		"{\"mask\":-1}",
		"{\"events\":[1]}",
		"{\"events\":[\"modify\"],\"mask\":1}",
		"{\"mask\":2,\"path\":5}",
		"{\"mask\":2,\"path_raw\":[0]}",
		"{\"mask\":2,\"path_raw\":\"x\"}",
		"{\"mask\":2,\"path\":\"a\\u0000b\"}",
		"{\"mask\":2,\"time\":\"now\"}",
		"{\"mask\":2,\"time\":99999999999999999}",
		"{\"mask\":2,\"object\":[]}",
		"{\"mask\":2,\"object\":{\"handle\":\"0\",\"type\":1}}",
		"{\"mask\":2,\"object\":{\"handle\":\"00\"}}",
		"{\"mask\":2,\"object\":{\"fsid\":\"00\"}}",
		"{\"mask\":2,\"pid\":5000000000}",
		"{\"mask\":2,\"comm\":\"12345678901234567\"}",
		"{\"mask\":2} x",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(parse(FN_INPUT_JSON, bad[i]), -EINVAL);
		CHECK(fn_parser_error(parser) != NULL);
	}
}

static void detection(void)
{
	static const struct {
		const char *text;
		enum fn_input input;
	} t[] = {
		{"{\"mask\":2}\n", FN_INPUT_JSON},          {"\nmodify a\n", FN_INPUT_MASK},
		{"/src/ MODIFY a\n", FN_INPUT_INOTIFYWAIT}, {"/src/,MODIFY,a\n", FN_INPUT_CSV},
		{"/src/a Updated\n", FN_INPUT_FSWATCH},     {"what is this\n", FN_INPUT_NONE},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_INT(fn_input_detect(t[i].text, strlen(t[i].text)), t[i].input);
		CHECK_INT(fn_input_by_name(fn_input_name(t[i].input)), t[i].input);
	}
	CHECK_INT(fn_input_detect("\x30\0\0\0\1\0\0\0", 8), FN_INPUT_WIRE);
	CHECK_INT(parse(FN_INPUT_JSON, "/src/ MODIFY a"), -EINVAL);
	CHECK_STR(fn_parser_error(parser),
		  "this looks like inotifywait's output (--input inotifywait)");
	CHECK_INT(parse(FN_INPUT_MASK, "{\"mask\":2}"), -EINVAL);
	CHECK_STR(fn_parser_error(parser), "this looks like JSON (--input json)");
	fn_parser_free(parser);
	parser = NULL;
}

static uint64_t rnd_state = 88172645463325252u;
static uint64_t rnd(uint64_t below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % below;
}

/* Any bytes but NUL and '/', often not UTF-8. */
static struct fn_str odd_name(char *room)
{
	size_t len = 1 + rnd(20);

	for (size_t i = 0; i < len; i++) {
		room[i] = (char)(1 + rnd(rnd(2) ? 255 : 126));
		if (room[i] == '/')
			room[i] = '"';
	}
	return (struct fn_str){room, len};
}

static void odd_object(struct fn_object *o)
{
	uint8_t handle[FN_HANDLE_MAX];
	size_t len = 1 + rnd(FN_HANDLE_MAX);

	for (size_t i = 0; i < len; i++)
		handle[i] = (uint8_t)rnd(256);
	fn_object_clear(o);
	if (rnd(2)) {
		CHECK_INT(fn_object_set_handle(o, (int)rnd(100000) - 50000, handle, len), 0);
		o->fsid = rnd_state;
		o->has |= rnd(2) ? FN_OBJ_FSID : 0;
	}
	if (rnd(2))
		fn_object_set_node(o, rnd(2) ? rnd_state : rnd(1000), rnd_state);
}

static void odd_event(struct fn_event *e, uint64_t bit, char room[2][32])
{
	*e = (struct fn_event){.mask = bit, .root = -1};
	e->seq = rnd(1000);
	e->wall_ns = (int64_t)(1600000000000000000 + rnd(500000000000000000));
	e->mono_ns = (int64_t)(1 + rnd(1000000000000000));
	e->mask |= rnd(2) ? FN_ISDIR : 0;
	e->flags = (uint32_t)rnd(64) & ~(uint32_t)FN_EV_LOCAL;
	e->cookie = rnd(2) ? (uint32_t)rnd(UINT32_MAX) : 0;
	e->lost = rnd(3);
	e->pid = (int32_t)rnd(100000);
	e->mode = (uint32_t)rnd(0100000);
	memcpy(e->comm, "odd\xff", rnd(5));
	if (rnd(4))
		e->path = odd_name(room[0]);
	else
		e->name = odd_name(room[0]);
	if (bit == FN_RENAME && rnd(3))
		e->old_path = odd_name(room[1]);
	odd_object(&e->object);
	odd_object(&e->parent);
	odd_object(&e->old_parent);
	odd_object(&e->target);
}

/* What fnwatch prints, read and printed again, is the same text: nothing is lost on the way. */
static void round_trip(void)
{
	struct fn_buf a = {0}, b = {0};
	char room[2][32], root[8] = "/r \xfe";
	size_t n;
	const struct fn_event_desc *t = fn_event_table(&n);

	CHECK_INT(fn_parser_new(&parser, FN_INPUT_JSON, NULL), 0);
	for (size_t i = 0; i < 200 * n; i++) {
		struct fn_event e;
		bool rooted = rnd(2);

		odd_event(&e, t[i % n].bit, room);
		fn_buf_clear(&a);
		fn_buf_clear(&b);
		fn_event_to_json(&a, &e, rooted ? root : NULL, NULL);
		CHECK_INT(fn_parse_line(parser, a.data, a.len, &ev), 0);
		fn_event_to_json(&b, &ev, rooted ? root : NULL, NULL);
		CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len));
		if (unit_faults) {
			printf("# %.*s\n# %.*s\n", (int)a.len, a.data, (int)b.len,
			       b.data ? b.data : "");
			break;
		}
	}
	fn_buf_free(&a);
	fn_buf_free(&b);
	fn_parser_free(parser);
	parser = NULL;
}

static const struct unit_test tests[] = {
	{"MASK PATH lines", mask_lines},
	{"inotifywait's default lines", inotifywait_lines},
	{"inotifywait --format", format_lines},
	{"inotifywait --csv", csv_lines},
	{"fswatch -x", fswatch_lines},
	{"JSON", json_lines},
	{"malformed JSON is refused", json_faults},
	{"the form is detected, and a wrong one named", detection},
	{"JSON round trip over every event kind and odd names", round_trip},
};

UNIT_MAIN(tests)
