/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the control file. */
#ifndef FN_SERVER_CONTROL_IMPL_H
#define FN_SERVER_CONTROL_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/control.h"
#include "server/ring.h"
#include "source/source_impl.h"
#include "wire/fn1.h"

#define FN_CREDS_GROUPS 64
/* The moves and ends of what is watched have to be seen in any case. */
#define FN_WANTED_ANYWAY (FN_RENAME | FN_MOVED_FROM | FN_DELETE | FN_DELETE_SELF)
#define FN_PENDING_MAX 8

/* Who opened the file. */
struct fn_creds {
	uid_t uid;
	gid_t gid;
	pid_t pid, tgid; /* the thread that opened it, and its process; 0: not known */
	unsigned ngroups;
	gid_t groups[FN_CREDS_GROUPS];
};

/* A verdict on a directory, kept for when it is gone. */
struct fn_access_entry {
	uint64_t hash;
	bool allowed;
};
#define FN_ACCESS_SLOTS 256

struct fn_watch {
	struct fn_watch *next; /* of the same bucket */
	uint32_t id, flags;    /* enum fn1_watch_flags */
	uint64_t mask;         /* once it ended: why */
	uint64_t hash;
	size_t len;
	char path[];
};

/* The watches of a client by path. The control thread's alone. */
struct fn_watches {
	struct fn_watch **buckets;
	size_t nbuckets, count, recursive;
	uint32_t next_id;
	uint64_t mask; /* what any of them has */
};

struct batch; /* control.c */

struct fn_pending {
	uint64_t unique;
	uint32_t size;
	int fd; /* its own copy */
};

struct fn_client {
	struct fn_control *ctl;
	uint64_t fh;
	unsigned refs; /* under ctl->lock */
	struct fn_creds creds;

	/* The control thread's. */
	struct fn_watches watches;
	struct fn_access_entry *access; /* FN_ACCESS_SLOTS, or NULL before it is needed */
	bool touched;

	/* Under lock. */
	pthread_mutex_t lock;
	struct fn_ring events, replies;
	uint64_t seq;                      /* of the last event, told or lost */
	uint64_t lost, lost_seq;           /* events dropped since, the first one's number */
	struct fn_watch *gone, **gone_end; /* ended while there was no room to say so */
	uint32_t hello_flags;
	bool greeted, ended;
	struct fn_pending pending[FN_PENDING_MAX];
	unsigned npending, under_way; /* reads; requests that are not answered yet */
	bool inject_full;             /* an INJECT of the last write found no room */
	bool poll_armed;
	uint64_t poll_handle;
	double tokens; /* requests that may still come */
	int64_t tokens_at;
};

struct fn_control {
	struct fn_control_conf conf;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* of what follows; never held while anything can block */
	pthread_cond_t work;
	bool stop, unmount;
	struct fn_client **clients;
	uint32_t generation;
	unsigned nclients;
	struct fn_ring events, requests;
	uint64_t lost;      /* events that found no room */
	atomic_bool behind; /* the next event waits for progress */
	uint64_t progress;  /* as last seen, while behind, and since when */
	int64_t behind_since;
	bool released; /* some client was */

	struct batch *batch; /* the control thread's */
	struct fn_tgid {
		pid_t pid, tgid;
		int64_t until;
	} tgids[64];
	atomic_uint_fast64_t wanted;
};

/* clients.c: the table of open files. */
int fn_client_open(struct fn_control *ctl, const struct fn_creds *creds, uint64_t *fh);
struct fn_client *fn_client_get(struct fn_control *ctl, uint64_t fh);
void fn_client_put(struct fn_client *c);
void fn_client_release(struct fn_control *ctl, uint64_t fh);
/* All of them, with a reference each; *n of at most max_clients. */
size_t fn_client_all(struct fn_control *ctl, struct fn_client **to);

/* queue.c: what waits to be read. All take the client's lock. */
void fn_client_event(struct fn_client *c, struct fn_event *ev);
void fn_client_lost(struct fn_client *c, uint64_t n);
/* The watch ended: GONE, now or when there is room. Takes the watch. */
void fn_client_gone(struct fn_client *c, struct fn_watch *watch);
void fn_client_reply(struct fn_client *c, const void *msg, size_t len);
bool fn_client_readable(struct fn_client *c);
/* READ: answered now, or later by fn_client_wake(). */
void fn_client_read(struct fn_client *c, const struct fn_pending *read, bool nonblock);
bool fn_client_interrupt(struct fn_client *c, uint64_t unique);
uint32_t fn_client_poll(struct fn_client *c, uint64_t kh, bool schedule);
void fn_client_wake(struct fn_client *c);
void fn_client_end(struct fn_client *c);

/* requests.c: what clients write. */
/* Check the framing of what was written and take it in: 0 or -errno. */
int fn_client_write(struct fn_client *c, const void *buf, size_t len);
/* Room of the queue of replies that requests under way will take. */
#define FN_REPLY_MAX 512
/* One request, by the control thread. */
void fn_client_request(struct fn_client *c, const void *msg, size_t len);

/* watches.c: the watches of a client by path. */
void fn_watches_free(struct fn_watches *w);
struct fn_watch *fn_watches_find(const struct fn_watches *w, const char *path, size_t len);
struct fn_watch *fn_watches_by_id(const struct fn_watches *w, uint32_t id);
int fn_watches_set(struct fn_watches *w, const char *path, size_t len, uint64_t mask,
		   uint32_t flags, struct fn_watch **watch);
/* Take it out; the caller frees it, or gives it to fn_client_gone(). */
void fn_watches_take(struct fn_watches *w, struct fn_watch *watch);
/* Put one that was taken out under another path; *watch becomes another one. -ENOMEM: it is not in.
 */
int fn_watches_move(struct fn_watches *w, struct fn_watch **watch, const char *path, size_t len);
/* registry.c: which events are for whom. Tell the client what of an event is for it. */
void fn_registry_event(struct fn_client *c, const struct fn_event *ev);
/* Every watch ends for a reason that is in mask: GONE. */
void fn_registry_gone_all(struct fn_client *c, uint64_t mask);

/* access.c: may they? */
/* The process of a thread, remembered for a while; 0: not known. The control thread's. */
pid_t fn_tgid_get(struct fn_control *ctl, pid_t pid);
void fn_creds_read(struct fn_creds *creds, uid_t uid, gid_t gid, pid_t pid);
/* Search every directory on the way, and read the object. 0, -EACCES, or why it is not there. */
int fn_access_watch(struct fn_client *c, const char *path, size_t len);
/* The names of this directory, from below the watched one on. */
bool fn_access_event(struct fn_client *c, const char *dir, size_t len, size_t watched);

int64_t fn_control_now(void);
uint64_t fn_path_hash(const char *path, size_t len);

#endif
