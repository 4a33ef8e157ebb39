/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What local processes do through the mount, as events for the clients of the control file. A
 * request says what is to be done, with the paths that hold before; a reply without an error says
 * that it was. Nothing is kept while nobody watches.
 *
 * Data that does not come by here (FUSE passthrough, a page of a shared mapping) makes no event.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "server/control.h"
#include "server/control_attach.h"
#include "server/server_impl.h"
#include "source/source_impl.h"

#define SLOTS 256
#define PENDING_MAX 4096 /* an aborted connection never answers */

struct pend {
	struct pend *next;
	uint64_t unique;
	struct fn_event ev;
	char strings[]; /* path, old path */
};

/* RELEASE tells of no process, but the FLUSH that comes before it does. */
#define CLOSERS 256
struct closer {
	uint64_t fh;
	uint32_t pid;
	char comm[16];
};

struct fn_local {
	pthread_mutex_t lock;
	struct closer closers[CLOSERS];
	size_t count;
	struct pend *slots[SLOTS];
};

struct fn_local *fn_local_new(void)
{
	struct fn_local *l = calloc(1, sizeof(*l));

	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void fn_local_free(struct fn_local *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		for (struct pend *p = l->slots[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* What is being put together from a request. */
struct local_op {
	uint64_t mask;
	uint32_t flags, mode;
	uint64_t parent, old_parent, node;
	char path[PATH_MAX], old_path[PATH_MAX];
	size_t len, old_len; /* SIZE_MAX: no such side */
};

static bool node_path(struct fn_server *srv, uint64_t nodeid, const char *name, size_t name_len,
		      char *buf, size_t *len)
{
	if (fn_nodes_place(srv->nodes, nodeid, buf, PATH_MAX - 260))
		return false;
	*len = strlen(buf);
	if (!name)
		return true;
	if (*len)
		buf[(*len)++] = '/';
	memcpy(buf + *len, name, name_len);
	*len += name_len;
	return true;
}

static bool is_dir(struct fn_server *srv, uint64_t parent, const char *name, size_t len)
{
	struct fn_entry e;

	return !fn_nodes_child(srv->nodes, parent, name, len, &e) && S_ISDIR(e.attr.mode);
}

static bool on_name(struct fn_server *srv, const struct fn_msg *msg, struct local_op *op,
		    size_t fixed, uint64_t mask)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	size_t len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);

	op->mask = mask;
	op->parent = in->nodeid;
	return name && node_path(srv, in->nodeid, name, len, op->path, &op->len);
}

static bool on_rename(struct fn_server *srv, const struct fn_msg *msg, struct local_op *op,
		      size_t fixed)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const struct fuse_rename2_in *r = fn_msg_body(msg, fixed);
	size_t len, new_len;
	const char *name = fn_msg_name(msg, fixed, 0, &len);
	const char *new_name = fn_msg_name(msg, fixed, 1, &new_len);

	if (!r || !name || !new_name)
		return false;
	op->mask = FN_RENAME | (is_dir(srv, in->nodeid, name, len) ? FN_ISDIR : 0);
	if (in->opcode == FUSE_RENAME2 && r->flags & 2) { /* RENAME_EXCHANGE */
		op->flags |= FN_EV_EXCHANGE;
		if (is_dir(srv, r->newdir, new_name, new_len))
			op->flags |= FN_EV_TARGET_DIR;
	}
	op->old_parent = in->nodeid;
	op->parent = r->newdir;
	return node_path(srv, in->nodeid, name, len, op->old_path, &op->old_len) &&
	       node_path(srv, r->newdir, new_name, new_len, op->path, &op->len);
}

/* As fsnotify_change() of the kernel. */
static uint64_t setattr_mask(const struct fn_msg *msg)
{
	const struct fuse_setattr_in *s = fn_msg_body(msg, sizeof(*s));
	uint32_t valid = s ? s->valid : 0;
	uint64_t mask = 0;

	if (valid & (FATTR_UID | FATTR_GID | FATTR_MODE))
		mask |= FN_ATTRIB;
	if (valid & FATTR_SIZE)
		mask |= FN_MODIFY;
	if (valid & FATTR_ATIME && valid & FATTR_MTIME)
		mask |= FN_ATTRIB;
	else if (valid & FATTR_ATIME)
		mask |= FN_ACCESS;
	else if (valid & FATTR_MTIME && !(valid & FATTR_SIZE))
		mask |= FN_MODIFY;
	return mask;
}

static uint64_t release_mask(const struct fn_msg *msg)
{
	const struct fuse_release_in *r = fn_msg_body(msg, 16);

	return r && (r->flags & O_ACCMODE) != O_RDONLY ? FN_CLOSE_WRITE : FN_CLOSE_NOWRITE;
}

static uint64_t node_mask(const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	switch (in->opcode) {
	case FUSE_SETATTR:
		return setattr_mask(msg);
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		return FN_ATTRIB;
	case FUSE_WRITE:
	case FUSE_FALLOCATE:
		return FN_MODIFY;
	case FUSE_READ:
		return FN_ACCESS;
	case FUSE_OPEN:
		return FN_OPEN;
	case FUSE_OPENDIR:
		return FN_OPEN | FN_ISDIR;
	case FUSE_RELEASE:
		return release_mask(msg);
	case FUSE_RELEASEDIR:
		return FN_CLOSE_NOWRITE | FN_ISDIR;
	default:
		return 0;
	}
}

static bool on_node(struct fn_server *srv, const struct fn_msg *msg, struct local_op *op,
		    uint64_t wanted)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_entry e;

