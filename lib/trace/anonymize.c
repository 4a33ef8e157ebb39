/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decoder finds names and content; they are changed where they lie in a copy. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "trace/emit.h"
#include "trace/writer.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
#define LETTERS (sizeof(alphabet) - 1)

struct hider {
	struct fn_emit emit; /* first */
	struct fn_anonymizer *a;
	const uint8_t *from;
	size_t have;
};

int fn_anonymizer_init(struct fn_anonymizer *a)
{
	memset(a, 0, sizeof(*a));
	return getrandom(a->key, sizeof(a->key), 0) == sizeof(a->key) ? 0 : -errno;
}

void fn_anonymizer_free(struct fn_anonymizer *a)
{
	free(a->copy);
	a->copy = NULL;
	a->cap = 0;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* A keyed hash is enough here: the key is thrown away with the run. */
static uint64_t hash(const struct fn_anonymizer *a, const uint8_t *p, size_t n)
{
	uint64_t k0 = fn_get_u64(a->key, false), k1 = fn_get_u64(a->key + 8, false), h = k0 ^ n;

	for (size_t i = 0; i < n; i++)
		h = mix(h ^ (p[i] + (k1 >> (i % 8 * 8))));
	return mix(h ^ k1);
}

/* One letter for another, a different one for each: names too short for a hash must not become
 * the same. */
static uint8_t permute(const struct fn_anonymizer *a, uint8_t c)
{
	const char *q = c ? strchr(alphabet, c) : NULL;

	if (!q)
		return c;
	return (uint8_t)
		alphabet[((size_t)(q - alphabet) + 1 + a->key[0] % (LETTERS - 1)) % LETTERS];
}

static void hide_name(const struct fn_anonymizer *a, uint8_t *p, size_t n)
{
	uint64_t h;

	if ((n == 1 || n == 2) && p[0] == '.' && p[n - 1] == '.')
		return;
	if (n <= 3) {
		for (size_t i = 0; i < n; i++)
			p[i] = permute(a, p[i]);
		return;
	}
	h = hash(a, p, n);
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)alphabet[h % LETTERS];
		h = i % 8 == 7 ? mix(h + i) : h / LETTERS;
	}
}

/* Each piece of a path by itself, so that it stays the path of the hidden names. */
static void hide_path(const struct fn_anonymizer *a, uint8_t *p, size_t n)
{
	while (n) {
		const uint8_t *slash = memchr(p, '/', n);
		size_t len = slash ? (size_t)(slash - p) : n;

		hide_name(a, p, len);
		if (!slash)
			break;
		p += len + 1;
		n -= len + 1;
	}
}

static struct hider *of(struct fn_emit *e)
{
	return (struct hider *)e;
}

static void hide_str(struct fn_emit *e, const char *name, const char *text, size_t len)
{
	struct hider *h = of(e);

	(void)name;
	hide_path(h->a, h->a->copy + ((const uint8_t *)text - h->from), len);
}

static void hide_data(struct fn_emit *e, const char *name, const uint8_t *data, size_t have,
		      size_t len)
{
	struct hider *h = of(e);

	(void)name;
	(void)len;
	if (have)
		memset(h->a->copy + (data - h->from), 0, have);
}

/* What could not be read may be anything. */
static void hide_rest(struct fn_emit *e, size_t offset, const char *what)
{
	struct hider *h = of(e);

	(void)what;
	if (offset < h->have)
		memset(h->a->copy + offset, 0, h->have - offset);
}

static void ignore_msg(struct fn_emit *e, const struct fn_seen *seen)
{
	(void)e;
	(void)seen;
}

static void ignore_u(struct fn_emit *e, const struct fn_wire_field *f, uint64_t v)
{
	(void)e;
	(void)f;
	(void)v;
}

static void ignore_list(struct fn_emit *e, const char *name)
{
	(void)e;
	(void)name;
}

static void ignore(struct fn_emit *e)
{
	(void)e;
}

static const struct fn_emit_ops hide_ops = {
	.begin_msg = ignore_msg,
	.field_u = ignore_u,
	.field_str = hide_str,
	.field_data = hide_data,
	.open_list = ignore_list,
	.open_item = ignore,
	.close_item = ignore,
	.close_list = ignore,
	.fault = hide_rest,
	.end_msg = ignore_msg,
};

int fn_anonymize(struct fn_anonymizer *a, const struct fn_seen *seen, struct fn_trace_msg *m)
{
	struct hider h = {{&hide_ops}, a, seen->msg->data, seen->msg->have};

	*m = *seen->msg;
	if (!m->have)
		return 0;
	if (m->have > a->cap) {
		uint8_t *p = realloc(a->copy, m->have);

		if (!p)
			return -ENOMEM;
		a->copy = p;
		a->cap = m->have;
	}
	memcpy(a->copy, m->data, m->have);
	fn_decode(seen, &h.emit);
	m->data = a->copy;
	return 0;
}
