/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fswatch -x: PATH FLAG… The flags are known words at the end of the line; the path may have
 * spaces in it. "Renamed" alone (FSEvents on macOS) does not say which side it is: the event is
 * half a rename, and whoever can look at the tree sees which half.
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
	{"Renamed", FN_RENAME},
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
static uint64_t settle(uint64_t mask)
{
	if (mask & FN_MOVED_FROM)
		mask &= ~(uint64_t)(FN_DELETE | FN_RENAME);
	if (mask & FN_MOVED_TO)
		mask &= ~(uint64_t)(FN_CREATE | FN_RENAME);
	return mask;
}

int fn_parse_fswatch(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	uint64_t mask = 0;
	unsigned found = 0;

	while (last_flag(&in, &mask))
		found++;
	if (!found || in.p == in.end)
		return fn_parse_bad(p, "not a path with fswatch's event flags (-x) after it");
	mask = settle(mask);
	if (!(mask & ~(uint64_t)FN_ISDIR))
		return 1; /* PlatformSpecific: an open or a close, which it does not tell */
	ev->mask = mask;
	if (mask & FN_RENAME)
		ev->flags |= FN_EV_PARTIAL;
	ev->path = fn_str_of(in.p, in.end);
	return 0;
}
