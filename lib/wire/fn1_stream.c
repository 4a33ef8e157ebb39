/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "wire/fn1_impl.h"

#define BUFFER (FN1_MESSAGE_MAX * 2)

struct fn1_stream {
	size_t at, end; /* buf[at … end) is not read yet */
	bool greeted;
	struct fn1_hello hello;
	char server[64];
	uint8_t buf[BUFFER];
};

int fn1_stream_new(struct fn1_stream **s)
{
	*s = calloc(1, sizeof(**s));
	return *s ? 0 : -ENOMEM;
}

void fn1_stream_free(struct fn1_stream *s)
{
	free(s);
}

void *fn1_stream_room(struct fn1_stream *s, size_t *size)
{
	if (s->at == s->end)
		s->at = s->end = 0;
	/* What is left is less than one message: the room never runs out. */
	if (sizeof(s->buf) - s->end < FN1_MESSAGE_MAX / 2) {
		memmove(s->buf, s->buf + s->at, s->end - s->at);
		s->end -= s->at;
		s->at = 0;
	}
	*size = sizeof(s->buf) - s->end;
	return s->buf + s->end;
}

void fn1_stream_add(struct fn1_stream *s, size_t n)
{
	s->end += n;
}

bool fn1_stream_magic(const void *buf, size_t len)
{
	return len >= 8 && fn_get_u32((const uint8_t *)buf + 4, FN1_SWAP) == NOTIFY_FN1_HELLO;
}

static int greet(struct fn1_stream *s, const struct fn1_msg *msg)
{
	struct fn1_hello *h = &s->hello;

	if (msg->kind != FN1_NOTIFY || msg->code != NOTIFY_FN1_HELLO || fn1_get_hello(msg, h) ||
	    h->version != FN1_VERSION)
		return -EPROTO;
	if (h->server.len > sizeof(s->server))
		h->server.len = sizeof(s->server);
	if (h->server.len)
		memcpy(s->server, h->server.data, h->server.len);
	h->server.data = h->server.len ? s->server : NULL;
	s->greeted = true;
	return 0;
}

int fn1_stream_next(struct fn1_stream *s, struct fn_event *ev)
{
	struct fn1_msg msg;
	int rc;

	while ((rc = fn1_parse(s->buf + s->at, s->end - s->at, &msg)) == 0) {
		s->at += msg.len;
		if (!s->greeted) {
			if ((rc = greet(s, &msg)))
				return rc;
			continue;
		}
		if (msg.kind != FN1_NOTIFY || msg.code < NOTIFY_FN1_EVENT ||
		    msg.code > NOTIFY_FN1_GONE)
			continue; /* filler, replies, what later versions bring */
		rc = fn1_get_event(&msg, ev);
		return rc ? rc : 1;
	}
	if (!s->greeted && s->end - s->at >= 8 && !fn1_stream_magic(s->buf + s->at, s->end - s->at))
		return -EPROTO;
	return rc == -EAGAIN ? 0 : rc;
}

bool fn1_stream_cut(const struct fn1_stream *s)
{
	return s->at != s->end || !s->greeted;
}

const struct fn1_hello *fn1_stream_hello(const struct fn1_stream *s)
{
	return s->greeted ? &s->hello : NULL;
}
