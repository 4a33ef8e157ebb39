/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every row of what a source has to tell of one tree, on a real file system. */
#ifndef FN_TESTS_SOURCE_SCENARIOS_H
#define FN_TESTS_SOURCE_SCENARIOS_H

#include <stdio.h>

#include "source_test.h"

#define NAMES (FN_CREATE | FN_DELETE | FN_RENAME)

static void life_of_a_file(void)
{
	struct watch w;

	tree_begin();
	watch_tree(&w, FN_CHANGE_EVENTS);
	write_file(at("root/f"), "text");
	EXPECT(&w, "create f", "modify f", "close-write f");
	chmod(at("root/f"), 0600);
	EXPECT(&w, "attrib f");
	CHECK_INT(truncate(at("root/f"), 1), 0);
	EXPECT(&w, "modify f");
	write_file(at("out/f"), "text"); /* not in the tree */
	EXPECT_NOTHING(&w);
	CHECK_INT(mkfifo(at("root/fifo"), 0600), 0);
	CHECK_INT(symlink("nowhere", at("root/link")), 0);
	EXPECT(&w, "create fifo", "create link");
	unlink(at("root/link"));
	EXPECT(&w, "delete link");
	tree_end(&w);
}

static void life_of_a_directory(void)
{
	struct watch w;

	tree_begin();
	watch_tree(&w, NAMES | FN_ATTRIB);
	make_dir(at("root/d"));
	EXPECT(&w, "create,dir d");
	make_node(at("root/d/f"));
	EXPECT(&w, "create d/f");
	make_dir(at("root/d/e"));
	EXPECT(&w, "create,dir d/e");
	chmod(at("root/d/e"), 0700);
	EXPECT(&w, "attrib,dir d/e");
	make_node(at("root/d/e/g"));
	EXPECT(&w, "create d/e/g");
	chmod(at("root"), 0700);
	EXPECT(&w, "attrib,dir .");
	unlink(at("root/d/e/g"));
	rmdir(at("root/d/e"));
	EXPECT(&w, "delete d/e/g", "delete,dir d/e");
	tree_end(&w);
}

static void renames(void)
{
	struct watch w;

	tree_begin();
	make_dir(at("root/d"));
	make_node(at("root/a"));
	watch_tree(&w, NAMES);
	move(at("root/a"), at("root/b"));
	EXPECT(&w, "rename a -> b");
	move(at("root/b"), at("root/d/b"));
	EXPECT(&w, "rename b -> d/b");
	make_node(at("root/d/over"));
	EXPECT(&w, "create d/over");
	move(at("root/d/b"), at("root/d/over"));
	EXPECT(&w, "rename d/b -> d/over");
	move(at("root/d/over"), at("out/x"));
	EXPECT(&w, "rename,partial d/over ->");
	move(at("out/x"), at("root/back"));
	EXPECT(&w, "rename,partial back");
	unlink(at("root/back"));
	EXPECT(&w, "delete back");
	tree_end(&w);
}

static void exchanges(void)
{
	struct watch w;

	tree_begin();
	make_dir(at("root/d"));
	make_dir(at("root/e"));
	make_node(at("root/a"));
	make_node(at("root/d/b"));
	watch_tree(&w, NAMES);
	renameat2(AT_FDCWD, at("root/a"), AT_FDCWD, at("root/d/b"), RENAME_EXCHANGE);
	EXPECT(&w, "rename,exchange a -> d/b");
	renameat2(AT_FDCWD, at("root/d"), AT_FDCWD, at("root/e"), RENAME_EXCHANGE);
	EXPECT(&w, "rename,dir,exchange d -> e");
	make_node(at("root/d/new"));
	make_node(at("root/e/new"));
	EXPECT(&w, "create d/new", "create e/new");
	unlink(at("root/e/b"));
	EXPECT(&w, "delete e/b");
	renameat2(AT_FDCWD, at("root/a"), AT_FDCWD, at("root/e"), RENAME_EXCHANGE);
	EXPECT(&w, "rename,exchange a -> e");
	make_node(at("root/a/x"));
	EXPECT(&w, "create a/x");
	move(at("root/e"), at("root/f"));
	move(at("root/f"), at("root/e"));
	EXPECT(&w, "rename e -> f", "rename f -> e");
	tree_end(&w);
}

