/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/msg.h"
#include "replay/shim_impl.h"

static bool same_type(uint32_t a, uint32_t b)
{
	return !((a ^ b) & S_IFMT);
}

/* True where the kernel will take a link off this node: DELETE, or what a rename overwrote. */
static bool is_dying(const struct fn_shim_op *op, const struct fn_place *place)
{
	return op->kind == FN_OP_DELETE || (op->kind == FN_OP_RENAME && place == &op->at);
}

/* The kernel subtracts one link itself. A directory is gone with all of its links or it is not
 * gone: false then, for this must be another one of the same node id. */
static bool dying_links(struct fuse_attr *attr, bool alive)
{
	if (S_ISDIR(attr->mode)) {
		if (alive && attr->nlink)
			return false;
		attr->nlink = 2;
	} else {
		attr->nlink = alive ? attr->nlink + 1 : 1;
	}
	return true;
}

static enum fn_verdict entry_reply(struct fn_shim_op *op, const struct fuse_attr_out *got,
				   struct fn_reply *reply, struct fn_shim_fx *fx)
{
	struct fn_place *place = op->await_place;
	struct fuse_attr attr = got ? got->attr : place->entry.attr;

	if (op->kind == FN_OP_RENAME && place == &op->old)
		*(got ? &op->moved_alive : &op->moved_dead) = true;
	if (!same_type(attr.mode, place->entry.attr.mode) ||
	    (is_dying(op, place) && !dying_links(&attr, got != NULL))) {
		place->entry.nodeid = 0;
		return fn_shim_make_up(op, place, reply, op->await_unique, fx);
	}
	fx->excess = place->entry.nodeid;
	return fn_shim_entry(reply, op->await_unique, place->entry.nodeid, place->entry.generation,
			     &attr);
}

/* False: it is of another type than the event said, so it is another object. */
static bool is_wanted(const struct fn_shim_op *op, const struct fuse_entry_out *e)
{
	return e->nodeid && (!op->mode || same_type(e->attr.mode, op->mode));
}

static enum fn_verdict moved_reply(struct fn_shim_op *op, const struct fuse_entry_out *e,
				   struct fn_reply *reply, struct fn_shim_fx *fx)
{
	struct fn_place *place = op->await_place;

	if (!e || !is_wanted(op, e)) {
		fx->forget = e ? e->nodeid : 0;
		return fn_shim_make_up(op, place, reply, op->await_unique, fx);
	}
	place->elsewhere = true;
	place->entry.nodeid = e->nodeid;
	place->entry.generation = e->generation;
	place->entry.attr = e->attr;
	/* Somebody has looked under the new name already: that is no overwritten target. */
	if (op->kind == FN_OP_RENAME && op->at.entry.nodeid == e->nodeid)
		op->at.entry.nodeid = 0;
	return fn_shim_entry(reply, op->await_unique, e->nodeid, e->generation, &e->attr);
}

static enum fn_verdict created_reply(struct fn_shim_op *op, const struct fuse_entry_out *e,
				     struct fn_reply *reply, struct fn_shim_fx *fx)
{
	if (e && is_wanted(op, e))
		return FN_PASS;
	if (e && e->nodeid) {
		fx->forget = e->nodeid;
		if (op->mode_guessed) {
			op->found_mode = e->attr.mode;
			return fn_reply_error(reply, op->await_unique, -EIO);
		}
	}
	return fn_shim_make_up(op, op->await_place, reply, op->await_unique, fx);
}

static enum fn_verdict found_reply(struct fn_shim_op *op, const struct fuse_entry_out *e,
				   struct fn_reply *reply, struct fn_shim_fx *fx)
{
	struct fn_place *place = op->await_place;

	if (e && e->nodeid) {
		if (op->kind != FN_OP_OPEN || is_wanted(op, e))
			return FN_PASS;
		/* Opening a device or a pipe could do more than raise an event. */
		fx->forget = e->nodeid;
		return fn_reply_error(reply, op->await_unique, -EIO);
	}
	if (!place->entry.nodeid || fn_node_made_up(place->entry.nodeid))
		return fn_shim_make_up(op, place, reply, op->await_unique, fx);
	fx->excess = place->entry.nodeid;
	return fn_shim_entry(reply, op->await_unique, place->entry.nodeid, place->entry.generation,
			     &place->entry.attr);
}

