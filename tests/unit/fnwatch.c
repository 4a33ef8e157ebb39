/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of fnwatch: settling, the tree of what is known, formats, patterns. */
#include "unit.h"

#include "../../cmd/fnwatch/filter.c"
#include "../../cmd/fnwatch/format.c"
#include "../../cmd/fnwatch/record.c"
#include "../../cmd/fnwatch/settle.c"
#include "../../cmd/fnwatch/tree.c"

#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})
#define MS 1000000

static char log_text[4096];
static int log_left; /* the sink stops after so many, -1: never */

static int note(const struct fn_event *ev, void *arg)
{
	struct fn_buf b = {0};
	size_t len = strlen(log_text);

	(void)arg;
	put_events(&b, ev, '+');
	fn_buf_char(&b, ' ');
	fn_buf_add(&b, ev->path.data, ev->path.len);
	fn_buf_add(&b, "; ", 3);
	if (len + b.len < sizeof(log_text))
		memcpy(log_text + len, b.data, b.len);
	fn_buf_free(&b);
	return log_left > 0 ? --log_left == 0 : 0;
}

static struct fn_event event(uint64_t mask, const char *path)
{
	struct fn_event ev = {.mask = mask, .path = {path, strlen(path)}};

	ev.name = ev.path;
	return ev;
}

static void feed(struct settle *s, uint64_t mask, const char *path, int64_t ms)
{
	struct fn_event ev = event(mask, path);

	CHECK_INT(settle_event(s, &ev, ms * MS), 0);
}

static struct settle *fresh(int64_t ms)
{
	log_text[0] = '\0';
	log_left = -1;
	return settle_new(ms * MS, note, NULL);
}

static void changes_of_a_path_become_one(void)
{
	struct settle *s = fresh(10);

	CHECK_INT(settle_due(s), -1);
	feed(s, FN_CREATE, "a", 0);
	feed(s, FN_MODIFY, "b", 1);
	feed(s, FN_MODIFY, "a", 5);
	feed(s, FN_CLOSE_WRITE, "a", 6);
	CHECK_INT(settle_due(s), 16 * MS);
	CHECK_INT(settle_run(s, 15 * MS, false), 0);
	CHECK_STR(log_text, "");
	CHECK_INT(settle_run(s, 16 * MS, false), 0);
	CHECK_STR(log_text, "modify+close-write+create a; modify b; ");
	CHECK_INT(settle_due(s), -1);
	settle_free(s);
}

static void no_path_waits_for_ever(void)
{
	struct settle *s = fresh(10);

	for (int ms = 0; ms < 100; ms += 5)
		feed(s, FN_MODIFY, "busy", ms);
	CHECK_INT(settle_due(s), 100 * MS);
	CHECK_INT(settle_run(s, 100 * MS, false), 0);
	CHECK_STR(log_text, "modify busy; ");
	settle_free(s);
}

static void order_is_kept_where_it_matters(void)
{
	struct settle *s = fresh(10);
	struct fn_event rename = event(FN_RENAME, "new");

	feed(s, FN_MODIFY, "old", 0);
	feed(s, FN_MODIFY, "other", 0);
	feed(s, FN_MODIFY, "new", 0);
	rename.old_path = rename.old_name = STR("old");
	CHECK_INT(settle_event(s, &rename, 1 * MS), 0);
	CHECK_STR(log_text, "modify new; modify old; rename new; ");
	feed(s, FN_DELETE, "new", 2);
	feed(s, FN_DELETE | FN_ISDIR, "dir", 2);
	CHECK_STR(log_text, "modify new; modify old; rename new; delete new; modify other; "
			    "delete+isdir dir; ");
	settle_free(s);
}

static void a_sink_that_stops(void)
{
	struct settle *s = fresh(10);

	feed(s, FN_MODIFY, "a", 0);
	feed(s, FN_MODIFY, "b", 0);
	log_left = 1;
	CHECK_INT(settle_run(s, 100 * MS, false), 1);
	CHECK_STR(log_text, "modify a; ");
	log_left = -1;
	CHECK_INT(settle_run(s, 0, true), 0);
	CHECK_STR(log_text, "modify a; modify b; ");
	settle_free(s);
}

static void what_is_held_has_a_bound(void)
{
	struct settle *s = fresh(10);
	char path[32];

	log_left = 0;
	for (int i = 0; i < MAX_HELD + 10; i++) {
		snprintf(path, sizeof(path), "%d", i);
		feed(s, FN_MODIFY, path, 0);
	}
	CHECK_INT(s->n, MAX_HELD);
	CHECK(strstr(log_text, "modify 9; ") != NULL);
	CHECK(strstr(log_text, "modify 10; ") == NULL);
	settle_free(s);
}

static const char *path_of(const struct node *n)
{
	static char text[256];
	struct fn_buf b = {0};

	tree_path(n, &b);
	fn_buf_char(&b, '\0');
	snprintf(text, sizeof(text), "%s", b.data);
	fn_buf_free(&b);
	return text;
}

