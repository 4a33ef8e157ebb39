/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/armed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "replay/msg.h"
#include "replay/shim_impl.h"

#define LIES_MAX 16 /* lookups of one operation; three or four are usual */
#define MARK_BITS 0777u
#define NO_MARK 0xffffffffu
#define MOVE_MARK 1u /* RENAME_NOREPLACE: a rename that nobody does by habit */

struct name {
	uint64_t parent;
	size_t len;
	char text[FN_NAME_MAX + 1];
};

struct arm {
	bool set;
	bool spent; /* nothing more is answered; the operation is refused if it comes */
	bool used;
	uint64_t owner, mask, node, ino, made_up;
	pid_t tgid;
	uint32_t flags, mark, mode, lookups;
	int64_t until, stamp;
	struct name at, old;
	char path[FN1_PATH_MAX], old_path[FN1_PATH_MAX];
};

struct fn_armed {
	struct fn_armed_world world;
	pthread_mutex_t lock;
	atomic_uint count;
	uint64_t made_up;
	struct arm arms[FN_ARMED_MAX];
};

int fn_armed_new(struct fn_armed **out, const struct fn_armed_world *world)
{
	struct fn_armed *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->world = *world;
	t->made_up = FN_NODE_MADE_UP | 1ull << 40; /* the replay thread counts up from below */
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return 0;
}

