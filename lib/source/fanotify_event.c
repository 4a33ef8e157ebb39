/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fanotify: records -> events. */
#include "source/fanotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEAR 16 /* records that one change may be apart from the next of its process */
#define RENAMES (FN_RENAME | FN_MOVED_FROM | FN_MOVED_TO)

void fan_learn(struct fan_source *s)
{
	struct fn_fan_record rec;
	struct fn_object object, dir;
	char comm[16];

	while (s->learned < s->len) {
		int n = fn_fan_parse(s->buf + s->learned, s->len - s->learned, &rec);
		const struct fn_fan_fid *at = rec.old_dir.present ? &rec.old_dir : &rec.dir;

		if (n < 0) {
			s->learned = s->len;
			return;
		}
		s->learned += (size_t)n;
		/* before anything else: it may end any moment; nobody hears of our own */
		if (s->comm && !(s->flags & FN_SOURCE_NO_SELF && rec.pid == s->self))
			fn_comm_cache_get(s->comm, rec.pid, s->base.mono_ns, comm);
		if (rec.mask & FN_ISDIR && rec.mask & FN_MOVED_FROM)
			fan_moves_object(s, s->learned, &rec);
		if (rec.mask & FN_RENAME)
			fan_told_learn(s, &rec);
		if (!s->any_whole || !(rec.mask & FN_ISDIR) || !rec.object.present ||
		    !(rec.mask & FN_DIRENT_EVENTS) || !at->present || !at->name.len)
			continue;
		fn_fan_object(&object, &rec.object);
		if (fan_told_secret(s, &object))
			continue;
		fn_fan_object(&dir, at);
		fn_pathmap_learn(s->map, &object, &dir, at->name);
	}
}

static bool place(struct fan_source *s, const struct fn_fan_fid *fid, struct fn_object *dir,
		  struct fn_pathbuf *buf, struct fn_str *path, int *root)
{
	fn_fan_object(dir, fid);
	if (!fid->present)
		return false;
	if (fan_find_dir(s, dir) != FN_PLACE_INSIDE || fan_told_hidden(s, dir))
		return false;
	return fn_pathmap_path(s->map, dir, fid->name, buf, path, root) == FN_PLACE_INSIDE;
}

/* A root that is a file has no directory of ours: it is found by its own handle. */
static bool place_file_root(struct fan_source *s, struct fan_sides *w)
{
	for (size_t i = 0; i < s->nroots; i++)
		if (!s->roots[i].dir && fn_object_equal(&s->roots[i].object, &w->object)) {
			w->path = (struct fn_str){"", 0};
			w->root = (int)i;
			fn_object_clear(&w->dir);
			return true;
		}
	return false;
}

static uint32_t mode_at(struct fan_source *s, int root, const char *path)
{
	struct stat st;

	return fstatat(fan_root_fd(s, root), path, &st,
		       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)
		       ? 0
		       : st.st_mode;
}

/* Events of one file come in a row: what was asked at this moment is not asked again. */
static void fill_mode(struct fan_source *s, struct fn_event *ev)
{
	char path[PATH_MAX];
	size_t len = ev->path.len;
	uint32_t mode;

	if (!(s->flags & FN_SOURCE_MODE) || !ev->path.data || (ev->mask & FN_DELETE) ||
	    len >= sizeof(path))
		return;
	memcpy(path, ev->path.data, len);
	path[len] = '\0';
	if (len && len == s->moded.len && ev->root == s->moded.root &&
	    s->base.mono_ns == s->moded.mono_ns && !memcmp(path, s->moded.path, len)) {
		mode = s->moded.mode;
	} else {
		mode = mode_at(s, ev->root, path);
		s->moded.len = len < sizeof(s->moded.path) ? len : 0;
		memcpy(s->moded.path, path, s->moded.len);
		s->moded.root = ev->root;
		s->moded.mono_ns = s->base.mono_ns;
		s->moded.mode = mode;
	}
	if (mode)
		ev->mode = mode;
}

