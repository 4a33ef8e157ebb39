/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/limits.h>

#include "replay/nodes.h"
#include "unit.h"

static void enter(struct fn_nodes *t, uint64_t parent, const char *name, uint64_t id)
{
	struct fuse_entry_out e = {.nodeid = id, .generation = 3, .attr = {.mode = 0100644}};

	fn_nodes_entry(t, parent, name, strlen(name), &e, 0);
}

static uint64_t child(struct fn_nodes *t, uint64_t parent, const char *name)
{
	struct fn_entry e;

	return fn_nodes_child(t, parent, name, strlen(name), &e) ? 0 : e.nodeid;
}

static uint64_t resolve(struct fn_nodes *t, const char *path)
{
	uint64_t id;

	return fn_nodes_resolve(t, path, strlen(path), &id) ? 0 : id;
}

static void counts(void)
{
	struct fn_nodes *t = fn_nodes_new();

	enter(t, 1, "a", 10);
	enter(t, 1, "a", 10);
	CHECK(fn_nodes_held(t, 10));
	CHECK_INT(fn_nodes_count(t), 1);
	CHECK_INT(fn_nodes_forget(t, 10, 1), 1);
	CHECK(fn_nodes_held(t, 10));
	CHECK_INT(fn_nodes_forget(t, 10, 1), 1);
	CHECK(!fn_nodes_held(t, 10));
	CHECK_INT(fn_nodes_count(t), 0);
	CHECK_INT(fn_nodes_forget(t, 10, 5), 5); /* not ours: the server's matter */
	CHECK(fn_nodes_held(t, 1));
	fn_nodes_forget(t, 1, 1);
	CHECK(fn_nodes_held(t, 1));
	fn_nodes_free(t);
}

static void bound(void)
{
	struct fn_nodes *t = fn_nodes_new();

	enter(t, 1, "a", 10);
	CHECK(fn_nodes_bound(t, 1, "a", 1, 10));
	CHECK(!fn_nodes_bound(t, 1, "a", 1, 11));
	CHECK(!fn_nodes_bound(t, 1, "b", 1, 10));
	CHECK(!fn_nodes_bound(t, 99, "a", 1, 10));
	enter(t, 1, "a", 11); /* another object under the same name */
	CHECK(!fn_nodes_bound(t, 1, "a", 1, 10));
	CHECK(fn_nodes_bound(t, 1, "a", 1, 11));
	fn_nodes_free(t);
}

static void excess(void)
{
	struct fn_nodes *t = fn_nodes_new();

	enter(t, 1, "a", 10);
	fn_nodes_excess(t, 10);
	CHECK_INT(fn_nodes_forget(t, 10, 2), 1);
	CHECK_INT(fn_nodes_count(t), 0);
	enter(t, 1, "a", 10);
	fn_nodes_excess(t, 10);
	CHECK_INT(fn_nodes_forget(t, 10, 1), 0); /* ours first */
	CHECK(fn_nodes_held(t, 10));
	CHECK_INT(fn_nodes_forget(t, 10, 1), 1);
	CHECK_INT(fn_nodes_count(t), 0);
	fn_nodes_free(t);
}

static void pins(void)
{
	struct fn_nodes *t = fn_nodes_new();
	struct fn_entry e;

	CHECK_INT(fn_nodes_pin(t, 10, &e), -ENOENT);
	enter(t, 1, "a", 10);
	CHECK_INT(fn_nodes_pin(t, 10, &e), 0);
	CHECK_INT(e.nodeid, 10);
	CHECK_INT(fn_nodes_forget(t, 10, 1), 0); /* later */
	CHECK(!fn_nodes_held(t, 10));
	CHECK_INT(fn_nodes_unpin(t, 10), 1);
	CHECK_INT(fn_nodes_count(t), 0);
	/* What is owed pays for an entry that the server did not give. */
	enter(t, 1, "a", 10);
	fn_nodes_pin(t, 10, &e);
	fn_nodes_forget(t, 10, 1);
	fn_nodes_excess(t, 10);
	CHECK_INT(fn_nodes_unpin(t, 10), 0);
	CHECK_INT(fn_nodes_forget(t, 10, 1), 1);
	CHECK_INT(fn_nodes_count(t), 0);
	fn_nodes_free(t);
}

static void paths(void)
{
	struct fn_nodes *t = fn_nodes_new();
	char buf[PATH_MAX], name[256];
	uint64_t parent;
	size_t len;

	enter(t, 1, "a", 10);
	enter(t, 10, "b", 11);
	enter(t, 11, "c", 12);
	CHECK_INT(resolve(t, ""), 1);
	CHECK_INT(resolve(t, "a/b/c"), 12);
	CHECK_INT(resolve(t, "a/x"), 0);
	CHECK_INT(resolve(t, "a/b/c/d"), 0);
	CHECK_INT(fn_nodes_place(t, 12, buf, sizeof(buf)), 0);
	CHECK_STR(buf, "a/b/c");
	CHECK_INT(fn_nodes_place(t, 12, buf, 5), -ENAMETOOLONG);
	CHECK_INT(fn_nodes_place(t, 12, buf, 6), 0);
	CHECK_INT(fn_nodes_place(t, 1, buf, 1), 0);
	CHECK_STR(buf, "");
	CHECK_INT(fn_nodes_place(t, 99, buf, sizeof(buf)), -ENOENT);
	CHECK_INT(fn_nodes_name(t, 12, &parent, name, &len), 0);
	CHECK_INT(parent, 11);
	CHECK(len == 1 && name[0] == 'c');
	CHECK_INT(fn_nodes_name(t, 1, &parent, name, &len), -ENOENT);
	fn_nodes_free(t);
}

