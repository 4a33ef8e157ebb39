/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where this mount's events come from, and what the server may ask about its nodes. */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cmd.h"
#include "fs.h"
#include "source/feed.h"

#define WATCHES_MS 15000 /* a slow connection */

static bool is_local(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs_is_local(&fs);
}

static const struct {
	const char *name;
	int (*open)(struct fn_source **src, const struct fn_source_opts *opts, int *bad);
} kinds[] = {
	{"control", fn_source_control},
	{"fanotify", fn_source_fanotify},
	{"inotify", fn_source_inotify},
	{"local", fn_source_local},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_kind(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return true;
	return false;
}

static bool wanted(void *arg, const struct fn_object *dir, const struct fn_object *old_dir,
		   unsigned n)
{
	struct fnmount *m = arg;

	return fn_server_wants(m->server, dir, old_dir, n);
}

/* What is mounted there in the server's own view, if it is a local file system; or -1. */
static int open_view(const struct fnmount *m, const struct fn_submount *s)
{
	int fd = m->own_mount >= 0
			 ? openat(m->own_mount, s->under, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			 : open(s->path, O_PATH | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || (!fstatfs(fd, &fs) && fs_is_local(&fs)))
		return fd;
	close(fd);
	return -1;
}

/* Those that count are kept; quiet, which has room for all, gets a descriptor of each. */
static size_t open_views(struct fnmount *m, int *quiet)
{
	struct fn_submounts *s = &m->submounts;
	size_t n = 0;

	while (n < s->n) {
		quiet[n] = open_view(m, &s->at[n]);
		if (quiet[n] >= 0)
			n++;
		else
			fn_submounts_drop(s, n);
	}
	return n;
}

/* fanotify with the file systems mounted below the backing directory; -ENOENT: there are none. */
static int open_submounts(struct fnmount *m, const struct fn_source_opts *opts)
{
	struct fn_source_opts with = *opts;
	int bad, *quiet, r = fn_submounts_find(&m->submounts, opts);
	size_t n = 0;

	quiet = r ? NULL : calloc(m->submounts.n + 1, sizeof(*quiet));
	if (quiet) {
		n = open_views(m, quiet);
		quiet[n] = m->own_mount;
		with.quiet_mounts = quiet;
		with.nquiet = n + 1;
		r = n ? fn_source_mounts(&m->source, &with, &m->submounts, &bad) : -ENOENT;
	}
	while (n)
		close(quiet[--n]);
	free(quiet);
	if (r)
		fn_submounts_free(&m->submounts);
	return r;
}

static int open_kind(struct fnmount *m, const char *kind)
{
	const char *root = m->backing;
	const struct fn_source_opts opts = {
		.mask = FN_CHANGE_EVENTS,
		.flags = FN_SOURCE_FRESH | FN_SOURCE_RECURSIVE | FN_SOURCE_WHOLE_FS |
			 FN_SOURCE_NO_SELF | FN_SOURCE_MODE | FN_SOURCE_COMM | FN_SOURCE_ONE_FS |
			 (m->own_mount >= 0 ? FN_SOURCE_QUIET_MOUNT : 0),
		.roots = &root,
		.nroots = 1,
		.wanted = wanted,
		.wanted_arg = m,
		.quiet_mounts = &m->own_mount,
		.nquiet = 1,
	};

	if ((!strcmp(kind, "local") || !strcmp(kind, "fanotify")) && !open_submounts(m, &opts))
		return 0;
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, kind))
			return kinds[i].open(&m->source, &opts, NULL);
	return -ENOENT;
}

static void message(void *arg, const char *text)
{
	(void)arg;
	fn_warn("%s", text);
}

/* fnwatch --wire begins its stream when its watches are in force: what changes once we are there is
 * to arrive. Whatever else may say nothing for long. */
static void await_watches(struct fnmount *m)
{
	struct pollfd p = {.fd = fn_source_fd(m->source), .events = POLLIN};

	if (strstr(m->events, "--wire"))
		poll(&p, 1, WATCHES_MS);
}

static bool looked_at(void *arg, const struct fn_str *path)
{
	const struct fnmount *m = arg;

	return fn_server_holds(m->server, path);
}

static int open_feed(struct fnmount *m)
{
	const struct fn_feed_opts opts = {.message = message,
					  .fresh = is_local(m->backing) ? NULL : m->backing,
					  .looked_at = looked_at,
					  .arg = m};
	int r = fn_source_feed(&m->source, m->events, &opts);

	if (!r)
		await_watches(m);
	return r;
}

