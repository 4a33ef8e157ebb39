/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which source watches which root. */
#include "fnwatch/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probe/mountinfo.h"
#include "source/control.h"
#include "source/stream.h"

#define FUSE_MAGIC 0x65735546

typedef int (*open_fn)(struct fn_source **src, const struct fn_source_opts *opts, int *bad);

static uint64_t source_mask(const struct watch_options *o)
{
	uint64_t mask = o->mask, move = FN_MOVED_FROM | FN_MOVED_TO | FN_RENAME;

	if (mask & move)
		mask |= move;
	/* What the reader knows follows from all that changes names and content. */
	if (o->overflow == OVERFLOW_RESCAN)
		mask |= FN_DIRENT_EVENTS | FN_MODIFY | FN_ATTRIB;
	return mask;
}

static struct fn_source_opts source_opts(struct watch *w, const char **roots, size_t nroots)
{
	const struct watch_options *o = &w->opts;
	bool who = o->style == STYLE_JSON || o->style == STYLE_WIRE || w->out.terminal ||
		   (o->style == STYLE_FORMAT && format_joint(o->format)) ||
		   writers_any(&o->writers);

	return (struct fn_source_opts){
		.mask = source_mask(o),
		.flags = FN_SOURCE_FRESH |
			 (o->recursive ? FN_SOURCE_RECURSIVE | FN_SOURCE_WHOLE_FS : 0u) |
			 (who ? FN_SOURCE_COMM : 0u) | (o->no_follow ? FN_SOURCE_DONT_FOLLOW : 0u),
		.roots = roots,
		.nroots = nroots,
		.prune = o->filter.n ? pick_prunes : NULL,
		.prune_arg = &w->pick,
	};
}

static int explain_errno(const char *root, const char *what, int error)
{
	switch (error) {
	case EPERM:
	case ENOSYS:
	case EOPNOTSUPP:
	case EXDEV:
	case ENODEV:
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s: %s cannot watch it: %s", root, what,
			       strerror(error));
	case ENOSPC:
		return fn_fail(FN_EXIT_FAIL,
			       "%s: no more watches: raise /proc/sys/fs/inotify/max_user_watches",
			       root);
	case EMFILE:
		return fn_fail(FN_EXIT_FAIL,
			       "%s: no more instances or descriptors: see "
			       "/proc/sys/fs/inotify/max_user_instances",
			       root);
	default:
		return fn_fail(FN_EXIT_FAIL, "%s: %s", root, strerror(error));
	}
}

