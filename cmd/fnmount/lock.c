/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks are taken on the backing files, so they hold against every process of that store. The
 * POSIX locks of one owner live on an open file description of their own. Who has to wait for a
 * lock waits in a thread of its own: the serving threads go on.
 */
#include "fnmount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define WAITERS_MAX 256
#define WAKE_SIGNAL SIGUSR2
#define WAITER_STACK 65536

struct waiter {
	struct waiter *next;
	struct locks *locks;
	fuse_req_t req;
	pthread_t thread;
	int fd; /* a duplicate: shares the lock, and takes it along if the file is closed */
	bool posix;
	int op;
	struct flock lock;
	bool interrupted, awake;
};

struct locks {
	pthread_mutex_t mutex; /* the waiters, and every inode's owners */
	pthread_cond_t gone;
	struct waiter *waiters;
	unsigned count;
	bool stopping;
};

static void on_wake(int sig)
{
	(void)sig;
}

int locks_start(struct fnmount *m)
{
	struct sigaction act = {.sa_handler = on_wake}; /* no SA_RESTART: fcntl() is to end */

	m->locks = calloc(1, sizeof(*m->locks));
	if (!m->locks)
		return -ENOMEM;
	pthread_mutex_init(&m->locks->mutex, NULL);
	pthread_cond_init(&m->locks->gone, NULL);
	sigaction(WAKE_SIGNAL, &act, NULL);
	return 0;
}

/* The signal may come before the thread is in its call: it is sent until the thread has woken. */
static void wake(struct waiter *w)
{
	__atomic_store_n(&w->interrupted, true, __ATOMIC_RELEASE);
	while (!pthread_equal(w->thread, pthread_self()) &&
	       !__atomic_load_n(&w->awake, __ATOMIC_ACQUIRE)) {
		pthread_kill(w->thread, WAKE_SIGNAL);
		usleep(500);
	}
}

static void on_interrupt(fuse_req_t req, void *data)
{
	(void)req;
	wake(data);
}

void locks_stop(struct fnmount *m)
{
	struct locks *l = m->locks;

	if (!l)
		return;
	pthread_mutex_lock(&l->mutex);
	l->stopping = true;
	for (struct waiter *w = l->waiters; w; w = w->next)
		wake(w);
	while (l->count)
		pthread_cond_wait(&l->gone, &l->mutex);
	pthread_mutex_unlock(&l->mutex);
	pthread_cond_destroy(&l->gone);
	pthread_mutex_destroy(&l->mutex);
	free(l);
	m->locks = NULL;
}

static int take_lock(struct waiter *w)
{
	int r = w->posix ? fcntl(w->fd, F_OFD_SETLKW, &w->lock) : flock(w->fd, w->op);

	return r ? -errno : 0;
}

static void waiter_unlink(struct waiter *w)
{
	struct locks *l = w->locks;
	struct waiter **p = &l->waiters;

	pthread_mutex_lock(&l->mutex);
	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	l->count--;
	pthread_cond_signal(&l->gone);
	pthread_mutex_unlock(&l->mutex);
}

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;
	int r = 0;

	w->thread = pthread_self();
	fuse_req_interrupt_func(w->req, on_interrupt, w);
	do {
		r = __atomic_load_n(&w->interrupted, __ATOMIC_ACQUIRE) ? -EINTR : take_lock(w);
	} while (r == -EINTR && !__atomic_load_n(&w->interrupted, __ATOMIC_ACQUIRE));
	__atomic_store_n(&w->awake, true, __ATOMIC_RELEASE);
	fuse_req_interrupt_func(w->req, NULL, NULL);
	close(w->fd);
	reply_errno(w->req, r);
	waiter_unlink(w);
	free(w);
	return NULL;
}

static int waiter_start(struct waiter *w)
{
	struct locks *l = w->locks;
	pthread_attr_t attr;
	sigset_t all, old;
	int r = -ENOLCK;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WAITER_STACK);
	sigfillset(&all);
	sigdelset(&all, WAKE_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&l->mutex);
	if (l->count < WAITERS_MAX && !l->stopping)
		r = -pthread_create(&w->thread, &attr, waiter_run, w);
	if (!r) {
		w->next = l->waiters;
		l->waiters = w;
		l->count++;
	}
	pthread_mutex_unlock(&l->mutex);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

/* Answers req when the lock is there, or at once if nobody can wait. */
static void wait_for_lock(fuse_req_t req, const struct waiter *what)
{
	struct waiter *w = malloc(sizeof(*w));
	int r = -ENOMEM;

	if (w) {
		*w = *what;
		w->req = req;
		w->locks = fnmount_of(req)->locks;
		w->fd = fcntl(what->fd, F_DUPFD_CLOEXEC, 0);
		r = w->fd < 0 ? -errno : waiter_start(w);
	}
	if (!r)
		return;
	if (w && w->fd >= 0)
		close(w->fd);
	free(w);
	reply_errno(req, r);
}

