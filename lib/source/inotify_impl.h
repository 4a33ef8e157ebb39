/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_SOURCE_INOTIFY_IMPL_H
#define FN_SOURCE_INOTIFY_IMPL_H

#include <sys/inotify.h>
#include <sys/stat.h>

#include "rename/join.h"
#include "source/ledger.h"
#include "source/keymap.h"
#include "source/source_impl.h"
#include "source/watch_table.h"

struct in_root {
	char *path; /* absolute, where it was at the start */
	int fd;     /* in_root_fd() */
	struct stat was;
	uint32_t node;
	bool dir;
	bool gone;       /* and that has been told */
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

/* A directory that is to be watched. */
struct in_fresh {
	uint32_t parent;
	int parent_wd;
	uint64_t number;
	uint8_t len;
	char name[FN_NAME_MAX];
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
	uint32_t pair[2];           /* cookies of two renames that may be an exchange */
	bool two;                   /* and of two objects they are */
	struct fn_keymap unmounted; /* watches whose UNMOUNT was read */
	uint32_t from;              /* cookie of the last MOVED_FROM */
	bool rescanning;
	struct fn_join *join;
	struct fn_ledger *ledger;

	struct in_fresh *fresh; /* directories to be watched */
	size_t nfresh, fresh_cap;
	uint64_t fresh_number;
	struct fn_keymap fresh_names; /* parent's watch and name -> number of the newest */

	uint8_t *buf;
	size_t cap, len, pos;
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
/* Read all that is queued behind what was read. The buffer may move. */
int in_drain(struct in_source *s);

/* inotify_dir.c */
int in_open_root(struct in_source *s, size_t i, const char *path);
int in_root_fd(struct in_source *s, int root); /* borrowed for this round, or -ESTALE */
void in_close_roots(struct in_source *s);
int in_watch_fd(struct in_source *s, int fd, uint32_t mask); /* a watch, or -errno */
/* The node of a watch just given for `name` in parent, or FN_NO_NODE. */
uint32_t in_place_wd(struct in_source *s, int wd, uint32_t parent, struct fn_str name);
bool in_is_pruned(struct in_source *s, uint32_t parent, struct fn_str name);
int in_walk(struct in_source *s, uint32_t node);  /* watch what is below node */
void in_drop(struct in_source *s, uint32_t node); /* node and all below it */
void in_rescan(struct in_source *s);              /* after an overflow */

/* inotify_fresh.c */
void in_fresh_add(struct in_source *s, uint32_t parent, struct fn_str name);
void in_fresh_gone(struct in_source *s, int parent_wd, struct fn_str name);
/* Watch them and report what is in them; last: the queue was empty, what is not there is gone. */
void in_fresh_look(struct in_source *s, bool last);

/* inotify_event.c */
int in_event(struct in_source *s, const struct in_raw *raw);
int in_emit(const struct fn_event *ev, void *source);
int in_idle(struct in_source *s);
int in_push_lost(struct in_source *s, uint32_t node, const struct in_raw *raw, uint64_t bit);
bool in_both_there(void *arg, const struct fn_event *rename);

#endif
