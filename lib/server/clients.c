/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of open control files. */
#include "server/control_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define REPLIES_MAX 65536

static unsigned of_user(const struct fn_control *ctl, uid_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ctl->conf.max_clients; i++)
		if (ctl->clients[i] && ctl->clients[i]->creds.uid == uid)
			n++;
	return n;
}

static int free_slot(const struct fn_control *ctl, uid_t uid)
{
	if (uid && of_user(ctl, uid) >= (ctl->conf.max_clients + 3) / 4)
		return -EMFILE;
	for (unsigned i = 0; i < ctl->conf.max_clients; i++)
		if (!ctl->clients[i])
			return (int)i;
	return -ENFILE;
}

static struct fn_client *client_new(struct fn_control *ctl, const struct fn_creds *creds)
{
	struct fn_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ctl = ctl;
	c->refs = 1;
	c->creds = *creds;
	c->tokens = ctl->conf.max_rate;
	c->tokens_at = fn_control_now();
	pthread_mutex_init(&c->lock, NULL);
	fn_ring_init(&c->events, ctl->conf.max_queue_bytes);
	fn_ring_init(&c->replies, REPLIES_MAX);
	return c;
}

int fn_client_open(struct fn_control *ctl, const struct fn_creds *creds, uint64_t *fh)
{
	struct fn_client *c = client_new(ctl, creds);
	int slot;

	if (!c)
		return -ENOMEM;
	pthread_mutex_lock(&ctl->lock);
	slot = free_slot(ctl, creds->uid);
	if (slot >= 0) {
		/* 0 is the handle of an open that is no client. */
		c->fh = (uint64_t)++ctl->generation << 32 | (uint64_t)(slot + 1);
		ctl->clients[slot] = c;
		*fh = c->fh;
	}
	pthread_mutex_unlock(&ctl->lock);
	if (slot < 0)
		fn_client_put(c);
	return slot < 0 ? slot : 0;
}

static struct fn_client **slot_of(struct fn_control *ctl, uint64_t fh)
{
	uint64_t slot = (fh & UINT32_MAX) - 1;

	if (slot >= ctl->conf.max_clients || !ctl->clients[slot] || ctl->clients[slot]->fh != fh)
		return NULL;
	return &ctl->clients[slot];
}

struct fn_client *fn_client_get(struct fn_control *ctl, uint64_t fh)
{
	struct fn_client **slot, *c = NULL;

	pthread_mutex_lock(&ctl->lock);
	slot = slot_of(ctl, fh);
	if (slot) {
		c = *slot;
		c->refs++;
	}
	pthread_mutex_unlock(&ctl->lock);
	return c;
}

static void client_free(struct fn_client *c)
{
	struct fn_watch *w;

	for (unsigned i = 0; i < c->npending; i++)
		if (c->pending[i].fd >= 0)
			close(c->pending[i].fd);
	while ((w = c->gone)) {
		c->gone = w->next;
		free(w);
	}
	fn_watches_free(&c->watches);
	fn_ring_free(&c->events);
	fn_ring_free(&c->replies);
	free(c->access);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void fn_client_put(struct fn_client *c)
{
	struct fn_control *ctl = c->ctl;
	bool last;

	pthread_mutex_lock(&ctl->lock);
	last = --c->refs == 0;
	pthread_mutex_unlock(&ctl->lock);
	if (last)
		client_free(c);
}

void fn_client_release(struct fn_control *ctl, uint64_t fh)
{
	struct fn_client **slot, *c = NULL;

	pthread_mutex_lock(&ctl->lock);
	slot = slot_of(ctl, fh);
	if (slot) {
		c = *slot;
		*slot = NULL;
		ctl->released = true; /* what anybody wants has changed */
		pthread_cond_signal(&ctl->work);
	}
	pthread_mutex_unlock(&ctl->lock);
	if (c && ctl->conf.arm)
		ctl->conf.arm(ctl->conf.ctx, fh, 0, &(struct fn1_arm){.flags = FN1_ARM_END});
	if (c)
		fn_client_put(c);
}

size_t fn_client_all(struct fn_control *ctl, struct fn_client **to)
{
	size_t n = 0;

	pthread_mutex_lock(&ctl->lock);
	for (unsigned i = 0; i < ctl->conf.max_clients; i++) {
		if (!ctl->clients[i])
			continue;
		to[n] = ctl->clients[i];
		to[n++]->refs++;
	}
	pthread_mutex_unlock(&ctl->lock);
	return n;
}
