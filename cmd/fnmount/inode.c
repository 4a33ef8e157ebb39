/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs.h"
#include "handle.h"

#define ROOT_ID 1
#define BUCKETS 1024

static size_t hash64(uint64_t v)
{
	v *= 0x9e3779b97f4a7c15u;
	return v ^ v >> 29;
}

static size_t hash_ino(const struct store *s, ino_t ino)
{
	return hash64(ino + s->index * 0x100000001b3u);
}

static size_t hash_handle(int type, const unsigned char *bytes, size_t len)
{
	uint64_t h = (uint64_t)type << 8 | len, word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = 0;
		memcpy(&word, bytes + i, len - i < sizeof(word) ? len - i : sizeof(word));
		h = hash64(h ^ word);
	}
	return hash64(h);
}

static struct inode **id_slot(struct table *t, uint64_t nodeid)
{
	return &t->by_id.slot[hash64(nodeid) & t->by_id.mask];
}
static struct inode **ino_slot(struct table *t, const struct store *s, ino_t ino)
{
	return &t->by_ino.slot[hash_ino(s, ino) & t->by_ino.mask];
}
static struct inode **handle_slot(struct table *t, int type, const unsigned char *bytes, size_t len)
{
	return &t->by_handle.slot[hash_handle(type, bytes, len) & t->by_handle.mask];
}

static void link_object(struct table *t, struct inode *i)
{
	struct inode **slot = ino_slot(t, i->store, i->ino);

	i->next_ino = *slot;
	*slot = i;
	slot = handle_slot(t, i->handle_type, i->handle, i->handle_len);
	i->next_handle = *slot;
	*slot = i;
	i->hashed = true;
}

static void unlink_object(struct table *t, struct inode *i)
{
	struct inode **p = ino_slot(t, i->store, i->ino);

	if (!i->hashed)
		return;
	while (*p != i)
		p = &(*p)->next_ino;
	*p = i->next_ino;
	p = handle_slot(t, i->handle_type, i->handle, i->handle_len);
	while (*p != i)
		p = &(*p)->next_handle;
	*p = i->next_handle;
	i->hashed = false;
}

static void link_id(struct table *t, struct inode *i)
{
	struct inode **slot = id_slot(t, i->nodeid);

	i->next_id = *slot;
	*slot = i;
	t->count++;
}

static void unlink_id(struct table *t, struct inode *i)
{
	struct inode **p = id_slot(t, i->nodeid);

	while (*p != i)
		p = &(*p)->next_id;
	*p = i->next_id;
	t->count--;
}

static int buckets_alloc(struct table *t, size_t n)
{
	t->by_id.slot = calloc(n, sizeof(*t->by_id.slot));
	t->by_ino.slot = calloc(n, sizeof(*t->by_ino.slot));
	t->by_handle.slot = calloc(n, sizeof(*t->by_handle.slot));
	t->by_id.mask = t->by_ino.mask = t->by_handle.mask = n - 1;
	if (t->by_id.slot && t->by_ino.slot && t->by_handle.slot)
		return 0;
	free(t->by_id.slot);
	free(t->by_ino.slot);
	free(t->by_handle.slot);
	return -ENOMEM;
}

/* Doubles the buckets; without memory they only get longer. */
static void grow(struct table *t)
{
	struct table old = *t;

	if (t->count <= t->by_id.mask)
		return;
	if (buckets_alloc(t, (old.by_id.mask + 1) * 2)) {
		t->by_id = old.by_id;
		t->by_ino = old.by_ino;
		t->by_handle = old.by_handle;
		return;
	}
	for (size_t b = 0; b <= old.by_id.mask; b++) {
		for (struct inode *i = old.by_id.slot[b], *next; i; i = next) {
			next = i->next_id;
			link_id(t, i);
			t->count--;
			if (i->hashed)
				link_object(t, i);
		}
	}
	free(old.by_id.slot);
	free(old.by_ino.slot);
	free(old.by_handle.slot);
}

/* A directory to open handles of fd's file system through, -1 where that is not to be had: it takes
 * a capability and a store that can. Tried, not guessed. */
