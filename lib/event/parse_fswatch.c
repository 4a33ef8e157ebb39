/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fswatch -x: PATH FLAG… The flags are known words at the end of the line; the path may have
 * spaces in it. "Renamed" alone (FSEvents on macOS) does not say which side it is: the event is
 * MOVED_FROM and MOVED_TO at once, and whoever can look at the tree sees which of the two.
 */
#include <string.h>

#include "event/parse_impl.h"

static const struct {
	const char *word;
	uint64_t mask;
} flags[] = {
	{"NoOp", 0},
	{"PlatformSpecific", 0},
	{"Created", FN_CREATE},
	{"Updated", FN_MODIFY},
	{"Removed", FN_DELETE},
	{"Renamed", FN_MOVED_FROM | FN_MOVED_TO},
	{"OwnerModified", FN_ATTRIB},
	{"AttributeModified", FN_ATTRIB},
	{"MovedFrom", FN_MOVED_FROM},
	{"MovedTo", FN_MOVED_TO},
	{"IsFile", 0},
	{"IsDir", FN_ISDIR},
	{"IsSymLink", 0},
	{"Link", 0},
	{"Overflow", FN_Q_OVERFLOW},
	{"CloseWrite", FN_CLOSE_WRITE},
};

/* The flag at the end of the span; false if the last word is none. */
static bool last_flag(struct fn_span *in, uint64_t *mask)
{
	const char *word = in->end;

	while (word > in->p && word[-1] != ' ')
		word--;
	for (size_t i = 0; word > in->p && i < sizeof(flags) / sizeof(flags[0]); i++) {
		size_t n = strlen(flags[i].word);

		if (n != (size_t)(in->end - word) || memcmp(word, flags[i].word, n))
			continue;
		*mask |= flags[i].mask;
		in->end = word - 1;
		return true;
	}
	return false;
}

/* fswatch prints "Removed MovedFrom" and "Created MovedTo" for the halves of a rename, and
 * "Renamed" beside either where the platform has it. */
static uint64_t settle(uint64_t mask, bool from, bool to)
{
	const uint64_t both = FN_MOVED_FROM | FN_MOVED_TO;

	if (from != to)
		mask = (mask & ~both) | (from ? FN_MOVED_FROM : FN_MOVED_TO);
	if (mask & FN_MOVED_FROM)
		mask &= ~(uint64_t)FN_DELETE;
	if (mask & FN_MOVED_TO)
		mask &= ~(uint64_t)FN_CREATE;
	return mask;
}

int fn_parse_fswatch(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	uint64_t mask = 0, one = 0;
	unsigned found = 0;
	bool from = false, to = false;

	for (; last_flag(&in, &one); found++, one = 0) {
		from |= one == FN_MOVED_FROM;
		to |= one == FN_MOVED_TO;
		mask |= one;
	}
	if (!found || in.p == in.end)
		return fn_parse_bad(p, "not a path with fswatch's event flags (-x) after it");
	mask = settle(mask, from, to);
	if (!(mask & ~(uint64_t)FN_ISDIR))
		return 1; /* PlatformSpecific: an open or a close, which it does not tell */
	ev->mask = mask;
	ev->path = fn_str_of(in.p, in.end);
	return 0;
}
