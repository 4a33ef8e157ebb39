/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "object/pathmap.h"

#include <errno.h>

#include "unit.h"

static struct fn_pathmap *map;
static struct fn_pathbuf buf;

static struct fn_object obj(uint32_t id)
{
	struct fn_object o;

	fn_object_clear(&o);
	fn_object_set_handle(&o, 1, &id, sizeof(id));
	return o;
}

static struct fn_str str(const char *s)
{
	return (struct fn_str){s, strlen(s)};
}

static int put(uint32_t id, uint32_t parent, const char *name)
{
	struct fn_object d = obj(id), p = obj(parent);

	return fn_pathmap_put(map, &d, &p, str(name));
}

static void start(size_t max)
{
	struct fn_object root = obj(1);

	fn_pathmap_free(map);
	free(buf.data);
	memset(&buf, 0, sizeof(buf));
	map = fn_pathmap_new(max);
	CHECK_INT(fn_pathmap_add_root(map, &root, 0), 0);
}

/* The path of name in id; "?" unknown, "!" outside, a leading '-' pruned. */
static const char *path(uint32_t id, const char *name)
{
	static char text[8192];
	struct fn_object d = obj(id);
	struct fn_str p;
	int root;
	enum fn_place place = fn_pathmap_path(map, &d, str(name), &buf, &p, &root);

	CHECK_INT(place, fn_pathmap_place(map, &d));
	if (place == FN_PLACE_UNKNOWN)
		return "?";
	if (place == FN_PLACE_OUTSIDE)
		return "!";
	snprintf(text, sizeof(text), "%s%.*s", place == FN_PLACE_PRUNED ? "-" : "", (int)p.len,
		 p.data);
	return text;
}

static void paths(void)
{
	struct fn_object d, p;
	struct fn_str name;

	start(100);
	CHECK_STR(path(1, ""), "");
	CHECK_STR(path(1, "f"), "f");
	CHECK_INT(put(2, 1, "a"), 0);
	CHECK_INT(put(3, 2, "b"), 0);
	CHECK_STR(path(3, "f"), "a/b/f");
	CHECK_STR(path(3, "longer"), "a/b/longer");
	CHECK_STR(path(3, ""), "a/b");
	CHECK_STR(path(9, "f"), "?");
	d = obj(3);
	CHECK(fn_pathmap_lookup(map, &d, &p, &name));
	CHECK(fn_object_equal(&p, &(struct fn_object){.has = FN_OBJ_HANDLE,
						      .handle_len = 4,
						      .handle_type = 1,
						      .handle = {2}}));
	CHECK(name.len == 1 && name.data[0] == 'b');
	CHECK_INT(put(4, 3, "x/y"), -EINVAL);
	CHECK_INT(put(4, 3, ".."), -EINVAL);
	CHECK_INT(put(4, 3, ""), -EINVAL);
}

static void renames(void)
{
	start(100);
	put(2, 1, "a");
	put(3, 2, "b");
	put(4, 3, "c");
	CHECK_STR(path(4, "f"), "a/b/c/f");
	put(2, 1, "z");
	CHECK_STR(path(4, "f"), "z/b/c/f");
	put(3, 1, "top");
	CHECK_STR(path(4, "f"), "top/c/f");
	CHECK_INT(put(3, 4, "loop"), -ELOOP);
	CHECK_INT(put(3, 3, "self"), -ELOOP);
	CHECK_INT(put(1, 4, "root"), -ELOOP); /* nor the root below itself */
	CHECK_STR(path(4, "f"), "top/c/f");
}

