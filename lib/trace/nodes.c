/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/nodes.h"

#include <stdlib.h>
#include <string.h>

#define ROOT 1
#define MAX_DEPTH 128 /* also ends a circle of parents that a broken trace makes */

/* A name in its directory leads to a node. Names are kept as hashes: the node itself says
 * whether it is the one. */
struct name_entry {
	struct fn_map_key key;
	uint64_t nodeid;
};

static uint64_t name_hash(uint64_t parent, const char *name, size_t len)
{
	uint64_t h = parent * UINT64_C(0x9e3779b97f4a7c15) ^ len;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	return h;
}

void fn_trace_nodes_init(struct fn_trace_nodes *n, size_t max)
{
	fn_map_init(&n->nodes, sizeof(struct fn_trace_node));
	fn_map_init(&n->names, sizeof(struct name_entry));
	n->max = max;
	n->evicted = 0;
}

void fn_trace_nodes_free(struct fn_trace_nodes *n)
{
	for (struct fn_trace_node *d = NULL; (d = fn_map_next(&n->nodes, d));)
		free(d->name);
	fn_map_free(&n->nodes);
	fn_map_free(&n->names);
}

struct fn_trace_node *fn_trace_nodes_get(const struct fn_trace_nodes *n, uint32_t conn,
					 uint64_t nodeid)
{
	return fn_map_get(&n->nodes, conn, nodeid);
}

/* Take the node's name away, from it and from the index. */
static void drop_name(struct fn_trace_nodes *n, struct fn_trace_node *d)
{
	struct name_entry *e;

	if (!d->name)
		return;
	e = fn_map_get(&n->names, d->key.conn, name_hash(d->parent, d->name, d->name_len));
	if (e && e->nodeid == d->key.id)
		fn_map_del(&n->names, e);
	free(d->name);
	d->name = NULL;
	d->name_len = 0;
	d->parent = 0;
}

static void remove_node(struct fn_trace_nodes *n, struct fn_trace_node *d)
{
	drop_name(n, d);
	fn_map_del(&n->nodes, d);
}

static void set_name(struct fn_trace_nodes *n, struct fn_trace_node *d, uint64_t parent,
		     const char *name, size_t len)
{
	struct name_entry *e;

	if (d->name && d->parent == parent && d->name_len == len && !memcmp(d->name, name, len))
		return;
	drop_name(n, d);
	if (!len || d->key.id == ROOT)
		return;
	d->name = malloc(len);
	if (!d->name)
		return;
	memcpy(d->name, name, len);
	d->name_len = (uint32_t)len;
	d->parent = parent;
	e = fn_map_add(&n->names, d->key.conn, name_hash(parent, name, len));
	if (e)
		e->nodeid = d->key.id;
}

static struct fn_trace_node *node_add(struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid)
{
	struct fn_trace_node *d = fn_map_get(&n->nodes, conn, nodeid);

	if (d)
		return d;
	if (n->nodes.count >= n->max) {
		remove_node(n, fn_map_victim(&n->nodes));
		n->evicted++;
	}
	return fn_map_add(&n->nodes, conn, nodeid);
}

void fn_trace_nodes_entry(struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid, uint64_t parent,
			  const char *name, size_t len)
{
	struct fn_trace_node *d = node_add(n, conn, nodeid);

	if (!d)
		return;
	d->nlookup++;
	if (name && nodeid != parent)
		set_name(n, d, parent, name, len);
}

bool fn_trace_nodes_forget(struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid,
			   uint64_t nlookup)
{
	struct fn_trace_node *d = fn_map_get(&n->nodes, conn, nodeid);

	if (nodeid == ROOT)
		return true;
	if (!d)
		return false;
	if (nlookup < d->nlookup) {
		d->nlookup -= nlookup;
		return true;
	}
	nlookup -= d->nlookup;
	remove_node(n, d);
	return nlookup == 0;
}

static struct fn_trace_node *find_name(const struct fn_trace_nodes *n, uint32_t conn,
				       uint64_t parent, const char *name, size_t len)
{
	const struct name_entry *e = fn_map_get(&n->names, conn, name_hash(parent, name, len));
	struct fn_trace_node *d = e ? fn_map_get(&n->nodes, conn, e->nodeid) : NULL;

	if (!d || d->parent != parent || d->name_len != len || memcmp(d->name, name, len))
		return NULL;
	return d;
}

void fn_trace_nodes_unlink(struct fn_trace_nodes *n, uint32_t conn, uint64_t parent,
			   const char *name, size_t len)
{
	struct fn_trace_node *d = find_name(n, conn, parent, name, len);

	if (d)
		drop_name(n, d);
}

void fn_trace_nodes_rename(struct fn_trace_nodes *n, uint32_t conn, uint64_t parent,
			   const char *name, size_t len, uint64_t newparent, const char *newname,
			   size_t newlen, bool exchange)
{
	struct fn_trace_node *from = find_name(n, conn, parent, name, len);
	struct fn_trace_node *to = find_name(n, conn, newparent, newname, newlen);

	if (from == to)
		return;
	if (to)
		drop_name(n, to);
	if (from)
		set_name(n, from, newparent, newname, newlen);
	if (to && exchange)
		set_name(n, to, parent, name, len);
}

void fn_trace_nodes_reset(struct fn_trace_nodes *n, uint32_t conn)
{
	struct fn_trace_node *d = NULL;

	while ((d = fn_map_next(&n->nodes, d)))
		if (d->key.conn == conn) {
			remove_node(n, d);
			d = NULL; /* entries moved */
		}
}

/* The pieces from the node up; returns how many, and whether they reach the root. */
static int climb(const struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid,
		 const struct fn_trace_node *up[MAX_DEPTH], uint64_t *stop)
{
	int depth = 0;

	while (nodeid != ROOT && depth < MAX_DEPTH) {
		const struct fn_trace_node *d = fn_map_get(&n->nodes, conn, nodeid);

		if (!d || !d->name)
			break;
		up[depth++] = d;
		nodeid = d->parent;
	}
	*stop = nodeid;
	return depth;
}

bool fn_trace_nodes_path(const struct fn_trace_nodes *n, uint32_t conn, uint64_t nodeid,
			 const char *name, size_t len, struct fn_buf *out)
{
	const struct fn_trace_node *up[MAX_DEPTH];
	uint64_t stop;
	int depth = climb(n, conn, nodeid, up, &stop);

	if (stop != ROOT && !depth && !name)
		return false;
	if (stop != ROOT) {
		fn_buf_char(out, '?');
		fn_buf_u64(out, stop);
	}
	for (int i = depth - 1; i >= 0; i--) {
		fn_buf_char(out, '/');
		fn_buf_add(out, up[i]->name, up[i]->name_len);
	}
	if (name) {
		fn_buf_char(out, '/');
		fn_buf_add(out, name, len);
	} else if (stop == ROOT && !depth) {
		fn_buf_char(out, '/');
	}
	return true;
}
