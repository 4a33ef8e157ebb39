/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of nodes inside: nodes.c changes it, nodes_ask.c only looks. */
#ifndef FN_REPLAY_NODES_IMPL_H
#define FN_REPLAY_NODES_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "replay/nodes.h"

struct node {
	struct node *id_next, *name_next; /* hash chains */
	struct node *parent;              /* NULL: no name, or the root */
	uint64_t id;
	uint64_t generation; /* as the server says */
	uint64_t nlookup;    /* the kernel's count */
	uint64_t excess;     /* of these, not known to the server */
	uint64_t owed;       /* forgotten by the kernel, the server not told yet */
	size_t children;     /* nodes whose parent this is */
	unsigned pins;
	uint32_t bump; /* added to the generation for the kernel */
	unsigned flags;
	struct fuse_attr attr;
	uint32_t name_hash;
	uint8_t name_len;
	char *name;
};

struct fn_nodes {
	pthread_mutex_t lock;
	struct node **by_id, **by_name;
	size_t size, count; /* buckets of each, nodes */
	atomic_size_t dead;
	struct node root;
};

/* With the lock held; NULL: there is none. */
struct node *fn_node_find(const struct fn_nodes *t, uint64_t id);
struct node *fn_node_child(const struct fn_nodes *t, const struct node *parent, const char *name,
			   size_t len);
struct node *fn_node_child_of(const struct fn_nodes *t, uint64_t parent, const char *name,
			      size_t len);

/* 0, or -ENOENT for what is NULL or the kernel does not hold. */
int fn_node_entry(const struct node *n, struct fn_entry *entry);

#endif