static void directory_renames(void)
{
	struct watch w;

	tree_begin();
	make_dir(at("root/a"));
	make_dir(at("root/a/sub"));
	make_dir(at("root/t"));
	watch_tree(&w, NAMES | FN_MODIFY);
	make_node(at("root/a/sub/1"));
	EXPECT(&w, "create a/sub/1"); /* or fanotify merges it with the DELETE below */
	move(at("root/a"), at("root/t/b"));
	make_node(at("root/t/b/sub/2"));
	move(at("root/t"), at("root/u"));
	unlink(at("root/u/b/sub/1"));
	EXPECT(&w, "rename,dir a -> t/b", "create t/b/sub/2", "rename,dir t -> u",
	       "delete u/b/sub/1");
	make_dir(at("root/empty"));
	EXPECT(&w, "create,dir empty");
	move(at("root/u"), at("root/empty")); /* over an empty directory */
	EXPECT(&w, "rename,dir u -> empty");
	make_node(at("root/empty/b/sub/3"));
	EXPECT(&w, "create empty/b/sub/3");
	tree_end(&w);
}

static void directory_moved_in_and_out(void)
{
	struct watch w;

	tree_begin();
	make_dir(at("out/d"));
	make_dir(at("out/d/e"));
	make_node(at("out/d/e/f"));
	watch_tree(&w, NAMES);
	move(at("out/d"), at("root/d"));
	EXPECT(&w, "rename,dir,partial d", "create,dir,syn d/e", "create,syn d/e/f");
	make_node(at("root/d/e/g"));
	unlink(at("root/d/e/f"));
	EXPECT(&w, "create d/e/g", "delete d/e/f");
	make_node(at("root/d/e/f")); /* what was reported once can be made again */
	EXPECT(&w, "create d/e/f");
	move(at("root/d"), at("out/gone"));
	EXPECT(&w, "rename,dir,partial d ->");
	make_node(at("out/gone/e/h"));
	make_dir(at("out/gone/e/i"));
	EXPECT_NOTHING(&w);
	move(at("out/gone"), at("root/again"));
	pump_until(&w, w.checked + 6);
	CHECK_INT(w.n - w.checked, 6);
	CHECK_STR(w.lines[w.checked], "rename,dir,partial again");
	w.checked = w.n;
	make_node(at("root/again/e/i/deep"));
	EXPECT(&w, "create again/e/i/deep");
	tree_end(&w);
}

static bool has_line(const struct watch *w, const char *line, size_t times)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += !strcmp(w->lines[i], line);
	return n == times;
}

/* Made faster than any watch can be set: each name is told of exactly once, one way or the
 * other. */
static void deep_and_quick(void)
{
	struct watch w;
	char path[400] = "root";
	size_t want = 0;

	tree_begin();
	watch_tree(&w, NAMES);
	for (int i = 0; i < 20; i++) {
		strcat(path, "/dir");
		make_dir(at("%s", path));
		make_node(at("%s/file", path));
		want += 2;
	}
	pump_until(&w, want);
	CHECK_INT(w.n, want);
	strcpy(path, "");
	for (int i = 0; i < 20; i++) {
		char real[512], syn[512];

		snprintf(real, sizeof(real), "create %s%sdir/file", path, *path ? "/" : "");
		snprintf(syn, sizeof(syn), "create,syn %s%sdir/file", path, *path ? "/" : "");
		CHECK(has_line(&w, real, 1) != has_line(&w, syn, 1));
		strcat(path, *path ? "/dir" : "dir");
	}
	tree_end(&w);
}

