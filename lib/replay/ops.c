/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One event, one system call on the mount. The requests that it makes, counted with fndump on
 * Linux 6.18; those in brackets the shim answers, the others the server:
 *   CREATE       [LOOKUP] MKNOD
 *   MODIFY       SETATTR; before it a GETATTR where the file was opened
 *   CLOSE_WRITE  [OPEN] [RELEASE]
 *   RENAME       [LOOKUP of the new name] [RENAME]; the first of a server, and each of one whose
 *                nodes do not outlast their names: [RENAME, ESTALE] LOOKUP [LOOKUP] [RENAME]
 *   DELETE       UNLINK; where the old name may not be kept: LOOKUP [UNLINK]
 * With default_permissions the kernel asks for a directory's attributes after each change in it: a
 * GETATTR more for CREATE, RENAME and DELETE.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/replay_impl.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif
#ifndef FOPEN_NOFLUSH
#define FOPEN_NOFLUSH (1 << 5)
#endif

#define OPEN_PASSTHROUGH (1u << 7) /* FOPEN_PASSTHROUGH, Linux 6.9 */

#define TRIES 4 /* against others who look at the same name */

static uint64_t *gone_slot(struct fn_replay *r, uint64_t parent, const char *name, uint64_t *key)
{
	uint64_t h = parent * 0x9e3779b97f4a7c15ULL;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ULL;
	*key = h | 1;
	return &r->gone[h >> 32 & (FN_GONE_SLOTS - 1)];
}

static bool is_gone(struct fn_replay *r, uint64_t parent, const char *name)
{
	uint64_t key, *slot = gone_slot(r, parent, name, &key);

	return *slot == key;
}

static void set_gone(struct fn_replay *r, uint64_t parent, const char *name, bool gone)
{
	uint64_t key, *slot = gone_slot(r, parent, name, &key);

	if (gone)
		*slot = key;
	else if (*slot == key)
		*slot = 0;
}

static void unpin(struct fn_replay *r, uint64_t nodeid)
{
	uint64_t owed = nodeid ? fn_nodes_unpin(r->conf.nodes, nodeid) : 0;

	if (owed && !fn_node_reserved(nodeid))
		r->conf.forget(r->conf.ctx, nodeid, owed);
}

/* What the kernel knows under the name, if that is the object the event is about. Pinned until
 * the event is done: place->pinned. */
static void fill_entry(struct fn_replay *r, struct fn_place *place, uint64_t object)
{
	struct fn_nodes *nodes = r->conf.nodes;
	uint64_t nodeid = place->parent, bound = 0;

	place->entry.nodeid = 0;
	if (place->len) {
		fn_nodes_child(nodes, place->parent, place->name, place->len, &place->entry);
		nodeid = bound = place->entry.nodeid;
	}
	/* A made-up entry stands for an object that the kernel cannot know. */
	if (object == FN_ITEM_UNHELD)
		nodeid = fn_node_made_up(nodeid) ? nodeid : 0;
	else if (object)
		nodeid = object;
	place->entry.nodeid = 0;
	if (nodeid && !fn_nodes_pin(nodes, nodeid, &place->entry))
		place->pinned = nodeid;
	place->bound = bound && place->entry.nodeid == bound;
}

static void init_op(struct fn_replay *r, struct fn_shim_op *op, const struct fn_item *item)
{
	memset(op, 0, sizeof(*op));
	op->kind = item->kind;
	op->at.parent = item->parent;
	op->at.name = item->name_len ? item->name : NULL;
	op->at.len = item->name_len;
	op->mode = item->mask & FN_ISDIR ? S_IFDIR : item->mode & S_IFMT;
	op->forward = r->conf.forward;
	op->by_identity = r->by_identity;
	op->fh = r->conf.fh;
	op->made_up = r->made_up;
	r->made_up += 2;
	op->uid = r->uid;
	op->gid = r->gid;
}

static void begin(struct fn_replay *r, struct fn_shim_op *op)
{
	r->conf.begin(r->conf.ctx, op);
}

/* The result of the system call, kept over the end of the operation. */
static int end(struct fn_replay *r, int res)
{
	int err = res < 0 ? -errno : 0;

	r->conf.end(r->conf.ctx);
	return err;
}

static int create(struct fn_replay *r, struct fn_shim_op *op, int dir, uint32_t type)
{
	int res;

	op->mode = type;
	op->found_mode = 0;
	begin(r, op);
	if (S_ISDIR(type))
		res = mkdirat(dir, op->at.name, 0700);
	else if (S_ISLNK(type))
		res = symlinkat(".", dir, op->at.name);
	else
		res = mknodat(dir, op->at.name, type | 0600, 0);
	return end(r, res);
}

