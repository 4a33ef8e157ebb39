/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/shim.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/msg.h"
#include "replay/shim_impl.h"

#define MADE_UP_VALID 1 /* s */

enum fn_verdict fn_reply_body(struct fn_reply *reply, uint64_t unique, const void *body, size_t len)
{
	struct fuse_out_header out = {.unique = unique};

	if (len > sizeof(reply->buf) - sizeof(out))
		return fn_reply_error(reply, unique, -EIO);
	reply->len = sizeof(out) + len;
	out.len = (uint32_t)reply->len;
	memcpy(reply->buf, &out, sizeof(out));
	if (len)
		memcpy(reply->buf + sizeof(out), body, len);
	return FN_ANSWER;
}

enum fn_verdict fn_reply_error(struct fn_reply *reply, uint64_t unique, int error)
{
	struct fuse_out_header out = {.len = sizeof(out), .error = error, .unique = unique};

	reply->len = sizeof(out);
	memcpy(reply->buf, &out, sizeof(out));
	return FN_ANSWER;
}

void fn_made_up_attr(struct fuse_attr *attr, uint64_t nodeid, uint32_t mode, uint32_t uid,
		     uint32_t gid)
{
	uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;

	memset(attr, 0, sizeof(*attr));
	attr->ino = nodeid;
	attr->mode = type | (type == S_IFDIR ? 0700 : 0600);
	attr->nlink = type == S_IFDIR ? 2 : 1;
	attr->uid = uid;
	attr->gid = gid;
	attr->blksize = 4096;
}

/* An entry without validity: good for this one operation. */
enum fn_verdict fn_shim_entry(struct fn_reply *reply, uint64_t unique, uint64_t nodeid,
			      uint64_t generation, const struct fuse_attr *attr)
{
	struct fuse_entry_out e = {.nodeid = nodeid, .generation = generation, .attr = *attr};

	return fn_reply_body(reply, unique, &e, sizeof(e));
}

/* Its attributes are good for longer: they never change, and without the entry nobody gets at them.
 * An open would ask for them. */
static enum fn_verdict made_up_entry(struct fn_reply *reply, uint64_t unique, uint64_t id,
				     const struct fuse_attr *attr)
{
	struct fuse_entry_out e = {
		.nodeid = id, .generation = 1, .attr_valid = MADE_UP_VALID, .attr = *attr};

	return fn_reply_body(reply, unique, &e, sizeof(e));
}

enum fn_verdict fn_shim_make_up(struct fn_shim_op *op, struct fn_place *place,
				struct fn_reply *reply, uint64_t unique, struct fn_shim_fx *fx)
{
	uint64_t id = op->made_up + (place == &op->old);
	struct fuse_attr attr;

	if (fn_node_made_up(place->entry.nodeid))
		id = place->entry.nodeid;
	fn_made_up_attr(&attr, id, op->mode, op->uid, op->gid);
	op->made = true;
	if (op->kind == FN_OP_RENAME || op->kind == FN_OP_EXCHANGE) {
		place->entry.nodeid = id;
		place->entry.generation = 1;
	}
	if (op->kind != FN_OP_DELETE)
		fx->made = id;
	return made_up_entry(reply, unique, id, &attr);
}

static void await(struct fn_shim_op *op, const struct fuse_in_header *in, enum fn_await what,
		  struct fn_place *place)
{
	op->await = what;
	op->await_unique = in->unique;
	op->await_node = in->nodeid;
	op->await_place = place;
}

/* The name is to resolve to what the kernel knew under it. Its attributes come from the server,
 * which may still have the object: by an open file, or under another name. */
static enum fn_verdict look_at_entry(struct fn_shim_op *op, struct fn_place *place,
				     struct fn_msg *msg, struct fn_reply *reply,
				     struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	if (fn_node_made_up(place->entry.nodeid))
		return fn_shim_make_up(op, place, reply, in->unique, fx);
	if (!fn_msg_to_getattr(msg, place->entry.nodeid, NULL))
		return FN_PASS;
	await(op, in, FN_AWAIT_ENTRY, place);
	return FN_REWRITTEN;
}

/* What moved is to be found under its other name. */
static enum fn_verdict look_at_other(struct fn_shim_op *op, struct fn_place *place,
				     const struct fn_place *other, struct fn_msg *msg,
				     struct fn_reply *reply, struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	if (fn_node_reserved(other->parent) ||
	    !fn_msg_to_lookup(msg, other->parent, other->name, other->len))
		return fn_shim_make_up(op, place, reply, in->unique, fx);
	await(op, in, FN_AWAIT_MOVED, place);
	return FN_REWRITTEN;
}

