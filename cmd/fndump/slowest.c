/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --slowest: a heap with the least of the kept latencies on top. */
#include "fndump/fndump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	int64_t latency;
	char *line;
	size_t len;
};

struct slowest {
	size_t max, n;
	struct entry heap[];
};

struct slowest *slowest_new(size_t n)
{
	struct slowest *sl = calloc(1, sizeof(*sl) + n * sizeof(sl->heap[0]));

	if (sl)
		sl->max = n;
	return sl;
}

void slowest_free(struct slowest *sl)
{
	for (size_t i = 0; sl && i < sl->n; i++)
		free(sl->heap[i].line);
	free(sl);
}

bool slowest_wants(const struct slowest *sl, int64_t latency)
{
	return sl->max && (sl->n < sl->max || latency > sl->heap[0].latency);
}

static void swap(struct slowest *sl, size_t a, size_t b)
{
	struct entry e = sl->heap[a];

	sl->heap[a] = sl->heap[b];
	sl->heap[b] = e;
}

static void sift_up(struct slowest *sl, size_t i)
{
	for (; i && sl->heap[i].latency < sl->heap[(i - 1) / 2].latency; i = (i - 1) / 2)
		swap(sl, i, (i - 1) / 2);
}

static void sift_down(struct slowest *sl, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < sl->n; c++)
			if (sl->heap[c].latency < sl->heap[least].latency)
				least = c;
		if (least == i)
			return;
		swap(sl, i, least);
		i = least;
	}
}

int slowest_add(struct slowest *sl, int64_t latency, const char *line, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, len);
	if (sl->n < sl->max) {
		sl->heap[sl->n] = (struct entry){latency, copy, len};
		sift_up(sl, sl->n++);
		return 0;
	}
	free(sl->heap[0].line);
	sl->heap[0] = (struct entry){latency, copy, len};
	sift_down(sl, 0);
	return 0;
}

static int by_latency(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->latency < y->latency ? 1 : x->latency > y->latency ? -1 : 0;
}

void slowest_print(struct slowest *sl, struct fn_buf *out)
{
	qsort(sl->heap, sl->n, sizeof(sl->heap[0]), by_latency);
	for (size_t i = 0; i < sl->n; i++)
		fn_buf_add(out, sl->heap[i].line, sl->heap[i].len);
}