static int reopen_dir(int fd)
{
	int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), again = -1;
	struct handle h;

	if (dir < 0)
		return -1;
	if (!handle_of(&h, fd))
		again = handle_open(dir, h.fh.handle_type, h.fh.f_handle, h.fh.handle_bytes,
				    O_PATH);
	if (again >= 0) {
		close(again);
		return dir;
	}
	close(dir);
	return -1;
}

/* The store of a device; made when it is met first. fd is any object in it. */
static struct store *store_of(struct table *t, dev_t dev, int fd)
{
	struct statfs fs;
	struct store *s, **tail = &t->stores;

	for (s = t->stores; s; s = s->next) {
		if (s->dev == dev)
			return s;
		tail = &s->next;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->dev = dev;
	s->dir = reopen_dir(fd);
	if (!fstatfs(fd, &fs)) {
		s->forgetful = fs.f_type == FUSE_SUPER_MAGIC;
		memcpy(&s->fsid, &fs.f_fsid, sizeof(s->fsid));
		s->remote = !fs_is_local(&fs);
	}
	s->index = t->nstores++;
	*tail = s;
	return s;
}

static bool same_handle(const struct inode *i, const struct handle *h)
{
	return i->handle_len == h->fh.handle_bytes && i->handle_type == h->fh.handle_type &&
	       !memcmp(i->handle, h->fh.f_handle, i->handle_len);
}

/* Not close(): ThreadSanitizer does not see all calls that open these, and takes it for one of a
 * descriptor that another thread had under this number. */
static void shut(int fd)
{
	syscall(SYS_close, fd);
}

static void close_fd(struct table *t, struct inode *i)
{
	if (i->fd < 0)
		return;
	shut(i->fd);
	i->fd = -1;
	t->fds--;
}

/* An object without a name lasts as long as its descriptor, and so does the claim to its number. */
static bool has_name(int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &st) &&
	       (!(st.stx_mask & STATX_NLINK) || st.stx_nlink > 0);
}

static bool can_close(const struct table *t, const struct inode *i, bool need)
{
	const struct store *s = i->store;
	bool again = s->dir >= 0 ? need || !s->forgetful : need && t->find && i != t->root;

	return again && i->fd >= 0 && !i->users && i->handle_len && has_name(i->fd);
}

/* Closes descriptors of inodes nobody works on, where the object can be found again, or with need,
 * perhaps. How many. */
static size_t close_some(struct table *t, bool need)
{
	const size_t some = t->fds_max / 16 + 1;
	size_t want = some;

	for (size_t b = 0; b <= t->by_id.mask && want; b++) {
		t->clock = (t->clock + 1) & t->by_id.mask;
		for (struct inode *i = t->by_id.slot[t->clock]; i && want; i = i->next_id) {
			if (!can_close(t, i, need))
				continue;
			close_fd(t, i);
			want--;
		}
	}
	return some - want;
}

/* Open files take what is left of the descriptors, and may take all: false when none is idle. */
static bool make_room(struct table *t, int err)
{
	size_t closed;

	if (err != -EMFILE && err != -ENFILE)
		return false;
	pthread_mutex_lock(&t->lock);
	closed = close_some(t, true);
	pthread_mutex_unlock(&t->lock);
	return closed > 0;
}

int table_openat(struct table *t, int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
		fd = fd < 0 ? -errno : fd;
	} while (fd < 0 && make_room(t, fd));
	return fd;
}

/* A third of the time that the way through /proc takes. */
int table_again(struct table *t, int fd)
{
	char path[32];
	int again;

	do {
		again = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
		again = again < 0 ? -errno : again;
	} while (again < 0 && make_room(t, again));
	if (again != -ENOSYS && again != -EPERM)
		return again;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* a filter of system calls */
	return table_openat(t, AT_FDCWD, path, O_PATH, 0);
}

/* After a search in vain the next is some way off: it goes through the whole table. */
static void count_fd(struct table *t)
{
	if (++t->fds <= t->fds_max)
		t->fds_next = t->fds_max;
	else if (t->fds > t->fds_next && !close_some(t, false))
		t->fds_next = t->fds + t->fds_max / 16;
}

static void inode_free(struct table *t, struct inode *i)
{
	if (t->release)
		t->release(t->arg, i);
	if (i->fd >= 0)
		shut(i->fd);
	free(i);
}

