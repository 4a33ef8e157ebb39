/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: marks, where a directory is, and what a new one already holds. */
#include "source/fanotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "source/beneath.h"

static int mark_fd(const struct fan_source *s, unsigned how, uint64_t mask, int fd)
{
	char path[32];

	/* By way of /proc, because an O_PATH descriptor is not taken as dirfd. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fanotify_mark(s->fd, FAN_MARK_ADD | how, mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

static int mark_whole(struct fan_source *s, struct fan_root *r)
{
	int rc, fd;

	if (!(s->flags & FN_SOURCE_WHOLE_FS) || !(s->flags & FN_SOURCE_RECURSIVE) || !r->dir)
		return -EOPNOTSUPP;
	/* Without this right a directory that is met first in an event has no path. */
	fd = fn_object_open(&r->object, r->fd, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	close(fd);
	rc = mark_fd(s, FAN_MARK_FILESYSTEM, s->kernel_mask, r->fd);
	if (rc == 0)
		r->whole = s->any_whole = s->by_handle = true;
	return rc;
}

int fan_mark_root(struct fan_source *s, size_t root)
{
	struct fan_root *r = &s->roots[root];
	uint64_t mask = s->kernel_mask | (r->dir ? FAN_EVENT_ON_CHILD : 0);
	int rc;

	s->stats.watches++;
	if (mark_whole(s, r) == 0)
		return 0;
	if (!r->dir)
		mask &= FN_CONTENT_EVENTS;
	rc = mark_fd(s, FAN_MARK_INODE, mask, r->fd);
	return rc == 0 && r->dir ? fan_walk_marks(s, (int)root) : rc;
}

/* A walk goes by handles where it may, else by paths relative to the root: its depth costs no
 * descriptors. */
struct stop {
	char *path;
	struct fn_object dir;
};

struct walk {
	struct fan_source *s;
	int root;
	bool marks, report;
	struct stop *stack;
	size_t n, cap;
};

static int walk_push(struct walk *w, struct fn_str path, const struct fn_object *dir)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct stop *stack = realloc(w->stack, cap * sizeof(*stack));

		if (!stack)
			return -ENOMEM;
		w->stack = stack;
		w->cap = cap;
	}
	w->stack[w->n].path = strndup(path.data, path.len);
	fn_object_copy(&w->stack[w->n].dir, dir);
	return w->stack[w->n].path ? (w->n++, 0) : -ENOMEM;
}

static void report_entry(struct walk *w, const struct fn_object *dir, struct fn_str name,
			 struct fn_str path, const struct fn_object *object, unsigned d_type)
{
	struct fn_event *ev = &w->s->ev;

	if (!(w->s->want & FN_CREATE))
		return;
	fn_event_clear(ev);
	ev->mask = FN_CREATE | (d_type == DT_DIR ? FN_ISDIR : 0);
	ev->flags = FN_EV_SYNTHETIC;
	ev->mode = DTTOIF(d_type);
	ev->root = w->root;
	fn_object_copy(&ev->object, object);
	fn_object_copy(&ev->parent, dir);
	ev->name = name;
	ev->path = path;
	if (!w->s->ledger || !fn_ledger_expected(w->s->ledger, ev))
		fn_source_emit(&w->s->base, ev);
}

/* A mark that cannot be set is a watch that is lost, unless the directory is gone or closed to
 * us, which it would be for any reader. */
static int mark_child(struct walk *w, int fd)
{
	int rc = mark_fd(w->s, FAN_MARK_ONLYDIR, w->s->kernel_mask | FAN_EVENT_ON_CHILD, fd);

	w->s->stats.watches += rc == 0;
	return rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES || rc == -EPERM ? 1 : rc;
}

static int walk_subdir(struct walk *w, int fd, struct fn_str name, const struct fn_object *dir,
		       const struct fn_object *object, struct fn_str path)
{
	struct fan_source *s = w->s;
	int rc = 0;

	if (s->prune && s->prune(s->prune_arg, w->root, path.data, path.len))
		return 0;
	if (w->marks || w->report)
		fn_pathmap_put(s->map, object, dir, name);
	if (w->marks) {
		fn_pathmap_pin(s->map, object, true);
		if (!(s->flags & FN_SOURCE_RECURSIVE))
			return 0;
		rc = mark_child(w, fd);
	}
	return rc ? (rc < 0 ? rc : 0) : walk_push(w, path, object);
}

