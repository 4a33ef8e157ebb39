/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control file: a hidden file in the root of a mount over which clients speak fn1, see
 * fnotify-protocol(7). It is handed every FUSE request for its node and its name, answers them,
 * and tells its clients what happens in the mount.
 *
 * Nothing here blocks a serving thread: what a client writes is carried out, and events are
 * handed out, by a thread of its own. A blocked read() is a request that is answered later.
 */
#ifndef FN_SERVER_CONTROL_H
#define FN_SERVER_CONTROL_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "event/event.h"
#include "wire/fn1.h"

#define FN_CONTROL_NAME ".fsnotify"
#define FN_CONTROL_DIR ".fsnotify.d" /* where clients open it, as FN_CONTROL_IN_DIR */
#define FN_CONTROL_IN_DIR "control"
#define FN_CONTROL_SIZE (1ull << 40) /* reported, so that reads are never cut short */

struct fn_control;

struct fn_control_conf {
	void *ctx;
	uint64_t nodeid; /* of the file, which the server uses for nothing else */
	uint64_t dir;    /* of the hidden directory that has it too; 0: none */
	uid_t owner;     /* of the mount: may INJECT, as root may */
	/* Write one whole message to the kernel: an answer by the descriptor that its request came
	 * by (or a copy of it), a notification with fd -1. Any thread. 0 or -errno. */
	int (*send)(void *ctx, int fd, const struct iovec *iov, int count);
	/* lstat() of a path relative to the mount ("" is its root), in the store. */
	int (*stat)(void *ctx, const char *path, struct stat *st);
	/* The path of an object, "" for the root: 0 or -errno. May be NULL: watches by path only.
	 */
	int (*path)(void *ctx, const struct fn_object *object, char *buf, size_t size);
	/* A client's event. May be NULL: nobody may INJECT. -EAGAIN when there is no room now: the
	 * client sends it, and what followed it, again. */
	int (*inject)(void *ctx, const struct fn_event *ev);
	/* A client's ARM, or with FN1_ARM_END the end of it; owner names the client, tgid the
	 * process it works through. *arm becomes the answer. May be NULL: not supported. */
	int (*arm)(void *ctx, uint64_t owner, pid_t tgid, struct fn1_arm *arm);
	/* How far the replay has come, in the numbers that fn_control_event_after() is given: an
	 * event is told once its caches have been made coherent. NULL: there is nothing to wait
	 * for. */
	uint64_t (*progress)(void *ctx);
	const char *server; /* name and version for HELLO, or NULL */
	uint64_t mask;      /* what the server can tell of; 0: FN_ALL_EVENTS */
	/* Limits; 0: a sane default. */
	uint32_t max_clients;     /* 128; a quarter of them for one user other than root */
	uint32_t max_watches;     /* of a client: 65536 */
	uint32_t max_queue;       /* events of a client that wait: 16384 */
	uint32_t max_queue_bytes; /* 4 MiB */
	uint32_t max_rate;        /* requests of a client a second: 200000 */
};

int fn_control_new(struct fn_control **ctl, const struct fn_control_conf *conf);
/* Start the thread. Without it, fn_control_run() has to be called. */
int fn_control_start(struct fn_control *ctl);
/* Ends the thread, after what there is to do was done. Events that come later are dropped. */
void fn_control_stop(struct fn_control *ctl);
/* Stops, and frees. Blocked reads stay unanswered: the session is over. NULL is allowed. */
void fn_control_free(struct fn_control *ctl);

/* A request as it came from /dev/fuse. True: it was for the control file, and is or will be
 * answered, and nobody else may see it. Any thread; does not block. */
bool fn_control_request(struct fn_control *ctl, int fd, const void *msg, size_t len);
/* The kernel gives up waiting for this request: true if it was a blocked read, ended now. */
bool fn_control_interrupt(struct fn_control *ctl, uint64_t unique);

/* Something happened. path (and old_path) relative to the mount. Any thread; takes a copy; does
 * not block. */
void fn_control_event(struct fn_control *ctl, const struct fn_event *ev);
/* To be told when progress() is at least that; at once when that stands still for long. */
void fn_control_event_after(struct fn_control *ctl, const struct fn_event *ev, uint64_t progress);
/* There was progress. Cheap. */
void fn_control_poke(struct fn_control *ctl);
/* What any client watches: events outside of it need not be told. 0: nobody watches. */
uint64_t fn_control_wanted(const struct fn_control *ctl);
/* The mount ends: every watch gets GONE, and readers the end of the file. */
void fn_control_unmount(struct fn_control *ctl);

/* Do what is to be done now, for tests and for loops without the thread. */
void fn_control_run(struct fn_control *ctl);

#endif
