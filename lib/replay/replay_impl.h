/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the replay thread and its operations. */
#ifndef FN_REPLAY_REPLAY_IMPL_H
#define FN_REPLAY_REPLAY_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "replay/queue.h"

/* Names whose DELETE was replayed lately, so that the same event told twice is noticed. */
#define FN_GONE_SLOTS 4096

struct fn_replay {
	struct fn_replay_conf conf;
	char *mountpoint, *probe, *limbo;
	struct fn_queue *queue;
	pthread_t thread;
	char *stack; /* of the process that works for it */
	pid_t pid;   /* the server's */
	uid_t uid;
	gid_t gid;
	pthread_mutex_t lock; /* of ready */
	pthread_cond_t changed;
	bool ready, joined;
	atomic_bool stop;
	uint64_t init_flags;
	int server_fd; /* the server's /dev/fuse, in the server's table */

	/* The thread's own. */
	int dev_fd;     /* a clone of /dev/fuse for INVAL_INODE, -1: not needed or not to be had */
	int mount_fd;   /* the mount, while busy; -1 */
	bool is_clone;  /* the visible one can be unmounted meanwhile */
	unsigned batch; /* events so far */
	int dir_fd;     /* the directory last opened, -1 */
	uint64_t dir_node;
	uint64_t touched; /* the directory of the last event, 0 */
	int limbo_fd;
	bool in_mount;    /* the working directory is the mount's root */
	bool no_handles;  /* not privileged to open by handle */
	bool by_identity; /* the server's nodes outlast their names */
	dev_t dev;
	uint64_t made_up; /* the next node id for something made up */
	uint64_t gone[FN_GONE_SLOTS];

	atomic_uint_fast64_t taken, done;
	atomic_uint_fast64_t replayed, unheld, coalesced, stale, failed, lost;
};

/* Descriptors on the mount: a directory by node id, or -errno. They stay the thread's. */
int fn_replay_dir(struct fn_replay *r, uint64_t nodeid);
int fn_replay_limbo(struct fn_replay *r);
int fn_replay_mount(struct fn_replay *r);
void fn_replay_close_dir(struct fn_replay *r);
void fn_replay_close(struct fn_replay *r); /* all of them */

/* After a change the kernel asks for the directory's attributes again, before the next one: let it
 * ask now. */
void fn_replay_warm(struct fn_replay *r);

/* Make the system call of one event; counts it. */
void fn_replay_item(struct fn_replay *r, const struct fn_item *item);

#endif