/* The kernel may forget a directory and still hold what is below: a watch holds no names. */
static void ghosts(void)
{
	struct fn_nodes *t = fn_nodes_new();

	enter(t, 1, "a", 10);
	enter(t, 10, "b", 11);
	fn_nodes_forget(t, 10, 1);
	CHECK(!fn_nodes_held(t, 10));
	CHECK_INT(resolve(t, "a"), 0);
	CHECK_INT(resolve(t, "a/b"), 11);
	enter(t, 1, "a", 20); /* it comes back as another node */
	CHECK_INT(resolve(t, "a"), 20);
	CHECK_INT(resolve(t, "a/b"), 11);
	fn_nodes_forget(t, 11, 1);
	fn_nodes_forget(t, 20, 1);
	CHECK_INT(fn_nodes_count(t), 0);
	fn_nodes_free(t);
}

static void names(void)
{
	struct fn_nodes *t = fn_nodes_new();

	enter(t, 1, "d", 10);
	enter(t, 10, "x", 11);
	enter(t, 1, "e", 12);
	fn_nodes_move(t, 1, "d", 1, 12, "dd", 2);
	CHECK_INT(resolve(t, "e/dd/x"), 11);
	CHECK_INT(resolve(t, "d"), 0);
	enter(t, 1, "f", 13);
	fn_nodes_move(t, 1, "f", 1, 10, "x", 1); /* over another */
	CHECK_INT(resolve(t, "e/dd/x"), 13);
	CHECK(fn_nodes_held(t, 11));
	fn_nodes_move(t, 12, "dd", 2, 13, "loop", 4); /* below itself: nonsense is refused */
	CHECK_INT(resolve(t, "e/dd"), 10);
	fn_nodes_move(t, 12, "dd", 2, FN_NODE_LIMBO, "q", 1); /* to where nobody sees it */
	CHECK_INT(resolve(t, "e/dd"), 0);
	CHECK(fn_nodes_held(t, 10));
	enter(t, 1, "g", 14);
	fn_nodes_swap(t, 1, "e", 1, 1, "g", 1);
	CHECK_INT(child(t, 1, "e"), 14);
	CHECK_INT(child(t, 1, "g"), 12);
	fn_nodes_unbind(t, 1, "g", 1);
	CHECK_INT(child(t, 1, "g"), 0);
	enter(t, 1, "e", 30); /* replaced */
	CHECK_INT(child(t, 1, "e"), 30);
	CHECK(fn_nodes_held(t, 14));
	fn_nodes_free(t);
}

static void dead(void)
{
	struct fn_nodes *t = fn_nodes_new();
	struct fuse_entry_out e = {.nodeid = 10, .generation = 3};

	enter(t, 1, "d", 10);
	CHECK(!fn_nodes_any_dead(t));
	fn_nodes_dead(t, 10);
	CHECK(fn_nodes_any_dead(t));
	fn_nodes_entry(t, 1, "d", 1, &e, 0);
	CHECK(e.generation != 3);
	CHECK_INT(fn_nodes_generation(t, 10, 3), e.generation);
	CHECK_INT(fn_nodes_generation(t, 11, 3), 3);
	fn_nodes_forget(t, 10, 2);
	CHECK(!fn_nodes_any_dead(t));
	fn_nodes_free(t);
}

static void directories(void)
{
	struct fn_nodes *t = fn_nodes_new();
	struct fuse_entry_out e = {.nodeid = 10, .attr = {.mode = 0040755}};
	uint64_t ids[4];

	fn_nodes_entry(t, 1, "d", 1, &e, 0);
	enter(t, 1, "f", 11);
	CHECK_INT(fn_nodes_dirs(t, ids, 4), 2);
	CHECK(ids[0] == 1 && ids[1] == 10);
	CHECK_INT(fn_nodes_dirs(t, ids, 1), 2);
	fn_nodes_free(t);
}

static void many(void)
{
	struct fn_nodes *t = fn_nodes_new();
	char name[24];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		enter(t, 1, name, 100 + (uint64_t)i * 64);
	}
	CHECK_INT(fn_nodes_count(t), 20000);
	CHECK_INT(child(t, 1, "f777"), 100 + 777 * 64);
	for (int i = 0; i < 20000; i++)
		fn_nodes_forget(t, 100 + (uint64_t)i * 64, 1);
	CHECK_INT(fn_nodes_count(t), 0);
	fn_nodes_free(t);
}

static void refused(void)
{
	struct fn_nodes *t = fn_nodes_new();
	struct fuse_entry_out e = {0};

	fn_nodes_entry(t, 1, "a", 1, &e, 0); /* a negative entry */
	e.nodeid = 1;
	fn_nodes_entry(t, 1, "a", 1, &e, 0);
	CHECK_INT(fn_nodes_count(t), 0);
	enter(t, 77, "a", 10); /* a parent that nobody knows: held, without a name */
	CHECK(fn_nodes_held(t, 10));
	enter(t, 10, "up", 11);
	enter(t, 11, "up", 10); /* a loop */
	CHECK_INT(resolve(t, "up"), 0);
	fn_nodes_free(t);
}

static const struct unit_test tests[] = {
	{"lookup counts", counts},
	{"whether a name is still the same node", bound},
	{"counts that the server does not know", excess},
	{"pinned nodes are not forgotten", pins},
	{"paths both ways", paths},
	{"forgotten directories above held ones", ghosts},
	{"names move, swap and go", names},
	{"dead directories get another generation", dead},
	{"held directories", directories},
	{"many nodes", many},
	{"nonsense", refused},
};
UNIT_MAIN(tests)
