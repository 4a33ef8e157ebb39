/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Learns from requests and their replies what the kernel holds. On the path of every request. */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "replay/armed.h"
#include "server/server_impl.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

struct fn_pend {
	struct fn_pend *next;
	uint64_t unique, nodeid, newdir;
	uint32_t opcode, flags;
	uint8_t len, new_len;
	bool brief, opened, replay;
	char names[]; /* name, new name */
};

void fn_track_init(struct fn_track *t)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
}

void fn_track_destroy(struct fn_track *t)
{
	for (size_t i = 0; i < sizeof(t->slots) / sizeof(t->slots[0]); i++)
		for (struct fn_pend *p = t->slots[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	pthread_mutex_destroy(&t->lock);
}

static struct fn_pend **slot_of(struct fn_track *t, uint64_t unique)
{
	return &t->slots[unique >> 1 & 255]; /* uniques are even */
}

static void add(struct fn_server *srv, const struct fn_msg *msg, const char *name, size_t len,
		const char *new_name, size_t new_len)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_pend *p = malloc(sizeof(*p) + len + new_len);
	struct fn_pend **slot = slot_of(&srv->track, in->unique);

	if (!p)
		return;
	*p = (struct fn_pend){.unique = in->unique, .nodeid = in->nodeid, .opcode = in->opcode};
	p->len = (uint8_t)len;
	p->new_len = (uint8_t)new_len;
	if (len)
		memcpy(p->names, name, len);
	if (new_len) {
		const struct fuse_rename2_in *ren = (const void *)(in + 1);

		memcpy(p->names + len, new_name, new_len);
		p->newdir = ren->newdir;
		p->flags = in->opcode == FUSE_RENAME2 ? ren->flags : 0;
	}
	pthread_mutex_lock(&srv->track.lock);
	p->next = *slot;
	*slot = p;
	pthread_mutex_unlock(&srv->track.lock);
}

static void add_named(struct fn_server *srv, const struct fn_msg *msg, size_t fixed)
{
	size_t len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);

	if (name)
		add(srv, msg, name, len, NULL, 0);
}

static void add_rename(struct fn_server *srv, const struct fn_msg *msg, size_t fixed)
{
	size_t len, new_len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);
	const char *new_name = fn_msg_name(msg, fixed, 1, &new_len);

	if (name && new_name)
		add(srv, msg, name, len, new_name, new_len);
}

void fn_track_request(struct fn_server *srv, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	switch (in->opcode) {
	case FUSE_LOOKUP:
	case FUSE_SYMLINK:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		add_named(srv, msg, 0);
		break;
	case FUSE_MKNOD:
		add_named(srv, msg, sizeof(struct fuse_mknod_in));
		break;
	case FUSE_MKDIR:
		add_named(srv, msg, sizeof(struct fuse_mkdir_in));
		break;
	case FUSE_CREATE:
		add_named(srv, msg, sizeof(struct fuse_create_in));
		break;
	case FUSE_LINK:
		add_named(srv, msg, sizeof(struct fuse_link_in));
		break;
	case FUSE_RENAME:
		add_rename(srv, msg, sizeof(struct fuse_rename_in));
		break;
	case FUSE_RENAME2:
		add_rename(srv, msg, sizeof(struct fuse_rename2_in));
		break;
	case OP_TMPFILE:
	case FUSE_READDIRPLUS:
	case FUSE_INIT:
	case FUSE_POLL:
		add(srv, msg, NULL, 0, NULL, 0);
		break;
	case FUSE_OPEN:
		fn_nodes_opened(srv->nodes, in->nodeid);
		break;
	default:
		break;
	}
}

static struct fn_pend *take(struct fn_server *srv, uint64_t unique)
{
	struct fn_pend **p = slot_of(&srv->track, unique), *found;

	pthread_mutex_lock(&srv->track.lock);
	while (*p && (*p)->unique != unique)
		p = &(*p)->next;
	found = *p;
	if (found)
		*p = found->next;
	pthread_mutex_unlock(&srv->track.lock);
	return found;
}

void fn_track_change(struct fn_server *srv, uint64_t unique, bool brief, bool opened)
{
	struct fn_pend *p;

	pthread_mutex_lock(&srv->track.lock);
	for (p = *slot_of(&srv->track, unique); p && p->unique != unique; p = p->next)
		;
	if (p) {
		p->brief = brief;
		p->opened = opened;
	}
	pthread_mutex_unlock(&srv->track.lock);
}

