/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "source/keymap.h"

#define SLOTS 4096u
#define WAYS 8u
/* Events queue within microseconds of the operation; a stopped reader may take longer, but an
 * entry that outlives its event would swallow somebody else's. */
#define AGE_NS 2000000000

struct entry {
	uint64_t key;
	int64_t until;
};

struct fn_ledger {
	pthread_mutex_t lock;
	struct entry slots[SLOTS]; /* a key lives in one of WAYS slots; the oldest gives way */
};

static int64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct fn_ledger *fn_ledger_new(void)
{
	struct fn_ledger *l = calloc(1, sizeof(*l));

	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void fn_ledger_free(struct fn_ledger *l)
{
	if (l)
		pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct entry *set_of(struct fn_ledger *l, uint64_t key)
{
	return &l->slots[(key % (SLOTS / WAYS)) * WAYS];
}

static void add(struct fn_ledger *l, uint64_t key, int64_t now)
{
	struct entry *e = set_of(l, key), *oldest = e;

	for (unsigned i = 1; i < WAYS; i++)
		if (e[i].until < oldest->until)
			oldest = &e[i];
	*oldest = (struct entry){key, now + AGE_NS};
}

void fn_ledger_expect(struct fn_ledger *l, uint64_t mask, struct fn_str path)
{
	int64_t now = mono_ns();

	pthread_mutex_lock(&l->lock);
	mask &= ~(uint64_t)FN_ISDIR;
	for (uint64_t rest = mask; rest; rest &= rest - 1)
		add(l, fn_keymap_key(rest & -rest, path), now);
	pthread_mutex_unlock(&l->lock);
}

bool fn_ledger_take(struct fn_ledger *l, uint64_t bit, struct fn_str path)
{
	uint64_t key = fn_keymap_key(bit, path);
	struct entry *e, *first = NULL;
	int64_t now = mono_ns();

	pthread_mutex_lock(&l->lock);
	e = set_of(l, key);
	for (unsigned i = 0; i < WAYS; i++)
		if (e[i].key == key && e[i].until > now && (!first || e[i].until < first->until))
			first = &e[i];
	if (first)
		*first = (struct entry){0, 0};
	pthread_mutex_unlock(&l->lock);
	return first != NULL;
}

bool fn_ledger_expected(struct fn_ledger *l, const struct fn_event *ev)
{
	bool took = false;

	if (ev->path.data)
		took = fn_ledger_take(l, ev->mask & ~(uint64_t)FN_ISDIR, ev->path);
	if (ev->old_path.data)
		took |= fn_ledger_take(l, FN_MOVED_FROM, ev->old_path);
	if (!took && ev->flags & FN_EV_SYNTHETIC)
		took = fn_ledger_take(l, FN_RENAME, ev->path);
	return took;
}