	op->mask = node_mask(msg);
	if (!(op->mask & wanted))
		return false; /* before the work of finding its path */
	op->node = in->nodeid;
	if (!fn_nodes_get(srv->nodes, in->nodeid, &e) && S_ISDIR(e.attr.mode))
		op->mask |= FN_ISDIR;
	return node_path(srv, in->nodeid, NULL, 0, op->path, &op->len);
}

static bool read_op(struct fn_server *srv, const struct fn_msg *msg, struct local_op *op,
		    uint64_t wanted)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	switch (in->opcode) {
	case FUSE_MKNOD:
		return on_name(srv, msg, op, sizeof(struct fuse_mknod_in), FN_CREATE);
	case FUSE_MKDIR:
		return on_name(srv, msg, op, sizeof(struct fuse_mkdir_in), FN_CREATE | FN_ISDIR);
	case FUSE_SYMLINK:
		return on_name(srv, msg, op, 0, FN_CREATE);
	case FUSE_LINK:
		return on_name(srv, msg, op, sizeof(struct fuse_link_in), FN_CREATE);
	case FUSE_CREATE: /* the kernel asks for it only when it knows of no such name */
		return on_name(srv, msg, op, sizeof(struct fuse_create_in), FN_CREATE | FN_OPEN);
	case FUSE_UNLINK:
		return on_name(srv, msg, op, 0, FN_DELETE);
	case FUSE_RMDIR:
		return on_name(srv, msg, op, 0, FN_DELETE | FN_ISDIR);
	case FUSE_RENAME:
		return on_rename(srv, msg, op, sizeof(struct fuse_rename_in));
	case FUSE_RENAME2:
		return on_rename(srv, msg, op, sizeof(struct fuse_rename2_in));
	default:
		return on_node(srv, msg, op, wanted);
	}
}

/* Who makes a request, and its name if it closes. Noted with FLUSH, asked for with RELEASE. */
static struct closer requester(struct fn_local *l, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	const uint64_t *fh = fn_msg_body(msg, sizeof(*fh)); /* the first field of both */
	struct closer *c = fh ? &l->closers[(*fh ^ *fh >> 8 ^ *fh >> 16) % CLOSERS] : NULL;
	struct closer who = {fh ? *fh : 0, in->pid, ""};
	bool flush = in->opcode == FUSE_FLUSH;

	if (!c || (!flush && (in->opcode != FUSE_RELEASE || who.pid)))
		return who;
	if (flush && who.pid)
		fn_comm_read((int)who.pid, who.comm);
	pthread_mutex_lock(&l->lock);
	if (flush)
		*c = who;
	else if (c->fh == *fh)
		who = *c;
	pthread_mutex_unlock(&l->lock);
	return who;
}

static struct fn_str last_part(struct fn_str path)
{
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	size_t at = slash ? (size_t)(slash - path.data) + 1 : 0;

	return (struct fn_str){path.data + at, path.len - at};
}

