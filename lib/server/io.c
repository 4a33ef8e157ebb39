/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between /dev/fuse and libfuse: the callbacks of fuse_session_custom_io(). libfuse's own loops
 * and threads stay as they are. What a callback is given does not tell which session it is for
 * (the user's data may be the same for two), so each attached session has callbacks of its own.
 *
 * Requests are read into memory, not spliced: a message has to be seen before it is passed on.
 * Measured with passthrough_ll on tmpfs, 1 MiB writes: 1.3 GB/s this way, 1.0 GB/s with libfuse's
 * splice. Replies with read data are spliced as ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "replay/armed.h"
#include "server/readonly.h"
#include "server/server_impl.h"

/* Sessions of one process that can be attached at a time. */
#define SLOTS 8
static _Atomic(struct fn_server *) slots[SLOTS];

ssize_t fn_io_write(int fd, const void *buf, size_t len)
{
	ssize_t res = write(fd, buf, len);

	return res < 0 ? -errno : res;
}

static void answer(int fd, const struct fn_reply *reply)
{
	/* ENOENT: the request was interrupted and is gone. */
	(void)fn_io_write(fd, reply->buf, reply->len);
}

static bool room_to_inject(struct fn_server *srv, size_t n)
{
	size_t size = srv->inject_size ? srv->inject_size * 2 : 16;
	struct fuse_forget_one *more;

	if (n < srv->inject_size)
		return true;
	more = realloc(srv->inject, size * sizeof(*more));
	if (!more)
		return false;
	srv->inject = more;
	srv->inject_size = size;
	return true;
}

void fn_io_forget(void *ctx, uint64_t nodeid, uint64_t count)
{
	struct fn_server *srv = ctx;
	size_t n;

	if (!nodeid || nodeid == FUSE_ROOT_ID || !count)
		return;
	pthread_mutex_lock(&srv->inject_lock);
	n = atomic_load(&srv->ninject);
	if (room_to_inject(srv, n)) {
		srv->inject[n] = (struct fuse_forget_one){nodeid, count};
		atomic_store(&srv->ninject, n + 1);
	}
	pthread_mutex_unlock(&srv->inject_lock);
}

static ssize_t injected(struct fn_server *srv, void *buf, size_t size)
{
	struct {
		struct fuse_in_header in;
		struct fuse_forget_in forget;
	} msg = {.in = {.len = sizeof(msg), .opcode = FUSE_FORGET}};
	size_t n;

	if (size < sizeof(msg))
		return 0;
	pthread_mutex_lock(&srv->inject_lock);
	n = atomic_load(&srv->ninject);
	if (n) {
		msg.in.nodeid = srv->inject[n - 1].nodeid;
		msg.forget.nlookup = srv->inject[n - 1].nlookup;
		atomic_store(&srv->ninject, n - 1);
	}
	pthread_mutex_unlock(&srv->inject_lock);
	if (!n)
		return 0;
	memcpy(buf, &msg, sizeof(msg));
	return sizeof(msg);
}

static void remember_made(struct fn_server *srv, const struct fn_shim_op *op, uint64_t nodeid)
{
	struct fuse_entry_out e = {.nodeid = nodeid, .generation = 1};

	fn_made_up_attr(&e.attr, nodeid, op->mode, op->uid, op->gid);
	fn_nodes_entry(srv->nodes, op->at.parent, op->at.name, op->at.len, &e, FN_NODE_ANNOUNCED);
}

static void apply(struct fn_server *srv, const struct fn_shim_op *op, const struct fn_shim_fx *fx)
{
	if (fx->excess)
		fn_nodes_excess(srv->nodes, fx->excess);
	if (fx->made)
		remember_made(srv, op, fx->made);
	fn_io_forget(srv, fx->forget, 1);
}

/* Others have looked the name up since the operation began, and it may be another object by now. */
static void still_bound(struct fn_server *srv, struct fn_place *place)
{
	place->bound = place->bound && fn_nodes_bound(srv->nodes, place->parent, place->name,
						      place->len, place->entry.nodeid);
}

static void recheck(struct fn_server *srv, struct fn_shim_op *op, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
		still_bound(srv, &op->old);
		still_bound(srv, &op->at);
		break;
	}
}