static void a_tree_follows_renames(void)
{
	struct tree t;
	struct node *n, *dir;

	CHECK_INT(tree_init(&t), 0);
	n = tree_find(&t, STR("a/b/c"), true);
	CHECK_STR(path_of(n), "a/b/c");
	CHECK_INT(t.n, 3);
	CHECK(tree_find(&t, STR("a/x"), false) == NULL);
	CHECK(tree_find(&t, STR(""), false) == t.root);
	dir = tree_find(&t, STR("a/b"), false);
	CHECK_INT(tree_move(&t, &dir, t.root, "moved", 5), 0);
	CHECK(tree_find(&t, STR("moved/c"), false) == n);
	CHECK(tree_find(&t, STR("a/b"), false) == NULL);
	CHECK_STR(path_of(n), "moved/c");
	CHECK_INT(t.n, 3);
	/* into itself: nothing */
	CHECK_INT(tree_move(&t, &dir, n, "x", 1), 0);
	CHECK_STR(path_of(dir), "moved");
	/* over what is there */
	tree_find(&t, STR("a/old/deep"), true);
	CHECK_INT(tree_move(&t, &dir, tree_find(&t, STR("a"), false), "old", 3), 0);
	CHECK(tree_find(&t, STR("a/old/deep"), false) == NULL);
	CHECK_STR(path_of(n), "a/old/c");
	tree_remove(&t, tree_find(&t, STR("a"), false));
	CHECK_INT(t.n, 0);
	tree_free(&t);
}

static void a_large_tree(void)
{
	struct tree t;
	char path[64];
	size_t seen = 0;

	CHECK_INT(tree_init(&t), 0);
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "%d/%d/f%d", i % 7, i % 113, i);
		CHECK(tree_find(&t, (struct fn_str){path, strlen(path)}, true) != NULL);
	}
	for (struct node *n = tree_deepest_first(t.root); n; n = tree_deepest_next(n, t.root))
		seen++;
	CHECK_INT(seen, t.n + 1);
	CHECK(t.nbuckets >= t.n);
	tree_free(&t);
}

static void check_format(const char *text, const char *want)
{
	struct fn_event ev = event(FN_CREATE | FN_ISDIR, "d/na\nme");
	struct clock_text clock = {.format = "%Y"};
	struct record r = {.ev = &ev, .root = "r", .clock = &clock};
	struct fn_buf b = {0};
	char why[64] = "";
	struct format *f = format_compile(text, why, sizeof(why));

	ev.name = STR("na\nme");
	if (!want) {
		CHECK(f == NULL && *why);
		format_free(f);
		return;
	}
	CHECK(f != NULL);
	if (f)
		format_print(&b, f, &r);
	fn_buf_char(&b, '\0');
	CHECK_STR(b.data, want);
	fn_buf_free(&b);
	format_free(f);
}

static void formats(void)
{
	check_format("", "");
	check_format("%w%f", "r/d/na\\nme");
	check_format("%e|%:e|%{e|%%|%n|%T", "CREATE,ISDIR|CREATE:ISDIR|CREATE{ISDIR|%|\n|1970");
	check_format("%{path} %{events}", "r/d/na\\nme create,isdir");
	check_format("%", NULL);
	check_format("%q", NULL);
	check_format("%{nonsense}", NULL);
}

static void check_list(const char *list, int64_t want)
{
	const char *bad;
	size_t len;
	uint64_t mask = 0;
	int r = select_events(list, &mask, &bad, &len);

	CHECK_INT(r ? -1 : (int64_t)mask, want);
}

static void event_lists(void)
{
	check_list("create", FN_CREATE);
	check_list("MOVED_TO,in_delete", FN_MOVED_TO | FN_DELETE);
	check_list("move,!rename", FN_MOVED_FROM | FN_MOVED_TO);
	check_list("!open", FN_ALL_EVENTS & ~FN_OPEN);
	check_list("", -1);
	check_list("create,", -1);
	check_list("!", -1);
	check_list("create,nonsense", -1);
}

static bool shows(struct filter *f, const char *path)
{
	return filter_shows(f, path, strlen(path), 1);
}

static void patterns(void)
{
	struct filter f = {0};
	char why[64];

	CHECK(shows(&f, "r/x"));
	CHECK_INT(filter_add(&f, "/skip$", false, false, why, sizeof(why)), 0);
	CHECK(shows(&f, "r/x") && !shows(&f, "r/skip") && !shows(&f, "r/skip/in/deep"));
	CHECK(!shows(&f, "r/skip/in/other") && shows(&f, "r/noskip/in"));
	CHECK_INT(filter_add(&f, "\\.C$", true, true, why, sizeof(why)), 0);
	CHECK(shows(&f, "r/skip/a.c") && !shows(&f, "r/skip"));
	CHECK(filter_add(&f, "(", true, false, why, sizeof(why)) && *why);
	filter_free(&f);
	CHECK_INT(filter_add(&f, "\\.c$", true, false, why, sizeof(why)), 0);
	CHECK(shows(&f, "r/a.c") && !shows(&f, "r/a.o") && !filter_prunes(&f, "r/dir"));
	filter_free(&f);
}

static void excluded_writers(void)
{
	struct writers w = {0};

	CHECK(!writers_any(&w) && !writers_has(&w, 1, "x"));
	CHECK_INT(writers_add(&w, "12"), 0);
	CHECK_INT(writers_add(&w, "a-name-longer-than-fifteen"), 0);
	CHECK(writers_has(&w, 12, "") && writers_has(&w, 0, "a-name-longer-t"));
	CHECK(!writers_has(&w, 0, "") && !writers_has(&w, 1, "12"));
	writers_free(&w);
}

static const struct unit_test tests[] = {
	{"changes of a path become one", changes_of_a_path_become_one},
	{"no path waits for ever", no_path_waits_for_ever},
	{"order is kept where it matters", order_is_kept_where_it_matters},
	{"a sink that stops", a_sink_that_stops},
	{"what is held has a bound", what_is_held_has_a_bound},
	{"a tree follows renames", a_tree_follows_renames},
	{"a large tree", a_large_tree},
	{"formats", formats},
	{"event lists", event_lists},
	{"patterns", patterns},
	{"excluded writers", excluded_writers},
};
UNIT_MAIN(tests)