static struct pend *pend_new(const struct local_op *op, const struct fuse_in_header *in)
{
	size_t old_len = op->old_len == SIZE_MAX ? 0 : op->old_len;
	struct pend *p = malloc(sizeof(*p) + op->len + old_len);

	if (!p)
		return NULL;
	p->unique = in->unique;
	fn_event_clear(&p->ev);
	p->ev.mask = op->mask;
	p->ev.flags = FN_EV_LOCAL | op->flags;
	memcpy(p->strings, op->path, op->len);
	p->ev.path = (struct fn_str){p->strings, op->len};
	if (op->parent) {
		p->ev.name = last_part(p->ev.path);
		fn_object_set_node(&p->ev.parent, op->parent, 0);
	}
	if (op->node)
		fn_object_set_node(&p->ev.object, op->node, 0);
	if (op->old_len == SIZE_MAX)
		return p;
	memcpy(p->strings + op->len, op->old_path, old_len);
	p->ev.old_path = (struct fn_str){p->strings + op->len, old_len};
	p->ev.old_name = last_part(p->ev.old_path);
	fn_object_set_node(&p->ev.old_parent, op->old_parent, 0);
	return p;
}

static void expect_echo(struct fn_server *srv, const struct fn_msg *msg, const struct local_op *op)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_str path = {op->path, op->len}, old = {NULL, 0};

	if (op->old_len != SIZE_MAX)
		old = (struct fn_str){op->old_path, op->old_len};
	fn_echo_expect(srv, op->mask & ~(uint64_t)FN_ISDIR, &path, &old);
	if (in->opcode == FUSE_LINK)
		fn_echo_link(srv, msg);
}

void fn_local_request(struct fn_server *srv, const struct fn_msg *msg)
{
	struct fn_control *ctl = atomic_load_explicit(&srv->control, memory_order_acquire);
	const struct fuse_in_header *in = (const void *)msg->buf;
	uint64_t wanted = ctl ? fn_control_wanted(ctl) : 0;
	bool echo = atomic_load_explicit(&srv->expects, memory_order_relaxed);
	uint64_t asked = wanted | (echo ? srv->mask : 0);
	struct local_op op;
	struct pend *p, **slot = &srv->local->slots[in->unique >> 1 & (SLOTS - 1)];
	struct closer who;

	if (!asked)
		return;
	who = requester(srv->local, msg);
	op.flags = op.mode = 0;
	op.parent = op.old_parent = op.node = 0;
	op.old_len = SIZE_MAX;
	if (!read_op(srv, msg, &op, asked))
		return;
	if (echo)
		expect_echo(srv, msg, &op);
	if (!(op.mask & wanted))
		return;
	p = pend_new(&op, in);
	if (!p)
		return;
	/* It waits for the reply, so its name can be had. */
	if (!who.comm[0] && who.pid)
		fn_comm_read((int)who.pid, who.comm);
	p->ev.pid = (int32_t)who.pid;
	memcpy(p->ev.comm, who.comm, sizeof(who.comm));
	pthread_mutex_lock(&srv->local->lock);
	if (srv->local->count < PENDING_MAX) {
		p->next = *slot;
		*slot = p;
		srv->local->count++;
		p = NULL;
	}
	pthread_mutex_unlock(&srv->local->lock);
	free(p);
}

static struct pend *take(struct fn_local *l, uint64_t unique)
{
	struct pend **p = &l->slots[unique >> 1 & (SLOTS - 1)], *found;

	pthread_mutex_lock(&l->lock);
	while (*p && (*p)->unique != unique)
		p = &(*p)->next;
	found = *p;
	if (found) {
		*p = found->next;
		l->count--;
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}

void fn_local_reply(struct fn_server *srv, uint64_t unique, int error)
{
	struct fn_control *ctl = atomic_load_explicit(&srv->control, memory_order_acquire);
	struct pend *p = ctl ? take(srv->local, unique) : NULL;

	if (p && !error) {
		uint64_t mask = p->ev.mask;

		/* One request of the kernel, two things that happened. */
		if (mask & FN_CREATE && mask & FN_OPEN) {
			p->ev.mask = mask & ~(uint64_t)FN_OPEN;
			fn_control_event(ctl, &p->ev);
			p->ev.mask = mask & ~(uint64_t)FN_CREATE;
		}
		fn_control_event(ctl, &p->ev);
	}
	free(p);
}