/* Requests of the replay thread. True: the server gets it. */
static bool replay_request(struct fn_server *srv, int fd, struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_shim_fx fx = {0};
	struct fn_reply reply;
	enum fn_verdict v = FN_PASS;

	pthread_mutex_lock(&srv->op_lock);
	if (srv->op) {
		recheck(srv, srv->op, in->opcode);
		v = fn_shim_request(srv->op, msg, &reply, &fx);
		apply(srv, srv->op, &fx);
		atomic_store(&srv->awaited,
			     srv->op->await != FN_AWAIT_NONE ? srv->op->await_unique : 0);
	}
	srv->blocked_unique = in->unique;
	srv->blocked_fd = fd;
	pthread_mutex_unlock(&srv->op_lock);
	if (v == FN_ANSWER)
		answer(fd, &reply);
	return v != FN_ANSWER;
}

static bool is_secret(const struct fn_msg *msg, const char *secret)
{
	size_t len;
	const char *name = fn_msg_name(msg, 0, 0, &len);

	return name && !strcmp(name, secret);
}

/* LOOKUP in the root of a name that only the replay thread knows. */
static bool secret_lookup(struct fn_server *srv, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fuse_entry_out e = {.nodeid = FN_NODE_LIMBO, .generation = 1};
	struct fn_reply reply;

	if (is_secret(msg, srv->probe)) {
		atomic_store(&srv->replay_tid, in->pid);
		fn_reply_error(&reply, in->unique, -ENOENT);
	} else if (is_secret(msg, srv->limbo)) {
		fn_made_up_attr(&e.attr, e.nodeid, 0040000, geteuid(), getegid());
		fn_reply_body(&reply, in->unique, &e, sizeof(e));
	} else {
		return false;
	}
	answer(fd, &reply);
	return true;
}

static bool on_forget(struct fn_server *srv, struct fn_msg *msg)
{
	struct fuse_in_header *in = (void *)msg->buf;
	struct fuse_forget_in arg;

	if (!fn_msg_body(msg, sizeof(arg)))
		return true;
	memcpy(&arg, in + 1, sizeof(arg));
	arg.nlookup = fn_nodes_forget(srv->nodes, in->nodeid, arg.nlookup);
	memcpy(in + 1, &arg, sizeof(arg));
	return arg.nlookup && !fn_node_reserved(in->nodeid);
}

static bool on_batch_forget(struct fn_server *srv, struct fn_msg *msg)
{
	struct fuse_in_header *in = (void *)msg->buf;
	struct fuse_batch_forget_in *batch = (void *)(in + 1);
	struct fuse_forget_one *one = (void *)(batch + 1);
	uint32_t kept = 0;

	if (!fn_msg_body(msg, sizeof(*batch)) ||
	    (msg->len - sizeof(*in) - sizeof(*batch)) / sizeof(*one) < batch->count)
		return true;
	for (uint32_t i = 0; i < batch->count; i++) {
		one[i].nlookup = fn_nodes_forget(srv->nodes, one[i].nodeid, one[i].nlookup);
		if (one[i].nlookup && !fn_node_reserved(one[i].nodeid))
			one[kept++] = one[i];
	}
	batch->count = kept;
	in->len = (uint32_t)(sizeof(*in) + sizeof(*batch) + kept * sizeof(*one));
	msg->len = in->len;
	return kept != 0;
}

static bool is_replay(struct fn_server *srv, const struct fuse_in_header *in)
{
	return atomic_load_explicit(&srv->busy, memory_order_acquire) &&
	       fn_server_is_replay(srv, in->pid);
}

/* Anything about nodes of ours that nobody has taken care of. */
static bool stranger(int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_reply reply;

	if (in->opcode == FUSE_INTERRUPT)
		return true;
	if (fn_shim_stranger(msg, &reply) == FN_ANSWER)
		answer(fd, &reply);
	return false;
}