static void outside_and_missing(void)
{
	struct fn_object top = obj(50), dir = obj(3), missing, lost = obj(70);

	start(100);
	CHECK_INT(fn_pathmap_add_top(map, &top), 0);
	put(2, 50, "var");
	CHECK_STR(path(2, "f"), "!");
	put(3, 60, "b"); /* 60 has not been seen yet */
	CHECK_STR(path(3, "f"), "?");
	CHECK(fn_pathmap_missing(map, &dir, &missing));
	CHECK(missing.handle[0] == 60);
	put(60, 1, "a");
	CHECK(!fn_pathmap_missing(map, &dir, &missing));
	CHECK_STR(path(3, "f"), "a/b/f");
	put(60, 2, "moved-out");
	CHECK_STR(path(3, "f"), "!");
	fn_pathmap_add_failed(map, &lost);
	CHECK_STR(path(70, "f"), "!");
	put(70, 1, "found");
	CHECK_STR(path(70, "f"), "found/f");
	fn_pathmap_drop(map, &lost);
	CHECK_STR(path(70, "f"), "?");
	fn_pathmap_forget(map);
	CHECK_STR(path(3, "f"), "?");
	CHECK_STR(path(1, "f"), "f");
}

static void learning(void)
{
	struct fn_object d = obj(2), p = obj(1);

	start(100);
	CHECK_INT(fn_pathmap_learn(map, &d, &p, str("first")), 0);
	CHECK_INT(fn_pathmap_learn(map, &d, &p, str("second")), 0);
	CHECK_STR(path(2, ""), "first");
}

static void bounded(void)
{
	struct fn_object pinned = obj(5);
	char name[16];

	start(64);
	put(2, 1, "a");
	put(3, 2, "b");
	put(5, 1, "pinned");
	fn_pathmap_pin(map, &pinned, true);
	for (uint32_t i = 1000; i < 21000; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		CHECK_INT(put(i, 2, name), 0);
		CHECK(fn_pathmap_count(map) <= 64 + 2 + 1);
	}
	CHECK_STR(path(20999, "f"), "a/d20999/f");
	CHECK_STR(path(1000, "f"), "?");
	CHECK_STR(path(3, "f"), "?");
	CHECK_STR(path(5, "f"), "pinned/f");
	CHECK_STR(path(2, "f"), "a/f"); /* a parent outlives its children */
	fn_pathmap_pin(map, &pinned, false);
	for (uint32_t i = 1000; i < 1100; i++)
		put(i, 2, "n");
	CHECK_STR(path(5, "f"), "?");
}

static void deep(void)
{
	static char want[4096];

	start(5000);
	for (uint32_t i = 2; i < 2000; i++) {
		CHECK_INT(put(i, i - 1, "d"), 0);
		strcat(want, i == 2 ? "d" : "/d");
	}
	CHECK_STR(path(1999, ""), want);
	for (uint32_t i = 2000; i < 3000; i++)
		put(i, i - 1, "d"); /* deeper than any path can be: refused, not endless */
	CHECK_STR(path(2999, "f"), "?");
}

static int pruned_calls;

static bool prune(void *arg, int root, const char *p, size_t len)
{
	(void)arg, (void)root;
	pruned_calls++;
	return len >= 4 && !memcmp(p + len - 4, "skip", 4);
}

static void pruned(void)
{
	start(100);
	fn_pathmap_set_prune(map, prune, NULL);
	put(2, 1, "skip");
	put(3, 2, "b");
	put(4, 1, "a");
	CHECK_STR(path(3, "f"), "-skip/b/f");
	CHECK_STR(path(4, "f"), "a/f");
	put(2, 1, "now");
	CHECK_STR(path(3, "f"), "now/b/f");
	pruned_calls = 0;
	for (int i = 0; i < 100; i++)
		CHECK_STR(path(3, "f"), "now/b/f");
	CHECK_INT(pruned_calls, 0); /* the answer is kept */
	put(4, 3, "skip");
	CHECK_STR(path(4, "f"), "-now/b/skip/f");
	fn_pathmap_free(map);
	map = NULL;
	free(buf.data);
	memset(&buf, 0, sizeof(buf));
}

static const struct unit_test tests[] = {
	{"paths", paths},
	{"a rename moves everything below; no circles", renames},
	{"outside, missing, failed, dropped", outside_and_missing},
	{"what is known is not learned again", learning},
	{"memory is bounded", bounded},
	{"deep trees", deep},
	{"pruned directories", pruned},
};

UNIT_MAIN(tests)