/* The control file of the mount below, if it has one; else what the kernel sees itself. */
static int open_auto(struct fnmount *m)
{
	int r = open_kind(m, "control");

	if (r != -EOPNOTSUPP)
		return r;
	if (is_local(m->backing))
		return open_kind(m, "local");
	return fn_fail(FN_EXIT_UNSUPPORTED,
		       "%s: not a local file system, and it has no control file: who changes it "
		       "elsewhere is not seen here; name a source with --events, or --events=none",
		       m->config.backing);
}

static int hook_find(void *ctx, const struct fn_object *backing, struct fn_object *node)
{
	struct fnmount *m = ctx;
	uint64_t nodeid;

	if (!(backing->has & FN_OBJ_HANDLE))
		return -ENODATA;
	nodeid = inode_of_object(&m->inodes, backing);
	if (!nodeid)
		return -ENOENT;
	fn_object_clear(node);
	fn_object_set_node(node, nodeid, nodeid == FUSE_ROOT_ID ? 0 : 1);
	return 0;
}

/* Called in the replay's process, which has no descriptor of ours; the node is pinned meanwhile. */
static int32_t hook_backing(void *ctx, uint64_t nodeid, bool begin)
{
	struct fnmount *m = ctx;
	struct inode *i = inode_get(&m->inodes, nodeid);
	int32_t id = i && begin ? backing_join(m, i) : 0;

	if (i && !begin)
		backing_leave(m, i);
	inode_put(&m->inodes, i);
	return id;
}

/* The epoch of all names in the kernel's cache (Linux 6.16); libfuse of Debian 12 has no call. */
static void expire_names(struct fnmount *m)
{
	const struct {
		uint32_t len;
		int32_t code; /* FUSE_NOTIFY_INC_EPOCH */
		uint64_t unique;
	} msg = {sizeof(msg), 8, 0};

	if (m->minor >= 44 && write(fuse_session_fd(m->session), &msg, sizeof(msg)) < 0)
		return;
}

static int expire_node(void *arg, uint64_t nodeid)
{
	struct fnmount *m = arg;

	return fuse_lowlevel_notify_inval_inode(m->session, nodeid, 0, 0);
}

/* Nobody knows what has changed: the kernel is to ask again for everything. */
static void hook_lost(void *ctx)
{
	struct fnmount *m = ctx;

	expire_names(m);
	table_each(&m->inodes, expire_node, m);
}

const struct fn_server_hooks *events_hooks(void)
{
	static const struct fn_server_hooks hooks = {
		.find = hook_find, .backing = hook_backing, .lost = hook_lost};

	return &hooks;
}

static bool in_path(const char *name)
{
	const char *dir = getenv("PATH");
	char file[4096];
	size_t n;

	for (; *name && dir && *dir; dir += n + (dir[n] == ':')) {
		n = strcspn(dir, ":");
		if (snprintf(file, sizeof(file), "%.*s/%s", (int)n, dir, name) <
			    (int)sizeof(file) &&
		    !access(file, X_OK))
			return true;
	}
	return false;
}

/* A kind that was mistyped would be a command that the shell looks for in vain, for ever. */
static bool is_mistyped(const char *events)
{
	return strcmp(events, "-") && !events[strcspn(events, " \t\n/:;&|<>()$`'\"\\=*?[{~#!")] &&
	       !in_path(events);
}

static int open_source(struct fnmount *m)
{
	if (!strcmp(m->events, "none"))
		return 0;
	if (!strcmp(m->events, "auto"))
		return open_auto(m);
	if (is_kind(m->events))
		return open_kind(m, m->events);
	if (is_mistyped(m->events))
		return fn_usage("--events: '%s' is neither a kind of source nor a command",
				m->events);
	return open_feed(m);
}

int events_open(struct fnmount *m)
{
	int r = open_source(m);

	if (r < 0)
		return fn_fail(r == -EOPNOTSUPP ? FN_EXIT_UNSUPPORTED : FN_EXIT_FAIL,
			       "%s: --events=%s: %s", m->config.backing, m->events, strerror(-r));
	m->coherent = m->source != NULL;
	m->elsewhere = m->source && strcmp(fn_source_name(m->source), "fanotify") != 0;
	return r;
}

int events_follow(struct fnmount *m)
{
	return m->source ? fn_server_follow(m->server, m->source) : 0;
}
