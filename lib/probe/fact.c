/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/fact.h"
#include "text/buf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fn_fact_desc table[] = {
#define FN_FACT(name, group, probes, what) {#name, group, probes, what},
#include "probe/facts.def"
#undef FN_FACT
};
#define NTABLE (sizeof(table) / sizeof(table[0]))

const struct fn_fact_desc *fn_fact_table(size_t *count)
{
	*count = NTABLE;
	return table;
}

static void fact_clear(struct fn_fact *fact)
{
	free(fact->value);
	free(fact->reason);
	free(fact->how);
	fact->value = fact->reason = fact->how = NULL;
}

void fn_facts_free(struct fn_facts *f)
{
	for (size_t i = 0; i < f->count; i++)
		fact_clear(&f->list[i]);
	free(f->list);
	*f = (struct fn_facts){0};
}

void fn_facts_drop(struct fn_facts *f, struct fn_fact *fact)
{
	fact_clear(fact);
	*fact = f->list[--f->count];
}

static int by_rank(const void *a, const void *b)
{
	const struct fn_fact *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

void fn_facts_sort(struct fn_facts *f)
{
	if (f->count)
		qsort(f->list, f->count, sizeof(*f->list), by_rank);
}

struct fn_fact *fn_facts_find(const struct fn_facts *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->list[i].name, name))
			return &f->list[i];
	return NULL;
}

static struct fn_fact *fact_new(struct fn_facts *f, const char *name)
{
	struct fn_fact *fact;

	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct fn_fact *list = realloc(f->list, cap * sizeof(*list));

		if (!list)
			return NULL;
		f->list = list;
		f->cap = cap;
	}
	fact = &f->list[f->count++];
	*fact = (struct fn_fact){.group = "other", .rank = NTABLE};
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	for (size_t i = 0; i < NTABLE; i++) {
		if (strcmp(table[i].name, name))
			continue;
		snprintf(fact->group, sizeof(fact->group), "%s", table[i].group);
		fact->rank = (unsigned)i;
		break;
	}
	return fact;
}

static char *copy(struct fn_facts *f, const char *text)
{
	char *s = text ? strdup(text) : NULL;

	if (text && !s)
		f->failed = true;
	return s;
}

/* Never NULL, so that probes need no checks: what cannot be kept goes to a fact of no list. */
struct fn_fact *fn_fact_put(struct fn_facts *f, const char *name, enum fn_fact_state state,
			    const struct fn_fact_text *text)
{
	static _Thread_local struct fn_fact lost;
	struct fn_fact *fact = fn_facts_find(f, name);

	if (!fact)
		fact = fact_new(f, name);
	if (!fact) {
		f->failed = true;
		return &lost;
	}
	fact_clear(fact);
	fact->state = state;
	fact->declined = false;
	fact->value = copy(f, text->value);
	fact->reason = copy(f, text->reason);
	fact->how = copy(f, text->how);
	return fact;
}

void fn_fact_yes(struct fn_facts *f, const char *name, const char *how)
{
	fn_fact_put(f, name, FN_FACT_YES, &(struct fn_fact_text){.how = how});
}

__attribute__((format(printf, 5, 0))) static void put_reason(struct fn_facts *f, const char *name,
							     enum fn_fact_state state,
							     const char *how, const char *fmt,
							     va_list ap)
{
	char reason[256];

	vsnprintf(reason, sizeof(reason), fmt, ap);
	fn_fact_put(f, name, state, &(struct fn_fact_text){.reason = reason, .how = how});
}

void fn_fact_no(struct fn_facts *f, const char *name, const char *how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_reason(f, name, FN_FACT_NO, how, fmt, ap);
	va_end(ap);
}

void fn_fact_unknown(struct fn_facts *f, const char *name, const char *how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_reason(f, name, FN_FACT_UNKNOWN, how, fmt, ap);
	va_end(ap);
}

void fn_fact_text(struct fn_facts *f, const char *name, const char *how, const char *value)
{
	fn_fact_put(f, name, FN_FACT_YES, &(struct fn_fact_text){.value = value, .how = how});
}

void fn_fact_u64(struct fn_facts *f, const char *name, const char *how, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	fn_fact_text(f, name, how, text);
}

