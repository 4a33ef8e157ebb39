/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From events to what the replay thread is to do: which directories the kernel holds, and what
 * nobody can be watching. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "server/control.h"
#include "server/server_impl.h"

/* The node of an object: 0, or -ENOENT when the kernel holds none. Neither: -EAGAIN. */
static int find_object(struct fn_server *srv, const struct fn_object *o, uint64_t *nodeid)
{
	struct fn_object node;

	if (o->has & FN_OBJ_NODE) {
		*nodeid = o->nodeid;
		return fn_nodes_held(srv->nodes, o->nodeid) ? 0 : -ENOENT;
	}
	if (!(o->has & FN_OBJ_HANDLE) || !srv->hooks.find)
		return -EAGAIN;
	fn_object_clear(&node);
	if (srv->hooks.find(srv->hooks_ctx, o, &node))
		return -ENOENT;
	*nodeid = node.nodeid;
	return 0;
}

static uint64_t object_or_unheld(struct fn_server *srv, const struct fn_object *o)
{
	uint64_t nodeid = 0;
	int res = find_object(srv, o, &nodeid);

	return !res ? nodeid : res == -ENOENT ? FN_ITEM_UNHELD : 0;
}

/* The directory of a path, and the name in it. */
static void split(const struct fn_str *path, struct fn_str *dir, struct fn_str *name)
{
	const char *slash = memrchr(path->data, '/', path->len);
	size_t at = slash ? (size_t)(slash - path->data) : 0;

	*dir = (struct fn_str){path->data, at};
	*name = (struct fn_str){path->data + at + (slash != NULL),
				path->len - at - (slash != NULL)};
}

/* 0 with the held directory and the name, -ENOENT, or -EINVAL. */
static int find_place(struct fn_server *srv, const struct fn_object *parent,
		      const struct fn_str *name, const struct fn_str *path, uint64_t *nodeid,
		      struct fn_str *base)
{
	struct fn_str dir;
	int res = find_object(srv, parent, nodeid);

	*base = *name;
	if (res == -EAGAIN) {
		if (!path->data)
			return -EINVAL;
		split(path, &dir, base);
		res = fn_nodes_resolve(srv->nodes, dir.data, dir.len, nodeid);
	}
	if (!res && (fn_node_reserved(*nodeid) || !fn_nodes_seen(srv->nodes, *nodeid)))
		return -ENOENT;
	return res;
}

static int resolve_rename(struct fn_server *srv, const struct fn_event *ev, struct fn_item *item)
{
	struct fn_str name = {0}, old_name = {0};
	int new_res = -ENOENT, old_res = -ENOENT;

	if (fn_event_has_new(ev) || ev->path.data)
		new_res = find_place(srv, &ev->parent, &ev->name, &ev->path, &item->parent, &name);
	if (fn_event_has_old(ev) || ev->old_path.data)
		old_res = find_place(srv, &ev->old_parent, &ev->old_name, &ev->old_path,
				     &item->old_parent, &old_name);
	if (new_res == -EINVAL || old_res == -EINVAL)
		return -EINVAL;
	if (new_res && old_res)
		return -ENOENT;
	if (new_res)
		item->parent = 0;
	if (old_res)
		item->old_parent = 0;
	item->name = name.data;
	item->name_len = new_res ? 0 : (uint8_t)name.len;
	item->old_name = old_name.data;
	item->old_len = old_res ? 0 : (uint8_t)old_name.len;
	item->target = object_or_unheld(srv, &ev->target);
	if (item->target == FN_ITEM_UNHELD && ev->flags & FN_EV_EXCHANGE)
		item->target = 0;
	return 0;
}