/* What kind of thing it is can be told even when it is gone. */
static void start_event(struct fan_source *s, const struct fn_fan_record *rec, uint64_t bit)
{
	struct fn_event *ev = &s->ev;

	fn_event_clear(ev);
	ev->mask = bit | (rec->mask & FN_ISDIR);
	ev->flags = s->mending ? FN_EV_SYNTHETIC : 0;
	ev->pid = rec->pid;
	ev->mode = rec->mask & FN_ISDIR ? S_IFDIR : 0;
	if (s->comm)
		fn_comm_cache_get(s->comm, rec->pid, s->base.mono_ns, ev->comm);
}

static int emit_one(struct fan_source *s, const struct fn_fan_record *rec,
		    const struct fan_sides *w, uint64_t bit)
{
	struct fn_event *ev = &s->ev;

	start_event(s, rec, bit);
	ev->root = w->root;
	ev->path = w->path;
	fn_object_copy(&ev->object, &w->object);
	if (w->name.len) {
		fn_object_copy(&ev->parent, &w->dir);
		ev->name = w->name;
		if (!w->dir.has)
			ev->name = (struct fn_str){NULL, 0};
	} else if (w->dir.has) { /* a directory itself: it has a name in its parent, unless a root
				  */
		fn_object_copy(&ev->object, &w->dir);
		fn_pathmap_lookup(s->map, &w->dir, &ev->parent, &ev->name);
	}
	fill_mode(s, ev);
	return fn_source_emit(&s->base, ev);
}

static void move_dir(struct fan_source *s, const struct fn_fan_record *rec,
		     const struct fan_sides *w)
{
	if (!w->object.has || w->stays)
		return;
	if (rec->mask & (FN_RENAME | FN_CREATE) && w->dir.has) {
		if (fn_pathmap_put(s->map, &w->object, &w->dir, w->name) == -ELOOP)
			fn_pathmap_drop(s->map, &w->object);
	} else if (rec->mask & FN_RENAME)
		fn_pathmap_drop(s->map, &w->object);
	else if (rec->mask & FN_DELETE)
		fn_pathmap_drop(s->map, &w->object);
}

/* Our own walks open and read directories. */
static uint64_t unwanted(const struct fan_source *s, const struct fn_fan_record *rec)
{
	if (rec->pid != s->self)
		return 0;
	if (s->flags & FN_SOURCE_NO_SELF)
		return ~(uint64_t)0;
	return rec->mask & FN_ISDIR ? FN_OPEN | FN_ACCESS | FN_CLOSE_NOWRITE : 0;
}

static uint64_t wanted_bits(const struct fan_source *s, const struct fn_fan_record *rec)
{
	uint64_t want = s->want | (s->want & RENAMES ? FN_RENAME : 0);

	return rec->mask & want & ~unwanted(s, rec) &
	       ~(uint64_t)(FN_ISDIR | FN_DELETE_SELF | FN_MOVE_SELF);
}

static void fill_rename(struct fan_source *s, const struct fn_fan_record *rec,
			const struct fan_sides *w)
{
	struct fn_event *ev = &s->ev;

	start_event(s, rec, FN_RENAME);
	fn_object_copy(&ev->object, &w->object);
	if (w->in) {
		fn_object_copy(&ev->parent, &w->dir);
		ev->name = w->name;
		ev->path = w->path;
		ev->root = w->root;
		fill_mode(s, ev);
	}
	if (w->old_in) {
		fn_object_copy(&ev->old_parent, &w->old_dir);
		ev->old_name = w->old_name;
		ev->old_path = w->old_path;
		if (!w->in)
			ev->root = w->old_root;
		else if (w->old_root != w->root)
			ev->old_root = w->old_root + 1;
	}
	if (!w->in || !w->old_in)
		ev->flags |= FN_EV_PARTIAL;
	if (!w->target)
		return;
	fn_object_copy(&ev->target, w->target);
	ev->flags |= rec->mask & FN_ISDIR ? FN_EV_TARGET_DIR : 0;
}

/*
 * An exchange is two renames in a row of two objects, each the other's way back. Where one of the
 * directories is not watched, they have one side each. Its length; *half: it is one of those.
 */
