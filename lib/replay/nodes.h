/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel holds of a mount: node ids with their lookup counts and names, learnt from the
 * requests and replies that pass. It tells which directories can be watched at all, what a name
 * last was, and where a node is. Its size is bounded by what the kernel holds: a node leaves with
 * the FORGET that takes its last count, unless nodes below it are still held.
 *
 * Any thread may call; no call blocks on anything but the table's own short lock.
 */
#ifndef FN_REPLAY_NODES_H
#define FN_REPLAY_NODES_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Node ids that are ours, never a server's: 0xf5f5 in the upper 16 bits. */
#define FN_NODE_RESERVED 0xf5f5000000000000ULL
/* An empty directory that only the replay thread can name; half renames come from or go to it. */
#define FN_NODE_LIMBO (FN_NODE_RESERVED | 1)
/* fn_server_reserve() hands these out. */
#define FN_NODE_FILES (FN_NODE_RESERVED | 0x100)
#define FN_NODE_FILES_MAX 16
/* Entries made up for one replayed operation on something that no longer exists. */
#define FN_NODE_MADE_UP (FN_NODE_RESERVED | 1ULL << 32)

static inline bool fn_node_reserved(uint64_t id)
{
	return id >> 48 == FN_NODE_RESERVED >> 48;
}
static inline bool fn_node_made_up(uint64_t id)
{
	return fn_node_reserved(id) && id >= FN_NODE_MADE_UP;
}

enum fn_node_flags {
	FN_NODE_OPENED = 1 << 0,    /* was opened since the kernel holds it: it may cache data */
	FN_NODE_ANNOUNCED = 1 << 1, /* its name came with a native event */
	FN_NODE_SEEN = 1 << 2,      /* somebody other than the replay thread looked it up */
};

/* What a name is, as last seen. nodeid 0: not known. */
struct fn_entry {
	uint64_t nodeid;
	uint64_t generation;
	unsigned flags; /* enum fn_node_flags */
	struct fuse_attr attr;
};

struct fn_nodes;

struct fn_nodes *fn_nodes_new(void);
void fn_nodes_free(struct fn_nodes *t);
size_t fn_nodes_count(struct fn_nodes *t);

/* The kernel is about to learn that name in parent is this node (name NULL: a node without a
 * name): counts once. The generation is changed where the node's last directory died (below). */
void fn_nodes_entry(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		    struct fuse_entry_out *entry, unsigned flags);
/* It did not learn it after all. */
void fn_nodes_entry_undo(struct fn_nodes *t, uint64_t nodeid);
/* The kernel counts this node once more than the server does. */
void fn_nodes_excess(struct fn_nodes *t, uint64_t nodeid);
/* The kernel forgets n counts; returns how many of them the server is to be told now. */
uint64_t fn_nodes_forget(struct fn_nodes *t, uint64_t nodeid, uint64_t n);
/* While a node is pinned the server is not told to forget it, for requests about it may be made
 * up. 0 with entry as of now, or -ENOENT; unpinning returns what the server is owed. */
int fn_nodes_pin(struct fn_nodes *t, uint64_t nodeid, struct fn_entry *entry);
uint64_t fn_nodes_unpin(struct fn_nodes *t, uint64_t nodeid);
void fn_nodes_opened(struct fn_nodes *t, uint64_t nodeid);

void fn_nodes_announce(struct fn_nodes *t, uint64_t parent, const char *name, size_t len);
void fn_nodes_unbind(struct fn_nodes *t, uint64_t parent, const char *name, size_t len);
void fn_nodes_move(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   uint64_t new_parent, const char *new_name, size_t new_len);
void fn_nodes_swap(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   uint64_t new_parent, const char *new_name, size_t new_len);
/* The kernel's inode of this directory is dead (S_DEAD): should the server show the same node id
 * again, its generation has to differ, so that the kernel makes a new inode for it. */
void fn_nodes_dead(struct fn_nodes *t, uint64_t nodeid);
bool fn_nodes_any_dead(const struct fn_nodes *t);
/* The generation that the kernel is to see. */
uint64_t fn_nodes_generation(struct fn_nodes *t, uint64_t nodeid, uint64_t generation);

/* True if the kernel holds it. The root always is. */
bool fn_nodes_held(struct fn_nodes *t, uint64_t nodeid);
/* False if the kernel holds it for the replay thread alone, so that nobody can be watching it. */
bool fn_nodes_seen(struct fn_nodes *t, uint64_t nodeid);
/* 0 or -ENOENT. */
int fn_nodes_get(struct fn_nodes *t, uint64_t nodeid, struct fn_entry *entry);
int fn_nodes_child(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		   struct fn_entry *entry);
/* Is this node what the name was last said to be? */
bool fn_nodes_bound(struct fn_nodes *t, uint64_t parent, const char *name, size_t len,
		    uint64_t nodeid);
/* The held directories, the root first, at most max of them; returns how many there are. */
size_t fn_nodes_dirs(struct fn_nodes *t, uint64_t *ids, size_t max);
/* A path relative to the mount ("" is the root) to the node at its end, through known names. */
int fn_nodes_resolve(struct fn_nodes *t, const char *path, size_t len, uint64_t *nodeid);
/* Back: 0, -ENOENT, or -ENAMETOOLONG. The path is "" for the root. */
int fn_nodes_place(struct fn_nodes *t, uint64_t nodeid, char *buf, size_t size);
/* Its parent and name: 0 or -ENOENT. name has room for 256 bytes. */
int fn_nodes_name(struct fn_nodes *t, uint64_t nodeid, uint64_t *parent, char *name, size_t *len);

#endif
