/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Roots: links, several, files, and what becomes of them. */
#ifndef FN_TESTS_SOURCE_ROOTS_H
#define FN_TESTS_SOURCE_ROOTS_H

#include "source_scenarios.h"

static void symlink_root(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {.mask = NAMES, .flags = FN_SOURCE_RECURSIVE, .nroots = 1};

	tree_begin();
	make_dir(at("root/real"));
	make_dir(at("root/real/sub"));
	CHECK_INT(symlink("root/real", at("link")), 0);
	CHECK_INT(symlink("../../out", at("root/real/evil")), 0);
	root = at("link");
	o.roots = &root;
	open_watch(&w, &o);
	make_node(at("link/sub/f"));
	make_node(at("link/f"));
	EXPECT(&w, "create sub/f", "create f");
	make_node(at("out/f")); /* a symlink in the tree is not followed */
	EXPECT_NOTHING(&w);
	CHECK_INT(symlink("../../../out", at("root/real/sub/evil")), 0);
	EXPECT(&w, "create sub/evil");
	make_node(at("out/g"));
	EXPECT_NOTHING(&w);
	tree_end(&w);
}

static void two_roots(void)
{
	struct watch w;
	const char *roots[3];
	struct fn_source_opts o = {
		.mask = NAMES, .flags = FN_SOURCE_RECURSIVE, .roots = roots, .nroots = 3};

	tree_begin();
	make_dir(at("root/in"));
	make_dir(at("root/in/d"));
	make_node(at("root/f"));
	roots[0] = at("root");
	roots[1] = at("out");
	roots[2] = at("root/in"); /* a root in a root: the inner one speaks */
	open_watch(&w, &o);
	move(at("root/f"), at("out/f"));
	EXPECT(&w, "rename 0: f -> 1: f");
	make_node(at("root/in/d/x"));
	EXPECT(&w, "create 2: d/x");
	move(at("root/in/d"), at("out/d"));
	EXPECT(&w, "rename,dir 2: d -> 1: d");
	make_node(at("out/d/y"));
	EXPECT(&w, "create 1: d/y");
	tree_end(&w);
}

static void root_removed(void)
{
	struct watch w;

	tree_begin();
	watch_tree(&w, NAMES | FN_DELETE_SELF | FN_MOVE_SELF);
	make_node(at("root/f"));
	move(at("root"), at("moved"));
	EXPECT(&w, "create f", "move-self,dir .");
	make_dir(at("moved/d"));
	EXPECT(&w, "create,dir d");
	make_node(at("moved/d/e"));
	EXPECT(&w, "create d/e");
	remove_tree(at("moved/d"));
	EXPECT(&w, "delete d/e", "delete,dir d");
	make_node(at("moved/g"));
	unlink(at("moved/g"));
	unlink(at("moved/f"));
	rmdir(at("moved"));
	EXPECT(&w, "create g", "delete g", "delete f", "delete-self,dir,gone .");
	tree_end(&w);
}

/* Where it went nobody can tell without the right to open by handle: then that is told. */
static void root_moved_away(void)
{
	struct watch w;

	tree_begin();
	watch_tree(&w, NAMES);
	move(at("root"), at("out/moved"));
	make_dir(at("out/moved/d"));
	pump_until(&w, 1);
	if (kind->open == fn_source_inotify) {
		EXPECT(&w, "create,dir d", "ignored,dir,gone .");
	} else if (geteuid() == 0) {
		make_node(at("out/moved/d/e"));
		EXPECT(&w, "create,dir d", "create d/e");
	} else {
		EXPECT(&w, "create,dir d", "ignored,dir,gone .");
	}
	tree_end(&w);
}

static void unmounted(void)
{
	struct watch w;

	tree_begin();
	if (geteuid() != 0 || mount("fnsource", at("root"), "tmpfs", 0, NULL) < 0) {
		printf("# cannot mount: %s\n", strerror(errno));
		unit_faults++;
		remove_tree(tree);
		return;
	}
	make_dir(at("root/d"));
	make_dir(at("root/d/e"));
	watch_tree(&w, NAMES);
	make_node(at("root/d/f"));
	EXPECT(&w, "create d/f");
	CHECK_INT(umount(at("root")), 0);
	EXPECT(&w, "unmount,dir,gone .");
	umount2(at("root"), MNT_DETACH);
	tree_end(&w);
}

static void file_root(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {.mask = FN_CHANGE_EVENTS, .nroots = 1};

	tree_begin();
	make_node(at("root/f"));
	root = at("root/f");
	o.roots = &root;
	open_watch(&w, &o);
	write_file(at("root/f"), "text");
	write_file(at("root/other"), "text");
	EXPECT(&w, "modify .", "close-write .");
	unlink(at("root/f"));
	pump_until(&w, w.checked + 1);
	CHECK(has_line(&w, "delete-self,gone .", 1));
	tree_end(&w);
}

static void bad_roots(void)
{
	const char *roots[2];
	struct fn_source_opts o = {.mask = NAMES, .roots = roots, .nroots = 2};
	struct fn_source *src = NULL;
	int bad = -2;

	tree_begin();
	o.flags = kind->flags | FN_SOURCE_RECURSIVE;
	roots[0] = at("root");
	roots[1] = at("nothing");
	CHECK_INT(kind->open(&src, &o, &bad), -ENOENT);
	CHECK_INT(bad, 1);
	o.nroots = 0;
	CHECK_INT(kind->open(&src, &o, &bad), -EINVAL);
	CHECK_INT(bad, -1);
	CHECK(src == NULL);
	remove_tree(tree);
}

#endif
