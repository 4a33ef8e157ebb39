/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_SOURCE_FANOTIFY_IMPL_H
#define FN_SOURCE_FANOTIFY_IMPL_H

#include <limits.h>
#include <sys/stat.h>

#include "object/pathmap.h"
#include "source/fanotify_parse.h"
#include "source/ledger.h"
#include "source/fanotify_told.h"
#include "source/source_impl.h"

struct fan_root {
	char *path, *mount_path; /* where it was at the start, and the top of its mount */
	int fd;                  /* fan_root_fd() */
	int mount_id;
	int wd; /* of the guard */
	struct fn_object object;
	bool dir;
	bool whole; /* under a mark of its whole file system */
	bool gone;  /* and that has been told */
	struct stat was;
};

struct fan_source {
	struct fn_source base;
	int fd;
	int guard_fd, poll_fd;
	int self; /* our pid */
	unsigned flags;
	uint64_t want; /* what the caller asked for */
	uint64_t kernel_mask;
	bool have_rename; /* FAN_RENAME and TARGET_FID: 5.17; else see fanotify_moves.c */
	bool any_whole;
	bool by_handle; /* open_by_handle_at() is allowed */
	fn_prune_cb prune;
	void *prune_arg;
	fn_wanted_cb wanted;
	void *wanted_arg;
	struct fan_root *roots;
	size_t nroots;

	struct fn_pathmap *map;
	struct fn_pathbuf path, old_path, spot_path;
	struct {
		char path[256];
		size_t len; /* 0: none */
		int root;
		int64_t mono_ns;
		uint32_t mode;
	} moded; /* the last path whose mode was asked for */
	struct fan_told told;
	char name[FN_NAME_MAX];
	bool mending; /* what is told now is not from a record */
	struct fn_comm_cache *comm;
	struct fn_ledger *ledger; /* NULL unless FN_SOURCE_NO_SELF */

	uint8_t *buf;
	size_t len, pos;
	size_t learned; /* up to where fan_learn() has looked */
	size_t to_done,
		rest_done; /* 1 + where the record is whose MOVED_TO, or all else, is told */
	size_t back_at;    /* 1 + where the record is that is the way back of the one before it */
	struct fn_fan_fid back_to, back_object;
	bool exchanged; /* and it is another object's */
	bool behind;    /* the queue holds more than the buffer may */
	struct fn_event ev;
	struct fn_source_stats stats;
};

/* fanotify_root.c */
int fan_open_guard(struct fan_source *s);
int fan_open_roots(struct fan_source *s, const char *path, size_t i);
int fan_root_fd(struct fan_source *s, int root); /* borrowed for this round, or -ESTALE */
/* Something below it could not be opened: if that is for the root itself, its watch is lost. */
void fan_root_lost(struct fan_source *s, int root);
void fan_close_roots(struct fan_source *s);
int fan_read_guard(struct fan_source *s);
int fan_fd_path(int fd, char path[PATH_MAX]);

/* fanotify_dir.c */
int fan_mark_root(struct fan_source *s, size_t root);
/* Make the place of dir known if it can be. */
enum fn_place fan_find_dir(struct fan_source *s, const struct fn_object *dir);
/* A directory that appeared at path below a root: mark what is in it and report it SYNTHETIC. If
 * something else is there by now, that has an event of its own. */
int fan_appeared(struct fan_source *s, int root, struct fn_str path, const struct fn_object *dir);
int fan_open(struct fan_source *s, const struct fn_object *object, int flags); /* by handle */
/* What has the name now? 0, -ENOENT (or another error that it cannot exist by), -EXDEV (a mount
 * covers it), else it cannot be said. */
int fan_look(struct fan_source *s, const struct fn_object *dir, struct fn_str name,
	     struct fn_object *now, bool *isdir);
bool fan_is_there(struct fan_source *s, const struct fan_sides *w); /* at its new side */
/* What could not be opened where it was believed to be. */
void fan_walk_late(struct fan_source *s);
/* Mark a tree, again after events were lost. */
int fan_walk_marks(struct fan_source *s, int root);

/* fanotify_event.c */
int fan_record(struct fan_source *s, const struct fn_fan_record *rec);
/* Events are gone. */
int fan_lost(struct fan_source *s);
/* One event, and what follows from it for the directories. */
int fan_tell(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
	     uint64_t bit);
int fan_tell_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		      const struct fan_sides *w, const struct fn_fan_record *back,
		      const struct fan_sides *v);
/* Is it there now? */
bool fan_is_at(struct fan_source *s, const struct fn_object *object, int root, struct fn_str path);
/* Note where directories are that later records of the buffer speak of, and who made them. */
void fan_learn(struct fan_source *s);

/* fanotify_moves.c: the record at s->pos, n bytes long, becomes one that can be worked off: a
 * rename or what else it tells. How far to go on, 0 if there is more to it. */
int fan_moves_next(struct fan_source *s, int n, struct fn_fan_record *rec);
/* The object of a move, as records at or soon after `at` tell. */
void fan_moves_object(const struct fan_source *s, size_t at, struct fn_fan_record *rec);
/* The rename that comes next after rec; its end from s->pos, or -1. *two: it is known to be of
 * another object. */
int fan_moves_back(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
		   struct fn_fan_record *back, bool *two);

/* fanotify_near.c */
bool fan_same_handle(const struct fn_fan_fid *a, const struct fn_fan_fid *b);
bool fan_same_place(const struct fn_fan_fid *a, const struct fn_fan_fid *b);
/* Draw up to count records of the process to `at`. How many there are. */
int fan_gather(struct fan_source *s, size_t at, int32_t pid, int count);
/* More is about to be queued: true when it is here. *until: 0 to begin with. */
bool fan_await(struct fan_source *s, int64_t *until);
/* The next record of the process, and where it ends; 0: it is not here. */
size_t fan_next_of(const struct fan_source *s, int32_t pid, struct fn_fan_record *next);
/* A system call has queued all its records when it lets go of the directory: wait for that.
 * dirfd: not of O_PATH. */
void fan_await_calls(int dirfd);
void fan_await_call(struct fan_source *s, const struct fn_object *dir);
/* Draw the way back of the rename rec to s->pos. Its length, or 0: there is none. */
int fan_back(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
	     struct fn_fan_record *back);

/* fanotify.c: append what is queued to the buffer, a bounded look ahead. 0: nothing more. */
int fan_read_ahead(struct fan_source *s);
/* All of it, learned from: after a look at the file system everything older than the look is here.
 */
void fan_drain(struct fan_source *s);

#endif
