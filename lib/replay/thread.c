/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replay/replay_impl.h"

#ifndef FUSE_DEV_IOC_CLONE
#define FUSE_DEV_IOC_CLONE _IOR(229, 0, uint32_t)
#endif

/* How many events until the clone of the mount is let go and looked for again, so that a mount
 * that was unmounted meanwhile ends soon. */
#define BATCH 128
#define REST_MS 2
#define STACK_SIZE (256 * 1024)

static bool wait_ready(struct fn_replay *r)
{
	bool ready;

	pthread_mutex_lock(&r->lock);
	while (!r->ready && !atomic_load(&r->stop))
		pthread_cond_wait(&r->changed, &r->lock);
	ready = !atomic_load(&r->stop);
	pthread_mutex_unlock(&r->lock);
	return ready;
}

/* The page cache of a server that does not let the kernel look at mtime has to be emptied by
 * notification; for this the thread needs a device of its own. */
static int clone_device(const struct fn_replay *r)
{
	uint32_t master = (uint32_t)r->server_fd;
	int fd;

	if (r->init_flags & FUSE_AUTO_INVAL_DATA && !(r->init_flags & FUSE_WRITEBACK_CACHE))
		return -1;
	/* Not open(): ThreadSanitizer knows of one table of descriptors, and this one is our own.
	 */
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, FUSE_DEV_IOC_CLONE, &master)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Leave all of the server's descriptors, above all its /dev/fuse. */
static void own_descriptors(struct fn_replay *r)
{
	int fd = clone_device(r);

	if (fd > 0)
		close_range(0, (unsigned)fd - 1, 0);
	close_range((unsigned)(fd + 1), ~0U, 0);
	r->dev_fd = fd;
}

/* Tells the server which thread this is: only we know that name. */
static int probe(struct fn_replay *r)
{
	struct stat st;
	int fd = fn_replay_mount(r);

	if (fd < 0)
		return fd;
	fstatat(fd, r->probe, &st, AT_SYMLINK_NOFOLLOW);
	return 0;
}

/* Whoever watches the directory looks again; what happened in it was lost. */
static void replay_lost(struct fn_replay *r, uint64_t nodeid)
{
	struct fn_item item = {
		.kind = FN_OP_ATTR,
		.mask = FN_ATTRIB | FN_ISDIR,
		.parent = nodeid,
		.name = "",
	};

	fn_replay_item(r, &item);
}

static void replay_one(struct fn_replay *r, struct fn_item *item)
{
	bool moves = item->late || ((item->kind == FN_OP_RENAME || item->kind == FN_OP_EXCHANGE) &&
				    item->mask & FN_ISDIR);
	struct fn_item late;

	if (!item->late) {
		fn_replay_item(r, item);
	} else if (!r->conf.resolve(r->conf.ctx, item->late, &late)) {
		char name[256], old_name[256];

		memcpy(name, late.name ? late.name : "", late.name_len);
		name[late.name_len] = '\0';
		memcpy(old_name, late.old_name ? late.old_name : "", late.old_len);
		old_name[late.old_len] = '\0';
		late.name = name;
		late.old_name = old_name;
		late.kind = item->kind;
		late.mask = item->mask;
		fn_replay_item(r, &late);
	} else {
		atomic_fetch_add(&r->unheld, 1);
	}
	if (moves)
		fn_queue_moved(r->queue);
}

static void drain(struct fn_replay *r)
{
	struct fn_item *item;
	uint64_t nodeid;

	while ((item = fn_queue_pop(r->queue))) {
		replay_one(r, item);
		fn_item_free(item);
		atomic_fetch_add(&r->done, 1);
		if (r->conf.progress)
			r->conf.progress(r->conf.ctx);
		if (++r->batch % BATCH == 0)
			fn_replay_close(r);
	}
	while ((nodeid = fn_queue_pop_lost(r->queue)))
		replay_lost(r, nodeid);
}

/* Another event may follow soon, and to let go of a clone takes longer than to replay it. The
 * mount itself would be busy, were it kept open. */
static bool wait_work(struct fn_replay *r)
{
	if (r->is_clone)
		fn_replay_warm(r);
	else
		fn_replay_close(r);
	if (!fn_queue_wait_ms(r->queue, REST_MS)) {
		fn_replay_close(r);
		if (r->conf.resting)
			r->conf.resting(r->conf.ctx);
	}
	return fn_queue_wait(r->queue);
}

static int work(void *arg)
{
	struct fn_replay *r = arg;

	prctl(PR_SET_NAME, FN_REPLAY_COMM);
	own_descriptors(r);
	if (chdir("/"))
		return 1;
	probe(r);
	fn_replay_close(r);
	while (wait_work(r))
		drain(r);
	fn_replay_close(r);
	if (r->dev_fd >= 0)
		close(r->dev_fd);
	return 0;
}

static int process(void *arg)
{
	struct fn_replay *r = arg;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == r->pid ? work(r) : 1;
}

