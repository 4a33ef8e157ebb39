/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_SOURCE_INOTIFY_IMPL_H
#define FN_SOURCE_INOTIFY_IMPL_H

#include <sys/inotify.h>

#include "rename/join.h"
#include "source/ledger.h"
#include "source/keymap.h"
#include "source/source_impl.h"
#include "source/watch_table.h"

struct in_root {
	char *path; /* absolute, where it was at the start */
	int fd;     /* in_root_fd() */
	uint64_t dev, ino;
	uint32_t node;
	bool dir;
	bool leaf_links; /* a directory with two links holds no directory */
};

/* The rename of a directory that the queue is telling of. */
struct in_moving {
	bool valid, has_to;
	uint32_t cookie;
	int to_wd;
	uint8_t to_len;
	char to[FN_NAME_MAX];
};

struct in_source {
	struct fn_source base;
	int fd;
	unsigned flags;
	uint64_t want;
	uint32_t mask; /* of every watch */
	bool (*prune)(void *arg, int root, const char *path, size_t len);
	void *prune_arg;
	struct in_root *roots;
	size_t nroots;

	struct fn_watch_table table;
	struct in_moving moving;
	uint32_t told[2]; /* cookies of an exchange that a walk has reported already */
	bool rescanning;
	struct fn_join *join;
	struct fn_ledger *ledger;
	struct fn_keymap seen;

	uint8_t *buf;
	size_t len, pos;
	bool drained; /* the last read took all there was */
	struct fn_event ev, whole;
	struct fn_source_stats stats;
};

/* One raw event, checked: name has its padding cut off. */
struct in_raw {
	int wd;
	uint32_t mask, cookie;
	struct fn_str name;
	size_t size;
};

/* inotify.c: false at the end of the buffer, or if what is there is not whole. */
bool in_parse(const uint8_t *buf, size_t len, struct in_raw *raw);

/* inotify_dir.c */
int in_open_root(struct in_source *s, size_t i, const char *path);
int in_root_fd(struct in_source *s, int root); /* borrowed for this round, or -ESTALE */
void in_close_roots(struct in_source *s);
/* Watch what is below node; report what is there as SYNTHETIC. */
int in_walk(struct in_source *s, uint32_t node, bool report);
/* Watch `name` in parent and all below it. 0, 1 if there is nothing to watch, or -errno. */
int in_watch_new(struct in_source *s, uint32_t parent, struct fn_str name, bool report);
void in_drop(struct in_source *s, uint32_t node); /* node and all below it */
void in_rescan(struct in_source *s);              /* after an overflow */

/* inotify_event.c */
int in_event(struct in_source *s, const struct in_raw *raw);
int in_emit(const struct fn_event *ev, void *source);
int in_idle(struct in_source *s);
bool in_both_there(void *arg, const struct fn_event *rename);

#endif
