/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where events come from. One interface over fanotify, inotify, a mount's control file and
 * streams. A source never blocks: wait for its descriptor, or for its timeout, then dispatch.
 * One thread uses a source at a time.
 */
#ifndef FN_SOURCE_SOURCE_H
#define FN_SOURCE_SOURCE_H

#include "event/event.h"

struct fn_source;

enum fn_source_flags {
	FN_SOURCE_RECURSIVE = 1 << 0,
	FN_SOURCE_WHOLE_FS = 1 << 1, /* fanotify: allow the whole-filesystem mark */
	FN_SOURCE_NO_SELF =
		1 << 2,          /* drop what this process did (fanotify: pid; inotify: ledger) */
	FN_SOURCE_COMM = 1 << 3, /* look up the command name of the pid */
	FN_SOURCE_MODE = 1 << 4, /* look up st_mode of the object */
	FN_SOURCE_FRESH =
		1 << 7, /* control file behind virtiofsd: what changed is looked at anew first */
	FN_SOURCE_QUIET_MOUNT = 1 << 6, /* fanotify: nothing of what is done through quiet_mounts */
	FN_SOURCE_ONE_FS = 1 << 8,      /* fanotify: not what is mounted below the roots */
	FN_SOURCE_OLD_FANOTIFY = 1 << 9, /* for tests: as if the kernel were older than 5.17 */
	FN_SOURCE_DONT_FOLLOW = 1 << 5,  /* a root that is a symlink is watched itself */
};

/* Whether n events in dir (of a rename out of old_dir) concern anybody. What is not known is an
 * object that has nothing. */
typedef bool (*fn_wanted_cb)(void *arg, const struct fn_object *dir,
			     const struct fn_object *old_dir, unsigned n);

struct fn_source_opts {
	uint64_t mask;  /* FN_* bits wanted */
	unsigned flags; /* enum fn_source_flags */
	const char *const *roots;
	size_t nroots;
	/* Directories for which this is true are neither watched nor descended into. path is
	 * relative to the root. May be NULL. */
	bool (*prune)(void *arg, int root, const char *path, size_t len);
	void *prune_arg;
	/* Events below the roots that nobody asks about may be left out early. May be NULL. */
	fn_wanted_cb wanted;
	void *wanted_arg;
	/* With FN_SOURCE_QUIET_MOUNT: open directories (not O_PATH), each of a mount of a root's
	 * file system. Reads and writes through these mounts are not reported, whoever makes them:
	 * a server's I/O on behalf of its clients, FUSE passthrough above all. */
	const int *quiet_mounts;
	size_t nquiet;
	size_t max_paths;      /* bound of the handle -> path map; 0: a sane default */
	unsigned join_wait_ms; /* how long half a rename waits for the other; 0: a sane default */
};

/* Each: 0 or -errno; *bad, if not NULL, becomes the index of the root at fault, else -1. */
int fn_source_fanotify(struct fn_source **src, const struct fn_source_opts *opts, int *bad);
int fn_source_inotify(struct fn_source **src, const struct fn_source_opts *opts, int *bad);
/* The control file of the mount that each root is on, see source/control.h; -EOPNOTSUPP: there is
 * none. Watches are set at the server; paths need not resolve to anything but there. */
int fn_source_control(struct fn_source **src, const struct fn_source_opts *opts, int *bad);
/* fanotify where it works for these roots, else inotify. */
int fn_source_local(struct fn_source **src, const struct fn_source_opts *opts, int *bad);

void fn_source_close(struct fn_source *src);
int fn_source_fd(const struct fn_source *src);      /* readable (POLLIN) when there is work */
int fn_source_timeout(const struct fn_source *src); /* ms until dispatch is due anyway, -1: never */
const char *fn_source_name(const struct fn_source *src); /* "fanotify", "inotify", … */

/* Deliver what is there. A callback that returns nonzero stops the round and is returned; what
 * was read and not delivered comes in the next. 0, the callback's value, or -errno. */
int fn_source_dispatch(struct fn_source *src, fn_event_cb cb, void *arg);

/*
 * Tell the source what this process is about to do itself, with FN_SOURCE_NO_SELF: one event of
 * each bit of mask for that path (relative to the root) is then swallowed. For sources that cannot
 * tell by pid; fanotify needs it only for what it finds in a new directory. A rename is FN_RENAME
 * at the new path and FN_MOVED_FROM at the old one. Bounded in size, and forgotten after two
 * seconds. Any thread may call it.
 */
void fn_source_expect(struct fn_source *src, uint64_t mask, const char *path, size_t len);

struct fn_source_stats {
	uint64_t events, dropped, overflows, watches, halves_expired;
};
void fn_source_stats(const struct fn_source *src, struct fn_source_stats *st);

#endif
