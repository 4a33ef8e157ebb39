/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public fn_message_*() of fnotify.h: a message as named fields, by the tables. */
#ifndef FN_WIRE_MESSAGE_H
#define FN_WIRE_MESSAGE_H

#include <stdatomic.h>

#include "fnotify.h"
#include "wire/wire.h"

struct fn_message_field {
	char name[32];
	bool is_bytes;
	uint64_t number;
	uint8_t *data;
	size_t len;
};

struct fn_message {
	atomic_uint refs;
	enum fn_message_kind kind;
	enum fn_dialect dialect;
	const struct fn_wire_op *op;         /* of requests and replies */
	const struct fn_wire_notify *notify; /* of notifications */
	size_t count, size;
	struct fn_message_field *fields;
};

/* A growing buffer that ends at size; full: it did not suffice. */
struct fn_message_out {
	uint8_t *p;
	size_t size, len;
	bool full;
};

int fn_message_put_number(struct fn_message *m, const char *name, uint64_t v);
int fn_message_put_bytes(struct fn_message *m, const char *name, const void *data, size_t len);
const struct fn_message_field *fn_message_find(const struct fn_message *m, const char *name);
uint64_t fn_message_get(const struct fn_message *m, const char *name); /* 0 if absent */

/* message_fn1.c: fn1's bodies. known: 1 a number, 2 bytes, 0 no such field. */
bool fn_message_is_fn1(const struct fn_message *m);
int fn_message_fn1_known(const struct fn_message *m, const char *name);
int fn_message_fn1_parse(struct fn_message *m, const void *buf, size_t len);
ssize_t fn_message_fn1_build(const struct fn_message *m, void *buf, size_t size);
/* An event as a notification, and back (strings borrow from the message). 0 or -errno. */
struct fn_event;
int fn_message_of_event(struct fn_message **m, const struct fn_event *ev);
int fn_message_to_event(const struct fn_message *m, struct fn_event *ev);

#endif
