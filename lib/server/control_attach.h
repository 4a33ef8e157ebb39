/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control file in a server's mount, and what it is told. */
#ifndef FN_SERVER_CONTROL_ATTACH_H
#define FN_SERVER_CONTROL_ATTACH_H

#include "event/event.h"

struct fn_server;
struct fn_msg;

/* Before the loop. backing may be NULL. 0 or -errno. */
int fn_control_attach(struct fn_server *srv, const char *backing);

/* After all threads of the server have ended. */
void fn_control_detach(struct fn_server *srv);

/* An event that goes by: clients that watch get it, with its path. Any thread; cheap when nobody
 * does. */
void fn_control_tell(struct fn_server *srv, const struct fn_event *ev);
/* The replay came further; ctx: the server. */
void fn_control_progressed(void *ctx);

/* local.c: what local processes do through the mount. A request goes to the server, and its reply
 * comes: error 0 if it was done. Called for requests of anybody but the replay thread. */
void fn_local_request(struct fn_server *srv, const struct fn_msg *msg);
void fn_local_reply(struct fn_server *srv, uint64_t unique, int error);
struct fn_local;
struct fn_local *fn_local_new(void);
void fn_local_free(struct fn_local *l);

#endif