void fn_armed_free(struct fn_armed *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool fn_armed_any(const struct fn_armed *t)
{
	return atomic_load_explicit(&t->count, memory_order_relaxed) != 0;
}

static void disarm(struct fn_armed *t, struct arm *a)
{
	if (a->set)
		atomic_fetch_sub(&t->count, 1);
	a->set = false;
}

static struct arm *find(struct fn_armed *t, uint64_t owner)
{
	for (size_t i = 0; i < FN_ARMED_MAX; i++)
		if (t->arms[i].set && t->arms[i].owner == owner)
			return &t->arms[i];
	return NULL;
}

static struct arm *place_for(struct fn_armed *t, uint64_t owner)
{
	struct arm *a = find(t, owner);

	for (size_t i = 0; !a && i < FN_ARMED_MAX; i++)
		if (!t->arms[i].set)
			a = &t->arms[i];
	return a;
}

static bool set_name(struct name *to, uint64_t parent, struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	const char *name = slash ? slash + 1 : path.data;
	size_t len = path.len - (size_t)(name - path.data);

	if (!fn_name_ok(name, len))
		return false;
	to->parent = parent;
	to->len = len;
	memcpy(to->text, name, len);
	return true;
}

static bool is_event(uint64_t mask)
{
	switch (mask & ~(uint64_t)FN_ISDIR) {
	case FN_CREATE:
	case FN_DELETE:
	case FN_RENAME:
	case FN_MODIFY:
	case FN_ATTRIB:
		return true;
	default:
		return false;
	}
}

static void copy_path(char *to, struct fn_str path)
{
	memcpy(to, path.data, path.len);
	to[path.len] = '\0';
}

static bool take_in(struct arm *a, const struct fn1_arm *arm, const struct fn_arm_place *place)
{
	*a = (struct arm){.mask = arm->mask & ~(uint64_t)FN_ISDIR,
			  .node = place->node,
			  .ino = arm->ino,
			  .flags = arm->flags,
			  .mark = arm->mark & MARK_BITS,
			  .mode = arm->mode & S_IFMT,
			  .stamp = arm->stamp};
	if (a->mask & (FN_MODIFY | FN_ATTRIB))
		return place->node != 0;
	copy_path(a->path, arm->path);
	if (a->mask == FN_RENAME) {
		if (!arm->old_path.data || arm->old_path.len >= FN1_PATH_MAX ||
		    !set_name(&a->old, place->old_parent, arm->old_path))
			return false;
		copy_path(a->old_path, arm->old_path);
	}
	return set_name(&a->at, place->parent, arm->path);
}

static bool is_there(const struct fn_armed *t, const char *path)
{
	struct stat st;

	return t->world.stat(t->world.ctx, path, &st) != -ENOENT;
}

/* What the event says is so in the store, now. */
static bool is_so(const struct fn_armed *t, const struct arm *a)
{
	switch (a->mask) {
	case FN_DELETE:
		return !is_there(t, a->path);
	case FN_RENAME:
		return is_there(t, a->path) && !is_there(t, a->old_path);
	case FN_CREATE:
		return is_there(t, a->path);
	default:
		return true;
	}
}

int fn_armed_set(struct fn_armed *t, uint64_t owner, pid_t tgid, const struct fn1_arm *arm,
		 const struct fn_arm_place *place, int64_t now)
{
	struct arm *a;
	int rc = 0;

	if (!is_event(arm->mask) || !arm->deadline_ms ||
	    arm->deadline_ms > FN_ARM_DEADLINE_MAX_MS || tgid <= 0 ||
	    arm->path.len >= FN1_PATH_MAX || !arm->path.data)
		return -EINVAL;
	pthread_mutex_lock(&t->lock);
	a = place_for(t, owner);
	if (!a) {
		rc = -ENOSPC;
	} else {
		disarm(t, a);
		rc = !take_in(a, arm, place) ? -EINVAL : is_so(t, a) ? 0 : -ESTALE;
	}
	if (!rc) {
		a->set = true;
		a->owner = owner;
		a->made_up = t->made_up++;
		a->tgid = tgid;
		a->until = now + (int64_t)arm->deadline_ms * 1000000;
		atomic_fetch_add(&t->count, 1);
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

bool fn_armed_end(struct fn_armed *t, uint64_t owner, struct fn1_arm *what)
{
	struct arm *a;

	pthread_mutex_lock(&t->lock);
	a = find(t, owner);
	if (a) {
		what->lookups = a->lookups;
		what->flags = FN1_ARM_END | (a->used ? FN1_ARM_USED : 0);
		disarm(t, a);
	}
	pthread_mutex_unlock(&t->lock);
	return a != NULL;
}

static bool is_name(const struct name *n, uint64_t parent, const char *name, size_t len)
{
	return name && len && n->len == len && n->parent == parent && !memcmp(n->text, name, len);
}

enum doing { LOOKS, MAKES, ENDS, MOVES, STATS, UNKNOWN };

static enum doing doing(const struct fn_armed *t, uint32_t pid)
{
	switch (t->world.syscall(t->world.ctx, pid)) {
	case SYS_openat:
	case SYS_openat2: /* the Rust daemon */
		return LOOKS;
	case SYS_mknodat:
	case SYS_mkdirat:
	case SYS_symlinkat:
		return MAKES;
	case SYS_unlinkat:
		return ENDS;
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_renameat2:
		return MOVES;
	case SYS_statx:
#ifdef SYS_newfstatat
	case SYS_newfstatat:
#endif
		return STATS;
	default:
		return UNKNOWN;
	}
}

/* A name that is gone, as the client knew it; the attributes last a moment, the name does not. */
static enum fn_verdict gone_entry(const struct arm *a, uint64_t unique, struct fn_reply *reply)
{
	struct fuse_entry_out e = {.nodeid = a->made_up, .generation = 1, .attr_valid = 1};

	fn_made_up_attr(&e.attr, e.nodeid, a->mode, 0, 0);
	if (a->ino)
		e.attr.ino = a->ino;
	return fn_reply_body(reply, unique, &e, sizeof(e));
}

/* The new name of a CREATE or RENAME: "not there", so that the kernels go on. */
static enum fn_verdict new_name(const struct arm *a, enum doing how, uint64_t unique,
				struct fn_reply *reply)
{
	bool begun = a->mask == FN_CREATE ? how == MAKES : how == MOVES;

	return begun || how == LOOKS ? fn_reply_error(reply, unique, -ENOENT) : FN_PASS;
}

/* The name that a DELETE or RENAME ends: there, for the operation itself. */
static enum fn_verdict old_name(const struct arm *a, enum doing how, struct fn_msg *msg,
				struct fn_reply *reply, struct fn_armed_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	bool begun = how == STATS || how == (a->mask == FN_DELETE ? ENDS : MOVES);

	if (!begun && !(how == LOOKS && a->flags & FN1_ARM_RISK))
		return FN_PASS;
	if (a->mask == FN_DELETE)
		return gone_entry(a, in->unique, reply);
	if (!fn_msg_to_lookup(msg, a->at.parent, a->at.text, a->at.len))
		return FN_PASS;
	fx->brief = true;
	return FN_REWRITTEN;
}

static enum fn_verdict on_lookup(struct fn_armed *t, struct arm *a, struct fn_msg *msg,
				 struct fn_reply *reply, struct fn_armed_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, 0, 0, &len);
	bool at = is_name(&a->at, in->nodeid, name, len);
	bool old = a->mask == FN_RENAME && is_name(&a->old, in->nodeid, name, len);
	enum doing how;

	if (!at && !old)
		return FN_PASS;
	a->lookups++;
	if (a->spent || a->flags & FN1_ARM_PROBE || a->lookups > LIES_MAX)
		return FN_PASS;
	how = doing(t, in->pid);
	if (old || a->mask == FN_DELETE)
		return old_name(a, how, msg, reply, fx);
	return new_name(a, how, in->unique, reply);
}

/* Creating becomes a look at what is there: both are answered with a fuse_entry_out. */
static enum fn_verdict on_make(struct arm *a, struct fn_msg *msg, size_t fixed, uint32_t type,
			       uint32_t mark, struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);

	if (!is_name(&a->at, in->nodeid, name, len) &&
	    !(a->mask == FN_RENAME && is_name(&a->old, in->nodeid, name, len)))
		return FN_PASS;
	if (a->mask != FN_CREATE || mark != a->mark || type != a->mode) {
		a->spent = true;
		return FN_PASS;
	}
	if (a->spent)
		return fn_reply_error(reply, in->unique, -EEXIST);
	if (!fn_msg_to_lookup(msg, in->nodeid, name, len))
		return FN_PASS;
	a->used = true;
	return FN_REWRITTEN;
}

static enum fn_verdict on_mode(struct arm *a, struct fn_msg *msg, size_t fixed,
			       struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const uint32_t *mode = fn_msg_body(msg, fixed); /* first in both structs */
	uint32_t type = in->opcode == FUSE_MKDIR ? S_IFDIR : mode ? *mode & S_IFMT : 0;

	return mode ? on_make(a, msg, fixed, type, *mode & MARK_BITS, reply) : FN_PASS;
}

/* The C daemon makes a regular file by openat(O_CREAT | O_EXCL). */
static enum fn_verdict on_open(struct arm *a, struct fn_msg *msg, struct fn_reply *reply,
			       struct fn_armed_fx *fx)
{
	const struct fuse_create_in *in = fn_msg_body(msg, sizeof(*in));
	enum fn_verdict v = FN_PASS;

	if (in)
		v = on_make(a, msg, sizeof(*in), S_IFREG,
			    in->flags & O_EXCL ? in->mode & MARK_BITS : NO_MARK, reply);
	fx->opened = v == FN_REWRITTEN;
	return v;
}

/* A symlink carries its mark as the target: four octal digits. */
static enum fn_verdict on_symlink(struct arm *a, struct fn_msg *msg, struct fn_reply *reply)
{
	size_t len;
	const char *target = fn_msg_name(msg, 0, 1, &len);
	char *end;
	unsigned long mark = target && len == 4 ? strtoul(target, &end, 8) : NO_MARK;

	return on_make(a, msg, 0, S_IFLNK, mark <= MARK_BITS ? (uint32_t)mark : NO_MARK, reply);
}

static enum fn_verdict on_end(struct fn_armed *t, struct arm *a, struct fn_msg *msg,
			      struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, 0, 0, &len);

	if (a->mask != FN_DELETE || !is_name(&a->at, in->nodeid, name, len))
		return FN_PASS;
	if (a->spent || !is_so(t, a))
		return fn_reply_error(reply, in->unique, -EBUSY);
	a->used = true;
	return fn_reply_error(reply, in->unique, 0);
}