/* Operations that a client of the control file announced. True: the server gets the request. */
static bool armed_request(struct fn_server *srv, int fd, struct fn_msg *msg, struct fn_armed_fx *fx)
{
	struct fn_armed *armed = atomic_load_explicit(&srv->armed, memory_order_acquire);
	struct fn_reply reply;
	struct timespec ts;

	if (!armed || !fn_armed_any(armed))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (fn_armed_request(armed, msg, (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec, &reply,
			     fx) != FN_ANSWER)
		return true;
	answer(fd, &reply);
	return false;
}

static bool refused(struct fn_server *srv, int fd, const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;
	struct fn_reply reply;

	if (!srv->read_only || !fn_readonly_refuses(msg))
		return false;
	fn_reply_error(&reply, in->unique, -EROFS);
	answer(fd, &reply);
	return true;
}

bool fn_io_request(struct fn_server *srv, int fd, struct fn_msg *msg)
{
	const struct fuse_in_header *in = fn_msg_header(msg);
	struct fn_reply reply;
	struct fn_armed_fx fx = {0};
	bool replay;

	if (!in)
		return true;
	if (in->opcode == FUSE_FORGET)
		return on_forget(srv, msg);
	if (in->opcode == FUSE_BATCH_FORGET)
		return on_batch_forget(srv, msg);
	if (fn_shim_is_release(msg, srv->fh)) {
		fn_reply_error(&reply, in->unique, 0);
		answer(fd, &reply);
		return false;
	}
	if (fn_reserved_request(srv, fd, msg))
		return false;
	if (in->opcode == FUSE_LOOKUP && in->nodeid == FUSE_ROOT_ID && secret_lookup(srv, fd, msg))
		return false;
	replay = is_replay(srv, in);
	if (replay) {
		fn_readers_replay(&srv->readers);
		fn_near_replay(&srv->near);
		if (!replay_request(srv, fd, msg))
			return false;
		/* Without handles a name may stand for another object than the event told of: the
		 * next who looks is to ask. */
		fx.brief = srv->paths_only && in->opcode == FUSE_LOOKUP;
	} else if (fn_node_reserved(in->nodeid)) {
		fn_readers_client(&srv->readers, in);
		fn_near_client(&srv->near);
		return stranger(fd, msg);
	} else {
		fn_readers_client(&srv->readers, in);
		fn_near_client(&srv->near);
		if (!armed_request(srv, fd, msg, &fx) || refused(srv, fd, msg))
			return false;
		fn_local_request(srv, msg);
	}
	fn_track_request(srv, msg);
	if (replay)
		fn_track_replay(srv, in->unique);
	if (fx.brief || fx.opened)
		fn_track_change(srv, in->unique, fx.brief, fx.opened);
	return true;
}

/* True: the server gets the request. */
static bool take_request(struct fn_server *srv, int fd, struct fn_msg *msg)
{
	int state;
	bool pass;

	/* libfuse cancels threads that wait; one that holds a request has to answer it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fn_init_flags_request(&srv->init, msg->buf, msg->len);
	pass = fn_io_request(srv, fd, msg);
	pthread_setcancelstate(state, NULL);
	return pass;
}

static ssize_t next_request(struct fn_server *srv, struct fn_turn *turn, int fd, void *buf,
			    size_t size)
{
	struct fn_msg msg = {.buf = buf, .cap = size};
	ssize_t res = 0;

	do {
		if (atomic_load_explicit(&srv->ninject, memory_order_relaxed))
			res = injected(srv, buf, size);
		if (res)
			return res;
		res = fn_readers_read(turn, fd, buf, size);
		if (res <= 0)
			return res;
		atomic_load_explicit(&srv->replies, memory_order_acquire);
		msg.len = (size_t)res;
		res = 0;
	} while (!take_request(srv, fd, &msg));
	return (ssize_t)msg.len;
}

static ssize_t io_read(struct fn_server *srv, int fd, void *buf, size_t size)
{
	struct fn_turn turn;
	ssize_t res;

	if (!srv)
		return read(fd, buf, size); /* detached */
	turn = fn_readers_turn(&srv->readers);
	fn_near_enter(&srv->near);
	pthread_cleanup_push(fn_readers_leave, &turn);
	res = next_request(srv, &turn, fd, buf, size);
	/* An end like any other. libfuse would complain of it, in a thread that it then cancels,
	 * perhaps with the lock of standard error in its hands. */
	if (res < 0)
		res = errno == ECONNABORTED ? -ENODEV : -errno;
	pthread_cleanup_pop(1);
	if (res < 0) {
		errno = (int)-res;
		res = -1;
	}
	return res;
}

/* The reply that the shim waits for. True: reply is to be sent in its place. */
static bool awaited_reply(struct fn_server *srv, uint64_t unique, const struct iovec *iov,
			  int count, struct fn_reply *reply)
{
	struct fn_shim_fx fx = {0};
	enum fn_verdict v = FN_PASS;

	pthread_mutex_lock(&srv->op_lock);
	if (srv->op && fn_shim_awaits(srv->op, unique)) {
		v = fn_shim_reply(srv->op, iov, count, reply, &fx);
		atomic_store(&srv->awaited, 0);
		if (fx.excess || fx.made || fx.forget)
			fn_track_drop(srv, unique);
		apply(srv, srv->op, &fx);
	}
	pthread_mutex_unlock(&srv->op_lock);
	return v == FN_ANSWER;
}

static ssize_t io_writev(struct fn_server *srv, int fd, struct iovec *iov, int count)
{
	size_t len = fn_iov_len(iov, count);
	struct fn_tracked tracked = {0};
	struct fuse_out_header out;
	struct fn_reply reply;
	struct iovec own;
	ssize_t res;
	int err;

	if (!srv || !fn_iov_read(iov, count, 0, &out, sizeof(out)) || !out.unique)
		return writev(fd, iov, count);
	fn_init_flags_reply(&srv->init, iov, count);
	if (atomic_load(&srv->awaited) == out.unique &&
	    awaited_reply(srv, out.unique, iov, count, &reply)) {
		own = (struct iovec){reply.buf, reply.len};
		iov = &own;
		count = 1;
	}
	fn_track_reply(srv, out.unique, iov, count, &tracked);
	if (tracked.fixed) {
		own = (struct iovec){tracked.fixed, tracked.fixed_len};
		iov = &own;
		count = 1;
	}
	/* What was done for a request is seen by whoever gets one that follows from its answer.
	 * ThreadSanitizer cannot see this through the kernel: it is said here and where requests
	 * are read. */
	atomic_fetch_add_explicit(&srv->replies, 1, memory_order_acq_rel);
	/* First: once the kernel has its answer, what is done next may overtake. */
	fn_local_reply(srv, out.unique, out.error);
	res = writev(fd, iov, count);
	err = errno;
	if (res < 0 && tracked.counted)
		fn_nodes_entry_undo(srv->nodes, tracked.counted);
	free(tracked.fixed);
	errno = err;
	return res < 0 ? res : (ssize_t)len;
}

/* Read data only: replies that say what the kernel holds never come this way. */
static ssize_t io_splice_send(int fdin, off_t *offin, int fdout, off_t *offout, size_t len,
			      unsigned int flags, void *userdata)
{
	(void)userdata;
	return splice(fdin, offin, fdout, offout, len, flags);
}

#define SLOT(n)                                                                         \
	static ssize_t read_##n(int fd, void *buf, size_t len, void *userdata)          \
	{                                                                               \
		(void)userdata;                                                         \
		return io_read(atomic_load(&slots[n]), fd, buf, len);                   \
	}                                                                               \
	static ssize_t writev_##n(int fd, struct iovec *iov, int count, void *userdata) \
	{                                                                               \
		(void)userdata;                                                         \
		return io_writev(atomic_load(&slots[n]), fd, iov, count);               \
	}
SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)

