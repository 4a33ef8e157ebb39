/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects that the kernel holds. A nodeid is a number counted up, so none is ever used
 * again. An object is the same object while its handle is: an inode number that the backing
 * store gave to another file is noticed. A descriptor pins the object (then its number cannot be
 * used again) and is closed, to be opened by handle on demand, when there are many; where that is
 * not allowed, by name, when there is no other left.
 */
#ifndef FNMOUNT_INODE_H
#define FNMOUNT_INODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "object/object.h"

/* A file system within the backing directory. */
struct store {
	struct store *next;
	dev_t dev;
	uint64_t fsid;
	unsigned index; /* 0: that of the backing directory itself */
	int dir;        /* any open directory in it, for open_by_handle_at(); -1: cannot */
	bool remote;    /* a descriptor here does not keep an inode number from being used again */
	bool forgetful; /* its handles may open only what this kernel knows at the moment */
};

struct posix_owner {
	struct posix_owner *next;
	uint64_t owner;
	pid_t pid;
	int fd; /* its open file description holds the owner's locks */
};

struct inode {
	struct inode *next_id, *next_ino, *next_handle;
	uint64_t nodeid;
	uint64_t nlookup;
	unsigned users; /* operations at work on it */
	bool hashed;    /* found by its number and handle */
	int fd;         /* O_PATH, or -1 */
	mode_t type;
	ino_t ino;
	struct store *store;
	struct posix_owner *owners;
	unsigned opens; /* that use backing_id */
	int32_t backing_id;
	bool no_backing; /* opened without once: must stay so */
	bool idle;       /* in the idle list */
	int handle_type;
	unsigned handle_len; /* 0: the store has none */
	unsigned char handle[];
};

struct bucket_array {
	struct inode **slot;
	size_t mask;
};

struct table {
	pthread_mutex_t lock;
	struct bucket_array by_id, by_ino, by_handle;
	size_t count, fds, fds_max, clock;
	size_t fds_next; /* beyond it, look for descriptors to close */
	uint64_t last_id;
	struct inode *root;
	struct store *stores;
	unsigned nstores;
	void (*release)(void *arg, struct inode *i); /* before an inode is freed, unlocked */
	/* Where handles cannot be opened: an O_PATH descriptor of what has the node's name now. */
	int (*find)(void *arg, uint64_t nodeid);
	void *arg;
};

/* Takes rootfd (O_PATH). 0 or -errno. */
int table_init(struct table *t, int rootfd, size_t fds_max);
void table_free(struct table *t);

/* The inode of a nodeid, in use until inode_put(); NULL: unknown. */
struct inode *inode_get(struct table *t, uint64_t nodeid);
void inode_put(struct table *t, struct inode *i);
/* Its O_PATH descriptor, good while it is in use; or -errno. */
int inode_fd(struct table *t, struct inode *i);
/* openat() with O_CLOEXEC: a descriptor or -errno. Where none is left, inodes nobody works on
 * give theirs up. */
int table_openat(struct table *t, int dirfd, const char *name, int flags, mode_t mode);
/* Another descriptor of what fd is open on, with O_PATH: or -errno. */
int table_again(struct table *t, int fd);

/* Finds or enters the object behind fd (O_PATH, taken), counts one lookup. The inode is in use
 * until inode_put(). 0 or -errno. */
int inode_enter(struct table *t, int fd, const struct stat *st, struct inode **out);
void inode_forget(struct table *t, uint64_t nodeid, uint64_t nlookup);

/* fn for every nodeid that was held at the beginning, without the lock. */
void table_each(struct table *t, int (*fn)(void *arg, uint64_t nodeid), void *arg);

/* The nodeid held for a backing object, or 0. */
uint64_t inode_of_object(struct table *t, const struct fn_object *o);
/* The inode number shown for st: unique also where several file systems are shown as one. */
ino_t inode_number(const struct inode *i, ino_t ino);

#endif
