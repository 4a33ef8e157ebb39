/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbours: other processes that change the same file system, outside of what is watched. */
#ifndef FN_TESTS_SOURCE_BUSY_H
#define FN_TESTS_SOURCE_BUSY_H

#include <signal.h>

#include "source_scenarios.h"

#define NEIGHBOURS 3

static void be_busy(int who)
{
	const char *a = strdup(at("out/n%d", who)), *b = strdup(at("out/m%d", who));

	make_node(a);
	make_node(b);
	for (;;) {
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
		rename(a, b);
		mknod(a, S_IFREG | 0600, 0);
	}
}

static void neighbours_begin(pid_t pids[NEIGHBOURS])
{
	fflush(stdout);
	for (int i = 0; i < NEIGHBOURS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			be_busy(i);
	}
}

static void neighbours_end(const pid_t pids[NEIGHBOURS])
{
	for (int i = 0; i < NEIGHBOURS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* There is always more to read, and records of others between those of one change. */
static void busy_neighbour(void)
{
	pid_t pids[NEIGHBOURS];
	struct watch w;

	tree_begin();
	make_node(at("root/a"));
	make_node(at("root/b"));
	make_dir(at("root/d"));
	make_dir(at("root/e"));
	watch_tree(&w, NAMES);
	neighbours_begin(pids);
	for (int i = 0; i < 20; i++) {
		renameat2(AT_FDCWD, at("root/a"), AT_FDCWD, at("root/b"), RENAME_EXCHANGE);
		EXPECT(&w, "rename,exchange a -> b");
		renameat2(AT_FDCWD, at("root/d"), AT_FDCWD, at("root/e"), RENAME_EXCHANGE);
		make_node(at("root/d/f"));
		EXPECT(&w, "rename,dir,exchange d -> e", "create d/f");
		move(at("root/d/f"), at("root/e/g"));
		EXPECT(&w, "rename d/f -> e/g");
		unlink(at("root/e/g"));
		EXPECT(&w, "delete e/g");
	}
	neighbours_end(pids);
	tree_end(&w);
}

#endif
