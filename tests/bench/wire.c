/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events a second that one core encodes and decodes, and their size: fn1 and the dialects. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/dialects.h"
#include "wire/fn1.h"

#define STR(s) ((struct fn_str){(s), sizeof(s) - 1})
#define ROUNDS 4000000
#define BUFFER (64 * 1024)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A file made in a watched tree: path, handles of it and its directory, who did it. */
static struct fn_event typical(void)
{
	struct fn_event ev = {.seq = 1,
			      .wall_ns = 1760000000123456789,
			      .mask = FN_CREATE,
			      .flags = FN_EV_REMOTE,
			      .pid = 4711,
			      .comm = "webpack",
			      .name = STR("button.tsx"),
			      .path = STR("src/views/button.tsx")};

	fn_object_set_handle(&ev.object, 1, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	fn_object_set_handle(&ev.parent, 1, "\x21\x22\x33\x44\x55\x66\x77\x88", 8);
	return ev;
}

static struct fn_event renamed(void)
{
	struct fn_event ev = typical();

	ev.mask = FN_RENAME;
	ev.old_name = STR("button.tsx~");
	ev.old_path = STR("src/views/button.tsx~");
	fn_object_copy(&ev.old_parent, &ev.parent);
	return ev;
}

/* Fill a buffer over and over, as a server does. */
static double encode(struct fn_event *ev, uint8_t *buf, size_t *size)
{
	double start = now();
	size_t at = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		ssize_t n;

		ev->seq = i;
		n = fn_fn1_encode_event(buf + at, BUFFER - at, ev);
		if (n < 0) {
			at = 0;
			n = fn_fn1_encode_event(buf, BUFFER, ev);
		}
		at += (size_t)n;
		*size = (size_t)n;
	}
	return ROUNDS / (now() - start);
}

static double decode(const uint8_t *buf, size_t size)
{
	size_t each = BUFFER / size, bad = 0;
	double start = now();
	struct fn_event ev;

	for (unsigned i = 0; i < ROUNDS; i++)
		bad += fn_fn1_decode_event(buf + i % each * size, size, &ev) != 0;
	if (bad)
		abort();
	return ROUNDS / (now() - start);
}

static void measure(const char *what, struct fn_event ev)
{
	static _Alignas(8) uint8_t buf[BUFFER];
	size_t size = 0;
	double e = encode(&ev, buf, &size), d = decode(buf, size);

	printf("fn1 %-8s %4zu bytes  encode %6.2f M/s  decode %6.2f M/s\n", what, size, e / 1e6,
	       d / 1e6);
}

static void measure_dialect(enum fn_dialect dialect)
{
	uint8_t buf[FN_DIALECT_EVENT_MAX];
	struct fn_event ev = typical(), back;
	double start = now(), e;
	ssize_t n = 0;

	fn_object_set_node(&ev.parent, 5, 6);
	for (unsigned i = 0; i < ROUNDS / 4; i++)
		n = fn_dialect_put_event(dialect, buf, sizeof(buf), &ev, false);
	e = ROUNDS / 4 / (now() - start);
	start = now();
	for (unsigned i = 0; i < ROUNDS / 4; i++)
		if (fn_dialect_get_event(dialect, buf, (size_t)n, false, &back))
			abort();
	printf("%-12s %4zd bytes  encode %6.2f M/s  decode %6.2f M/s\n",
	       fn_wire_dialects[dialect].name, n, e / 1e6, ROUNDS / 4 / (now() - start) / 1e6);
}

int main(void)
{
	measure("create", typical());
	measure("rename", renamed());
	for (int d = FN_DIALECT_rfc_v1; d <= FN_DIALECT_fn_native; d++)
		measure_dialect((enum fn_dialect)d);
	return 0;
}