/* With the lock held; true when the caller has to free it after unlocking. */
static bool detach_unused(struct table *t, struct inode *i)
{
	if (i->nlookup || i->users || i == t->root)
		return false;
	unlink_object(t, i);
	unlink_id(t, i);
	if (i->fd >= 0)
		t->fds--;
	return true;
}

struct inode *inode_get(struct table *t, uint64_t nodeid)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	for (i = *id_slot(t, nodeid); i && i->nodeid != nodeid; i = i->next_id)
		;
	if (i)
		i->users++;
	pthread_mutex_unlock(&t->lock);
	return i;
}

void inode_put(struct table *t, struct inode *i)
{
	bool unused;

	if (!i)
		return;
	pthread_mutex_lock(&t->lock);
	i->users--;
	unused = detach_unused(t, i);
	pthread_mutex_unlock(&t->lock);
	if (unused)
		inode_free(t, i);
}

/* What has the name now, if it is still the object. */
static int find_again(const struct table *t, const struct inode *i)
{
	int fd = t->find ? t->find(t->arg, i->nodeid) : -ESTALE;
	struct handle h;
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if (!fstatat(fd, "", &st, AT_EMPTY_PATH) && st.st_dev == i->store->dev &&
	    !handle_of(&h, fd) && same_handle(i, &h))
		return fd;
	close(fd);
	return -ESTALE;
}

static int open_again(const struct table *t, const struct inode *i)
{
	if (i->store->dir < 0)
		return find_again(t, i);
	return handle_open(i->store->dir, i->handle_type, i->handle, i->handle_len, O_PATH);
}

int inode_fd(struct table *t, struct inode *i)
{
	int fd = __atomic_load_n(&i->fd, __ATOMIC_ACQUIRE);

	if (fd >= 0)
		return fd;
	do {
		fd = open_again(t, i);
	} while (fd < 0 && make_room(t, fd));
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&t->lock);
	if (i->fd >= 0) {
		shut(fd); /* another operation was faster */
	} else {
		__atomic_store_n(&i->fd, fd, __ATOMIC_RELEASE);
		count_fd(t);
	}
	fd = i->fd;
	pthread_mutex_unlock(&t->lock);
	return fd;
}

static struct inode *inode_new(struct table *t, struct store *s, int fd, const struct stat *st,
			       const struct handle *h)
{
	struct inode *i = calloc(1, sizeof(*i) + h->fh.handle_bytes);

	if (!i)
		return NULL;
	i->nodeid = ++t->last_id;
	i->fd = fd;
	i->type = st->st_mode & S_IFMT;
	i->ino = st->st_ino;
	i->store = s;
	i->handle_type = h->fh.handle_type;
	i->handle_len = h->fh.handle_bytes;
	memcpy(i->handle, h->fh.f_handle, i->handle_len);
	grow(t);
	link_id(t, i);
	link_object(t, i);
	count_fd(t);
	return i;
}

static struct inode *find_ino(struct table *t, const struct store *s, ino_t ino)
{
	struct inode *i;

	for (i = *ino_slot(t, s, ino); i; i = i->next_ino)
		if (i->ino == ino && i->store == s)
			break;
	return i;
}

/* There a number may stand for several objects at once: a link of its own to some server's mind,
 * or a file that is gone on the far side and the one that got its number. */
static struct inode *find_remote(struct table *t, const struct store *s, const struct stat *st,
				 const struct handle *h)
{
	struct inode *i;

	for (i = *ino_slot(t, s, st->st_ino); i; i = i->next_ino)
		if (i->ino == st->st_ino && i->store == s && i->type == (st->st_mode & S_IFMT) &&
		    same_handle(i, h))
			break;
	return i;
}

/* One without a descriptor is not pinned: its number may be another object's by now, which the
 * handle tells. */
static struct inode *find_local(struct table *t, const struct store *s, const struct stat *st,
				const struct handle *h)
{
	struct inode *i = find_ino(t, s, st->st_ino);

	if (i && i->fd < 0 && !same_handle(i, h)) {
		unlink_object(t, i);
		i = NULL;
	}
	return i;
}

