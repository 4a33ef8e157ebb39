/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/matrix.h"

#include <stdio.h>
#include <string.h>

#define A FN_KIND_HAS_A
#define B FN_KIND_HAS_B
#define DIR FN_KIND_DIR
#define SELF FN_KIND_SELF
#define BOTH (FN_MOVED_FROM | FN_MOVED_TO)
#define SUB FN_KIND_SUBDIR "/"

static const struct fn_kind kinds[] = {
	{"create", FN_CHANGE_CREATE, "create", NULL, FN_CREATE, 0},
	{"modify", FN_CHANGE_APPEND, "modify", NULL, FN_MODIFY, A},
	{"truncate", FN_CHANGE_TRUNCATE, "truncate", NULL, FN_MODIFY, A},
	{"close_write", FN_CHANGE_OPEN_CLOSE, "close-write", NULL, FN_CLOSE_WRITE, A},
	{"attrib", FN_CHANGE_CHMOD, "attrib", NULL, FN_ATTRIB, A},
	{"rename", FN_CHANGE_RENAME, "rename-old", "rename-new", BOTH, A},
	{"replace", FN_CHANGE_RENAME, "replace-old", "replace-new", BOTH, A | B},
	{"move_out", FN_CHANGE_RENAME, "move-out", SUB "moved-out", FN_MOVED_FROM, A},
	{"move_in", FN_CHANGE_RENAME, SUB "move-in", "moved-in", FN_MOVED_TO, A},
	{"link", FN_CHANGE_LINK, "link-old", "link-new", FN_CREATE, A},
	{"symlink", FN_CHANGE_SYMLINK, "symlink", NULL, FN_CREATE, 0},
	{"mkdir", FN_CHANGE_MKDIR, "mkdir", NULL, FN_CREATE, DIR},
	{"rename_dir", FN_CHANGE_RENAME, "dir-old", "dir-new", BOTH, A | DIR},
	{"delete", FN_CHANGE_UNLINK, "delete", NULL, FN_DELETE, A},
	{"rmdir", FN_CHANGE_RMDIR, "rmdir", NULL, FN_DELETE, A | DIR},
	{"delete_self", FN_CHANGE_UNLINK, "delete-self", NULL, FN_DELETE_SELF, A | SELF},
	{"move_self", FN_CHANGE_RENAME, "move-self", "self-moved", FN_MOVE_SELF, A | SELF},
};

const struct fn_kind *fn_kinds(size_t *count)
{
	*count = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

static bool named(struct fn_str s, const char *name)
{
	return name && s.data && strlen(name) == s.len && !memcmp(name, s.data, s.len);
}

static bool mine(const struct fn_kind *k, const struct fn_sight *s)
{
	if (s->self)
		return s->self == k;
	return named(s->name, k->a) || named(s->name, k->b) || named(s->old_name, k->a) ||
	       named(s->old_name, k->b);
}

/* The entry events that this change makes in the directory: those of a watched object's own kinds
 * come beside what the watch on the directory says. */
static uint64_t expected(const struct fn_kind *k)
{
	if (!(k->flags & FN_KIND_SELF))
		return k->want | (k->want & BOTH ? FN_RENAME : 0);
	return k->change == FN_CHANGE_UNLINK ? FN_DELETE : BOTH | FN_RENAME;
}

static void count_entry(const struct fn_kind *k, struct fn_seen_of_kind *s,
			const struct fn_sight *sight)
{
	bool dir = sight->mask & FN_ISDIR, want_dir = k->flags & FN_KIND_DIR;
	uint64_t want = k->want & (FN_CREATE | FN_DELETE | BOTH);
	/* The name that the event has to have: of a link and of a move into here, the second. */
	const char *from = k->a, *to = k->b ? k->b : k->a;

	if (dir != want_dir)
		return;
	if ((sight->mask & want & (FN_DELETE | FN_MOVED_FROM)) && named(sight->name, from)) {
		s->times[0]++;
		s->cookie[0] = sight->cookie;
	}
	if ((sight->mask & want & (FN_CREATE | FN_MOVED_TO)) && named(sight->name, to)) {
		s->times[1]++;
		s->cookie[1] = sight->cookie;
	}
	if ((sight->mask & FN_RENAME) && named(sight->old_name, from) && named(sight->name, to))
		s->whole = true;
}

bool fn_kind_see(const struct fn_kind *k, struct fn_seen_of_kind *s, const struct fn_sight *sight,
		 int64_t now_ns)
{
	bool before = fn_kind_complete(k, s);

	if (!mine(k, sight))
		return false;
	s->seen |= sight->mask & ~(uint64_t)FN_ISDIR;
	s->wrong |= sight->mask & FN_DIRENT_EVENTS & ~expected(k);
	count_entry(k, s, sight);
	if (!before && fn_kind_complete(k, s))
		s->when_ns = now_ns;
	return true;
}

bool fn_kind_complete(const struct fn_kind *k, const struct fn_seen_of_kind *s)
{
	if (k->want == BOTH)
		return s->whole ||
		       (s->times[0] && s->times[1] && s->cookie[0] && s->cookie[0] == s->cookie[1]);
	if (k->want & FN_DIRENT_EVENTS)
		return s->times[0] || s->times[1];
	return s->seen & k->want;
}

static void add_names(char *text, size_t size, uint64_t mask)
{
	size_t n, len = strlen(text);
	const struct fn_event_desc *table = fn_event_table(&n);

	for (size_t i = 0; i < n; i++)
		if ((mask & table[i].bit) && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s",
						text[len - 1] == ' ' ? "" : "+", table[i].in_name);
}

enum fn_verdict fn_kind_verdict(const struct fn_kind *k, const struct fn_seen_of_kind *s,
				char *text, size_t size)
{
	if (s->wrong) {
		snprintf(text, size, "wrong: also ");
		add_names(text, size, s->wrong);
		return FN_VERDICT_WRONG;
	}
	if (s->times[0] > 1 || s->times[1] > 1) {
		snprintf(text, size, "wrong: it came %u times",
			 s->times[0] > s->times[1] ? s->times[0] : s->times[1]);
		return FN_VERDICT_WRONG;
	}
	if (fn_kind_complete(k, s)) {
		snprintf(text, size, "exact");
		return FN_VERDICT_EXACT;
	}
	if (s->seen) {
		snprintf(text, size, "degraded to ");
		add_names(text, size, s->seen);
		return FN_VERDICT_DEGRADED;
	}
	snprintf(text, size, "none");
	return FN_VERDICT_NONE;
}