static enum fn_verdict lookup_of(struct fn_shim_op *op, struct fn_place *place, struct fn_msg *msg,
				 struct fn_reply *reply, struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	bool known = place->entry.nodeid != 0 && !place->elsewhere;

	place->seen = true;
	switch (op->kind) {
	case FN_OP_CREATE:
		return fn_reply_error(reply, in->unique, -ENOENT);
	case FN_OP_DELETE:
		return known ? look_at_entry(op, place, msg, reply, fx)
			     : fn_shim_make_up(op, place, reply, in->unique, fx);
	case FN_OP_RENAME:
		if (known)
			return look_at_entry(op, place, msg, reply, fx);
		/* To a server that knows nodes by name the new name still is what it overwrote. */
		if (place == &op->old && op->forward && op->at.entry.nodeid)
			return fn_shim_make_up(op, place, reply, in->unique, fx);
		if (place == &op->old)
			return look_at_other(op, place, &op->at, msg, reply, fx);
		return fn_reply_error(reply, in->unique, -ENOENT);
	case FN_OP_EXCHANGE:
		if (known)
			return look_at_entry(op, place, msg, reply, fx);
		return look_at_other(op, place, place == &op->old ? &op->at : &op->old, msg, reply,
				     fx);
	case FN_OP_ATTR:
	case FN_OP_OPEN:
		/* Nobody has found anything else under the name since. */
		if (place->bound && fn_node_made_up(place->entry.nodeid))
			return fn_shim_make_up(op, place, reply, in->unique, fx);
		await(op, in, FN_AWAIT_FOUND, place);
		return FN_PASS;
	default:
		return FN_PASS;
	}
}

static bool is_place(const struct fn_place *place, uint64_t parent, const char *name, size_t len)
{
	return place->name && name && place->parent == parent && place->len == len &&
	       !memcmp(place->name, name, len);
}

bool fn_shim_names(const struct fn_shim_op *op, uint64_t parent, const char *name, size_t len)
{
	return is_place(&op->old, parent, name, len) || is_place(&op->at, parent, name, len);
}

static enum fn_verdict on_lookup(struct fn_shim_op *op, struct fn_msg *msg, struct fn_reply *reply,
				 struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, 0, 0, &len);

	if (is_place(&op->old, in->nodeid, name, len))
		return lookup_of(op, &op->old, msg, reply, fx);
	if (is_place(&op->at, in->nodeid, name, len))
		return lookup_of(op, &op->at, msg, reply, fx);
	if (in->nodeid == FN_NODE_LIMBO)
		return fn_reply_error(reply, in->unique, -ENOENT);
	return FN_PASS;
}

/* Creation becomes a look at what is there: both are answered with a fuse_entry_out. */
static enum fn_verdict on_create(struct fn_shim_op *op, struct fn_msg *msg, size_t fixed)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);

	if (op->kind != FN_OP_CREATE || !is_place(&op->at, in->nodeid, name, len) ||
	    !fn_msg_to_lookup(msg, in->nodeid, name, len))
		return FN_PASS;
	await(op, in, FN_AWAIT_CREATED, &op->at);
	return FN_REWRITTEN;
}

/* The kernel used a cached name. ESTALE makes VFS walk again with LOOKUP_REVAL, which brings the
 * LOOKUP. */
static bool look_again(struct fn_shim_op *op, const struct fn_place *place)
{
	if (place->seen || op->retried)
		return false;
	op->retried = true;
	return true;
}

/* The kernel used a cached name, and it is the right one. If the server says that no link is
 * left, the kernel's own count may drop as well, and the LOOKUP is saved. */
static bool ask_links(struct fn_shim_op *op, struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	if (op->at.seen || op->retried || !op->at.bound || op->forward ||
	    fn_node_made_up(op->at.entry.nodeid) ||
	    !fn_msg_to_getattr(msg, op->at.entry.nodeid, NULL))
		return false;
	await(op, in, FN_AWAIT_LINKS, &op->at);
	return true;
}

static enum fn_verdict on_unlink(struct fn_shim_op *op, struct fn_msg *msg, struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, 0, 0, &len);

	if (op->kind != FN_OP_DELETE || !is_place(&op->at, in->nodeid, name, len))
		return FN_PASS;
	if (ask_links(op, msg))
		return FN_REWRITTEN;
	if (look_again(op, &op->at))
		return fn_reply_error(reply, in->unique, -ESTALE);
	op->forwarded = op->forward;
	return op->forward ? FN_PASS : fn_reply_error(reply, in->unique, 0);
}

/* The kernel moves a name that it had cached, and what it has under it is what moved. An entry
 * that was made up has no validity: what was cached is something else then. */
static bool same_still(const struct fn_shim_op *op)
{
	return op->by_identity && op->at.seen && op->old.bound &&
	       !fn_node_made_up(op->old.entry.nodeid);
}

static enum fn_verdict on_rename(struct fn_shim_op *op, const struct fn_msg *msg, size_t fixed,
				 struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const uint64_t *newdir = fn_msg_body(msg, fixed); /* first in both structs */
	size_t len, new_len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);
	const char *new_name = fn_msg_name(msg, fixed, 1, &new_len);

	if (op->kind != FN_OP_RENAME && op->kind != FN_OP_EXCHANGE)
		return FN_PASS;
	if (!newdir || !is_place(&op->old, in->nodeid, name, len) ||
	    !is_place(&op->at, *newdir, new_name, new_len))
		return FN_PASS;
	if (!same_still(op) && look_again(op, &op->old))
		return fn_reply_error(reply, in->unique, -ESTALE);
	op->forwarded = op->forward && !fn_node_reserved(in->nodeid) && !fn_node_reserved(*newdir);
	return op->forwarded ? FN_PASS : fn_reply_error(reply, in->unique, 0);
}

