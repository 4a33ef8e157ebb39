/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What node ids mean: names and lookup counts, learned from replies, bounded in number. */
#ifndef FN_TRACE_NODES_H
#define FN_TRACE_NODES_H

#include "text/buf.h"
#include "trace/map.h"

struct fn_trace_node {
	struct fn_map_key key; /* connection, nodeid */
	uint64_t parent;       /* 0: not known, or the name is gone */
	char *name;
	uint32_t name_len;
	uint64_t nlookup;
};

struct fn_trace_nodes {
	struct fn_map nodes, names;
	size_t max;
	uint64_t evicted; /* how many were given up for room */
};

void fn_trace_nodes_init(struct fn_trace_nodes *n, size_t max);
void fn_trace_nodes_free(struct fn_trace_nodes *n);
struct fn_trace_node *fn_trace_nodes_get(const struct fn_trace_nodes *n, uint32_t conn,
					 uint64_t nodeid);
/* A reply made node known under this name; one more lookup. name NULL: none (TMPFILE). */
void fn_trace_nodes_entry(struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid, uint64_t parent,
			  const char *name, size_t len);
/* False: more was forgotten than was looked up. A node of which nothing is left is gone. */
bool fn_trace_nodes_forget(struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid,
			   uint64_t nlookup);
void fn_trace_nodes_unlink(struct fn_trace_nodes *n, uint32_t conn, uint64_t parent,
			   const char *name, size_t len);
void fn_trace_nodes_rename(struct fn_trace_nodes *n, uint32_t conn, uint64_t parent,
			   const char *name, size_t len, uint64_t newparent, const char *newname,
			   size_t newlen, bool exchange);
/* A new INIT on the connection: nothing of before holds. */
void fn_trace_nodes_reset(struct fn_trace_nodes *n, uint32_t conn);
/* The path, with name behind it if not NULL; false if the node is not known. A piece of it that
 * is not known stands as "?7". */
bool fn_trace_nodes_path(const struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid,
			 const char *name, size_t len, struct fn_buf *out);

#endif