static int way_back(struct fan_source *s, const struct fn_fan_record *rec,
		    const struct fan_sides *w, struct fn_fan_record *back, bool *half)
{
	bool two, sure = false;
	int n;

	if (!rec->dir.present)
		return 0;
	n = s->have_rename ? fan_back(s, rec, w, back) : fan_moves_back(s, rec, w, back, &sure);
	if (n <= 0 || back->pid != rec->pid || !fan_same_place(&rec->dir, &back->old_dir))
		return 0;
	two = rec->object.present && back->object.present &&
	      !fan_same_handle(&rec->object, &back->object);
	if (!two && !sure && !((rec->mask ^ back->mask) & FN_ISDIR))
		return 0;
	*half = !rec->old_dir.present && !back->dir.present;
	return *half || fan_same_place(&rec->old_dir, &back->dir) ? n : 0;
}

bool fan_is_at(struct fan_source *s, const struct fn_object *object, int root, struct fn_str path)
{
	struct fn_object now;
	char *copy = strndup(path.data, path.len);
	bool there;

	fn_object_clear(&now);
	there = copy && fn_object_handle_at(&now, fan_root_fd(s, root), copy, 0, NULL) == 0;
	free(copy);
	now.fsid = object->fsid;
	return there && (!object->has || fn_object_equal(&now, object));
}

/* A new directory: what it holds already is reported, unless a walk has reported it itself. */
static int appeared(struct fan_source *s, const struct fn_fan_record *rec,
		    const struct fan_sides *w)
{
	char *path;
	int rc;

	if (!(s->flags & FN_SOURCE_RECURSIVE) || !w->in)
		return 0;
	/* What comes from where the receiver knows nothing of it is told with all it holds. */
	if (!w->fresh && (w->old_in || !(rec->mask & FN_RENAME)) &&
	    (s->roots[w->root].whole || fn_pathmap_pinned(s->map, &w->object)))
		return 0; /* every event in it comes anyway */
	if (fn_pathmap_place(s->map, &w->object) == FN_PLACE_PRUNED)
		return 0;
	path = strndup(w->path.data, w->path.len);
	if (!path)
		return -ENOMEM;
	rc = fan_appeared(s, w->root, (struct fn_str){path, w->path.len}, &w->object);
	if (rc && rc != -ENOENT && rc != -ENOTDIR && rc != -ESTALE && rc != -EACCES) {
		start_event(s, rec, FN_IGNORED);
		s->ev.flags = FN_EV_GONE;
		s->ev.root = w->root;
		s->ev.path = (struct fn_str){path, w->path.len};
		fn_object_copy(&s->ev.object, &w->object);
		fn_source_emit(&s->base, &s->ev);
	}
	free(path);
	return 0;
}

int fan_tell_exchange(struct fan_source *s, const struct fn_fan_record *rec,
		      const struct fan_sides *w, const struct fn_fan_record *back,
		      const struct fan_sides *v)
{
	int rc = s->base.stop;

	if (wanted_bits(s, rec) & FN_RENAME) {
		fill_rename(s, rec, w);
		s->ev.flags |= FN_EV_EXCHANGE | (back->mask & FN_ISDIR ? FN_EV_TARGET_DIR : 0);
		fn_object_copy(&s->ev.target, &v->object);
		rc = fn_source_emit(&s->base, &s->ev);
	}
	if (back->mask & FN_ISDIR)
		move_dir(s, back, v);
	if (rec->mask & FN_ISDIR)
		move_dir(s, rec, w);
	return rc;
}

int fan_tell(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w,
	     uint64_t bit)
{
	bool dir = rec->mask & FN_ISDIR;
	int rc = s->base.stop;

	if (bit != FN_RENAME)
		return wanted_bits(s, rec) & bit ? emit_one(s, rec, w, bit) : rc;
	if (wanted_bits(s, rec) & FN_RENAME && (w->in || w->old_in)) {
		fill_rename(s, rec, w);
		rc = fn_source_emit(&s->base, &s->ev);
	}
	if (dir && w->in) {
		move_dir(s, rec, w);
		appeared(s, rec, w);
	}
	return rc;
}

/* Is this bit of the record news to the receiver? */
static bool is_news(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w,
		    uint64_t bit)
{
	if (!w->name.len || !(bit & (FN_CREATE | FN_DELETE)))
		return true;
	return bit == FN_CREATE ? fan_told_create(s, rec, w) : fan_told_delete(s, rec, w);
}

