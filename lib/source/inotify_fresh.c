/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotify: directories that came to be. They are watched when all that was read is worked off, for
 * then the names that lead to them are those of now. The queue tells all that happens in one from
 * the moment of its watch. What it held at that moment is what it holds a little later, with what
 * the queue tells of the time between taken back; that is reported, and the queue then goes on.
 */
#include "source/inotify_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/beneath.h"

#define FRESH_MAX 65536
#define ENOUGH (256u * 1024) /* read meanwhile: to be worked off first */

static uint64_t key_of(int wd, struct fn_str name)
{
	return fn_keymap_key((uint64_t)wd, name);
}

/* The same, of one name at one time: a name that comes again is another directory. */
void in_fresh_add(struct in_source *s, uint32_t parent, struct fn_str name)
{
	struct in_fresh *fresh, *more = s->fresh;

	if (s->nfresh == s->fresh_cap && s->fresh_cap < FRESH_MAX) {
		size_t cap = s->fresh_cap ? s->fresh_cap * 2 : 64;

		more = realloc(s->fresh, cap * sizeof(*more));
		s->fresh_cap = more ? cap : s->fresh_cap;
		s->fresh = more ? more : s->fresh;
	}
	if (s->nfresh == s->fresh_cap)
		return;
	fresh = &s->fresh[s->nfresh];
	*fresh = (struct in_fresh){.parent = parent,
				   .parent_wd = s->table.nodes[parent].wd,
				   .number = ++s->fresh_number,
				   .len = (uint8_t)name.len};
	memcpy(fresh->name, name.data, name.len);
	s->nfresh++;
	fn_keymap_put(&s->fresh_names, key_of(fresh->parent_wd, name), fresh->number);
}

void in_fresh_gone(struct in_source *s, int parent_wd, struct fn_str name)
{
	if (s->nfresh)
		fn_keymap_take(&s->fresh_names, key_of(parent_wd, name));
}

static bool still_fresh(const struct in_source *s, const struct in_fresh *f)
{
	struct fn_str name = {f->name, f->len};
	uint64_t number;

	return s->table.nodes[f->parent].wd == f->parent_wd &&
	       fn_keymap_get(&s->fresh_names, key_of(f->parent_wd, name), &number) &&
	       number == f->number;
}

/* An event of what is not worked off yet says that this name is not what it was. */
static bool unsettled(const struct in_source *s, int wd, struct fn_str name)
{
	struct in_raw raw;

	for (size_t at = s->pos; in_parse(s->buf + at, s->len - at, &raw); at += raw.size)
		if (raw.wd == wd && raw.mask & (IN_CREATE | IN_DELETE | IN_MOVE) &&
		    raw.name.len == name.len && !memcmp(raw.name.data, name.data, name.len))
			return true;
	return false;
}

/* The parent, if it is where the table has it: its watch says so. */
static int open_parent(struct in_source *s, const struct in_fresh *f)
{
	struct fn_str path;
	int root, fd, wd;

	if (!fn_watch_path(&s->table, f->parent, (struct fn_str){"", 0}, &path, &root))
		return -ENOMEM;
	s->table.path[path.len] = '\0';
	fd = in_root_fd(s, root);
	if (fd >= 0)
		fd = fn_open_beneath(fd, path.data, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	wd = in_watch_fd(s, fd, s->mask | IN_MASK_ADD);
	if (wd == f->parent_wd)
		return fd;
	if (wd > 0 && fn_watch_by_wd(&s->table, wd) == FN_NO_NODE)
		inotify_rm_watch(s->fd, wd);
	close(fd);
	return wd < 0 ? wd : -ESTALE;
}

static void report(struct in_source *s, uint32_t dir, struct fn_str name, bool is_dir,
		   unsigned mode)
{
	struct fn_event *ev = &s->whole;

	if (is_dir)
		in_fresh_add(s, dir, name);
	if (!(s->want & FN_CREATE))
		return;
	fn_event_clear(ev);
	ev->mask = FN_CREATE | (is_dir ? FN_ISDIR : 0);
	ev->flags = FN_EV_SYNTHETIC;
	ev->mode = mode;
	ev->name = name;
	if (fn_watch_path(&s->table, dir, name, &ev->path, &ev->root))
		fn_join_push(s->join, ev, s->base.mono_ns, in_emit, s);
}

/* The first event of each name tells whether it was there when the watch was set. */
static void report_past(struct in_source *s, uint32_t node, struct fn_keymap *names)
{
	int wd = s->table.nodes[node].wd;
	struct in_raw raw;

	for (size_t at = s->pos; in_parse(s->buf + at, s->len - at, &raw); at += raw.size) {
		uint64_t key = key_of(wd, raw.name);

		if (raw.wd != wd || !(raw.mask & (IN_CREATE | IN_DELETE | IN_MOVE)) ||
		    fn_keymap_has(names, key) || !fn_name_ok(raw.name.data, raw.name.len))
			continue;
		fn_keymap_put(names, key, 0);
		if (raw.mask & (IN_DELETE | IN_MOVED_FROM))
			report(s, node, raw.name, raw.mask & IN_ISDIR, 0);
	}
}

/* What a directory holds: for each entry its type and its name. */
struct listing {
	char *data;
	size_t len, cap;
};

static int list(int fd, struct listing *l)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	int rc = d ? 0 : -ENOMEM;

	if (!d)
		close(fd);
	while (rc == 0 && (e = fn_next_entry(d))) {
		size_t n = strlen(e->d_name) + 2;
		char *data = l->data;

		if (l->len + n > l->cap)
			data = realloc(l->data, l->cap = (l->len + n) * 2);
		if (!data) {
			rc = -ENOMEM;
			break;
		}
		l->data = data;
		data[l->len] = (char)(fn_entry_is_dir(fd, e) ? DT_DIR : e->d_type);
		memcpy(data + l->len + 1, e->d_name, n - 1);
		l->len += n;
	}
	if (d)
		closedir(d);
	return rc;
}