/* Our own descriptor must not be passed on: the server never saw it opened. */
static const uint64_t *setattr_fh(const struct fuse_setattr_in *set, const struct fn_shim_op *op)
{
	return set->valid & FATTR_FH && set->fh != op->fh ? &set->fh : NULL;
}

static enum fn_verdict on_setattr(struct fn_shim_op *op, struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const struct fuse_setattr_in *set = fn_msg_body(msg, sizeof(*set));
	uint64_t fh;

	if (op->kind != FN_OP_ATTR || !set)
		return FN_PASS;
	fh = set->fh;
	if (!fn_msg_to_getattr(msg, in->nodeid, setattr_fh(set, op) ? &fh : NULL))
		return FN_PASS;
	await(op, in, FN_AWAIT_ATTR, &op->at);
	return FN_REWRITTEN;
}

static enum fn_verdict on_open(const struct fn_shim_op *op, const struct fn_msg *msg,
			       struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	/* the kernel's headers before 6.9 call the backing id padding */
	struct fuse_open_out out = {
		.fh = op->fh, .open_flags = op->open_flags, .padding = (uint32_t)op->backing_id};

	if (op->kind != FN_OP_OPEN || !fn_msg_body(msg, sizeof(struct fuse_open_in)))
		return FN_PASS;
	return fn_reply_body(reply, in->unique, &out, sizeof(out));
}

static enum fn_verdict on_getattr(struct fn_shim_op *op, const struct fn_msg *msg)
{
	if (!op->refresh)
		return FN_PASS;
	op->refresh = false;
	await(op, (const void *)msg->buf, FN_AWAIT_REFRESH, &op->at);
	return FN_PASS;
}

/* What the replay thread may ask of a node that was made up. */
static enum fn_verdict on_made_up(struct fn_shim_op *op, const struct fn_msg *msg,
				  struct fn_reply *reply)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fuse_attr_out out = {0};

	switch (in->opcode) {
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		fn_made_up_attr(&out.attr, in->nodeid,
				in->nodeid == FN_NODE_LIMBO ? S_IFDIR : op->mode, op->uid, op->gid);
		return fn_reply_body(reply, in->unique, &out, sizeof(out));
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		if (on_open(op, msg, reply) == FN_ANSWER)
			return FN_ANSWER;
		return fn_reply_error(reply, in->unique, -ESTALE);
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		return fn_reply_error(reply, in->unique, -ENODATA);
	case FUSE_ACCESS:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		return fn_reply_error(reply, in->unique, 0);
	default:
		return fn_reply_error(reply, in->unique, -ESTALE);
	}
}

static enum fn_verdict dispatch(struct fn_shim_op *op, struct fn_msg *msg, struct fn_reply *reply,
				struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	switch (in->opcode) {
	case FUSE_LOOKUP:
		return on_lookup(op, msg, reply, fx);
	case FUSE_MKNOD:
		return on_create(op, msg, sizeof(struct fuse_mknod_in));
	case FUSE_MKDIR:
		return on_create(op, msg, sizeof(struct fuse_mkdir_in));
	case FUSE_LINK:
		return on_create(op, msg, sizeof(struct fuse_link_in));
	case FUSE_SYMLINK: /* the name, then the target */
		return on_create(op, msg, 0);
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		return on_unlink(op, msg, reply);
	case FUSE_RENAME:
		return on_rename(op, msg, sizeof(struct fuse_rename_in), reply);
	case FUSE_RENAME2:
		return on_rename(op, msg, sizeof(struct fuse_rename2_in), reply);
	case FUSE_SETATTR:
		return on_setattr(op, msg);
	case FUSE_GETATTR:
		return on_getattr(op, msg);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return on_open(op, msg, reply);
	default: /* ACCESS, GETXATTR of an ACL …: real questions about real nodes */
		return FN_PASS;
	}
}

static bool is_change(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_CREATE:
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

enum fn_verdict fn_shim_request(struct fn_shim_op *op, struct fn_msg *msg, struct fn_reply *reply,
				struct fn_shim_fx *fx)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	enum fn_verdict v;

	if (!in || op->kind == FN_OP_NONE)
		return FN_PASS;
	op->await = FN_AWAIT_NONE;
	/* Nothing about a node of ours may get to the server. */
	if (fn_node_made_up(in->nodeid))
		return on_made_up(op, msg, reply);
	v = dispatch(op, msg, reply, fx);
	if (v == FN_PASS && in->nodeid == FN_NODE_LIMBO)
		return on_made_up(op, msg, reply);
	/* By its path a directory may be another one by now: nothing is ever done there. */
	if (v == FN_PASS && !op->forwarded && is_change(in->opcode))
		return fn_reply_error(reply, in->unique, -ESTALE);
	return v;
}