static int named_record(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	uint64_t wanted = wanted_bits(s, rec), bits, bit;
	uint64_t names = rec->mask & (FN_CREATE | FN_DELETE);
	bool dir = rec->mask & FN_ISDIR && names, both = false;
	int rc = s->base.stop;

	if (!w->in && dir)
		move_dir(s, rec, w);
	if (!w->in)
		return rc;
	if (fan_told_secret(s, &w->object))
		wanted &= FN_DIRENT_EVENTS;
	bits = wanted | names;
	if (names == (FN_CREATE | FN_DELETE))
		both = fan_is_at(s, &w->object, w->root, w->path);
	while ((bit = fn_fan_next_bit(&bits, both))) { /* also when stopped: emit keeps them */
		if (!is_news(s, rec, w, bit))
			continue;
		if (dir && bit == FN_CREATE)
			move_dir(s, rec, w);
		if (wanted & bit)
			rc = emit_one(s, rec, w, bit);
		if (dir && bit == FN_CREATE)
			appeared(s, rec, w);
	}
	return rc;
}

/* What lost its name by itself: not what a DELETE or the CREATE of a link tells of. */
static bool told_by_name(const struct fan_source *s, size_t at, const struct fn_fan_fid *fid)
{
	struct fn_fan_record rec;

	for (int i = 0; i < NEAR && at < s->len; i++) {
		int n = fn_fan_parse(s->buf + at, s->len - at, &rec);

		if (n < 0)
			return true;
		at += (size_t)n;
		if (rec.mask & (FN_CREATE | FN_DELETE) && fan_same_handle(&rec.object, fid))
			return true;
	}
	return false;
}

/*
 * The kernel tells of the overwritten object right after the rename: the number of its links
 * changed. Only a mark of the whole file system hears it, and if ATTRIB is wanted.
 */
static bool find_target(struct fan_source *s, const struct fn_fan_record *rec,
			const struct fan_sides *w, struct fn_object *target)
{
	struct fn_fan_record next;
	const struct fn_fan_fid *fid;
	size_t end = fan_next_of(s, rec->pid, &next);

	if (!end && s->have_rename && s->kernel_mask & FN_ATTRIB) {
		fan_await_call(s, &w->dir);
		end = fan_next_of(s, rec->pid, &next);
	}
	if (!end || next.mask != (FN_ATTRIB | (rec->mask & FN_ISDIR)) || next.dir.name.len)
		return false;
	fid = next.mask & FN_ISDIR ? &next.dir : &next.object;
	if (!fid->present || fan_same_handle(fid, &rec->object) || told_by_name(s, end, fid))
		return false;
	fn_fan_object(target, fid);
	return true;
}

static int plain_rename(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	struct fn_object target;
	int rc;

	if (w->in && find_target(s, rec, w, &target))
		w->target = &target;
	rc = fan_told_rename(s, rec, w) ? fan_tell(s, rec, w, FN_RENAME) : s->base.stop;
	if (rec->mask & FN_ISDIR && !w->in)
		move_dir(s, rec, w);
	return rc;
}

static void sides_of(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	*w = (struct fan_sides){.root = -1, .old_root = -1};
	fn_fan_object(&w->object, &rec->object);
	w->name = rec->dir.name;
	w->old_name = rec->old_dir.name;
	w->old_in = place(s, &rec->old_dir, &w->old_dir, &s->old_path, &w->old_path, &w->old_root);
	w->in = place(s, &rec->dir, &w->dir, &s->path, &w->path, &w->root);
}

static void swap_sides(const struct fn_fan_record *back, const struct fan_sides *w,
		       struct fan_sides *v)
{
	fan_sides_swap(w, v);
	fn_fan_object(&v->object, &back->object);
}

/* The receiver is to forget what it knows of the old place before anything takes it. */
static void leave(struct fan_source *s, const struct fn_fan_record *rec, const struct fan_sides *w)
{
	struct fan_sides half = *w;

	half.in = false;
	if (fan_told_leave(s, w, rec->mask & FN_ISDIR))
		fan_tell(s, rec, &half, FN_RENAME);
}

