/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inotify: roots, watches, and what a directory holds. */
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "source/beneath.h"
#include "source/refind.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* File systems that are known to count a link for every subdirectory. */
static bool counts_links(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	return st.f_type == EXT4_SUPER_MAGIC || st.f_type == TMPFS_MAGIC ||
	       st.f_type == XFS_SUPER_MAGIC;
}

static int watch_fd(struct in_source *s, int fd, const char *name, uint32_t mask)
{
	char path[32 + NAME_MAX + 2];
	int wd;

	/* By way of /proc, so that the walk's own descriptor is what is watched. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s%s", fd, *name ? "/" : "", name);
	wd = inotify_add_watch(s->fd, path, mask);
	return wd < 0 ? -errno : wd;
}

int in_watch_fd(struct in_source *s, int fd, uint32_t mask)
{
	return watch_fd(s, fd, "", mask);
}

static int note_path(struct in_root *r)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", r->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	r->path = strdup(path);
	return r->path ? 0 : -ENOMEM;
}

static int add_root(struct in_source *s, struct in_root *r, int i)
{
	uint32_t mask = s->mask | IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD;
	int wd = watch_fd(s, r->fd, "", mask);

	if (wd < 0)
		return wd;
	r->node = fn_watch_by_wd(&s->table, wd); /* the same root twice */
	if (r->node == FN_NO_NODE)
		r->node = fn_watch_add(&s->table, wd, FN_NO_NODE, (struct fn_str){NULL, 0}, i);
	return r->node == FN_NO_NODE ? -ENOMEM : 0;
}

int in_open_root(struct in_source *s, size_t i, const char *path)
{
	struct in_root *r = &s->roots[i];
	int rc;

	r->fd = open(path,
		     O_PATH | O_CLOEXEC | (s->flags & FN_SOURCE_DONT_FOLLOW ? O_NOFOLLOW : 0));
	if (r->fd < 0 || fstat(r->fd, &r->was) < 0)
		return -errno;
	r->dir = S_ISDIR(r->was.st_mode);
	r->leaf_links = counts_links(r->fd);
	rc = note_path(r);
	return rc ? rc : add_root(s, r, (int)i);
}

static int open_root(struct in_root *r)
{
	struct stat st;

	r->fd = open(r->path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0 ||
	    (fstat(r->fd, &st) == 0 && st.st_dev == r->was.st_dev && st.st_ino == r->was.st_ino))
		return r->fd;
	close(r->fd);
	r->fd = -1;
	return -1;
}

/* No descriptor of a root is held from round to round: it would keep the file system busy, and a
 * removed root alive. */
int in_root_fd(struct in_source *s, int root)
{
	struct in_root *r = &s->roots[root];

	if (r->fd >= 0)
		return r->fd;
	if (open_root(r) < 0 && fn_refind(&r->path, &r->was) == 0)
		open_root(r);
	return r->fd < 0 ? -ESTALE : r->fd;
}

void in_close_roots(struct in_source *s)
{
	for (size_t i = 0; i < s->nroots; i++) {
		if (s->roots[i].fd >= 0)
			close(s->roots[i].fd);
		s->roots[i].fd = -1;
	}
}

void in_drop(struct in_source *s, uint32_t node)
{
	uint32_t leaf;

	do {
		leaf = fn_watch_leaf(&s->table, node);
		inotify_rm_watch(s->fd, s->table.nodes[leaf].wd);
		fn_watch_remove(&s->table, leaf);
	} while (leaf != node);
}

/* Directories still to be looked into, by node. */
struct walk {
	struct in_source *s;
	int root; /* of the directory that is being read */
	uint32_t *stack;
	size_t n, cap;
};

static int walk_push(struct walk *w, uint32_t node)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 256;
		uint32_t *stack = realloc(w->stack, cap * sizeof(*stack));

		if (!stack)
			return -ENOMEM;
		w->stack = stack;
		w->cap = cap;
	}
	w->stack[w->n++] = node;
	return 0;
}

/*
 * wd was just given for `name` in parent. A directory that the table has elsewhere was renamed,
 * and the queue is still to tell of it; only when events were lost is it to be moved here.
 */