static enum fn_verdict on_move(struct fn_armed *t, struct arm *a, struct fn_msg *msg, size_t fixed,
			       struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const struct fuse_rename2_in *ren = fn_msg_body(msg, fixed);
	size_t len, to_len;
	const char *from = fn_msg_name(msg, fixed, 0, &len);
	const char *to = fn_msg_name(msg, fixed, 1, &to_len);
	bool is_to, is_from;

	if (!ren)
		return FN_PASS;
	is_to = is_name(&a->at, ren->newdir, to, to_len);
	is_from = a->mask == FN_RENAME && is_name(&a->old, in->nodeid, from, len);
	if (!is_to || !is_from || in->opcode != FUSE_RENAME2 || ren->flags != MOVE_MARK) {
		a->spent |= is_to || is_from || is_name(&a->old, ren->newdir, to, to_len);
		return FN_PASS;
	}
	if (a->spent || !is_so(t, a))
		return fn_reply_error(reply, in->unique, -EEXIST);
	a->used = true;
	return fn_reply_error(reply, in->unique, 0);
}

static bool is_armed_attr(const struct arm *a, const struct fuse_setattr_in *set)
{
	uint32_t valid = set->valid &
			 ~(uint32_t)(FATTR_FH | FATTR_LOCKOWNER | FATTR_CTIME | FATTR_KILL_SUIDGID);
	int64_t mtime = (int64_t)set->mtime * 1000000000 + set->mtimensec;

	if (a->mask == FN_MODIFY)
		return valid == FATTR_MTIME && mtime == a->stamp;
	return valid == FATTR_MODE && (set->mode & MARK_BITS) == a->mark;
}

