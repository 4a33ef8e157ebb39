/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "event/event.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#include "fnotify.h"

static const struct fn_event_desc events[] = {
#define FN_EVENT(id, bit, text, group, in_name, what) {bit, text, group, in_name, what},
#include "event/events.def"
#undef FN_EVENT
};

_Static_assert(FN_ACCESS == IN_ACCESS && FN_MODIFY == IN_MODIFY && FN_ATTRIB == IN_ATTRIB,
	       "inotify.h");
_Static_assert(FN_CLOSE_WRITE == IN_CLOSE_WRITE && FN_CLOSE_NOWRITE == IN_CLOSE_NOWRITE,
	       "inotify.h");
_Static_assert(FN_OPEN == IN_OPEN && FN_MOVED_FROM == IN_MOVED_FROM && FN_MOVED_TO == IN_MOVED_TO,
	       "inotify.h");
_Static_assert(FN_CREATE == IN_CREATE && FN_DELETE == IN_DELETE, "inotify.h");
_Static_assert(FN_DELETE_SELF == IN_DELETE_SELF && FN_MOVE_SELF == IN_MOVE_SELF, "inotify.h");
_Static_assert(FN_UNMOUNT == IN_UNMOUNT && FN_Q_OVERFLOW == IN_Q_OVERFLOW, "inotify.h");
_Static_assert(FN_IGNORED == IN_IGNORED && FN_ISDIR == IN_ISDIR, "inotify.h");
_Static_assert(FN_OPEN_EXEC == FAN_OPEN_EXEC && FN_ATTRIB == FAN_ATTRIB, "fanotify.h");
#ifdef FAN_RENAME
_Static_assert(FN_RENAME == FAN_RENAME, "fanotify.h");
#endif

const struct fn_event_desc *fn_event_table(size_t *count)
{
	*count = sizeof(events) / sizeof(events[0]);
	return events;
}

static const struct fn_event_desc *find_bit(uint64_t bit)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].bit == bit)
			return &events[i];
	return NULL;
}

const char *fn_event_name(uint64_t bit)
{
	const struct fn_event_desc *d = find_bit(bit);

	return d ? d->name : NULL;
}

const char *fn_event_in_name(uint64_t bit)
{
	const struct fn_event_desc *d = find_bit(bit);

	return d ? d->in_name : NULL;
}

static bool same_word(const char *want, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);

		if (!want[i] || want[i] != c)
			return false;
	}
	return want[len] == '\0';
}

static size_t skip_prefix(const char *name, size_t len)
{
	static const char *const prefixes[] = {"in-", "fan-", "fs-"};

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(prefixes[i]);

		if (len > n && same_word(prefixes[i], name, n))
			return n;
	}
	return 0;
}

uint64_t fn_event_mask_parse(const char *name, size_t len)
{
	size_t skip = skip_prefix(name, len);
	uint64_t mask = 0;

	name += skip;
	len -= skip;
	if (same_word("all", name, len) || same_word("all-events", name, len))
		return FN_ALL_EVENTS;
	if (same_word("change", name, len))
		return FN_CHANGE_EVENTS;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char in[24];
		size_t n = strlen(events[i].in_name);

		for (size_t k = 0; k <= n; k++)
			in[k] = events[i].in_name[k] == '_'
					? '-'
					: (char)tolower((unsigned char)events[i].in_name[k]);
		if (same_word(events[i].name, name, len) || same_word(in, name, len))
			return events[i].bit;
		if (*events[i].group && same_word(events[i].group, name, len))
			mask |= events[i].bit;
	}
	return mask;
}

bool fn_event_has_new(const struct fn_event *ev)
{
	return ev->name.len != 0 || fn_object_known(&ev->parent);
}

bool fn_event_has_old(const struct fn_event *ev)
{
	return ev->old_name.len != 0 || fn_object_known(&ev->old_parent);
}

bool fn_name_ok(const char *data, size_t len)
{
	if (len == 0 || len > FN_NAME_MAX || memchr(data, '/', len) || memchr(data, '\0', len))
		return false;
	return !(data[0] == '.' && (len == 1 || (len == 2 && data[1] == '.')));
}

bool fn_path_ok(const char *data, size_t len)
{
	while (len) {
		const char *slash = memchr(data, '/', len);
		size_t n = slash ? (size_t)(slash - data) : len;

		if (!fn_name_ok(data, n))
			return false;
		if (!slash)
			return true;
		data += n + 1;
		len -= n + 1;
		if (len == 0)
			return false; /* a trailing slash */
	}
	return true;
}

void fn_event_clear(struct fn_event *ev)
{
	memset(ev, 0, offsetof(struct fn_event, object));
	ev->root = -1;
	fn_object_clear(&ev->object);
	fn_object_clear(&ev->parent);
	fn_object_clear(&ev->old_parent);
	fn_object_clear(&ev->target);
	ev->name = ev->old_name = ev->path = ev->old_path = (struct fn_str){NULL, 0};
}

static struct fn_str copy_str(char **room, struct fn_str s)
{
	struct fn_str copy = {NULL, s.len};

	if (!s.data)
		return copy;
	copy.data = *room;
	memcpy(*room, s.data, s.len);
	(*room)[s.len] = '\0';
	*room += s.len + 1;
	return copy;
}

struct fn_event *fn_event_dup(const struct fn_event *ev)
{
	size_t room = ev->name.len + ev->old_name.len + ev->path.len + ev->old_path.len + 4;
	struct fn_event *copy = malloc(sizeof(*copy) + room);
	char *p;

	if (!copy)
		return NULL;
	*copy = *ev;
	p = (char *)(copy + 1);
	copy->name = copy_str(&p, ev->name);
	copy->old_name = copy_str(&p, ev->old_name);
	copy->path = copy_str(&p, ev->path);
	copy->old_path = copy_str(&p, ev->old_path);
	return copy;
}

void fn_event_free(struct fn_event *ev)
{
	free(ev);
}