static enum fn_verdict attr_reply(struct fn_shim_op *op, const struct fuse_attr_out *got,
				  struct fn_reply *reply)
{
	struct fuse_attr_out out = {0};

	if (got || op->await_node != op->at.entry.nodeid)
		return FN_PASS;
	out.attr = op->at.entry.attr; /* it is gone, and this is how it was */
	return fn_reply_body(reply, op->await_unique, &out, sizeof(out));
}

/* Other links are left: the kernel's count has to be right first, which takes a LOOKUP. */
static enum fn_verdict links_reply(struct fn_shim_op *op, const struct fuse_attr_out *got,
				   struct fn_reply *reply)
{
	bool left = got && got->attr.nlink;

	op->retried = left;
	return fn_reply_error(reply, op->await_unique, left ? -ESTALE : 0);
}

/* The kernel empties the page cache when a GETATTR shows another mtime. The change may have come
 * within one tick of the store's clock, so make it another one; the SETATTR that follows at once
 * sets it right. */
static enum fn_verdict refresh_reply(const struct fn_shim_op *op, const struct fuse_attr_out *got,
				     struct fn_reply *reply)
{
	struct fuse_attr_out out;

	if (!got)
		return FN_PASS;
	out = *got;
	out.attr.mtimensec ^= 1;
	out.attr_valid = 0;
	out.attr_valid_nsec = 0;
	return fn_reply_body(reply, op->await_unique, &out, sizeof(out));
}

static enum fn_verdict on_reply(struct fn_shim_op *op, enum fn_await what,
				const struct fuse_entry_out *e, const struct fuse_attr_out *a,
				struct fn_reply *reply, struct fn_shim_fx *fx)
{
	switch (what) {
	case FN_AWAIT_ENTRY:
		return entry_reply(op, a, reply, fx);
	case FN_AWAIT_MOVED:
		return moved_reply(op, e, reply, fx);
	case FN_AWAIT_CREATED:
		return created_reply(op, e, reply, fx);
	case FN_AWAIT_FOUND:
		return found_reply(op, e, reply, fx);
	case FN_AWAIT_ATTR:
		return attr_reply(op, a, reply);
	case FN_AWAIT_LINKS:
		return links_reply(op, a, reply);
	case FN_AWAIT_REFRESH:
		return refresh_reply(op, a, reply);
	default:
		return FN_PASS;
	}
}

enum fn_verdict fn_shim_reply(struct fn_shim_op *op, const struct iovec *iov, int count,
			      struct fn_reply *reply, struct fn_shim_fx *fx)
{
	enum fn_await what = op->await;
	bool attr = what == FN_AWAIT_ENTRY || what == FN_AWAIT_ATTR || what == FN_AWAIT_LINKS ||
		    what == FN_AWAIT_REFRESH;
	struct fuse_out_header out;
	struct fuse_entry_out e;
	struct fuse_attr_out a;
	bool ok;

	if (!fn_iov_read(iov, count, 0, &out, sizeof(out)))
		return FN_PASS;
	op->await = FN_AWAIT_NONE;
	/* Only "it is not there" may be answered by us; an error is an error. */
	if (out.error && out.error != -ENOENT && out.error != -ESTALE)
		return FN_PASS;
	ok = !out.error;
	if (ok && !fn_iov_read(iov, count, sizeof(out), attr ? (void *)&a : (void *)&e,
			       attr ? sizeof(a) : sizeof(e)))
		return fn_reply_error(reply, op->await_unique, -EIO);
	return on_reply(op, what, ok && !attr ? &e : NULL, ok && attr ? &a : NULL, reply, fx);
}

enum fn_verdict fn_shim_stranger(const struct fn_msg *msg, struct fn_reply *reply)
{
	const struct fuse_in_header *in = fn_msg_header(msg);

	/* A walk that meets ESTALE starts again and asks the server. */
	return in ? fn_reply_error(reply, in->unique, -ESTALE) : FN_PASS;
}

bool fn_shim_is_release(const struct fn_msg *msg, uint64_t fh)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	const uint64_t *got;

	if (!in)
		return false;
	switch (in->opcode) {
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		got = fn_msg_body(msg, sizeof(*got)); /* fh is the first field of them all */
		return got && *got == fh;
	default:
		return false;
	}
}
