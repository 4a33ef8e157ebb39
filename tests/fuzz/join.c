/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream of halves and others, in any order: nothing is lost, made up or held beyond bounds. */
#include <stdlib.h>

#include "rename/join.h"
#include "rename/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t out;

static int count_half(const struct fn_event *ev, void *arg)
{
	(void)ev, (void)arg;
	out++;
	return 0;
}

static int take(const struct fn_event *ev, void *arg)
{
	return fn_split_event(arg, ev, count_half, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t masks[] = {FN_CREATE, FN_MOVED_FROM, FN_MOVED_TO, FN_DELETE};
	static const char paths[] = "a/b\0c/d\0a/d\0c/b";
	struct fn_join_opts o = {.max_halves = 4, .max_held = 16, .wait_ns = 50};
	struct fn_split sp = {0};
	struct fn_join *j;
	int64_t now = 0;
	size_t in = 0;

	if (size < 1)
		return 0;
	o.locked = data[0] & 1;
	o.exchange = data[0] & 2;
	out = 0;
	j = fn_join_new(&o);
	for (size_t i = 1; i + 1 < size; i += 2, in++) {
		struct fn_event ev;

		fn_event_clear(&ev);
		ev.root = 0;
		ev.mask = masks[data[i] & 3] | (data[i] & 4 ? FN_ISDIR : 0);
		ev.path = (struct fn_str){paths + 4 * (data[i] >> 3 & 3), 3};
		ev.name = (struct fn_str){ev.path.data + 2, 1};
		ev.cookie = data[i + 1] & 7;
		now += data[i + 1] >> 3;
		if (data[i] & 0x80)
			fn_object_set_node(&ev.object, 1 + (data[i] >> 5 & 3), 1);
		fn_join_push(j, &ev, now, take, &sp);
		if (data[i] & 0x40)
			fn_join_idle(j, now, take, &sp);
		if (fn_join_held(j) > 17)
			abort();
	}
	fn_join_flush(j, take, &sp);
	if (out != in || fn_join_held(j))
		abort();
	fn_join_free(j);
	return 0;
}
