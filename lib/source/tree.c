/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/source_impl.h"

struct full_path {
	char *data;
	size_t size;
};

struct place {
	int root;
	char *under;
};

struct tree {
	struct fn_source base;
	struct fn_source_ops ops; /* with the name of what is inside */
	struct fn_source *inner;
	struct place *places;
	size_t n;
	bool (*prune)(void *arg, int root, const char *path, size_t len);
	void *prune_arg;
	struct full_path path, old_path, pruned;
};

static const struct place *place_of(const struct tree *t, int root)
{
	return root >= 0 && (size_t)root < t->n ? &t->places[root] : NULL;
}

static int make_room(struct full_path *p, size_t size)
{
	char *grown = size > p->size ? realloc(p->data, size) : p->data;

	if (!grown)
		return -ENOMEM;
	p->data = grown;
	p->size = size > p->size ? size : p->size;
	return 0;
}

/* path, relative to a root of ours, becomes relative to the caller's. */
static int put_under(const struct place *at, struct fn_str *path, struct full_path *full)
{
	size_t n = at ? strlen(at->under) : 0;

	if (!n || !path->data)
		return 0;
	if (make_room(full, n + 1 + path->len + 1))
		return -ENOMEM;
	memcpy(full->data, at->under, n);
	if (path->len) {
		full->data[n++] = '/';
		memcpy(full->data + n, path->data, path->len);
	}
	path->data = full->data;
	path->len += n;
	return 0;
}

/* What ends, or moves, is a mount below a root: its directory is still there. */
static bool of_mount(const struct place *at, const struct fn_event *ev)
{
	return at && *at->under && !ev->path.len &&
	       ev->mask & (FN_DELETE_SELF | FN_MOVE_SELF | FN_UNMOUNT);
}

static int deliver(const struct fn_event *ev, void *arg)
{
	struct tree *t = arg;
	const struct place *at = place_of(t, ev->root);
	const struct place *old = ev->old_root ? place_of(t, ev->old_root - 1) : at;
	struct fn_event in_tree = *ev;

	if (of_mount(at, ev))
		return 0;
	if (put_under(at, &in_tree.path, &t->path) ||
	    put_under(old, &in_tree.old_path, &t->old_path))
		return -ENOMEM;
	in_tree.root = at ? at->root : ev->root;
	in_tree.old_root = at && old && old->root != at->root ? old->root + 1 : 0;
	return fn_source_emit(&t->base, &in_tree);
}

static bool prune(void *arg, int root, const char *path, size_t len)
{
	struct tree *t = arg;
	const struct place *at = place_of(t, root);
	struct fn_str full = {path, len};

	return at && !put_under(at, &full, &t->pruned) &&
	       t->prune(t->prune_arg, at->root, full.data, full.len);
}

static struct tree *tree_of(const struct fn_source *src)
{
	return (struct tree *)(uintptr_t)src;
}

static int tree_fd(const struct fn_source *src)
{
	return fn_source_fd(tree_of(src)->inner);
}

static int tree_timeout(const struct fn_source *src)
{
	return fn_source_timeout(tree_of(src)->inner);
}

static int tree_dispatch(struct fn_source *src, fn_event_cb cb, void *arg)
{
	(void)cb;
	(void)arg;
	return fn_source_dispatch(tree_of(src)->inner, deliver, src);
}

static void tree_expect(struct fn_source *src, uint64_t mask, const char *path, size_t len)
{
	fn_source_expect(tree_of(src)->inner, mask, path, len);
}

static void tree_stats(const struct fn_source *src, struct fn_source_stats *st)
{
	fn_source_stats(tree_of(src)->inner, st);
}

static void tree_close(struct fn_source *src)
{
	struct tree *t = tree_of(src);

	fn_source_close(t->inner);
	for (size_t i = 0; t->places && i < t->n; i++)
		free(t->places[i].under);
	free(t->places);
	free(t->path.data);
	free(t->old_path.data);
	free(t->pruned.data);
	free(t);
}

static struct tree *tree_new(const struct fn_source_opts *opts, const struct fn_tree_root *places,
			     size_t n)
{
	struct tree *t = calloc(1, sizeof(*t));
	bool whole = t && (t->places = calloc(n, sizeof(*t->places)));

	if (!t)
		return NULL;
	t->ops = (struct fn_source_ops){.fd = tree_fd,
					.timeout = tree_timeout,
					.dispatch = tree_dispatch,
					.expect = tree_expect,
					.stats = tree_stats,
					.close = tree_close};
	t->base.ops = &t->ops;
	t->prune = opts->prune;
	t->prune_arg = opts->prune_arg;
	t->n = n;
	for (size_t i = 0; whole && i < n; i++) {
		t->places[i].root = places[i].root;
		whole = (t->places[i].under = strdup(places[i].under));
	}
	if (whole)
		return t;
	tree_close(&t->base);
	return NULL;
}

int fn_source_tree(struct fn_source **src, const struct fn_source_opts *opts,
		   const char *const *roots, const struct fn_tree_root *places, size_t n, int *bad)
{
	struct tree *t = tree_new(opts, places, n);
	struct fn_source_opts all = *opts;
	int rc = -ENOMEM;

	*bad = -1;
	all.roots = roots;
	all.nroots = n;
	all.flags |= FN_SOURCE_ONE_FS;
	all.prune = opts->prune ? prune : NULL;
	all.prune_arg = t;
	if (t)
		rc = fn_source_fanotify(&t->inner, &all, bad);
	if (rc) {
		if (t)
			tree_close(&t->base);
		return rc;
	}
	t->ops.name = fn_source_name(t->inner);
	*src = &t->base;
	return 0;
}