/* ThreadSanitizer takes a process that shares memory for a fork, and cannot look into it. */
#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN true
#endif
#endif
#ifndef HAVE_TSAN
#define HAVE_TSAN false
#endif

/* The thread lends its memory and its identity within the C library to a process of its own and
 * sleeps until that has ended. SIGCHLD is not sent, and wait() does not see it. */
static void *run(void *arg)
{
	struct fn_replay *r = arg;
	int pid;

	if (!wait_ready(r))
		return NULL;
	r->pid = getpid();
	pid = HAVE_TSAN ? -1 : clone(process, r->stack + STACK_SIZE, CLONE_VM, r);
	if (pid < 0 && !unshare(CLONE_FILES | CLONE_FS))
		work(r); /* not allowed: the next best */
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return NULL;
}

static int spawn(struct fn_replay *r)
{
	sigset_t all, old;
	int res;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	res = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!res)
		pthread_setname_np(r->thread, FN_REPLAY_COMM);
	return -res;
}

int fn_replay_start(struct fn_replay **out, const struct fn_replay_conf *conf)
{
	struct fn_replay *r = calloc(1, sizeof(*r));
	int res = -ENOMEM;

	if (!r)
		return res;
	r->conf = *conf;
	r->mountpoint = strdup(conf->mountpoint);
	r->probe = strdup(conf->probe);
	r->limbo = strdup(conf->limbo);
	r->queue = fn_queue_new(conf->queue_max);
	r->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	r->dev_fd = r->mount_fd = r->dir_fd = r->limbo_fd = r->server_fd = -1;
	r->made_up = FN_NODE_MADE_UP;
	r->uid = geteuid();
	r->gid = getegid();
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	if (r->mountpoint && r->probe && r->limbo && r->queue && r->stack != MAP_FAILED)
		res = spawn(r);
	if (res) {
		r->joined = true;
		fn_replay_free(r);
		return res;
	}
	*out = r;
	return 0;
}

void fn_replay_ready(struct fn_replay *r, uint64_t init_flags, int fd)
{
	pthread_mutex_lock(&r->lock);
	r->init_flags = init_flags;
	r->server_fd = fd;
	r->ready = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void fn_replay_push(struct fn_replay *r, const struct fn_item *item)
{
	if (r->conf.waking && fn_queue_waits(r->queue))
		r->conf.waking(r->conf.ctx);
	switch (fn_queue_push(r->queue, item)) {
	case FN_PUSHED:
		atomic_fetch_add(&r->taken, 1);
		break;
	case FN_COALESCED:
		atomic_fetch_add(&r->coalesced, 1);
		break;
	case FN_LOST:
		fn_event_free(item->late);
		atomic_fetch_add(&r->lost, 1);
		break;
	}
}

bool fn_replay_roomy(const struct fn_replay *r)
{
	return fn_queue_roomy(r->queue);
}

void fn_replay_lose(struct fn_replay *r, uint64_t n)
{
	uint64_t *dirs = malloc(FN_QUEUE_LOST_MAX * sizeof(*dirs));
	size_t ndirs = dirs ? fn_nodes_dirs(r->conf.nodes, dirs, FN_QUEUE_LOST_MAX) : 0;

	fn_queue_lose(r->queue, dirs, ndirs);
	free(dirs);
	atomic_fetch_add(&r->lost, n ? n : 1);
}

bool fn_replay_late(const struct fn_replay *r)
{
	return fn_queue_moves(r->queue) != 0;
}

void fn_replay_stop(struct fn_replay *r)
{
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->stop, true);
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	fn_queue_close(r->queue);
}

int fn_replay_join(struct fn_replay *r, int timeout_ms)
{
	struct timespec until;
	int res;

	if (r->joined)
		return 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)timeout_ms % 1000 * 1000000;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	res = pthread_timedjoin_np(r->thread, NULL, &until);
	r->joined = !res;
	return -res;
}

void fn_replay_free(struct fn_replay *r)
{
	if (!r || !r->joined)
		return;
	fn_queue_free(r->queue);
	if (r->stack != MAP_FAILED)
		munmap(r->stack, STACK_SIZE);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r->mountpoint);
	free(r->probe);
	free(r->limbo);
	free(r);
}

uint64_t fn_replay_taken(const struct fn_replay *r)
{
	return atomic_load(&r->taken);
}

uint64_t fn_replay_done(const struct fn_replay *r)
{
	return atomic_load(&r->done);
}

void fn_replay_stats(struct fn_replay *r, struct fn_replay_stats *st)
{
	st->replayed = atomic_load(&r->replayed);
	st->unheld = atomic_load(&r->unheld);
	st->coalesced = atomic_load(&r->coalesced);
	st->stale = atomic_load(&r->stale);
	st->failed = atomic_load(&r->failed);
	st->lost = atomic_load(&r->lost);
}