/* A directory is identified and marked by one descriptor: its name can be another's any time. */
static int open_entry(const struct walk *w, int dirfd, const char *name, bool dir,
		      struct fn_object *object)
{
	int fd = -1, rc;

	if (dir && w->marks)
		fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir && w->marks && fd < 0)
		return errno == EPERM ? -EACCES : -errno;
	rc = fd < 0 ? fn_object_handle_at(object, dirfd, name, 0, NULL)
		    : fn_object_handle_at(object, fd, "", AT_EMPTY_PATH, NULL);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

static int walk_entry(struct walk *w, int dirfd, const struct dirent *e,
		      const struct fn_object *dir, const char *rel)
{
	struct fn_str name = {e->d_name, strlen(e->d_name)}, path;
	bool is_dir = fn_entry_is_dir(dirfd, e);
	struct fn_object object;
	char *buf;
	bool news;
	int fd, rc = 0;

	if (!is_dir && !w->report)
		return 0;
	fn_object_clear(&object);
	fd = open_entry(w, dirfd, e->d_name, is_dir, &object);
	if (fd < -1)
		return fd == -EMFILE || fd == -ENFILE ? fd : 0; /* gone: its events say so */
	object.fsid = dir->fsid;
	object.has |= FN_OBJ_FSID;
	if (is_dir && w->report && fn_pathmap_below(w->s->map, dir, &object)) {
		fan_tell_out(w->s, &object); /* and dir with it, to appear anew */
	} else if (asprintf(&buf, "%s%s%s", rel, *rel ? "/" : "", e->d_name) < 0) {
		rc = -ENOMEM;
	} else {
		path = (struct fn_str){buf, strlen(buf)};
		news = !w->report || fan_told_walked(w->s, &object, dir, name, is_dir);
		if (news && w->report)
			report_entry(w, dir, name, path, &object, is_dir ? DT_DIR : e->d_type);
		if (news && is_dir)
			rc = walk_subdir(w, fd, name, dir, &object, path);
		free(buf);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static bool same_dir(int fd, const struct fn_object *dir)
{
	struct fn_object now;

	fn_object_clear(&now);
	if (fn_object_handle_at(&now, fd, "", AT_EMPTY_PATH, NULL))
		return false;
	now.fsid = dir->fsid;
	return fn_object_equal(&now, dir);
}

/* The directory itself, wherever it is; without the right to open it by handle, only if it is where
 * it is believed to be. */
static int open_dir_now(struct fan_source *s, int root, const char *path,
			const struct fn_object *dir, int flags)
{
	int fd = fan_root_fd(s, root);

	if (fd < 0)
		return fd;
	if (s->roots[root].whole)
		return fn_object_open(dir, fd, flags | O_DIRECTORY);
	fd = fn_open_beneath(fd, path, flags | O_DIRECTORY);
	if (fd < 0 || same_dir(fd, dir))
		return fd;
	close(fd);
	return -ESTALE;
}

static int open_place_as(struct fan_source *s, const struct fn_object *dir, int flags)
{
	struct fn_str path;
	char *copy;
	int root, fd;

	if (fn_pathmap_path(s->map, dir, (struct fn_str){NULL, 0}, &s->spot_path, &path, &root) !=
	    FN_PLACE_INSIDE)
		return -ESTALE;
	copy = strndup(path.data, path.len);
	fd = copy ? open_dir_now(s, root, copy, dir, flags) : -ENOMEM;
	free(copy);
	if (s->roots[root].whole) /* gone, and all that it held */
		return fd == -ESTALE ? -ENOENT : fd;
	return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? -ESTALE : fd;
}

/* Readable, if it can be. */
static int open_place(struct fan_source *s, const struct fn_object *dir)
{
	int fd = open_place_as(s, dir, O_RDONLY | O_NOATIME);

	if (fd == -EPERM)
		fd = open_place_as(s, dir, O_RDONLY);
	return fd == -EACCES ? open_place_as(s, dir, O_PATH) : fd;
}

int fan_look(struct fan_source *s, const struct fn_object *dir, struct fn_str name,
	     struct fn_object *now, bool *isdir)
{
	int fd = open_place(s, dir), mount = -1, dir_mount = -1, rc;
	char entry[FN_NAME_MAX + 1];
	struct stat st;

	fn_object_clear(now);
	if (fd < 0)
		return fd;
	memcpy(entry, name.data, name.len);
	entry[name.len] = '\0';
	rc = fn_object_handle_at(now, fd, "", AT_EMPTY_PATH, &dir_mount);
	if (rc == 0)
		rc = fn_object_handle_at(now, fd, entry, 0, &mount);
	if (rc == 0 && fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		rc = -errno;
	fan_await_calls(fd);
	close(fd);
	if (rc)
		return rc;
	*isdir = S_ISDIR(st.st_mode);
	now->fsid = dir->fsid;
	now->has |= FN_OBJ_FSID;
	return mount == dir_mount ? 0 : -EXDEV;
}

bool fan_is_there(struct fan_source *s, const struct fan_sides *w)
{
	struct fn_object now;
	bool isdir;

	return fan_look(s, &w->dir, w->name, &now, &isdir) == 0 &&
	       fn_object_equal(&now, &w->object);
}

/* It is somewhere else by now, or one above it is, and the queue is to tell where. */
static void walk_later(struct fan_source *s, int root, const struct fn_object *dir, int rc)
{
	if (s->roots[root].whole ||
	    (rc != -ESTALE && rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP))
		return;
	fan_told_walk(s, dir, true);
}

/* What is told of it is of use to the receiver. */
static bool is_below_root(const struct walk *w, const struct fn_object *dir)
{
	return !w->report || fn_pathmap_place(w->s->map, dir) == FN_PLACE_INSIDE;
}

static int walk_dir(struct walk *w, const char *rel, const struct fn_object *dir)
{
	int fd = !is_below_root(w, dir) ? -ENOTDIR
					: open_dir_now(w->s, w->root, rel, dir, O_RDONLY),
	    rc = 0;
	const struct dirent *e;
	DIR *d;

	if (fd < 0) {
		walk_later(w->s, w->root, dir, fd);
		return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : 0;
	}
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	if (w->report)
		fan_told_walk(w->s, dir, false);
	while (rc == 0 && (e = fn_next_entry(d)) && is_below_root(w, dir))
		rc = walk_entry(w, fd, e, dir, rel);
	closedir(d);
	return rc;
}

static int walk(struct fan_source *s, int root, struct fn_str path, const struct fn_object *dir,
		bool report)
{
	struct walk w = {.s = s, .root = root, .marks = !s->roots[root].whole, .report = report};
	int rc = walk_push(&w, path, dir);

	while (w.n) {
		struct stop at = w.stack[--w.n];

		if (rc == 0)
			rc = walk_dir(&w, at.path, &at.dir);
		free(at.path);
	}
	free(w.stack);
	if (report)
		fan_drain(s);
	return rc;
}

int fan_walk_marks(struct fan_source *s, int root)
{
	return walk(s, root, (struct fn_str){"", 0}, &s->roots[root].object, false);
}

static int mark_appeared(struct fan_source *s, int root, struct fn_str path,
			 const struct fn_object *dir)
{
	char *rel = strndup(path.data, path.len);
	int fd = rel ? open_dir_now(s, root, rel, dir, O_RDONLY) : -ENOMEM, rc;

	free(rel);
	if (fd < 0) {
		walk_later(s, root, dir, fd);
		return fd;
	}
	rc = mark_fd(s, FAN_MARK_INODE | FAN_MARK_ONLYDIR, s->kernel_mask | FAN_EVENT_ON_CHILD, fd);
	close(fd);
	s->stats.watches += rc == 0;
	if (rc == 0)
		fn_pathmap_pin(s->map, dir, true);
	return rc;
}

int fan_appeared(struct fan_source *s, int root, struct fn_str path, const struct fn_object *dir)
{
	int rc = s->roots[root].whole ? 0 : mark_appeared(s, root, path, dir);

	return rc ? rc : walk(s, root, path, dir, true);
}

void fan_walk_late(struct fan_source *s)
{
	struct fn_object dir;
	struct fn_str path;
	int root;

	if (!s->told.nlate)
		return;
	for (struct fan_thing *t = s->told.things; t; t = t->next) {
		if (!t->late || !fan_thing_inside(s, t))
			continue;
		fan_thing_object(t, &dir);
		if (fn_pathmap_path(s->map, &dir, (struct fn_str){NULL, 0}, &s->spot_path, &path,
				    &root) == FN_PLACE_INSIDE)
			fan_appeared(s, root, path, &dir);
	}
}

static bool last_name(char *path, int *len, struct fn_str *name)
{
	const char *slash = memrchr(path, '/', (size_t)*len);

	if (!slash)
		return false;
	*name = (struct fn_str){slash + 1, (size_t)(path + *len - slash - 1)};
	*len = (int)(slash - path);
	return name->len > 0;
}

/* Where the kernel cannot say the path, for it is longer than PATH_MAX. */
static bool name_in(int dir, ino_t ino, char buf[NAME_MAX + 1], struct fn_str *name)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	name->len = 0;
	while (d && !name->len && (e = fn_next_entry(d))) {
		if (e->d_ino != ino || strlen(e->d_name) > NAME_MAX)
			continue;
		strcpy(buf, e->d_name);
		*name = (struct fn_str){buf, strlen(buf)};
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return name->len > 0;
}

/* Up from fd until a directory is reached whose place is known, or the top of the mount. The
 * names come from the path as the kernel sees it, the handles from walking up: both are of now,
 * not of when the event was. */
static int climb(struct fan_source *s, int fd, const struct fn_object *dir)
{
	struct fn_object here, up;
	char path[PATH_MAX], entry[NAME_MAX + 1];
	struct fn_str name;
	struct stat st;
	int mount = -1, up_mount = -1, len = fan_fd_path(fd, path), rc = 0;

	fn_object_copy(&here, dir);
	if ((len < 0 && len != -ENAMETOOLONG) ||
	    fn_object_handle_at(&up, fd, "", AT_EMPTY_PATH, &mount))
		rc = len < 0 ? len : -ESTALE;
	while (rc == 0) {
		int up_fd = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		st.st_ino = 0;
		fstat(fd, &st);
		close(fd);
		fd = up_fd;
		fn_object_clear(&up);
		if (fd < 0 || fn_object_handle_at(&up, fd, "", AT_EMPTY_PATH, &up_mount)) {
			rc = -ESTALE;
			break;
		}
		up.fsid = dir->fsid;
		up.has |= FN_OBJ_FSID;
		if (up_mount != mount || fn_object_equal(&up, &here)) {
			rc = fn_pathmap_add_top(s->map, &here);
			break;
		}
		rc = (len < 0 ? name_in(fd, st.st_ino, entry, &name) : last_name(path, &len, &name))
			     ? fn_pathmap_put(s->map, &here, &up, name)
			     : -ESTALE;
		if (rc == 0 && fn_pathmap_place(s->map, &up) != FN_PLACE_UNKNOWN)
			break;
		fn_object_copy(&here, &up);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int fan_open(struct fan_source *s, const struct fn_object *object, int flags)
{
	for (size_t i = 0; i < s->nroots; i++)
		if (s->roots[i].whole && s->roots[i].object.fsid == object->fsid)
			return fn_object_open(object, fan_root_fd(s, (int)i), flags);
	return -ESTALE;
}

/*
 * A directory that is gone already can still be placed: the queue holds its own DELETE or RENAME,
 * with parent and name. So look ahead, within a bound, before giving up.
 */
static bool look_ahead(struct fan_source *s, const struct fn_object *dir)
{
	for (int reads = 0; reads < 64 && fan_read_ahead(s) > 0; reads++) {
		fan_learn(s);
		if (fn_pathmap_place(s->map, dir) != FN_PLACE_UNKNOWN)
			return true;
	}
	return false;
}

enum fn_place fan_find_dir(struct fan_source *s, const struct fn_object *dir)
{
	struct fn_object missing;

	if (!s->by_handle || !fn_pathmap_missing(s->map, dir, &missing))
		return fn_pathmap_place(s->map, dir);
	for (int tries = 0; tries < 64 && fn_pathmap_missing(s->map, dir, &missing); tries++) {
		int fd = fan_open(s, &missing, O_PATH | O_DIRECTORY);

		if (fd >= 0 && climb(s, fd, &missing) == 0)
			continue;
		if (!look_ahead(s, &missing)) {
			fn_pathmap_add_failed(s->map, &missing);
			s->stats.dropped++;
		}
	}
	return fn_pathmap_place(s->map, dir);
}