/* What happened to a watched object itself is told by its name, for those who watch its parent. */
static int resolve_self(struct fn_server *srv, const struct fn_event *ev, struct fn_item *item,
			char *name, size_t *len)
{
	uint64_t nodeid;
	int res = find_object(srv, &ev->object, &nodeid);

	if (res == -EAGAIN && ev->path.data)
		res = fn_nodes_resolve(srv->nodes, ev->path.data, ev->path.len, &nodeid);
	if (res)
		return res == -EAGAIN ? -EINVAL : res;
	item->node = nodeid;
	if (!fn_nodes_name(srv->nodes, nodeid, &item->parent, name, len))
		return 0;
	item->parent = nodeid; /* the root, or a directory whose name nobody knows */
	*len = 0;
	return ev->mask & FN_ISDIR || nodeid == FUSE_ROOT_ID ? 0 : -ENOENT;
}

int fn_push_resolve(void *ctx, const struct fn_event *ev, struct fn_item *item)
{
	static _Thread_local char self_name[256];
	struct fn_server *srv = ctx;
	struct fn_str name;
	size_t len;
	int res;

	memset(item, 0, sizeof(*item));
	item->mode = ev->mode & S_IFMT;
	item->node = object_or_unheld(srv, &ev->object);
	if (ev->mask & (FN_RENAME | FN_MOVED_FROM | FN_MOVED_TO))
		return resolve_rename(srv, ev, item);
	if (!ev->name.len && !(ev->path.data && ev->path.len && !fn_object_known(&ev->object))) {
		res = resolve_self(srv, ev, item, self_name, &len);
		item->name = self_name;
		item->name_len = (uint8_t)len;
		return res;
	}
	res = find_place(srv, &ev->parent, &ev->name, &ev->path, &item->parent, &name);
	item->name = name.data;
	item->name_len = (uint8_t)name.len;
	return res;
}

static bool may_be_watched(struct fn_server *srv, const struct fn_object *dir)
{
	uint64_t nodeid;
	int res = find_object(srv, dir, &nodeid);

	return res == -EAGAIN || (!res && fn_nodes_seen(srv->nodes, nodeid));
}

bool fn_server_wants(struct fn_server *srv, const struct fn_object *dir,
		     const struct fn_object *old_dir, unsigned n)
{
	struct fn_control *ctl = atomic_load_explicit(&srv->control, memory_order_acquire);

	if (srv->paths_only || (ctl && fn_control_wanted(ctl)))
		return true;
	if ((dir->has && may_be_watched(srv, dir)) ||
	    (old_dir->has && may_be_watched(srv, old_dir)))
		return true;
	if (!dir->has && !old_dir->has)
		return true;
	atomic_fetch_add_explicit(&srv->pushed, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&srv->unheld, n, memory_order_relaxed);
	return false;
}

bool fn_server_holds(struct fn_server *srv, const struct fn_str *path)
{
	struct fn_str dir, name;
	uint64_t nodeid;

	split(path, &dir, &name);
	return !fn_nodes_resolve(srv->nodes, dir.data, dir.len, &nodeid);
}

int fn_server_place(struct fn_server *srv, uint64_t nodeid, char *buf, size_t size)
{
	return fn_nodes_place(srv->nodes, nodeid, buf, size);
}

static bool names_ok(const struct fn_event *ev)
{
	const struct fn_str *names[] = {&ev->name, &ev->old_name};
	const struct fn_str *paths[] = {&ev->path, &ev->old_path};

	for (int i = 0; i < 2; i++) {
		if (names[i]->len && !fn_name_ok(names[i]->data, names[i]->len))
			return false;
		if (paths[i]->data && !fn_path_ok(paths[i]->data, paths[i]->len))
			return false;
	}
	return true;
}

/* The bits of one event in the order in which they must have happened. */
static const struct {
	uint64_t bits;
	enum fn_op_kind kind;
} order[] = {
	{FN_CREATE, FN_OP_CREATE},      {FN_RENAME | FN_MOVED_FROM | FN_MOVED_TO, FN_OP_RENAME},
	{FN_ACCESS, FN_OP_ATTR},        {FN_MODIFY, FN_OP_ATTR},
	{FN_ATTRIB, FN_OP_ATTR},        {FN_CLOSE_WRITE, FN_OP_OPEN},
	{FN_CLOSE_NOWRITE, FN_OP_OPEN}, {FN_DELETE, FN_OP_DELETE},
};

