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

struct tree {
	struct fn_source base;
	struct fn_source_ops ops; /* with the name of what is inside */
	struct fn_source *inner;
	char **under;
	size_t nroots;
	struct full_path path, old_path;
};

static int make_room(struct full_path *p, size_t size)
{
	char *grown = size > p->size ? realloc(p->data, size) : p->data;

	if (!grown)
		return -ENOMEM;
	p->data = grown;
	p->size = size > p->size ? size : p->size;
	return 0;
}

/* path, which is below root, becomes one below the top. */
static int put_under(const struct tree *t, int root, struct fn_str *path, struct full_path *full)
{
	const char *under = root > 0 && (size_t)root < t->nroots ? t->under[root] : "";
	size_t n = strlen(under);

	if (!n || !path->data)
		return 0;
	if (make_room(full, n + 1 + path->len + 1))
		return -ENOMEM;
	memcpy(full->data, under, n);
	if (path->len) {
		full->data[n++] = '/';
		memcpy(full->data + n, path->data, path->len);
	}
	path->data = full->data;
	path->len += n;
	return 0;
}

/* What ends, or moves, is a mount below the top: its directory is still there. */
static bool of_mount(const struct fn_event *ev)
{
	return ev->root > 0 && !ev->path.len &&
	       ev->mask & (FN_DELETE_SELF | FN_MOVE_SELF | FN_UNMOUNT);
}

static int deliver(const struct fn_event *ev, void *arg)
{
	struct tree *t = arg;
	struct fn_event in_tree = *ev;
	int old_root = ev->old_root ? ev->old_root - 1 : ev->root;

	if (of_mount(ev))
		return 0;
	if (put_under(t, ev->root, &in_tree.path, &t->path) ||
	    put_under(t, old_root, &in_tree.old_path, &t->old_path))
		return -ENOMEM;
	in_tree.root = ev->root > 0 ? 0 : ev->root;
	in_tree.old_root = 0;
	return fn_source_emit(&t->base, &in_tree);
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
	for (size_t i = 0; t->under && i < t->nroots; i++)
		free(t->under[i]);
	free(t->under);
	free(t->path.data);
	free(t->old_path.data);
	free(t);
}

int fn_source_tree(struct fn_source **out, struct fn_source *src, const char *const *under,
		   size_t nroots)
{
	struct tree *t = calloc(1, sizeof(*t));
	bool whole = t && (t->under = calloc(nroots, sizeof(*t->under)));

	if (!t) {
		fn_source_close(src);
		return -ENOMEM;
	}
	t->inner = src;
	t->nroots = nroots;
	t->ops = (struct fn_source_ops){.name = fn_source_name(src),
					.fd = tree_fd,
					.timeout = tree_timeout,
					.dispatch = tree_dispatch,
					.expect = tree_expect,
					.stats = tree_stats,
					.close = tree_close};
	t->base.ops = &t->ops;
	for (size_t i = 0; whole && i < nroots; i++)
		whole = (t->under[i] = strdup(under[i]));
	if (!whole) {
		tree_close(&t->base);
		return -ENOMEM;
	}
	*out = &t->base;
	return 0;
}