void fn_track_replay(struct fn_server *srv, uint64_t unique)
{
	struct fn_pend *p;

	pthread_mutex_lock(&srv->track.lock);
	for (p = *slot_of(&srv->track, unique); p && p->unique != unique; p = p->next)
		;
	if (p)
		p->replay = true;
	pthread_mutex_unlock(&srv->track.lock);
}

void fn_track_drop(struct fn_server *srv, uint64_t unique)
{
	free(take(srv, unique));
}

static void *flatten(const struct iovec *iov, int count, size_t *len)
{
	void *flat;

	*len = fn_iov_len(iov, count);
	flat = malloc(*len);
	if (flat)
		fn_iov_read(iov, count, 0, flat, *len);
	return flat;
}

/* As if CREATE had made and opened it: with the handle whose FLUSH and RELEASE are ours. */
static void opened_reply(struct fn_server *srv, uint64_t unique, const struct fuse_entry_out *e,
			 struct fn_tracked *res)
{
	struct {
		struct fuse_out_header out;
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} *msg = calloc(1, sizeof(*msg));

	if (!msg)
		return;
	msg->out = (struct fuse_out_header){.len = sizeof(*msg), .unique = unique};
	msg->entry = *e;
	msg->open.fh = srv->fh;
	msg->open.open_flags = FOPEN_KEEP_CACHE | FOPEN_DIRECT_IO; /* as replayed opens have */
	res->fixed = msg;
	res->fixed_len = sizeof(*msg);
}

/* What a client of the control file announced to do with the name has not come yet: our kernel
 * must not know the name again from anybody, the replay thread among them. */
static bool announced(struct fn_server *srv, uint64_t parent, const char *name, size_t len)
{
	struct fn_armed *armed = atomic_load_explicit(&srv->armed, memory_order_acquire);

	return armed && fn_armed_any(armed) && fn_armed_name(armed, parent, name, len);
}

/* Somebody looks at a name while an operation on it is repeated. */
static bool in_doubt(struct fn_server *srv, const struct fn_pend *p)
{
	bool doubt;

	if (p->replay || p->opcode != FUSE_LOOKUP ||
	    !atomic_load_explicit(&srv->busy, memory_order_acquire))
		return false;
	pthread_mutex_lock(&srv->op_lock);
	doubt = srv->op && fn_shim_names(srv->op, p->nodeid, p->names, p->len);
	pthread_mutex_unlock(&srv->op_lock);
	return doubt;
}

static void entry_reply(struct fn_server *srv, const struct fn_pend *p, const struct iovec *iov,
			int count, struct fn_tracked *res)
{
	unsigned flags = p->opcode == FUSE_LOOKUP ? 0 : FN_NODE_ANNOUNCED;
	struct fuse_entry_out e;
	uint64_t generation;
	bool brief = p->brief || in_doubt(srv, p) || announced(srv, p->nodeid, p->names, p->len);

	if (!fn_iov_read(iov, count, sizeof(struct fuse_out_header), &e, sizeof(e)))
		return;
	generation = e.generation;
	if (p->opcode == FUSE_CREATE || p->opcode == OP_TMPFILE)
		flags |= FN_NODE_OPENED;
	if (!p->replay || !S_ISDIR(e.attr.mode))
		flags |= FN_NODE_SEEN;
	fn_nodes_entry(srv->nodes, p->nodeid, p->len ? p->names : NULL, p->len, &e, flags);
	/* Whoever wants to watch this directory has to look it up first: until then what happens
	 * in it concerns nobody. */
	brief |= p->replay && !fn_nodes_seen(srv->nodes, e.nodeid);
	res->counted = e.nodeid;
	if (p->opened) {
		opened_reply(srv, p->unique, &e, res);
		return;
	}
	if (generation == e.generation && !brief)
		return;
	if (brief)
		e.entry_valid = e.entry_valid_nsec = 0;
	res->fixed = flatten(iov, count, &res->fixed_len);
	if (res->fixed)
		memcpy((char *)res->fixed + sizeof(struct fuse_out_header), &e, sizeof(e));
}