/* The known inode, or a new one. *fd becomes -1 when it is taken. */
static struct inode *find_or_make(struct table *t, struct store *s, int *fd, const struct stat *st,
				  const struct handle *h)
{
	struct inode *i = s->remote ? find_remote(t, s, st, h) : find_local(t, s, st, h);

	if (!i) {
		i = inode_new(t, s, *fd, st, h);
		if (i)
			*fd = -1;
	}
	return i;
}

int inode_enter(struct table *t, int fd, const struct stat *st, struct inode **out)
{
	struct handle h;
	struct inode *i = NULL;
	struct store *s;

	pthread_mutex_lock(&t->lock);
	s = store_of(t, st->st_dev, fd);
	if (s)
		i = find_ino(t, s, st->st_ino);
	if (s && (!i || i->fd < 0 || s->remote)) {
		pthread_mutex_unlock(&t->lock);
		handle_of(&h, fd);
		pthread_mutex_lock(&t->lock);
		i = find_or_make(t, s, &fd, st, &h);
	}
	if (i) {
		i->nlookup++;
		i->users++;
	}
	pthread_mutex_unlock(&t->lock);
	if (fd >= 0)
		shut(fd);
	*out = i;
	return i ? 0 : -ENOMEM;
}

void inode_forget(struct table *t, uint64_t nodeid, uint64_t nlookup)
{
	struct inode *i;
	bool unused = false;

	pthread_mutex_lock(&t->lock);
	for (i = *id_slot(t, nodeid); i && i->nodeid != nodeid; i = i->next_id)
		;
	if (i) {
		i->nlookup -= nlookup < i->nlookup ? nlookup : i->nlookup;
		unused = detach_unused(t, i);
	}
	pthread_mutex_unlock(&t->lock);
	if (unused)
		inode_free(t, i);
}

uint64_t inode_of_object(struct table *t, const struct fn_object *o)
{
	struct inode *i;
	uint64_t nodeid = 0;

	pthread_mutex_lock(&t->lock);
	i = *handle_slot(t, o->handle_type, o->handle, o->handle_len);
	for (; i && !nodeid; i = i->next_handle) {
		if (i->handle_len == o->handle_len && i->handle_type == o->handle_type &&
		    !memcmp(i->handle, o->handle, o->handle_len) &&
		    (!(o->has & FN_OBJ_FSID) || o->fsid == i->store->fsid))
			nodeid = i->nodeid;
	}
	pthread_mutex_unlock(&t->lock);
	return nodeid;
}

void table_each(struct table *t, int (*fn)(void *arg, uint64_t nodeid), void *arg)
{
	uint64_t *ids;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	ids = malloc(t->count * sizeof(*ids));
	for (size_t b = 0; ids && b <= t->by_id.mask; b++)
		for (const struct inode *i = t->by_id.slot[b]; i; i = i->next_id)
			ids[n++] = i->nodeid;
	pthread_mutex_unlock(&t->lock);
	while (n)
		fn(arg, ids[--n]);
	free(ids);
}

ino_t inode_number(const struct inode *i, ino_t ino)
{
	return ino ^ (ino_t)i->store->index << 48;
}

int table_init(struct table *t, int rootfd, size_t fds_max)
{
	struct stat st;
	int r;

	pthread_mutex_init(&t->lock, NULL);
	t->fds_max = fds_max;
	t->last_id = ROOT_ID - 1;
	if (fstatat(rootfd, "", &st, AT_EMPTY_PATH))
		return -errno;
	r = buckets_alloc(t, BUCKETS);
	if (!r)
		r = inode_enter(t, rootfd, &st, &t->root);
	if (!r)
		inode_put(t, t->root);
	return r;
}

void table_free(struct table *t)
{
	for (size_t b = 0; t->by_id.slot && b <= t->by_id.mask; b++) {
		for (struct inode *i = t->by_id.slot[b], *next; i; i = next) {
			next = i->next_id;
			inode_free(t, i);
		}
	}
	for (struct store *s = t->stores, *next; s; s = next) {
		next = s->next;
		if (s->dir >= 0)
			close(s->dir);
		free(s);
	}
	free(t->by_id.slot);
	free(t->by_ino.slot);
	free(t->by_handle.slot);
	pthread_mutex_destroy(&t->lock);
}