uint32_t in_place_wd(struct in_source *s, int wd, uint32_t parent, struct fn_str name)
{
	struct fn_watch_table *t = &s->table;
	uint32_t node = fn_watch_by_wd(t, wd), other = fn_watch_child(t, parent, name);

	if (node != FN_NO_NODE && (t->nodes[node].parent == FN_NO_NODE || other == node))
		return node;
	if (node != FN_NO_NODE && !s->rescanning)
		return FN_NO_NODE;
	if (other != FN_NO_NODE && !fn_watch_below(t, parent, other) &&
	    (node == FN_NO_NODE || !fn_watch_below(t, node, other)))
		in_drop(s, other);
	if (node == FN_NO_NODE)
		return fn_watch_add(t, wd, parent, name, -1);
	if (fn_watch_below(t, parent, node))
		return FN_NO_NODE; /* a bind mount of a directory into itself */
	return fn_watch_move(t, node, parent, name) ? node : FN_NO_NODE;
}

bool in_is_pruned(struct in_source *s, uint32_t parent, struct fn_str name)
{
	struct fn_str path;
	int root;

	return s->prune && fn_watch_path(&s->table, parent, name, &path, &root) &&
	       s->prune(s->prune_arg, root, path.data, path.len);
}

static bool has_subdirs(const struct in_root *r, int fd, const char *name)
{
	struct stat st;

	return !r->leaf_links || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_dev != r->was.st_dev || st.st_nlink != 2;
}

static int walk_subdir(struct walk *w, uint32_t parent, int fd, const char *name)
{
	struct in_source *s = w->s;
	struct fn_str str = {name, strlen(name)};
	uint32_t node;
	int wd;

	if (in_is_pruned(s, parent, str))
		return 0;
	wd = watch_fd(s, fd, name, s->mask | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD);
	if (wd == -ENOENT || wd == -ENOTDIR || wd == -EACCES || wd == -ELOOP)
		return 0; /* gone, or closed to us as to any reader */
	if (wd < 0)
		return wd;
	node = in_place_wd(s, wd, parent, str);
	if (node == FN_NO_NODE)
		return 0;
	if (s->table.nodes[node].parent == FN_NO_NODE)
		return 0; /* a root of its own */
	s->table.nodes[node].mark = true;
	return has_subdirs(&s->roots[w->root], fd, name) ? walk_push(w, node) : 0;
}

static int walk_dir(struct walk *w, uint32_t node)
{
	struct in_source *s = w->s;
	const struct dirent *e;
	struct fn_str path;
	int fd, rc = 0;
	DIR *d;

	if (!fn_watch_path(&s->table, node, (struct fn_str){"", 0}, &path, &w->root))
		return -ENOMEM;
	s->table.path[path.len] = '\0';
	fd = fn_open_beneath(in_root_fd(s, w->root), path.data, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : 0;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (rc == 0 && (e = fn_next_entry(d))) {
		if (fn_entry_is_dir(fd, e))
			rc = walk_subdir(w, node, fd, e->d_name);
	}
	closedir(d);
	return rc;
}

int in_walk(struct in_source *s, uint32_t node)
{
	struct walk w = {.s = s};
	int rc = walk_push(&w, node);

	while (rc == 0 && w.n)
		rc = walk_dir(&w, w.stack[--w.n]);
	free(w.stack);
	return rc;
}

/* Directories that came, went or moved unseen: look at all of them again. */
void in_rescan(struct in_source *s)
{
	struct fn_watch_table *t = &s->table;

	s->moving.valid = false;
	s->nfresh = 0;
	s->rescanning = true;
	for (uint32_t i = 0; i < t->used; i++)
		t->nodes[i].mark = false;
	for (size_t i = 0; i < s->nroots; i++)
		if (s->roots[i].dir && t->nodes[s->roots[i].node].wd &&
		    s->flags & FN_SOURCE_RECURSIVE) {
			s->roots[i].leaf_links = false;
			in_walk(s, s->roots[i].node);
		}
	for (uint32_t i = 0; i < t->used; i++)
		if (t->nodes[i].wd && !t->nodes[i].mark && t->nodes[i].parent != FN_NO_NODE)
			in_drop(s, i);
	s->rescanning = false;
}
