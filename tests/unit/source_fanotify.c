/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <grp.h>

#include "source_kinds.h"

static const struct kind kinds[] = {
	{"fanotify", fn_source_fanotify, FN_SOURCE_WHOLE_FS, "/tmp"},
	{"fanotify on tmpfs", fn_source_fanotify, FN_SOURCE_WHOLE_FS, "/dev/shm"},
	{"fanotify, inode marks", fn_source_fanotify, 0, "/tmp"},
};

/* Kernels before 5.17. What a walk finds before its events have no objects to be told by. */
static void older_kernel(void)
{
	static const struct kind old[] = {
		{"fanotify without FAN_RENAME", fn_source_fanotify,
		 FN_SOURCE_WHOLE_FS | FN_SOURCE_OLD_FANOTIFY, "/tmp"},
		{"fanotify without FAN_RENAME, inode marks", fn_source_fanotify,
		 FN_SOURCE_OLD_FANOTIFY, "/tmp"},
	};

	for (int i = 0; i < 2; i++) {
		kind = &old[i];
		life_of_a_file();
		life_of_a_directory();
		renames();
		exchanges();
		directory_renames();
		directory_moved_in_and_out();
		deep_and_quick();
		two_roots();
		root_removed();
		own_changes();
		overflow();
		busy_neighbour();
	}
}

static void as_nobody(void)
{
	static const struct kind nobody = {"fanotify, unprivileged", fn_source_fanotify,
					   FN_SOURCE_WHOLE_FS, "/tmp"};

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
		_exit(100);
	kind = &nobody;
	unit_faults = 0;
	life_of_a_file();
	life_of_a_directory();
	renames();
	directory_renames();
	directory_moved_in_and_out();
	two_roots();
	root_removed();
	root_moved_away();
	fflush(stdout);
	_exit(unit_faults != 0);
}

static void unprivileged(void)
{
	fflush(stdout);
	CHECK_INT(in_child(as_nobody), 0);
}

/* Directories that nobody has looked at, removed before their events are read: only the queue
 * itself can tell where they were. */
static void removed_before_read(void)
{
	struct watch w;

	kind = &kinds[0];
	tree_begin();
	for (int i = 0; i < 50; i++) {
		make_dir(at("root/d%d", i));
		make_dir(at("root/d%d/e", i));
		make_node(at("root/d%d/e/f", i));
		make_dir(at("out/d%d", i));
		make_node(at("out/d%d/f", i));
	}
	watch_tree(&w, NAMES);
	for (int i = 0; i < 50; i++)
		remove_tree(at("out/d%d", i));
	for (int i = 0; i < 50; i++)
		remove_tree(at("root/d%d", i));
	pump_until(&w, 150);
	CHECK_INT(w.n, 150);
	CHECK(has_line(&w, "delete d7/e/f", 1));
	CHECK(has_line(&w, "delete,dir d49/e", 1));
	CHECK_STR(w.lines[149], "delete,dir d49");
	tree_end(&w);
}

static struct fn_object last_target;

static int keep_target(const struct fn_event *ev, void *arg)
{
	(void)arg;
	if (ev->mask & FN_RENAME)
		fn_object_copy(&last_target, &ev->target);
	return 0;
}

/* The rename of a to b overwrites what was b; then is told of it. */
static void overwrite(struct fn_source *src, const char *a, const char *b, bool there)
{
	struct fn_object was;
	int64_t end = ms_now() + 10000;

	fn_object_clear(&was);
	if (there)
		CHECK_INT(fn_object_at(&was, AT_FDCWD, b, 0), 0);
	fn_object_clear(&last_target);
	last_target.ino = 1;
	move(a, b);
	while (last_target.ino == 1 && ms_now() < end)
		CHECK(fn_source_dispatch(src, keep_target, NULL) == 0);
	CHECK_INT(last_target.has != 0, there);
	CHECK(!there || fn_object_equal(&last_target, &was));
}

static void overwritten(void)
{
	struct watch w;

	for (int i = 0; i < 2; i++) {
		kind = &kinds[i];
		tree_begin();
		make_node(at("root/a"));
		make_node(at("root/b"));
		make_dir(at("root/d"));
		make_dir(at("root/e"));
		watch_tree(&w, NAMES | FN_ATTRIB);
		overwrite(w.src, at("root/a"), at("root/b"), true);
		overwrite(w.src, at("root/d"), at("root/e"), true);
		overwrite(w.src, at("root/b"), at("root/c"), false);
		move(at("root/c"), at("root/x"));
		make_node(at("root/y"));
		fn_source_dispatch(w.src, keep_target, NULL);
		move(at("root/x"), at("root/z"));
		unlink(at("root/y")); /* it loses a link, too */
		last_target.ino = 1;
		while (last_target.ino == 1)
			fn_source_dispatch(w.src, keep_target, NULL);
		CHECK(!last_target.has);
		tree_end(&w);
	}
}

/* The map of paths may be much smaller than the tree. */
static void small_map(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {
		.mask = NAMES, .flags = FN_SOURCE_RECURSIVE, .nroots = 1, .max_paths = 8};

	kind = &kinds[0];
	tree_begin();
	for (int i = 0; i < 40; i++) {
		make_dir(at("root/d%d", i));
		make_dir(at("root/d%d/e", i));
	}
	root = at("root");
	o.roots = &root;
	open_watch(&w, &o);
	for (int i = 0; i < 40; i++)
		make_node(at("root/d%d/e/f", i));
	pump_until(&w, 40);
	CHECK_INT(w.n, 40);
	for (int i = 0; i < 40; i++) {
		char line[40];

		snprintf(line, sizeof(line), "create d%d/e/f", i);
		CHECK(has_line(&w, line, 1));
	}
	tree_end(&w);
}

int main(void)
{
	static const struct unit_test extra[] = {
		{"fanotify: unprivileged", unprivileged},
		{"fanotify: removed before it is read", removed_before_read},
		{"fanotify: a small map of paths", small_map},
		{"fanotify: what a rename overwrites", overwritten},
		{"fanotify: an older kernel", older_kernel},
	};

	return run_kinds(kinds, 3, extra, 5);
}