static int report_content(struct in_source *s, uint32_t node, int fd)
{
	struct fn_keymap past = {NULL, 0, 0};
	struct listing l = {NULL, 0, 0};
	int rc = list(fd, &l);

	in_drain(s);
	report_past(s, node, &past);
	for (size_t at = 0; at < l.len;) {
		struct fn_str name = {l.data + at + 1, strlen(l.data + at + 1)};

		if (!fn_keymap_has(&past, key_of(s->table.nodes[node].wd, name)))
			report(s, node, name, l.data[at] == DT_DIR, DTTOIF((unsigned)l.data[at]));
		at += name.len + 2;
	}
	fn_keymap_clear(&past);
	free(l.data);
	return rc;
}

/* Its watch is new, and it was there under this name all the time: so it is what the name says. */
static int settle(struct in_source *s, const struct in_fresh *f, int fd, int wd)
{
	struct fn_str name = {f->name, f->len};
	uint32_t node;

	if (fn_watch_by_wd(&s->table, wd) != FN_NO_NODE)
		return 0; /* it was renamed, and the queue is still to tell; or it is a root */
	in_drain(s);
	if (unsettled(s, f->parent_wd, name)) {
		inotify_rm_watch(s->fd, wd);
		return 0; /* what it is by now has an event of its own */
	}
	node = in_place_wd(s, wd, f->parent, name);
	if (node == FN_NO_NODE)
		return -ENOMEM;
	fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	return report_content(s, node, fd);
}

/* 0, 1: to be tried again, or -errno: a watch is lost. */
static int look(struct in_source *s, const struct in_fresh *f)
{
	char name[FN_NAME_MAX + 1];
	int parent, fd, wd, rc;

	if (in_is_pruned(s, f->parent, (struct fn_str){f->name, f->len}))
		return 0;
	parent = open_parent(s, f);
	if (parent == -ENOENT || parent == -ENOTDIR || parent == -ELOOP || parent == -ESTALE)
		return 1;
	if (parent < 0)
		return parent == -EACCES ? 0 : parent;
	memcpy(name, f->name, f->len);
	name[f->len] = '\0';
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = fd < 0 ? -errno : 0;
	close(parent);
	if (fd < 0) /* gone, and an event says so */
		return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ? rc : 0;
	wd = in_watch_fd(s, fd, s->mask | IN_ONLYDIR | IN_MASK_ADD);
	rc = wd >= 0 ? settle(s, f, fd, wd) : wd == -EACCES ? 0 : wd;
	close(fd);
	return rc;
}

static void tell_lost(struct in_source *s, const struct in_fresh *f)
{
	struct in_raw raw = {.wd = f->parent_wd, .mask = IN_ISDIR, .name = {f->name, f->len}};

	in_push_lost(s, f->parent, &raw, FN_IGNORED);
}

/* What cannot be found is gone, and has an event that says so; unless the root cannot be found. */
static void give_up(struct in_source *s, const struct in_fresh *f)
{
	const struct in_raw raw = {.mask = IN_ISDIR};
	struct fn_str path;
	struct in_root *r;
	int root;

	if (!fn_watch_path(&s->table, f->parent, (struct fn_str){"", 0}, &path, &root) ||
	    in_root_fd(s, root) >= 0 || s->roots[root].gone)
		return;
	r = &s->roots[root];
	r->gone = true;
	in_push_lost(s, r->node, &raw, FN_IGNORED);
}

void in_fresh_look(struct in_source *s, bool last)
{
	size_t again = 0;

	for (size_t i = 0; i < s->nfresh; i++) {
		struct in_fresh f = s->fresh[i]; /* the list grows and moves meanwhile */
		int rc = 1;

		if (!still_fresh(s, &f))
			continue;
		if (s->len - s->pos < ENOUGH)
			rc = look(s, &f);
		if (rc < 0)
			tell_lost(s, &f);
		if (rc > 0 && last && s->pos >= s->len)
			give_up(s, &f);
		else if (rc > 0)
			s->fresh[again++] = f;
	}
	s->nfresh = again;
	if (!again)
		fn_keymap_clear(&s->fresh_names);
}
