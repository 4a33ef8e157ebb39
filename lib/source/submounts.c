/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/submounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/mountinfo.h"
#include "source/tree.h"

/* The path of point below dir, or NULL. */
static const char *below(const char *dir, const char *point)
{
	size_t n = strlen(dir);

	if (n == 1)
		return point[1] ? point + 1 : NULL;
	return !strncmp(dir, point, n) && point[n] == '/' && point[n + 1] ? point + n + 1 : NULL;
}

static int add(struct fn_submounts *s, const struct fn_source_opts *opts, int root, const char *dir,
	       const struct fn_mount *m)
{
	const char *under = below(dir, m->point);
	struct fn_submount *grown;
	struct stat st;

	/* who looks into an automount point has it mounted */
	if (!under || !strcmp(m->fstype, "autofs") || stat(m->point, &st) || !S_ISDIR(st.st_mode))
		return 0;
	if (opts->prune && opts->prune(opts->prune_arg, root, under, strlen(under)))
		return 0;
	grown = realloc(s->at, (s->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->at = grown;
	grown += s->n;
	grown->path = strdup(m->point);
	if (!grown->path)
		return -ENOMEM;
	grown->under = below(dir, grown->path);
	grown->root = root;
	grown->dev = st.st_dev;
	s->n++;
	return 0;
}

static int add_below(struct fn_submounts *s, const struct fn_source_opts *opts, char *const *dirs,
		     const struct fn_mount *m)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < opts->nroots; i++)
		if (dirs[i])
			rc = add(s, opts, (int)i, dirs[i], m);
	return rc;
}

int fn_submounts_find(struct fn_submounts *s, const struct fn_source_opts *opts)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct fn_mount *m = malloc(sizeof(*m));
	char **dirs = calloc(opts->nroots, sizeof(*dirs)), *line = NULL;
	size_t size = 0;
	int rc = m && dirs ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < opts->nroots; i++)
		dirs[i] = realpath(opts->roots[i], NULL); /* what is not there is found out later */
	while (f && rc == 0 && getline(&line, &size, f) > 0)
		if (!fn_mount_parse(m, line))
			rc = add_below(s, opts, dirs, m);
	for (size_t i = 0; dirs && i < opts->nroots; i++)
		free(dirs[i]);
	free(dirs);
	free(line);
	free(m);
	if (f)
		fclose(f);
	return rc;
}

void fn_submounts_drop(struct fn_submounts *s, size_t i)
{
	free(s->at[i].path);
	memmove(s->at + i, s->at + i + 1, (--s->n - i) * sizeof(*s->at));
}

void fn_submounts_free(struct fn_submounts *s)
{
	while (s->n)
		fn_submounts_drop(s, s->n - 1);
	free(s->at);
	s->at = NULL;
}

bool fn_submounts_have(const struct fn_submounts *s, dev_t dev)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].dev == dev)
			return true;
	return false;
}

/* The roots as fanotify gets them, and where each stands. */
static int fill(const struct fn_source_opts *opts, const struct fn_submounts *s, const char **roots,
		struct fn_tree_root *places)
{
	for (size_t i = 0; i < opts->nroots; i++) {
		roots[i] = opts->roots[i];
		places[i] = (struct fn_tree_root){.root = (int)i, .under = ""};
	}
	for (size_t i = 0; i < s->n; i++) {
		roots[opts->nroots + i] = s->at[i].path;
		places[opts->nroots + i] =
			(struct fn_tree_root){.root = s->at[i].root, .under = s->at[i].under};
	}
	return (int)(opts->nroots + s->n);
}

int fn_source_mounts(struct fn_source **src, const struct fn_source_opts *opts,
		     struct fn_submounts *s, int *bad)
{
	size_t most = opts->nroots + s->n;
	const char **roots = calloc(most, sizeof(*roots));
	struct fn_tree_root *places = calloc(most, sizeof(*places));
	int rc = -ENOMEM;

	*bad = -1;
	while (roots && places) {
		rc = fn_source_tree(src, opts, roots, places, (size_t)fill(opts, s, roots, places),
				    bad);
		if (rc == 0 || *bad < (int)opts->nroots)
			break;
		fn_submounts_drop(s, (size_t)*bad - opts->nroots);
	}
	free(roots);
	free(places);
	return rc;
}
