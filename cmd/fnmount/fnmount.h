/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fnmount: a passthrough file server whose mount shows the changes made behind its back. */
#ifndef FNMOUNT_H
#define FNMOUNT_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "inode.h"
#include "server/server.h"
#include "source/submounts.h"

struct config {
	const char *backing;
	const char *mountpoint;
	char *events;        /* --events, NULL: auto */
	char *mount_options; /* all -o joined by commas, NULL: none */
	int read_only;       /* -o ro: only clients are refused, replay needs to write */
	unsigned max_read;   /* -o max_read, 0: not given */
	double timeout;      /* seconds that the kernel may cache; < 0: by the kind of events */
	int ready_fd;        /* -1: none */
	unsigned threads;
	bool foreground;
	bool writeback;
	bool no_passthrough;
	bool no_control;
	bool stats;
	bool single;
};

struct fnmount {
	struct config config;
	char *backing; /* absolute, without symlinks */
	/* A mount of the backing directory for this server alone, -1 where that is not allowed:
	 * what clients read and write comes through it, and is told from what others do there. */
	int own_mount;
	char *mountpoint;
	const char *events;
	struct table inodes;
	struct fuse_session *session;
	struct fn_server *server;
	struct fn_source *source; /* owned by server once it follows */
	struct stream *stream;
	struct fn_submounts submounts; /* whose changes are told, too */
	double timeout;                /* of entries and attributes */
	double untold;                 /* the same where nobody tells of changes */
	unsigned minor;                /* of the kernel's FUSE protocol, 7.minor */
	double negative;               /* of names that do not exist */
	bool coherent;  /* remote changes are told: data may stay cached over an open */
	bool elsewhere; /* events come from another kernel: paths alone mean something */
	bool as_caller; /* create with the caller's ids: the server is privileged */
	bool acl;       /* POSIX ACLs are handed to the kernel, the umask is applied here */
	int ready_pipe; /* where the waiting parent hears that all is set up, -1: none */
	struct locks *locks;
	pthread_mutex_t backing_lock; /* inode.backing_* and the idle list */
	struct inode *idle[64];       /* inodes whose backing id outlives its last open a while */
	unsigned idle_next;
};

static inline struct fnmount *fnmount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* "/proc/self/fd/N": how a descriptor, O_PATH too, is named where a call wants a path. It leads
 * to the object itself: nothing is followed, whatever the backing directory's names say by now. */
struct proc_path {
	char s[32];
};
const char *proc_path(struct proc_path *p, int fd);

/* name.c: one name below a directory, and not ".." either */
bool is_name(const char *name);

/* reply.c: answers */
void reply_errno(fuse_req_t req, int result); /* 0 or -errno */
/* The inode, in use until inode_put(), and its descriptor; or an answer and
 * NULL. A request is gone once it is answered: take what it leads to before. */
struct inode *hold(fuse_req_t req, fuse_ino_t ino, int *fd);
/* Whether what others change in the object's file system is told. */
bool is_told(const struct fnmount *m, const struct inode *i);
double timeout_of(const struct fnmount *m, const struct inode *i);
void fill_entry(const struct fnmount *m, const struct inode *i, struct fuse_entry_param *e);
/* Looks name up in dir, counts the lookup, fills e. 0 or -errno. */
int lookup_entry(struct fnmount *m, struct inode *dir, const char *name,
		 struct fuse_entry_param *e);
/* Answers with the entry of a name just made, or takes the lookup back if nobody is there. */
void reply_new_entry(fuse_req_t req, struct inode *dir, const char *name);
void reply_opened(fuse_req_t req, struct inode *i, struct fuse_file_info *fi);
void reply_created(fuse_req_t req, struct inode *i, const struct fuse_entry_param *e,
		   struct fuse_file_info *fi);

/* cred.c: whose files */
struct cred {
	bool changed;
	bool setgid;
};
int cred_init(struct fnmount *m);
/* Until cred_restore() this thread creates as the caller, with the caller's umask. */
struct cred cred_enter(fuse_req_t req, mode_t mode);
void cred_restore(struct cred c);
/* Until cred_restore(): a set-group-id bit that the kernel has allowed is not taken away again. */
struct cred cred_setgid(mode_t mode);

/* passthrough.c: files that the kernel reads and writes itself */
uint64_t passthrough_init_flags(const struct fnmount *m);
unsigned passthrough_stack_depth(const struct fnmount *m);
/* The backing id for an open of i, counted until backing_put(); 0: an ordinary open. */
int32_t backing_get(struct fnmount *m, struct inode *i, int fd);
void backing_put(struct fnmount *m, struct inode *i);
/* The backing id of an inode that is open with one, counted until backing_leave(); else 0. Neither
 * touches a descriptor. */
int32_t backing_join(struct fnmount *m, struct inode *i);
void backing_leave(struct fnmount *m, struct inode *i);
void backing_forget(struct fnmount *m, struct inode *i);

/* lock.c: POSIX and BSD locks, held against every process of the backing store */
int locks_start(struct fnmount *m);
void locks_stop(struct fnmount *m);
void locks_drop(struct fnmount *m, struct inode *i, uint64_t owner);
void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock);
void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock,
	      int sleep);
void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op);

/* The operations, by file */
void ops_name(struct fuse_lowlevel_ops *ops); /* name.c */
void ops_attr(struct fuse_lowlevel_ops *ops); /* attr.c */
void ops_file(struct fuse_lowlevel_ops *ops); /* file.c */
void ops_dir(struct fuse_lowlevel_ops *ops);  /* dir.c */

/* events.c: what is told, and by whom */
int events_open(struct fnmount *m);
int events_follow(struct fnmount *m);
const struct fn_server_hooks *events_hooks(void);

/* setup.c */
int setup_paths(struct fnmount *m);
void setup_ready(struct fnmount *m);

#endif