static int replay_create(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
			 int dir)
{
	uint32_t type = op->mode;
	int res;

	fill_entry(r, &op->at, item->node);
	/* Told twice, or an echo of what was done through this mount. */
	if (op->at.bound && op->at.entry.flags & FN_NODE_ANNOUNCED)
		return -EALREADY;
	op->mode_guessed = !type;
	if (!type && op->at.entry.nodeid)
		type = op->at.entry.attr.mode & S_IFMT;
	res = create(r, op, dir, type ? type : S_IFREG);
	if (res && op->found_mode) {
		op->mode_guessed = false;
		res = create(r, op, dir, op->found_mode & S_IFMT);
	}
	if (res == -EPERM && (S_ISCHR(op->mode) || S_ISBLK(op->mode)))
		res = create(r, op, dir, S_IFREG); /* not allowed here: the event alone */
	if (!res) {
		fn_nodes_announce(r->conf.nodes, item->parent, item->name, item->name_len);
		set_gone(r, item->parent, item->name, false);
	}
	return res;
}

/* A link has to be sure of its name: the kernel drops what it has cached. "/" can never be linked.
 */
static int link_nothing(int dir, const char *name)
{
	return linkat(AT_FDCWD, "/", dir, name, 0);
}

/* Somebody looked for a name after it was gone and before its end was told, and the kernel has
 * cached that it is not there. */
static void look_again(struct fn_replay *r, struct fn_shim_op *op, struct fn_place *place, int dir)
{
	place->seen = false;
	begin(r, op);
	end(r, link_nothing(dir, place->name));
	place->seen = false;
}

static int remove_once(struct fn_replay *r, struct fn_shim_op *op, int dir)
{
	begin(r, op);
	return end(r, unlinkat(dir, op->at.name, S_ISDIR(op->mode) ? AT_REMOVEDIR : 0));
}

static int replay_delete(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
			 int dir)
{
	struct fn_nodes *nodes = r->conf.nodes;
	uint64_t nodeid;
	int res;

	fill_entry(r, &op->at, item->node);
	if (!op->at.entry.nodeid && is_gone(r, item->parent, item->name))
		return -EALREADY;
	if (!op->mode && op->at.entry.nodeid)
		op->mode = op->at.entry.attr.mode & S_IFMT;
	if (op->mode && S_ISDIR(op->mode) != S_ISDIR(op->at.entry.attr.mode)) {
		op->at.entry.nodeid = 0;
		op->at.bound = false;
	}
	nodeid = op->at.entry.nodeid;
	res = remove_once(r, op, dir);
	for (int i = 0; i < TRIES && res == -ENOENT; i++) {
		look_again(r, op, &op->at, dir);
		res = remove_once(r, op, dir);
	}
	if (res)
		return res;
	if (nodeid && op->at.entry.nodeid == nodeid && S_ISDIR(op->mode)) {
		if (r->dir_node == nodeid)
			fn_replay_close_dir(r);
		if (!op->forward)
			fn_nodes_dead(nodes, nodeid);
	}
	if (!op->forwarded)
		fn_nodes_unbind(nodes, item->parent, item->name, item->name_len);
	set_gone(r, item->parent, item->name, true);
	return 0;
}

/* Both directories at once; what the kernel does not hold is limbo. */
static int open_two(struct fn_replay *r, const struct fn_item *item, int *old_dir, int *new_dir)
{
	int fd = item->old_parent ? fn_replay_dir(r, item->old_parent) : fn_replay_limbo(r);

	*old_dir = *new_dir = fd;
	if (fd < 0)
		return fd;
	if (item->old_parent == item->parent)
		return 0;
	*old_dir = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*old_dir < 0)
		return -errno;
	*new_dir = item->parent ? fn_replay_dir(r, item->parent) : fn_replay_limbo(r);
	if (*new_dir < 0)
		close(*old_dir);
	return *new_dir < 0 ? *new_dir : 0;
}

static void moved(struct fn_replay *r, const struct fn_item *item, const struct fn_shim_op *op)
{
	struct fn_nodes *nodes = r->conf.nodes;
	uint64_t target = op->at.entry.nodeid;

	/* Seen once, the retry that gives the moved name no validity can be saved. */
	r->by_identity = !r->conf.by_name && !op->moved_dead && (r->by_identity || op->moved_alive);
	if (op->kind == FN_OP_EXCHANGE && op->forwarded)
		return;
	if (op->kind == FN_OP_EXCHANGE) {
		fn_nodes_swap(nodes, op->old.parent, op->old.name, op->old.len, op->at.parent,
			      op->at.name, op->at.len);
		return;
	}
	if (!op->forwarded)
		fn_nodes_move(nodes, op->old.parent, op->old.name, op->old.len, op->at.parent,
			      op->at.name, op->at.len);
	fn_nodes_announce(nodes, op->at.parent, op->at.name, op->at.len);
	if (target && S_ISDIR(op->at.entry.attr.mode) && !op->forward)
		fn_nodes_dead(nodes, target);
	if (item->old_parent)
		set_gone(r, item->old_parent, item->old_name, true);
	if (item->parent)
		set_gone(r, item->parent, item->name, false);
}