static int open_for_locks(struct fnmount *m, struct inode *i)
{
	struct proc_path p;
	int fd = inode_fd(&m->inodes, i);

	if (fd < 0)
		return fd;
	proc_path(&p, fd);
	fd = table_openat(&m->inodes, AT_FDCWD, p.s, O_RDWR, 0);
	return fd < 0 ? table_openat(&m->inodes, AT_FDCWD, p.s, O_RDONLY, 0) : fd;
}

/* An owner of locks; made where create is set. Locked by the caller. 0 or -errno. */
static int owner_get(struct fnmount *m, struct inode *i, uint64_t owner, bool create,
		     struct posix_owner **out)
{
	struct posix_owner *o;
	int r;

	for (o = i->owners; o && o->owner != owner; o = o->next)
		;
	*out = o;
	if (o || !create)
		return o ? 0 : -ENOENT;
	o = malloc(sizeof(*o));
	if (!o)
		return -ENOLCK;
	*o = (struct posix_owner){.owner = owner, .fd = open_for_locks(m, i), .next = i->owners};
	if (o->fd < 0) {
		r = o->fd;
		free(o);
		return r;
	}
	*out = i->owners = o;
	return 0;
}

/* Who of our clients holds the lock that was found: the one in whose way it does not stand. */
static pid_t holder(const struct inode *i, const struct flock *found)
{
	struct flock lock;

	for (const struct posix_owner *o = i->owners; o; o = o->next) {
		lock = *found;
		lock.l_type = F_WRLCK;
		lock.l_pid = 0;
		if (!fcntl(o->fd, F_OFD_GETLK, &lock) && lock.l_type == F_UNLCK)
			return o->pid;
	}
	return 0;
}

/* On close the owner's locks go, as POSIX has it. */
void locks_drop(struct fnmount *m, struct inode *i, uint64_t owner)
{
	struct posix_owner **p, *o = NULL;

	pthread_mutex_lock(&m->locks->mutex);
	for (p = &i->owners; *p && (*p)->owner != owner; p = &(*p)->next)
		;
	o = *p;
	if (o)
		*p = o->next;
	pthread_mutex_unlock(&m->locks->mutex);
	if (o)
		close(o->fd);
	free(o);
}

void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct posix_owner *o;
	int r;

	if (!i) {
		reply_errno(req, -ESTALE);
		return;
	}
	lock->l_pid = 0;
	pthread_mutex_lock(&m->locks->mutex);
	r = owner_get(m, i, fi->lock_owner, true, &o);
	if (!r && fcntl(o->fd, F_OFD_GETLK, lock))
		r = -errno;
	if (!r && lock->l_type != F_UNLCK && lock->l_pid < 0)
		lock->l_pid = holder(i, lock);
	pthread_mutex_unlock(&m->locks->mutex);
	if (r)
		reply_errno(req, r);
	else
		fuse_reply_lock(req, lock);
	inode_put(&m->inodes, i);
}

void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock,
	      int sleep)
{
	struct fnmount *m = fnmount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct waiter what = {.posix = true};
	struct posix_owner *o;
	int r;

	if (!i) {
		reply_errno(req, -ESTALE);
		return;
	}
	what.lock = *lock;
	what.lock.l_pid = 0;
	pthread_mutex_lock(&m->locks->mutex);
	r = owner_get(m, i, fi->lock_owner, lock->l_type != F_UNLCK, &o);
	if (!r) {
		if (lock->l_type != F_UNLCK)
			o->pid = lock->l_pid;
		what.fd = o->fd;
		r = fcntl(o->fd, F_OFD_SETLK, &what.lock) ? -errno : 0;
	}
	pthread_mutex_unlock(&m->locks->mutex);
	if (r == -ENOENT && lock->l_type == F_UNLCK)
		r = 0;
	if (sleep && (r == -EAGAIN || r == -EACCES))
		wait_for_lock(req, &what);
	else
		reply_errno(req, r);
	inode_put(&m->inodes, i);
}

void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	struct waiter what = {.fd = (int)fi->fh, .op = op};
	int r = flock(what.fd, op | LOCK_NB) ? -errno : 0;

	(void)ino;
	if (r == -EWOULDBLOCK && !(op & LOCK_NB))
		wait_for_lock(req, &what);
	else
		reply_errno(req, r);
}