void fn_fact_hex(struct fn_facts *f, const char *name, const char *how, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%016" PRIx64, value);
	fn_fact_text(f, name, how, text);
}

void fn_fact_result(struct fn_facts *f, const char *name, const char *how, int err)
{
	switch (-err) {
	case 0:
		fn_fact_yes(f, name, how);
		break;
	case EPERM:
	case EACCES:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EIO:
	case EINTR:
	case EAGAIN:
	case ENOTCONN:
	case ETIMEDOUT:
		fn_fact_unknown(f, name, how, "%s", strerror(-err));
		break;
	default:
		fn_fact_no(f, name, how, "%s", strerror(-err));
	}
}

static int fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static bool folded_equal(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!a[i] || fold(a[i]) != fold(b[i]))
			return false;
	return a[len] == '\0';
}

bool fn_fact_name_is(const struct fn_fact *fact, const char *name, size_t len)
{
	if (folded_equal(fact->name, name, len))
		return true;
	return len > 5 && folded_equal("fuse_", name, 5) &&
	       folded_equal(fact->name, name + 5, len - 5);
}

int fn_fact_holds(const struct fn_fact *fact)
{
	switch (fact->state) {
	case FN_FACT_YES:
	case FN_FACT_NEGOTIATED:
		return 1;
	case FN_FACT_OFFERED:
		return !fact->declined;
	case FN_FACT_NO:
	case FN_FACT_WANTED:
		return 0;
	case FN_FACT_UNKNOWN:
		break;
	}
	return -1;
}

const char *fn_fact_state_name(enum fn_fact_state state)
{
	static const char *const names[] = {
		[FN_FACT_UNKNOWN] = "unknown", [FN_FACT_NO] = "no",
		[FN_FACT_YES] = "yes",         [FN_FACT_OFFERED] = "offered",
		[FN_FACT_WANTED] = "wanted",   [FN_FACT_NEGOTIATED] = "negotiated",
	};

	return names[state];
}

/* {total length, rank, state, declined} and then name, group, value, reason, how, each with its
 * NUL; a text that is NULL has the length field's bit in `has` clear. */
struct packed {
	uint32_t len, rank;
	uint8_t state, declined, has, spare;
};

void fn_fact_pack(struct fn_buf *b, const struct fn_fact *fact)
{
	const char *texts[] = {fact->name, fact->group, fact->value, fact->reason, fact->how};
	struct packed head = {.len = sizeof(head),
			      .rank = fact->rank,
			      .state = (uint8_t)fact->state,
			      .declined = fact->declined};

	for (size_t i = 0; i < 5; i++) {
		head.len += texts[i] ? (uint32_t)strlen(texts[i]) + 1 : 1;
		head.has |= (uint8_t)((texts[i] != NULL) << i);
	}
	fn_buf_add(b, &head, sizeof(head));
	for (size_t i = 0; i < 5; i++)
		fn_buf_add(b, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1);
}

static int unpack_one(struct fn_facts *f, const struct packed *head, const char *data)
{
	const char *texts[5], *end = data + head->len - sizeof(*head);
	struct fn_fact *fact;

	if (head->state > FN_FACT_NEGOTIATED)
		return -EBADMSG;
	for (size_t i = 0; i < 5; i++) {
		const char *nul = memchr(data, '\0', (size_t)(end - data));

		if (!nul)
			return -EBADMSG;
		texts[i] = head->has & (1 << i) ? data : NULL;
		data = nul + 1;
	}
	if (data != end || !texts[0] || !texts[1])
		return -EBADMSG;
	fact = fn_fact_put(f, texts[0], (enum fn_fact_state)head->state,
			   &(struct fn_fact_text){texts[2], texts[3], texts[4]});
	snprintf(fact->group, sizeof(fact->group), "%s", texts[1]);
	fact->rank = head->rank;
	fact->declined = head->declined;
	return 0;
}

long fn_facts_unpack(struct fn_facts *f, const char *data, size_t len)
{
	size_t at = 0;
	struct packed head;

	while (len - at >= sizeof(head)) {
		memcpy(&head, data + at, sizeof(head));
		if (head.len < sizeof(head) + 5)
			return -EBADMSG;
		if (head.len > len - at)
			break;
		if (unpack_one(f, &head, data + at + sizeof(head)))
			return -EBADMSG;
		at += head.len;
	}
	return (long)at;
}