static int rename_once(struct fn_replay *r, struct fn_shim_op *op, int old_dir, int new_dir)
{
	unsigned flags = op->kind == FN_OP_EXCHANGE ? RENAME_EXCHANGE : 0;

	op->old.seen = op->at.seen = op->retried = false;
	begin(r, op);
	return end(r, renameat2(old_dir, op->old.name, new_dir, op->at.name, flags));
}

/* A name in limbo, used once. */
static void limbo_name(struct fn_place *place, char *buf, size_t size, uint64_t id)
{
	place->parent = FN_NODE_LIMBO;
	place->len = (size_t)snprintf(buf, size, "%llx", (unsigned long long)id);
	place->name = buf;
}

static int replay_rename(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op)
{
	char buf[24];
	int old_dir = -1, new_dir = -1, res;

	op->old.parent = item->old_parent;
	op->old.name = item->old_name;
	op->old.len = item->old_len;
	if (!item->old_parent)
		limbo_name(&op->old, buf, sizeof(buf), op->made_up);
	if (!item->parent)
		limbo_name(&op->at, buf, sizeof(buf), op->made_up);
	fill_entry(r, &op->old, item->node);
	fill_entry(r, &op->at, item->target);
	if (!op->old.entry.nodeid && item->old_parent &&
	    is_gone(r, item->old_parent, item->old_name) && op->at.entry.flags & FN_NODE_ANNOUNCED)
		return -EALREADY;
	/* Somebody looked it up under its new name before we came here. */
	if (op->kind == FN_OP_RENAME && op->at.entry.nodeid == op->old.entry.nodeid)
		op->at.entry.nodeid = 0;
	res = open_two(r, item, &old_dir, &new_dir);
	if (res)
		return res;
	res = rename_once(r, op, old_dir, new_dir);
	for (int i = 0; i < TRIES && res == -ENOENT; i++) {
		look_again(r, op, &op->old, old_dir);
		res = rename_once(r, op, old_dir, new_dir);
	}
	if (res && op->kind == FN_OP_RENAME && op->at.entry.nodeid) {
		op->at.entry.nodeid = 0; /* the target as we know it cannot have been it */
		res = rename_once(r, op, old_dir, new_dir);
	}
	if (old_dir != new_dir)
		close(old_dir);
	if (!res)
		moved(r, item, op);
	return res;
}

/* Before MODIFY: whoever wakes up must not read what is cached. A GETATTR from here cannot hang a
 * server that dies, as a notification can that waits for a page which a READ has locked. */
static void refresh(struct fn_replay *r, struct fn_shim_op *op, int dir)
{
	struct {
		struct fuse_out_header out;
		struct fuse_notify_inval_inode_out inval;
	} msg = {
		.out = {.len = sizeof(msg), .error = FUSE_NOTIFY_INVAL_INODE},
		.inval = {.ino = op->at.entry.nodeid},
	};
	struct statx st;
	int res;

	if (r->dev_fd >= 0 && write(r->dev_fd, &msg, sizeof(msg)) == sizeof(msg))
		return;
	op->refresh = true;
	begin(r, op);
	res = statx(dir, op->at.name, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_MTIME, &st);
	end(r, res);
	op->refresh = false;
	op->at.seen = false;
}

static int attr_once(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
		     int dir)
{
	struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (item->mask & (FN_MODIFY | FN_ACCESS))
		times[item->mask & FN_MODIFY ? 0 : 1].tv_nsec = UTIME_OMIT;
	begin(r, op);
	if (!item->name_len)
		return end(r, utimensat(dir, "", times, AT_EMPTY_PATH));
	return end(r, utimensat(dir, op->at.name, times, AT_SYMLINK_NOFOLLOW));
}

static int replay_attr(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
		       int dir)
{
	int res;

	fill_entry(r, &op->at, item->node);
	if (!op->at.entry.nodeid && item->name_len && is_gone(r, item->parent, item->name))
		return -EALREADY;
	if (op->at.entry.nodeid)
		op->mode = op->at.entry.attr.mode & S_IFMT;
	if (item->mask & FN_MODIFY && item->name_len && S_ISREG(op->mode) &&
	    op->at.entry.flags & FN_NODE_OPENED && !fn_node_made_up(op->at.entry.nodeid))
		refresh(r, op, dir);
	res = attr_once(r, item, op, dir);
	for (int i = 0; i < TRIES && res == -ENOENT && item->name_len; i++) {
		look_again(r, op, &op->at, dir);
		res = attr_once(r, item, op, dir);
	}
	return res;
}