static int exchange_record(struct fan_source *s, const struct fn_fan_record *rec,
			   const struct fn_fan_record *back, struct fan_sides *w)
{
	bool dir = rec->mask & FN_ISDIR, back_dir = back->mask & FN_ISDIR;
	struct fan_sides v;

	swap_sides(back, w, &v);
	fan_told_turn(s, &v);
	if (w->in && w->old_in && fan_told_known(s, w, dir) && fan_told_known(s, &v, back_dir)) {
		fan_told_exchange(s, rec, w, back, &v);
		return fan_tell_exchange(s, rec, w, back, &v);
	}
	leave(s, rec, w);
	leave(s, back, &v);
	/* What left may have been on the way to the other. */
	sides_of(s, rec, w);
	plain_rename(s, rec, w);
	sides_of(s, back, &v);
	return plain_rename(s, back, &v);
}

static int rename_record(struct fan_source *s, const struct fn_fan_record *rec, struct fan_sides *w)
{
	struct fn_fan_record back;
	bool half;
	int n = way_back(s, rec, w, &back, &half);

	if (n && (half || (w->in && w->old_in))) {
		s->pos += (size_t)n;
		return exchange_record(s, rec, &back, w);
	}
	return plain_rename(s, rec, w);
}

int fan_lost(struct fan_source *s)
{
	int rc;

	s->stats.overflows++;
	fn_event_clear(&s->ev);
	s->ev.mask = FN_Q_OVERFLOW;
	rc = fn_source_emit(&s->base, &s->ev);
	fan_told_forget(s);
	/* Renames may be among what was lost: find every directory anew. */
	fn_pathmap_forget(s->map);
	for (size_t i = 0; i < s->nroots; i++)
		if (!s->roots[i].whole && s->roots[i].dir)
			fan_walk_marks(s, (int)i);
	return rc;
}

/* Told from the handles alone: one answer for all that the kernel merged. Directories that come, go
 * and move may hold what has to be looked at. */
static bool nobody_asks(const struct fan_source *s, const struct fn_fan_record *rec,
			const struct fan_sides *w)
{
	unsigned n = (unsigned)__builtin_popcountll(wanted_bits(s, rec));

	if (!s->wanted || s->told.any || !(w->dir.has || w->old_dir.has))
		return false;
	if (rec->mask & FN_ISDIR && rec->mask & FN_DIRENT_EVENTS)
		return false;
	return !s->wanted(s->wanted_arg, &w->dir, &w->old_dir, n);
}

/* The record names no directory that came to be, or was moved: what has the name now is it. */
static void find_object(struct fan_source *s, struct fan_sides *w)
{
	char *path = strndup(w->path.data, w->path.len);
	struct fn_object now;
	int fd = path ? openat(fan_root_fd(s, w->root), path,
			       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
		      : -1;

	free(path);
	fn_object_clear(&now);
	if (fd >= 0 && fn_object_handle_at(&now, fd, "", AT_EMPTY_PATH, NULL) == 0) {
		now.fsid = w->dir.fsid;
		now.has |= FN_OBJ_FSID;
		fn_object_copy(&w->object, &now);
	}
	if (fd >= 0)
		close(fd);
}

int fan_record(struct fan_source *s, const struct fn_fan_record *rec)
{
	struct fan_sides w;

	if (rec->mask & FN_Q_OVERFLOW)
		return fan_lost(s);
	if (rec->mask & FN_DELETE_SELF && rec->mask & FN_ISDIR) {
		fn_fan_object(&w.dir, &rec->dir);
		fn_pathmap_drop(s->map, &w.dir);
		return 0;
	}
	if (!wanted_bits(s, rec) && !(rec->mask & FN_ISDIR) && !s->told.any)
		return 0;
	sides_of(s, rec, &w);
	if (!w.object.has && w.in && rec->mask & FN_ISDIR && rec->mask & (FN_CREATE | FN_RENAME))
		find_object(s, &w);
	if (rec->mask & FN_RENAME)
		fan_told_turn(s, &w);
	if (!w.in && !w.old_in)
		w.in = place_file_root(s, &w);
	if ((w.in || w.old_in) && nobody_asks(s, rec, &w))
		return 0;
	return rec->mask & FN_RENAME ? rename_record(s, rec, &w) : named_record(s, rec, &w);
}