/* From 3.17 on libfuse clones the descriptor for a thread with a callback, or not at all. */
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
static int io_clone_fd(int master)
{
	uint32_t of = (uint32_t)master;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, FUSE_DEV_IOC_CLONE, &of)) {
		close(fd);
		fd = -1;
	}
	return fd;
}
#define CLONE_FD .clone_fd = io_clone_fd,
#define session_custom_io(se, io, fd) fuse_session_custom_io_317(se, io, sizeof(*(io)), fd)
#else
#define CLONE_FD
#define session_custom_io(se, io, fd) fuse_session_custom_io(se, io, fd)
#endif

#define CALLBACKS(n)                                                                            \
	{                                                                                       \
		.writev = writev_##n, .read = read_##n, .splice_send = io_splice_send, CLONE_FD \
	}
static const struct fuse_custom_io callbacks[SLOTS] = {
	CALLBACKS(0), CALLBACKS(1), CALLBACKS(2), CALLBACKS(3),
	CALLBACKS(4), CALLBACKS(5), CALLBACKS(6), CALLBACKS(7),
};

int fn_io_attach(struct fn_server *srv)
{
	for (int i = 0; i < SLOTS; i++) {
		struct fn_server *none = NULL;

		if (!atomic_compare_exchange_strong(&slots[i], &none, srv))
			continue;
		srv->slot = i;
		return session_custom_io(srv->se, &callbacks[i], fuse_session_fd(srv->se));
	}
	return -EMFILE;
}

/* libfuse may still call until the session is destroyed: its own way then. */
void fn_io_detach(struct fn_server *srv)
{
	atomic_store(&slots[srv->slot], NULL);
}