static int open_once(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
		     int dir)
{
	int flags = item->mask & FN_CLOSE_WRITE ? O_WRONLY : O_RDONLY, fd;

	begin(r, op);
	fd = openat(dir, item->name_len ? op->at.name : ".",
		    flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC |
			    (S_ISDIR(op->mode) ? O_DIRECTORY : 0));
	if (fd >= 0)
		close(fd);
	return end(r, fd);
}

/* While somebody has the file open with passthrough the kernel takes only such opens. This one is
 * heard in the backing directory, too. */
static int open_backed(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
		       int dir)
{
	uint64_t nodeid = op->at.entry.nodeid;
	uint32_t flags = op->open_flags;
	int res;

	op->backing_id = r->conf.backing ? r->conf.backing(r->conf.ctx, nodeid, true) : 0;
	if (op->backing_id)
		op->open_flags = OPEN_PASSTHROUGH | FOPEN_NOFLUSH;
	res = open_once(r, item, op, dir);
	if (op->backing_id)
		r->conf.backing(r->conf.ctx, nodeid, false);
	op->backing_id = 0;
	op->open_flags = flags;
	return res;
}

static int replay_open(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op,
		       int dir)
{
	int res;
	bool is_dir = item->mask & FN_ISDIR || !item->name_len;

	fill_entry(r, &op->at, item->node);
	if (!op->at.entry.nodeid && item->name_len && is_gone(r, item->parent, item->name))
		return -EALREADY;
	op->mode = is_dir ? S_IFDIR : S_IFREG;
	if (op->at.entry.nodeid && (op->at.entry.attr.mode & S_IFMT) != op->mode)
		return -ESTALE;
	/* Direct: beside it others may open with passthrough or without, and no backing file is
	 * opened for it, whose watchers would hear of that. */
	op->open_flags = FOPEN_KEEP_CACHE | (is_dir ? 0 : FOPEN_NOFLUSH | FOPEN_DIRECT_IO);
	res = open_once(r, item, op, dir);
	for (int i = 0; i < TRIES && res == -ENOENT && item->name_len; i++) {
		look_again(r, op, &op->at, dir);
		res = open_once(r, item, op, dir);
	}
	return res == -EIO && !is_dir ? open_backed(r, item, op, dir) : res;
}

static int replay(struct fn_replay *r, const struct fn_item *item, struct fn_shim_op *op)
{
	int dir;

	if (item->kind == FN_OP_RENAME || item->kind == FN_OP_EXCHANGE)
		return replay_rename(r, item, op);
	dir = fn_replay_dir(r, item->parent);
	if (dir < 0)
		return dir;
	switch (item->kind) {
	case FN_OP_CREATE:
		return replay_create(r, item, op, dir);
	case FN_OP_DELETE:
		return replay_delete(r, item, op, dir);
	case FN_OP_ATTR:
		return replay_attr(r, item, op, dir);
	case FN_OP_OPEN:
		return replay_open(r, item, op, dir);
	default:
		return -EINVAL;
	}
}

void fn_replay_warm(struct fn_replay *r)
{
	struct fn_shim_op op = {.kind = FN_OP_NONE};
	int fd = !r->touched ? -1 : r->touched == FUSE_ROOT_ID ? r->mount_fd : r->dir_fd;
	struct statx st;

	if (fd < 0 || (fd == r->dir_fd && r->dir_node != r->touched))
		return;
	begin(r, &op);
	end(r, statx(fd, "", AT_EMPTY_PATH, STATX_MODE | STATX_MTIME, &st));
	r->touched = 0;
}

/* It could not be repeated: at least nobody is to be told for long what was before. */
static void give_up(struct fn_replay *r, uint64_t parent, const char *name)
{
	int dir = parent ? fn_replay_dir(r, parent) : -1;

	if (dir >= 0)
		(void)!link_nothing(dir, name);
}

static bool changes_names(const struct fn_item *item)
{
	return item->kind == FN_OP_CREATE || item->kind == FN_OP_DELETE ||
	       item->kind == FN_OP_RENAME || item->kind == FN_OP_EXCHANGE;
}

void fn_replay_item(struct fn_replay *r, const struct fn_item *item)
{
	struct fn_shim_op op;
	int res;

	init_op(r, &op, item);
	res = replay(r, item, &op);
	if (res && res != -EALREADY && changes_names(item)) {
		give_up(r, item->old_parent, item->old_name);
		give_up(r, item->parent, item->name);
	}
	unpin(r, op.at.pinned);
	unpin(r, op.old.pinned);
	if (!res)
		r->touched = item->parent;
	if (!res)
		atomic_fetch_add(&r->replayed, 1);
	else if (res == -EALREADY || res == -ESTALE || res == -ENOENT)
		atomic_fetch_add(&r->stale, 1);
	else
		atomic_fetch_add(&r->failed, 1);
}
