/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/server_impl.h"

static void begin_op(void *ctx, struct fn_shim_op *op)
{
	struct fn_server *srv = ctx;

	fn_near_begin(&srv->near);
	pthread_mutex_lock(&srv->op_lock);
	srv->op = op;
	srv->blocked_unique = 0;
	pthread_mutex_unlock(&srv->op_lock);
	atomic_store_explicit(&srv->busy, true, memory_order_release);
}

static void end_op(void *ctx)
{
	struct fn_server *srv = ctx;

	atomic_store_explicit(&srv->busy, false, memory_order_release);
	pthread_mutex_lock(&srv->op_lock);
	srv->op = NULL;
	srv->blocked_unique = 0;
	atomic_store(&srv->awaited, 0);
	pthread_mutex_unlock(&srv->op_lock);
}

static void waking(void *ctx)
{
	struct fn_server *srv = ctx;

	fn_near_wake(&srv->near);
}

static void resting(void *ctx)
{
	struct fn_server *srv = ctx;

	fn_near_rest(&srv->near);
}

static int32_t backing_hook(void *ctx, uint64_t nodeid, bool begin)
{
	struct fn_server *srv = ctx;

	return srv->hooks.backing ? srv->hooks.backing(srv->hooks_ctx, nodeid, begin) : 0;
}

static int make_secrets(struct fn_server *srv)
{
	uint64_t r[5];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return -EIO;
	snprintf(srv->probe, sizeof(srv->probe), ".p%016llx%016llx", (unsigned long long)r[0],
		 (unsigned long long)r[1]);
	snprintf(srv->limbo, sizeof(srv->limbo), ".l%016llx%016llx", (unsigned long long)r[2],
		 (unsigned long long)r[3]);
	srv->fh = r[4];
	return 0;
}

/* Absolute, without asking the file system, which does not answer yet. */
static char *absolute(const char *path)
{
	char *cwd, *res = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd && asprintf(&res, "%s/%s", cwd, path) < 0)
		res = NULL;
	free(cwd);
	return res;
}

static void free_server(struct fn_server *srv)
{
	fn_control_detach(srv);
	fn_local_free(srv->local);
	fn_nodes_free(srv->nodes);
	fn_track_destroy(&srv->track);
	fn_readers_destroy(&srv->readers);
	fn_near_destroy(&srv->near);
	pthread_mutex_destroy(&srv->op_lock);
	pthread_mutex_destroy(&srv->inject_lock);
	free(srv->mountpoint);
	free(srv->inject);
	free(srv);
}

static struct fn_server *new_server(struct fuse_session *se, const struct fn_server_opts *opts)
{
	struct fn_server *srv = calloc(1, sizeof(*srv));

	if (!srv)
		return NULL;
	srv->se = se;
	if (opts->hooks)
		srv->hooks = *opts->hooks;
	srv->hooks_ctx = opts->hooks_ctx;
	srv->mask = opts->mask ? opts->mask : FN_CHANGE_EVENTS;
	srv->paths_only = opts->paths_only;
	srv->read_only = opts->read_only;
	srv->init.want = opts->init_flags;
	srv->init.max_stack_depth = opts->max_stack_depth;
	fn_track_init(&srv->track);
	fn_near_init(&srv->near, opts->near);
	fn_readers_init(&srv->readers, fuse_session_fd(se), &srv->near);
	pthread_mutex_init(&srv->op_lock, NULL);
	pthread_mutex_init(&srv->inject_lock, NULL);
	srv->nodes = fn_nodes_new();
	srv->local = fn_local_new();
	srv->mountpoint = absolute(opts->mountpoint);
	if (srv->nodes && srv->local && srv->mountpoint && !make_secrets(srv))
		return srv;
	free_server(srv);
	return NULL;
}

