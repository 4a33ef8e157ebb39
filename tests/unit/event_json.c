/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "event/event_json.h"

#define STR(s)                     \
	{                          \
		(s), sizeof(s) - 1 \
	}

static void check(const struct fn_event *ev, const char *root, const char *old_root,
		  const char *want)
{
	struct fn_buf b = {0};

	fn_event_to_json(&b, ev, root, old_root);
	fn_buf_char(&b, '\0');
	CHECK_STR(b.data, want);
	fn_buf_free(&b);
}

static void a_create(void)
{
	struct fn_event ev = {
		.seq = 7,
		.wall_ns = 1500000000000000001,
		.mask = FN_CREATE | FN_ISDIR,
		.flags = FN_EV_REMOTE,
		.pid = 12,
		.comm = "git",
		.name = STR("b"),
		.path = STR("a/b"),
	};

	fn_object_set_handle(&ev.object, 1, "\x01\xff", 2);
	ev.object.fsid = 0xabc;
	ev.object.has |= FN_OBJ_FSID;
	fn_object_set_node(&ev.parent, UINT64_MAX, 3);
	check(&ev, "/src", NULL,
	      "{\"seq\":7,\"time\":1500000000.000000001,\"events\":[\"create\"],"
	      "\"mask\":1073742080,\"isdir\":true,\"root\":\"/src\",\"path\":\"/src/a/b\","
	      "\"origin\":\"remote\",\"pid\":12,\"comm\":\"git\","
	      "\"object\":{\"fsid\":\"0000000000000abc\",\"type\":1,\"handle\":\"01ff\"},"
	      "\"parent\":{\"nodeid\":18446744073709551615,\"generation\":3}}");
}

static void a_rename_across_roots(void)
{
	struct fn_event ev = {
		.mask = FN_RENAME,
		.root = 1,
		.old_root = 1,
		.path = STR("x"),
		.old_path = STR("\xff"),
	};

	check(&ev, "b", "a/",
	      "{\"events\":[\"rename\"],\"mask\":268435456,\"root\":\"b\",\"path\":\"b/x\","
	      "\"old_root\":\"a/\",\"old_path\":\"a/\xef\xbf\xbd\",\"old_path_raw\":[97,47,255]}");
	ev.old_root = 0;
	check(&ev, "b", "a/",
	      "{\"events\":[\"rename\"],\"mask\":268435456,\"root\":\"b\",\"path\":\"b/x\","
	      "\"old_path\":\"b/\xef\xbf\xbd\",\"old_path_raw\":[98,47,255]}");
}

static void what_is_unknown_is_left_out(void)
{
	struct fn_event ev = {.mask = FN_DELETE, .name = STR("n\n")};

	check(&ev, NULL, NULL, "{\"events\":[\"delete\"],\"mask\":512,\"name\":\"n\\n\"}");
	ev = (struct fn_event){.mask = FN_Q_OVERFLOW, .lost = 5, .flags = FN_EV_GONE};
	check(&ev, NULL, NULL,
	      "{\"events\":[\"overflow\"],\"mask\":16384,\"lost\":5,\"gone\":true}");
}

static void paths_join(void)
{
	static const struct {
		const char *root;
		struct fn_str path;
		const char *want;
	} rows[] = {
		{"a", STR("b"), "a/b"},    {"a/", STR("b"), "a/b"}, {"a", STR(""), "a"},
		{"/", STR("b/c"), "/b/c"}, {"", STR("b"), "b"},     {NULL, STR("b"), "b"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fn_buf b = {0};

		fn_path_join(&b, rows[i].root, rows[i].path);
		fn_buf_char(&b, '\0');
		CHECK_STR(b.data, rows[i].want);
		fn_buf_free(&b);
	}
}

static void a_long_path(void)
{
	static char name[3000];
	struct fn_event ev = {.mask = FN_CREATE, .path = {name, sizeof(name)}};
	struct fn_buf b = {0};

	memset(name, 'x', sizeof(name));
	fn_event_to_json(&b, &ev, "r", NULL);
	CHECK(!b.failed && b.len > sizeof(name));
	fn_buf_free(&b);
}

static const struct unit_test tests[] = {
	{"a create with all that is known", a_create},
	{"a rename across roots, a name that is not UTF-8", a_rename_across_roots},
	{"what is unknown is left out", what_is_unknown_is_left_out},
	{"paths join", paths_join},
	{"a long path", a_long_path},
};
UNIT_MAIN(tests)
