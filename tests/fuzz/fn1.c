/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The codecs. The first byte says which: a message of fn1, a stream in two pieces, or an event, a
 * watch or records of a dialect in one of both byte orders. What decodes must encode again and
 * come back the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/dialects.h"
#include "wire/fn1.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_strings(const struct fn_event *ev)
{
	must(!ev->name.len || fn_name_ok(ev->name.data, ev->name.len));
	must(!ev->old_name.len || fn_name_ok(ev->old_name.data, ev->old_name.len));
	must(!ev->path.data || fn_path_ok(ev->path.data, ev->path.len));
	must(!ev->old_path.data || fn_path_ok(ev->old_path.data, ev->old_path.len));
	must(ev->object.handle_len <= FN_HANDLE_MAX && ev->target.handle_len <= FN_HANDLE_MAX);
}

static bool same_str(struct fn_str a, struct fn_str b)
{
	return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

static void round_trip(const struct fn_event *ev)
{
	static _Alignas(8) uint8_t buf[FN1_EVENT_MAX];
	struct fn_event back;
	ssize_t n = fn_fn1_encode_event(buf, sizeof(buf), ev);

	must(n > 0 && fn_fn1_decode_event(buf, (size_t)n, &back) == 0);
	must(back.seq == ev->seq && back.mask == ev->mask && back.flags == ev->flags);
	must(back.pid == ev->pid && back.lost == ev->lost && back.root == ev->root);
	must(same_str(back.name, ev->name) && same_str(back.path, ev->path));
	must(same_str(back.old_name, ev->old_name) && same_str(back.old_path, ev->old_path));
	must(back.object.has == ev->object.has && back.parent.has == ev->parent.has);
}

static void one_message(const uint8_t *p, size_t len)
{
	struct fn1_msg msg;
	struct fn1_hello h;
	struct fn1_watch w;
	struct fn_event ev;
	uint64_t token;

	if (fn1_parse(p, len, &msg))
		return;
	must(msg.len <= len && msg.body + msg.body_len == p + msg.len);
	(void)fn1_get_hello(&msg, &h);
	(void)fn1_get_ping(&msg, &token);
	if (!fn1_get_watch(&msg, &w) && w.path.data)
		must(fn_path_ok(w.path.data, w.path.len));
	if (fn1_get_event(&msg, &ev))
		return;
	check_strings(&ev);
	round_trip(&ev);
}

static bool feed(struct fn1_stream *s, const uint8_t *p, size_t len)
{
	struct fn_event ev;
	int rc = 0;

	while (len) {
		size_t room, take;
		void *to = fn1_stream_room(s, &room);

		take = len < room ? len : room;
		must(take > 0);
		memcpy(to, p, take);
		fn1_stream_add(s, take);
		p += take;
		len -= take;
		while ((rc = fn1_stream_next(s, &ev)) > 0)
			check_strings(&ev);
		if (rc < 0)
			return false;
	}
	return true;
}

static void stream(const uint8_t *p, size_t len)
{
	size_t cut = len > 1 ? p[0] % len : 0;
	struct fn1_stream *s;

	if (fn1_stream_new(&s))
		return;
	if (feed(s, p, cut))
		(void)feed(s, p + cut, len - cut);
	(void)fn1_stream_cut(s);
	fn1_stream_free(s);
}

static void dialect(enum fn_dialect d, const uint8_t *p, size_t len, bool swap)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_dialect_watch w;
	struct fn_event ev;
	const void *at = p;

	(void)fn_dialect_get_watch(d, p, len, swap, &w);
	if (!fn_dialect_get_event(d, p, len, swap, &ev)) {
		check_strings(&ev);
		must(fn_dialect_put_event(d, buf, sizeof(buf), &ev, swap) != -EMSGSIZE);
	}
	while (d == FN_DIALECT_fn_native && fn_native_next(&at, &len, swap, &ev) > 0)
		check_strings(&ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1)
		return 0;
	/* Exactly as many bytes as there are, so that reading past them is seen. */
	copy = malloc(size - 1 ? size - 1 : 1);
	memcpy(copy, data + 1, size - 1);
	if (data[0] == 0)
		one_message(copy, size - 1);
	else if (data[0] == 1)
		stream(copy, size - 1);
	else
		dialect((enum fn_dialect)(data[0] / 2 % FN_DIALECTS), copy, size - 1, data[0] & 1);
	free(copy);
	return 0;
}