static void odd_names(void)
{
	struct watch w;
	char name[256], line[300];

	tree_begin();
	watch_tree(&w, NAMES);
	memset(name, 'n', 255);
	name[255] = '\0';
	make_dir(at("root/%s", name));
	snprintf(line, sizeof(line), "create,dir %s", name);
	EXPECT(&w, line);
	make_node(at("root/%s/\xff\xfe\n\t \x01", name));
	snprintf(line, sizeof(line), "create %s/\xff\xfe\n\t \x01", name);
	EXPECT(&w, line);
	make_node(at("root/..."));
	make_node(at("root/-"));
	EXPECT(&w, "create ...", "create -");
	tree_end(&w);
}

static bool prune_node_modules(void *arg, int root, const char *path, size_t len)
{
	(void)arg, (void)root;
	return len >= 4 && !memcmp(path + len - 4, "skip", 4) && (len == 4 || path[len - 5] == '/');
}

static void pruned(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {.mask = NAMES,
				   .flags = FN_SOURCE_RECURSIVE,
				   .nroots = 1,
				   .prune = prune_node_modules};

	tree_begin();
	make_dir(at("root/skip"));
	make_dir(at("root/skip/in"));
	make_dir(at("root/take"));
	root = at("root");
	o.roots = &root;
	open_watch(&w, &o);
	make_node(at("root/skip/a"));
	make_node(at("root/skip/in/a"));
	make_node(at("root/take/a"));
	EXPECT(&w, "create take/a");
	make_dir(at("root/take/skip"));
	EXPECT(&w, "create,dir take/skip");
	make_node(at("root/take/skip/b"));
	make_dir(at("root/take/skip/in"));
	EXPECT_NOTHING(&w);
	make_node(at("root/take/c"));
	EXPECT(&w, "create take/c");
	tree_end(&w);
}

static void not_recursive(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {.mask = NAMES | FN_ATTRIB, .nroots = 1};

	tree_begin();
	make_dir(at("root/d"));
	root = at("root");
	o.roots = &root;
	open_watch(&w, &o);
	make_node(at("root/d/f"));
	make_dir(at("root/e"));
	make_node(at("root/e/f"));
	make_node(at("root/f"));
	EXPECT(&w, "create,dir e", "create f");
	chmod(at("root/d"), 0700);
	EXPECT(&w, "attrib,dir d");
	move(at("root/f"), at("root/d/g"));
	EXPECT(&w, "rename,partial f ->");
	tree_end(&w);
}

static void stopping_callback(void)
{
	struct watch w;

	tree_begin();
	make_dir(at("out/d"));
	for (int i = 0; i < 20; i++)
		make_node(at("out/d/%d", i));
	watch_tree(&w, FN_CHANGE_EVENTS);
	w.stop_after = 1;
	for (int i = 0; i < 20; i++)
		write_file(at("root/f%d", i), "text");
	move(at("out/d"), at("root/d"));
	pump_until(&w, 60 + 21);
	for (int i = 0; i < 20; i++)
		move(at("root/f%d", i), at("root/d/f%d", i));
	pump_until(&w, 60 + 21 + 20);
	CHECK_INT(w.n, 60 + 21 + 20);
	CHECK_STR(w.lines[59], "close-write f19");
	CHECK_STR(w.lines[60], "rename,dir,partial d");
	CHECK_STR(w.lines[100], "rename f19 -> d/f19");
	tree_end(&w);
}

static int in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		run();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void touch_other(void)
{
	make_node(at("root/other"));
}

static int note_last(const struct fn_event *ev, void *arg)
{
	struct fn_event **last = arg;

	fn_event_free(*last);
	*last = fn_event_dup(ev);
	return 0;
}