static struct watch_input *add_input(struct watch *w, size_t nroots)
{
	struct watch_input *grown = realloc(w->inputs, (w->ninputs + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	w->inputs = grown;
	grown += w->ninputs;
	*grown = (struct watch_input){.roots = calloc(nroots + 1, sizeof(int)), .nroots = nroots};
	if (!grown->roots)
		return NULL;
	w->ninputs++;
	return grown;
}

/* One source over those roots for which group is set. */
static int open_group(struct watch *w, const int *groups, int group, open_fn open_source,
		      const char *what)
{
	const char **roots = calloc(w->opts.nroots, sizeof(*roots));
	struct fn_source_opts so;
	struct watch_input *in;
	size_t n = 0;
	int bad = -1, r;

	for (size_t i = 0; roots && i < w->opts.nroots; i++)
		if (groups[i] == group)
			roots[n++] = w->opts.roots[i];
	in = roots ? add_input(w, n) : NULL;
	if (!in) {
		free(roots);
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	}
	for (size_t i = 0, k = 0; i < w->opts.nroots; i++)
		if (groups[i] == group)
			in->roots[k++] = (int)i;
	in->same = n == w->opts.nroots;
	so = source_opts(w, roots, n);
	r = open_source(&in->src, &so, &bad);
	if (r)
		r = explain_errno(roots[bad >= 0 ? bad : 0], what, -r);
	free(roots);
	return r;
}

static int check_root(const struct watch *w, const char *root)
{
	struct stat st;

	if (w->opts.no_follow ? lstat(root, &st) : stat(root, &st))
		return fn_fail(FN_EXIT_FAIL, "%s: %s", root, strerror(errno));
	return 0;
}

static bool on_fuse(const char *root)
{
	struct statfs fs;

	return !statfs(root, &fs) && fs.f_type == FUSE_MAGIC;
}

static int explain_fuse(const char *root)
{
	fn_fail(FN_EXIT_UNSUPPORTED,
		"%s: this FUSE or virtiofs mount takes no remote watches: its server does not speak "
		"fn1",
		root);
	fprintf(stderr,
		"What others change behind the mount would go unseen. To see it:\n"
		"  serve the directory with fnmount; for a virtiofs share, on the host: fnmount DIR "
		"EXPORT, and export EXPORT\n"
		"  or watch where it is changed: ssh HOST fnwatch --wire -r DIR | fnwatch "
		"--source=stream:- %s\n"
		"To see local changes only: --source=inotify. More in fnutils(7).\n",
		root);
	return FN_EXIT_UNSUPPORTED;
}

/* A server on this machine that raises what others change as native events. */
static bool is_fnmount(const char *root)
{
	struct fn_mount *m = malloc(sizeof(*m));
	int fd = open(root, O_PATH | O_CLOEXEC);
	bool is = m && fd >= 0 && !fn_mount_find(m, fn_mount_id(fd), NULL) &&
		  !strcmp(m->fstype, "fuse.fnmount");

	if (fd >= 0)
		close(fd);
	free(m);
	return is;
}

static int explain_read_only(const char *root)
{
	return fn_fail(FN_EXIT_UNSUPPORTED,
		       "%s: is read-only, and a remote watch is a request written to its control "
		       "file; watch another mount of it, or local changes only: --source=inotify",
		       root);
}

static int open_stream(struct watch *w)
{
	bool standard = !strcmp(w->opts.stream, "-");
	struct watch_input *in = add_input(w, 1);
	int fd = standard ? dup(STDIN_FILENO) : open(w->opts.stream, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;
	struct stat st;

	if (!in) {
		if (fd >= 0)
			close(fd);
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	}
	in->same = true;
	in->file = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
	if (!r)
		r = fn_source_stream(&in->src, fd);
	return r ? fn_fail(FN_EXIT_FAIL, "%s: %s", w->opts.stream, strerror(-r)) : 0;
}

enum { GROUP_LOCAL, GROUP_REMOTE };

/* Remote where the mount speaks fn1, local where the file system is; nothing in between. */
static int group_root(const struct watch *w, const char *root, int *group)
{
	struct fn_control_file *f;
	int r = on_fuse(root) ? fn_control_open(&f, root, !w->opts.no_follow) : 1;

	*group = r ? GROUP_LOCAL : GROUP_REMOTE;
	if (!r)
		fn_control_close(f);
	else if (r == -EOPNOTSUPP)
		return explain_fuse(root);
	else if (r == -EROFS && !is_fnmount(root))
		return explain_read_only(root);
	else if (r < 0 && r != -EROFS)
		return explain_errno(root, "a remote watch", -r);
	return 0;
}

static int group_roots(const struct watch *w, int *groups, bool *any)
{
	for (size_t i = 0; i < w->opts.nroots; i++) {
		int r = group_root(w, w->opts.roots[i], &groups[i]);

		if (r)
			return r;
		any[groups[i]] = true;
	}
	return 0;
}

static int open_auto(struct watch *w, int *groups)
{
	bool any[2] = {false, false};
	int r = group_roots(w, groups, any);

	if (!r && any[GROUP_REMOTE])
		r = open_group(w, groups, GROUP_REMOTE, fn_source_control, "a remote watch");
	if (!r && any[GROUP_LOCAL])
		r = open_group(w, groups, GROUP_LOCAL, fn_source_local, "fanotify or inotify");
	return r;
}

static int open_by_kind(struct watch *w, int *groups)
{
	switch (w->opts.source) {
	case SOURCE_FANOTIFY:
		return open_group(w, groups, GROUP_LOCAL, fn_source_fanotify, "fanotify");
	case SOURCE_INOTIFY:
		return open_group(w, groups, GROUP_LOCAL, fn_source_inotify, "inotify");
	case SOURCE_REMOTE:
		return open_group(w, groups, GROUP_LOCAL, fn_source_control, "a remote watch");
	case SOURCE_STREAM:
		return open_stream(w);
	default:
		return open_auto(w, groups);
	}
}

int inputs_open(struct watch *w)
{
	int *groups = calloc(w->opts.nroots + 1, sizeof(*groups)), r = 0;

	if (!groups)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	for (size_t i = 0; !r && i < w->opts.nroots && w->opts.source != SOURCE_STREAM; i++)
		r = check_root(w, w->opts.roots[i]);
	if (!r)
		r = open_by_kind(w, groups);
	for (size_t i = 0; !r && i < w->ninputs && writers_any(&w->opts.writers); i++)
		if (!strcmp(fn_source_name(w->inputs[i].src), "inotify"))
			r = fn_fail(FN_EXIT_UNSUPPORTED,
				    "--exclude-writer: fanotify cannot watch here, and inotify "
				    "does not tell who made a change");
	free(groups);
	return r;
}

void inputs_close(struct watch *w)
{
	for (size_t i = 0; i < w->ninputs; i++) {
		if (w->inputs[i].src)
			fn_source_close(w->inputs[i].src);
		free(w->inputs[i].roots);
	}
	free(w->inputs);
}
