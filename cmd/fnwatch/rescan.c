/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/rescan.h"
#include "event/event_json.h"
#include "fnwatch/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct rescan {
	struct rescan_opts opts;
	struct tree *trees; /* one for each root */
	unsigned round;
	struct fn_buf path;
	struct node **todo; /* directories to read */
	size_t ntodo, todo_cap;
	/* while comparing; cb is NULL while the first picture is taken */
	int root;
	fn_event_cb cb;
	void *arg;
};

static int emit(struct rescan *rs, const struct node *n, uint64_t mask)
{
	struct fn_buf path = {0};
	struct timespec wall, mono;
	struct fn_event ev = {.mask = mask, .flags = FN_EV_SYNTHETIC, .root = rs->root};
	int r;

	if (!rs->cb)
		return 0;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	ev.wall_ns = wall.tv_sec * 1000000000 + wall.tv_nsec;
	ev.mono_ns = mono.tv_sec * 1000000000 + mono.tv_nsec;
	ev.mode = n->stamp.mode;
	if (S_ISDIR(n->stamp.mode))
		ev.mask |= FN_ISDIR;
	tree_path(n, &path);
	fn_buf_char(&path, '\0');
	if (path.failed)
		return -ENOMEM;
	ev.path = (struct fn_str){path.data, path.len - 1};
	ev.name = (struct fn_str){n->name, n->len};
	r = rs->cb(&ev, rs->arg);
	fn_buf_free(&path);
	return r;
}

static int forget(struct rescan *rs, struct tree *t, struct node *top)
{
	int r = 0;

	for (struct node *n = tree_deepest_first(top); n && !r; n = tree_deepest_next(n, top))
		r = emit(rs, n, FN_DELETE);
	tree_remove(t, top);
	return r;
}