static void own_changes(void)
{
	struct watch w;
	const char *root;
	struct fn_source_opts o = {
		.mask = NAMES, .flags = FN_SOURCE_RECURSIVE | FN_SOURCE_NO_SELF, .nroots = 1};

	tree_begin();
	root = at("root");
	o.roots = &root;
	open_watch(&w, &o);
	fn_source_expect(w.src, FN_CREATE, "mine", 4);
	make_node(at("root/mine"));
	fn_source_expect(w.src, FN_RENAME, "dir/own", 7);
	fn_source_expect(w.src, FN_MOVED_FROM, "mine", 4);
	fn_source_expect(w.src, FN_CREATE, "dir", 3);
	make_dir(at("root/dir"));
	move(at("root/mine"), at("root/dir/own"));
	EXPECT_NOTHING(&w);
	in_child(touch_other);
	EXPECT(&w, "create other");
	tree_end(&w);
}

static void mode_and_command(void)
{
	struct watch w;
	const char *root;
	struct fn_event *last = NULL;
	struct fn_source_opts o = {.mask = NAMES | FN_ATTRIB,
				   .flags = FN_SOURCE_RECURSIVE | FN_SOURCE_COMM | FN_SOURCE_MODE,
				   .nroots = 1};

	tree_begin();
	root = at("root");
	o.roots = &root;
	open_watch(&w, &o);
	CHECK_INT(mkfifo(at("root/fifo"), 0640), 0);
	for (int64_t end = ms_now() + 5000; !last && ms_now() < end;) {
		struct pollfd p = {fn_source_fd(w.src), POLLIN, 0};

		poll(&p, 1, 100);
		fn_source_dispatch(w.src, note_last, &last);
	}
	CHECK(last != NULL);
	if (last) {
		CHECK_INT(last->mode, S_IFIFO | 0640);
		CHECK(last->wall_ns > 0 && last->mono_ns > 0 && last->seq == 1);
		if (strcmp(fn_source_name(w.src), "inotify")) {
			CHECK_INT(last->pid, getpid());
			CHECK(last->comm[0] != '\0');
			CHECK(fn_object_known(&last->object) && fn_object_known(&last->parent));
		}
	}
	fn_event_free(last);
	tree_end(&w);
}

#define LONG_QUEUE 200000

static long queue_bound(void)
{
	char path[80];
	long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/fs/%s/max_queued_events",
		 strstr(kind->name, "fanotify") ? "fanotify" : "inotify");
	f = fopen(path, "r");
	if (f && fscanf(f, "%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Of the queue, others who change the same file system fill a part. */
static void pump_until_lost(struct watch *w)
{
	int64_t end = ms_now() + 10000;

	while (!w->overflows && ms_now() < end)
		pump(w, 100);
	while (pump(w, 0))
		;
}

/* The queue runs over while nobody reads; afterwards everything is told again. */
static void overflow(void)
{
	struct watch w;
	long bound = queue_bound();

	if (bound > LONG_QUEUE) {
		printf("# max_queued_events is %ld: too many to queue\n", bound);
		return;
	}
	tree_begin();
	make_dir(at("root/a"));
	watch_tree(&w, NAMES);
	w.quiet = true;
	make_node(at("root/f0")); /* one event or two for each name it takes, none to merge with */
	for (long i = 0; i < bound + 10; i++)
		move(at("root/f%ld", i), at("root/f%ld", i + 1));
	make_dir(at("root/unseen"));
	make_dir(at("root/unseen/below"));
	move(at("root/a"), at("root/b"));
	pump_until_lost(&w);
	CHECK(w.overflows >= 1);
	w.quiet = false;
	w.n = w.checked = 0; /* there are no lines of those */
	make_node(at("root/unseen/below/f"));
	EXPECT(&w, "create unseen/below/f");
	make_node(at("root/b/f"));
	EXPECT(&w, "create b/f");
	close_watch(&w);
	remove_tree(tree);
}

#endif
