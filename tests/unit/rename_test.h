/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Halves and renames made by hand, and the lines that come out. */
#ifndef FN_TESTS_RENAME_TEST_H
#define FN_TESTS_RENAME_TEST_H

#include "event/event.h"
#include "unit.h"

struct out {
	char lines[4096][160];
	size_t n, checked;
	int stop_at; /* return 1 after this many */
};

static struct fn_str str(const char *s)
{
	return (struct fn_str){s, s ? strlen(s) : 0};
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static struct fn_event make(uint64_t mask, const char *path, uint32_t cookie)
{
	struct fn_event ev;

	fn_event_clear(&ev);
	ev.mask = mask;
	ev.root = 0;
	ev.path = str(path);
	ev.name = str(last_component(path));
	ev.cookie = cookie;
	return ev;
}

static int take(const struct fn_event *ev, void *arg)
{
	struct out *o = arg;
	char *line = o->lines[o->n++];
	int n = snprintf(line, 160, "%s%s%s%s", fn_event_name(ev->mask & ~(uint64_t)FN_ISDIR),
			 ev->mask & FN_ISDIR ? ",dir" : "",
			 ev->flags & FN_EV_PARTIAL ? ",partial" : "",
			 ev->flags & FN_EV_EXCHANGE ? ",exchange" : "");

	if (ev->old_path.data)
		n += snprintf(line + n, (size_t)(160 - n), " %.*s ->", (int)ev->old_path.len,
			      ev->old_path.data);
	if (ev->path.data)
		snprintf(line + n, (size_t)(160 - n), " %.*s", (int)ev->path.len, ev->path.data);
	return o->stop_at && o->n >= (size_t)o->stop_at;
}

static void expect_out(struct out *o, int line, const char *const *want)
{
	size_t from = o->checked;

	for (size_t i = 0; want[i] || from + i < o->n; i++) {
		const char *got = from + i < o->n ? o->lines[from + i] : "-";

		if (want[i] && !strcmp(want[i], got))
			continue;
		printf("# line %d: \"%s\", not \"%s\"\n", line, got, want[i] ? want[i] : "-");
		unit_faults++;
		if (!want[i])
			break;
	}
	o->checked = o->n;
}

#define OUT(o, ...) expect_out(o, __LINE__, (const char *const[]){__VA_ARGS__, NULL})
#define OUT_NOTHING(o) expect_out(o, __LINE__, (const char *const[]){NULL})

#endif