static int push(struct rescan *rs, struct node *dir)
{
	if (rs->ntodo == rs->todo_cap) {
		size_t cap = rs->todo_cap ? rs->todo_cap * 2 : 64;
		struct node **grown = realloc(rs->todo, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rs->todo = grown;
		rs->todo_cap = cap;
	}
	rs->todo[rs->ntodo++] = dir;
	return 0;
}

/* Relative to the root's descriptor; "." for the root itself. */
static const char *text_of(struct rescan *rs, const struct node *n)
{
	fn_buf_clear(&rs->path);
	tree_path(n, &rs->path);
	if (!rs->path.len)
		fn_buf_char(&rs->path, '.');
	fn_buf_char(&rs->path, '\0');
	return rs->path.failed ? "" : rs->path.data;
}

static bool pruned(struct rescan *rs, const struct node *dir)
{
	const char *path = text_of(rs, dir);

	return rs->opts.prune &&
	       rs->opts.prune(rs->opts.prune_arg, rs->root, path, rs->path.len - 1);
}

static int changed(struct rescan *rs, const struct node *n, const struct stamp *was)
{
	const struct stamp *is = &n->stamp;

	if (!S_ISDIR(is->mode) && (was->mode == 0 || was->size != is->size ||
				   was->mtime_ns != is->mtime_ns || was->ino != is->ino))
		return emit(rs, n, FN_MODIFY);
	if (was->mode != is->mode || (!S_ISDIR(is->mode) && was->ctime_ns != is->ctime_ns))
		return emit(rs, n, FN_ATTRIB);
	return 0;
}

static int met(struct rescan *rs, struct tree *t, struct node *dir, const char *name,
	       const struct stat *st)
{
	struct node *n = tree_child(t, dir, name, strlen(name));
	struct stamp was;
	int r = 0;

	if (n && n->round == rs->round)
		return 0; /* readdir() may tell a name twice */
	if (n && n->stamp.mode && (n->stamp.mode & S_IFMT) != (st->st_mode & S_IFMT)) {
		r = forget(rs, t, n);
		n = NULL;
	}
	was = n ? n->stamp : (struct stamp){0};
	if (!n || r) {
		n = r ? NULL : tree_add(t, dir, name, strlen(name));
		if (!n)
			return r ? r : -ENOMEM;
		stamp_set(&n->stamp, st);
		r = emit(rs, n, FN_CREATE);
	} else {
		stamp_set(&n->stamp, st);
		r = changed(rs, n, &was);
	}
	n->round = rs->round;
	if (!r && rs->opts.recursive && S_ISDIR(st->st_mode) && !pruned(rs, n))
		r = push(rs, n);
	return r;
}

static int drop_unseen(struct rescan *rs, struct tree *t, struct node *dir)
{
	struct node *n = dir->child, *next;
	int r = 0;

	for (; n && !r; n = next) {
		next = n->next;
		if (n->round != rs->round)
			r = forget(rs, t, n);
	}
	return r;
}

static int read_dir(struct rescan *rs, struct tree *t, int root_fd, struct node *dir)
{
	int fd = openat(root_fd, text_of(rs, dir), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0; /* gone again, or not for us to see: nothing can be said about it */
	}
	while (!r && (e = readdir(d))) {
		if (!fn_name_ok(e->d_name, strlen(e->d_name)) ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		r = met(rs, t, dir, e->d_name, &st);
	}
	closedir(d);
	return r ? r : drop_unseen(rs, t, dir);
}

/* The root itself: a file that changed, or nothing there any more. */
static int look_at_root(struct rescan *rs, struct tree *t, const struct stat *st)
{
	struct stamp was = t->root->stamp;

	stamp_set(&t->root->stamp, st);
	return was.mode ? changed(rs, t->root, &was) : 0;
}

static int walk(struct rescan *rs, struct tree *t, int root_fd, struct node *top)
{
	int r = push(rs, top);

	while (!r && rs->ntodo)
		r = read_dir(rs, t, root_fd, rs->todo[--rs->ntodo]);
	rs->ntodo = 0;
	return r;
}

static int root_gone(struct rescan *rs, struct tree *t)
{
	int r = 0;

	while (!r && t->root->child)
		r = forget(rs, t, t->root->child);
	return r;
}

static int compare_root(struct rescan *rs, int root)
{
	struct tree *t = &rs->trees[root];
	int fd = open(rs->opts.roots[root], O_PATH | O_CLOEXEC), r;
	struct stat st;

	rs->root = root;
	rs->round++;
	if (fd < 0)
		return rs->cb ? root_gone(rs, t) : -errno;
	r = fstat(fd, &st) ? -errno : look_at_root(rs, t, &st);
	if (!r && S_ISDIR(st.st_mode))
		r = walk(rs, t, fd, t->root);
	close(fd);
	return r;
}

int rescan_compare(struct rescan *rs, int root, fn_event_cb cb, void *arg)
{
	int r = 0;

	rs->cb = cb;
	rs->arg = arg;
	for (size_t i = 0; !r && i < rs->opts.nroots; i++)
		if (root < 0 || (size_t)root == i)
			r = compare_root(rs, (int)i);
	rs->cb = NULL;
	return r;
}

/* Learn in silence what is below a directory that came with all it holds. */
static void take_in(struct rescan *rs, struct tree *t, int root, struct node *dir)
{
	int fd = open(rs->opts.roots[root], O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	rs->root = root;
	rs->round++;
	walk(rs, t, fd, dir);
	close(fd);
}

static bool stat_now(struct rescan *rs, int root, struct fn_str path, struct stat *st)
{
	fn_buf_clear(&rs->path);
	fn_path_join(&rs->path, rs->opts.roots[root], path);
	fn_buf_char(&rs->path, '\0');
	return !rs->path.failed && !lstat(rs->path.data, st);
}

static struct node *note_there(struct rescan *rs, int root, struct fn_str path)
{
	struct node *n = tree_find(&rs->trees[root], path, true);
	struct stat st;

	if (n && stat_now(rs, root, path, &st))
		stamp_set(&n->stamp, &st);
	return n;
}

static void note_gone(struct rescan *rs, int root, struct fn_str path)
{
	struct tree *t = &rs->trees[root];
	struct node *n = tree_find(t, path, false);

	if (n && n != t->root)
		tree_remove(t, n);
}

static void note_arrival(struct rescan *rs, const struct fn_event *ev)
{
	struct node *n = note_there(rs, ev->root, ev->path);

	if (n && S_ISDIR(n->stamp.mode) && rs->opts.recursive)
		take_in(rs, &rs->trees[ev->root], ev->root, n);
}

static int move_node(struct tree *t, struct node **n, struct fn_str to)
{
	const char *slash = to.len ? memrchr(to.data, '/', to.len) : NULL;
	size_t dir_len = slash ? (size_t)(slash - to.data) : 0;
	size_t skip = dir_len + (slash != NULL);
	struct node *dir = tree_find(t, (struct fn_str){to.data, dir_len}, true);

	if (!dir)
		return -ENOMEM;
	return tree_move(t, n, dir, to.data + skip, to.len - skip);
}

static void note_exchange(struct rescan *rs, const struct fn_event *ev)
{
	struct tree *t = &rs->trees[ev->root];
	struct node *a = tree_find(t, ev->old_path, true), *b = tree_find(t, ev->path, true);

	/* The empty name is nobody's: a place to stand aside. */
	if (a && b && a != t->root && b != t->root && !tree_move(t, &a, t->root, "", 0) &&
	    !move_node(t, &b, ev->old_path))
		move_node(t, &a, ev->path);
}

static void note_rename(struct rescan *rs, const struct fn_event *ev)
{
	int from = ev->old_root ? ev->old_root - 1 : ev->root;
	struct tree *t = &rs->trees[ev->root];
	struct node *n = NULL;

	if (!ev->old_path.data && ev->path.data) {
		note_arrival(rs, ev);
	} else if (!ev->path.data || from != ev->root) {
		if (ev->old_path.data)
			note_gone(rs, from, ev->old_path);
		if (ev->path.data)
			note_arrival(rs, ev);
	} else if (ev->flags & FN_EV_EXCHANGE) {
		note_exchange(rs, ev);
	} else {
		n = tree_find(t, ev->old_path, false);
		if (!n || n == t->root || move_node(t, &n, ev->path))
			note_arrival(rs, ev);
		else
			note_there(rs, ev->root, ev->path);
	}
}

static bool root_known(const struct rescan *rs, int root)
{
	return root >= 0 && (size_t)root < rs->opts.nroots;
}

void rescan_note(struct rescan *rs, const struct fn_event *ev)
{
	struct stat st;

	if (!root_known(rs, ev->root) || (ev->old_root && !root_known(rs, ev->old_root - 1)))
		return;
	if (ev->mask & FN_RENAME) {
		note_rename(rs, ev);
		return;
	}
	if (!ev->path.data ||
	    !(ev->mask & (FN_DIRENT_EVENTS | FN_MODIFY | FN_ATTRIB | FN_CLOSE_WRITE)))
		return;
	if (ev->mask & (FN_DELETE | FN_MOVED_FROM) &&
	    (!(ev->mask & (FN_CREATE | FN_MOVED_TO)) || !stat_now(rs, ev->root, ev->path, &st)))
		note_gone(rs, ev->root, ev->path);
	else if (ev->mask & FN_MOVED_TO)
		note_arrival(rs, ev);
	else
		note_there(rs, ev->root, ev->path);
}

int rescan_new(struct rescan **rsp, const struct rescan_opts *opts)
{
	struct rescan *rs = calloc(1, sizeof(*rs));
	int r = -ENOMEM;

	if (!rs)
		return r;
	rs->opts = *opts;
	rs->trees = calloc(opts->nroots, sizeof(*rs->trees));
	for (size_t i = 0; rs->trees && i < opts->nroots; i++) {
		r = tree_init(&rs->trees[i]);
		if (r)
			break;
	}
	if (!r)
		r = rescan_compare(rs, -1, NULL, NULL);
	if (r) {
		rescan_free(rs);
		return r;
	}
	*rsp = rs;
	return 0;
}

void rescan_free(struct rescan *rs)
{
	if (!rs)
		return;
	for (size_t i = 0; rs->trees && i < rs->opts.nroots; i++)
		if (rs->trees[i].buckets)
			tree_free(&rs->trees[i]);
	free(rs->trees);
	free(rs->todo);
	fn_buf_free(&rs->path);
	free(rs);
}