static bool is_dot(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* Each entry but "." and ".." counts as a LOOKUP of it. write: buf is ours to change. */
static void walk_direntplus(struct fn_server *srv, uint64_t parent, char *buf, size_t len,
			    bool write)
{
	const size_t head = offsetof(struct fuse_direntplus, dirent) + FUSE_NAME_OFFSET;

	while (len >= head) {
		struct fuse_direntplus d;
		const char *name = buf + head;
		size_t size;

		memcpy(&d, buf, head);
		size = FUSE_DIRENTPLUS_SIZE(&d);
		if (!d.dirent.namelen || d.dirent.namelen > 255 || head + d.dirent.namelen > len)
			break;
		if (!is_dot(name, d.dirent.namelen))
			fn_nodes_entry(srv->nodes, parent, name, d.dirent.namelen, &d.entry_out,
				       FN_NODE_SEEN);
		if (announced(srv, parent, name, d.dirent.namelen))
			d.entry_out.entry_valid = d.entry_out.entry_valid_nsec = 0;
		if (write)
			memcpy(buf, &d.entry_out, sizeof(d.entry_out));
		if (size >= len)
			break;
		buf += size;
		len -= size;
	}
}

static void direntplus_reply(struct fn_server *srv, const struct fn_pend *p,
			     const struct iovec *iov, int count, struct fn_tracked *res)
{
	const size_t head = sizeof(struct fuse_out_header);
	struct fn_armed *armed = atomic_load_explicit(&srv->armed, memory_order_acquire);

	if (count == 2 && !fn_nodes_any_dead(srv->nodes) && !(armed && fn_armed_any(armed))) {
		walk_direntplus(srv, p->nodeid, iov[1].iov_base, iov[1].iov_len, false);
		return;
	}
	res->fixed = flatten(iov, count, &res->fixed_len);
	if (res->fixed && res->fixed_len > head)
		walk_direntplus(srv, p->nodeid, (char *)res->fixed + head, res->fixed_len - head,
				true);
}

static void init_reply(struct fn_server *srv, const struct iovec *iov, int count)
{
	const size_t head = sizeof(struct fuse_out_header);
	struct fuse_init_out init = {0};
	size_t len = fn_iov_len(iov, count);

	if (len < head + 16)
		return;
	len -= head;
	fn_iov_read(iov, count, head, &init, len < sizeof(init) ? len : sizeof(init));
	fn_replay_ready(srv->replay, init.flags, fuse_session_fd(srv->se));
}

static void name_gone(struct fn_server *srv, const struct fn_pend *p)
{
	fn_nodes_unbind(srv->nodes, p->nodeid, p->names, p->len);
}

static void name_moved(struct fn_server *srv, const struct fn_pend *p)
{
	if (p->flags & RENAME_EXCHANGE)
		fn_nodes_swap(srv->nodes, p->nodeid, p->names, p->len, p->newdir, p->names + p->len,
			      p->new_len);
	else
		fn_nodes_move(srv->nodes, p->nodeid, p->names, p->len, p->newdir, p->names + p->len,
			      p->new_len);
}

/* A server without poll() says ENOSYS, and the kernel never asks again, about no file of the
 * mount: not about the control file either. What it would take that for is what it is told. */
static void poll_reply(const struct fuse_out_header *out, struct fn_tracked *res)
{
	struct {
		struct fuse_out_header out;
		struct fuse_poll_out poll;
	} * msg;

	if (out->error != -ENOSYS)
		return;
	msg = calloc(1, sizeof(*msg));
	if (!msg)
		return;
	msg->out = (struct fuse_out_header){.len = sizeof(*msg), .unique = out->unique};
	msg->poll.revents = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	res->fixed = msg;
	res->fixed_len = sizeof(*msg);
}

void fn_track_reply(struct fn_server *srv, uint64_t unique, const struct iovec *iov, int count,
		    struct fn_tracked *res)
{
	struct fn_pend *p = take(srv, unique);
	struct fuse_out_header out = {.error = -EIO};

	if (!p)
		return;
	fn_iov_read(iov, count, 0, &out, sizeof(out));
	if (p->opcode == FUSE_POLL) {
		poll_reply(&out, res);
	} else if (!out.error) {
		switch (p->opcode) {
		case FUSE_UNLINK:
		case FUSE_RMDIR:
			name_gone(srv, p);
			break;
		case FUSE_RENAME:
		case FUSE_RENAME2:
			name_moved(srv, p);
			break;
		case FUSE_INIT:
			init_reply(srv, iov, count);
			break;
		case FUSE_READDIRPLUS:
			direntplus_reply(srv, p, iov, count, res);
			break;
		default:
			entry_reply(srv, p, iov, count, res);
		}
	}
	free(p);
}