static enum fn_verdict on_setattr(struct arm *a, struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const struct fuse_setattr_in *set = fn_msg_body(msg, sizeof(*set));

	if (!(a->mask & (FN_MODIFY | FN_ATTRIB)) || in->nodeid != a->node || !set ||
	    !is_armed_attr(a, set) || !fn_msg_to_getattr(msg, in->nodeid, NULL))
		return FN_PASS;
	a->used = true;
	return FN_REWRITTEN;
}

static enum fn_verdict offer(struct fn_armed *t, struct arm *a, struct fn_msg *msg,
			     struct fn_reply *reply, struct fn_armed_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	switch (in->opcode) {
	case FUSE_LOOKUP:
		return on_lookup(t, a, msg, reply, fx);
	case FUSE_MKNOD:
		return on_mode(a, msg, sizeof(struct fuse_mknod_in), reply);
	case FUSE_MKDIR:
		return on_mode(a, msg, sizeof(struct fuse_mkdir_in), reply);
	case FUSE_CREATE:
		return on_open(a, msg, reply, fx);
	case FUSE_SYMLINK:
		return on_symlink(a, msg, reply);
	case FUSE_LINK:
		return on_make(a, msg, sizeof(struct fuse_link_in), 0, NO_MARK, reply);
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		return on_end(t, a, msg, reply);
	case FUSE_RENAME:
		return on_move(t, a, msg, sizeof(struct fuse_rename_in), reply);
	case FUSE_RENAME2:
		return on_move(t, a, msg, sizeof(struct fuse_rename2_in), reply);
	case FUSE_SETATTR:
		return on_setattr(a, msg);
	default:
		return FN_PASS;
	}
}

bool fn_armed_name(struct fn_armed *t, uint64_t parent, const char *name, size_t len)
{
	bool armed = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < FN_ARMED_MAX; i++) {
		const struct arm *a = &t->arms[i];

		armed |= a->set && (is_name(&a->at, parent, name, len) ||
				    is_name(&a->old, parent, name, len));
	}
	pthread_mutex_unlock(&t->lock);
	return armed;
}

static bool may_be_armed(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_CREATE:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_SETATTR:
		return true;
	default:
		return false;
	}
}

enum fn_verdict fn_armed_request(struct fn_armed *t, struct fn_msg *msg, int64_t now,
				 struct fn_reply *reply, struct fn_armed_fx *fx)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	enum fn_verdict v = FN_PASS;
	pid_t tgid;

	if (!in || !may_be_armed(in->opcode))
		return FN_PASS;
	tgid = t->world.tgid(t->world.ctx, in->pid);
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < FN_ARMED_MAX && v == FN_PASS; i++) {
		struct arm *a = &t->arms[i];

		if (!a->set || a->used)
			continue;
		a->spent |= now > a->until;
		if (a->tgid == tgid)
			v = offer(t, a, msg, reply, fx);
	}
	pthread_mutex_unlock(&t->lock);
	return v;
}