static int start_replay(struct fn_server *srv, const struct fn_server_opts *opts)
{
	struct fn_replay_conf conf = {
		.ctx = srv,
		.nodes = srv->nodes,
		.mountpoint = srv->mountpoint,
		.probe = srv->probe,
		.limbo = srv->limbo,
		.queue_max = opts->queue_max,
		.fh = srv->fh,
		.forward = opts->follows_names,
		.by_name = opts->paths_only,
		.begin = begin_op,
		.end = end_op,
		.waking = waking,
		.resting = resting,
		.forget = fn_io_forget,
		.resolve = fn_push_resolve,
		.progress = fn_control_progressed,
		.backing = backing_hook,
	};

	return fn_replay_start(&srv->replay, &conf);
}

int fn_server_attach(struct fn_server **out, struct fuse_session *se,
		     const struct fn_server_opts *opts)
{
	struct fn_server *srv;
	int res;

	*out = NULL;
	if (!opts->mountpoint || fuse_session_fd(se) < 0)
		return -EINVAL;
	srv = new_server(se, opts);
	if (!srv)
		return -ENOMEM;
	res = start_replay(srv, opts);
	if (res) {
		free_server(srv);
		return res;
	}
	res = fn_io_attach(srv);
	if (!res && !opts->no_control)
		res = fn_control_attach(srv, opts->backing);
	if (!res && opts->backing && !opts->no_follow)
		res = fn_server_follow_backing(srv, opts->backing);
	if (res) {
		fn_server_detach(srv);
		return res;
	}
	*out = srv;
	return 0;
}

static void refuse(int fd, uint64_t unique)
{
	struct fn_reply reply;

	fn_reply_error(&reply, unique, -ENOTCONN);
	(void)fn_io_write(fd, reply.buf, reply.len);
}

/* Nobody serves any more, and the replay thread may wait for a reply: refuse what comes. */
static void refuse_requests(int fd, char *buf, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const struct fuse_in_header *in = (const void *)buf;

	while (poll(&p, 1, 0) > 0 && p.revents & POLLIN) {
		ssize_t res = read(fd, buf, size);

		if (res < (ssize_t)sizeof(*in))
			break;
		if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET &&
		    in->opcode != FUSE_INTERRUPT)
			refuse(fd, in->unique);
	}
}

/* The last resort: without a descriptor the kernel ends the connection and every request. */
static void cut(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup3(null, fd, O_CLOEXEC);
		close(null);
	}
}

static void end_replay(struct fn_server *srv)
{
	const size_t size = 1 << 21;
	int fd = fuse_session_fd(srv->se);
	char *buf = NULL;

	fn_replay_stop(srv->replay);
	for (int i = 0; fn_replay_join(srv->replay, i < 3 ? 5 : 20); i++) {
		if (fd < 0)
			continue;
		if (!buf)
			buf = malloc(size);
		if (buf)
			refuse_requests(fd, buf, size);
		pthread_mutex_lock(&srv->op_lock);
		if (i == 5 && srv->blocked_unique)
			refuse(srv->blocked_fd, srv->blocked_unique);
		pthread_mutex_unlock(&srv->op_lock);
		if (i == 50)
			cut(fd);
	}
	free(buf);
	fn_replay_free(srv->replay);
	fn_near_rest(&srv->near);
}

void fn_server_detach(struct fn_server *srv)
{
	if (!srv)
		return;
	fn_follow_end(srv);
	for (size_t i = 0; i < atomic_load(&srv->nreserved); i++)
		if (srv->reserved[i].ops->close)
			srv->reserved[i].ops->close(srv->reserved[i].ctx);
	end_replay(srv);
	fn_io_detach(srv);
	free_server(srv);
}

uint64_t fn_server_init_flags(const struct fn_server *srv)
{
	return srv->init.negotiated;
}

void fn_server_stats(const struct fn_server *srv, struct fn_server_stats *st)
{
	struct fn_replay_stats r;

	fn_replay_stats(srv->replay, &r);
	*st = (struct fn_server_stats){
		.pushed = atomic_load(&srv->pushed),
		.replayed = r.replayed,
		.unheld = r.unheld + atomic_load(&srv->unheld),
		.coalesced = r.coalesced,
		.malformed = atomic_load(&srv->malformed),
		.stale = r.stale,
		.failed = r.failed,
		.lost = r.lost,
	};
}
