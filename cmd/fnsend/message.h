/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications and fn1 messages as bytes: built from the wire table, shown, spoilt. */
#ifndef FNSEND_MESSAGE_H
#define FNSEND_MESSAGE_H

#include "fnsend/send.h"
#include "wire/wire.h"

#define MESSAGES_MAX 4

struct message {
	uint8_t data[70000];
	size_t len;
	enum fn_dialect dialect;
};

/* --dialect, mainline or fn1 where it is not given. 0 or FN_EXIT_USAGE after a message. */
int message_dialect(const struct settings *set, enum fn_dialect fallback, enum fn_dialect *d);

/* A notification, from --notify and its arguments: *n messages, of MESSAGES_MAX (a rename may take
 * two halves). 0 or an exit status. */
int message_notify(const struct settings *set, struct message *m, size_t *n);
/* An event in a dialect of remote fsnotify. */
int message_event(const struct fn_event *ev, enum fn_dialect dialect, struct message *m, size_t *n);

/* Spoil it as --malformed says; name: the one that is in it. */
int message_spoil(struct message *m, const char *kind, const char *name);

/* Hex and fields, on stdout. */
void message_show(const struct message *m);

/* Also the notify code and whether a stock kernel takes it for something else. */
uint32_t message_code(const struct message *m);

/* A node of the command line: ID, ID:GEN, or a path. 0 or an exit status. */
int parse_node(const char *text, struct fn_object *o);

/* The descriptor of --pid, taken over; and a message through it. 0 or an exit status. */
int take_server_fd(const struct settings *set, int *fd);
int write_message(const struct settings *set, int fd, const struct message *m);

#endif