static void push_kinds(struct fn_server *srv, uint64_t mask, unsigned flags, struct fn_item *item)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(mask & order[i].bits))
			continue;
		item->kind = order[i].kind;
		if (item->kind == FN_OP_RENAME && flags & FN_EV_EXCHANGE)
			item->kind = FN_OP_EXCHANGE;
		/* Names come and go by name. */
		if (!item->late && !item->name_len && !item->old_len && item->kind != FN_OP_ATTR &&
		    item->kind != FN_OP_OPEN)
			continue;
		item->mask = (uint32_t)(mask & (order[i].bits | FN_ISDIR));
		fn_replay_push(srv->replay, item);
	}
}

static void push_late(struct fn_server *srv, uint64_t mask, const struct fn_event *ev)
{
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct fn_item item = {.late = NULL, .name = "", .old_name = ""};

		if (!(mask & order[i].bits))
			continue;
		item.late = fn_event_dup(ev);
		if (item.late)
			push_kinds(srv, mask & (order[i].bits | FN_ISDIR), ev->flags, &item);
	}
}

static int replay_masked(struct fn_server *srv, const struct fn_event *ev, uint64_t mask)
{
	struct fn_item item;
	int res;

	atomic_fetch_add_explicit(&srv->pushed, 1, memory_order_relaxed);
	if (!(mask & ~(uint64_t)FN_ISDIR) || !names_ok(ev)) {
		res = mask & ~(uint64_t)FN_ISDIR ? -EINVAL : 0;
	} else if ((srv->paths_only || !srv->hooks.find) && fn_replay_late(srv->replay)) {
		push_late(srv, mask, ev);
		return 0;
	} else {
		res = fn_push_resolve(srv, ev, &item);
		if (!res)
			push_kinds(srv, mask, ev->flags, &item);
	}
	if (res == -EINVAL)
		atomic_fetch_add(&srv->malformed, 1);
	else if (res)
		atomic_fetch_add_explicit(&srv->unheld, 1, memory_order_relaxed);
	return res == -EINVAL ? res : 0;
}

/* The control file's clients hear of it once it was replayed: what they look at then must not come
 * from a cache. */
static int push_masked(struct fn_server *srv, const struct fn_event *ev, uint64_t mask)
{
	int res = replay_masked(srv, ev, mask);

	if (names_ok(ev))
		fn_control_tell(srv, ev);
	return res;
}

static void only_paths(struct fn_event *ev)
{
	struct fn_object *objects[] = {&ev->object, &ev->parent, &ev->old_parent, &ev->target};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		fn_object_clear(objects[i]);
}

int fn_server_push(struct fn_server *srv, const struct fn_event *ev)
{
	uint64_t mask = ev->mask & (srv->mask | FN_ISDIR);
	struct fn_event copy;

	if (ev->mask & FN_Q_OVERFLOW)
		fn_replay_lose(srv->replay, ev->lost);
	if (ev->mask & FN_Q_OVERFLOW && srv->hooks.lost)
		srv->hooks.lost(srv->hooks_ctx);
	if (!srv->paths_only)
		return push_masked(srv, ev, mask);
	copy = *ev;
	only_paths(&copy);
	return push_masked(srv, &copy, mask);
}

int fn_server_inject(struct fn_server *srv, const struct fn_event *ev)
{
	uint64_t can = FN_ISDIR, mask = ev->mask;

	/* An OPEN is raised by a call that also closes. */
	if (mask & FN_OPEN && !(mask & (FN_CLOSE_WRITE | FN_CLOSE_NOWRITE)))
		mask |= FN_CLOSE_NOWRITE;
	mask &= ~(uint64_t)FN_OPEN;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		can |= order[i].bits;
	if (mask & ~can)
		return -EOPNOTSUPP;
	if (!fn_replay_roomy(srv->replay))
		return -EAGAIN;
	return push_masked(srv, ev, mask);
}
