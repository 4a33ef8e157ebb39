/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_TRACE_SESSION_IMPL_H
#define FN_TRACE_SESSION_IMPL_H

#include "trace/session.h"

#define MAX_CONNS 4096
#define MAX_NAME 4096 /* a symlink's target is the longest */
#define RECENT 4096   /* answered uniques kept to tell a second reply from an unknown one */

/* The opcodes whose effect on nodes and replies is known here; the rest is the table's. */
enum {
	OP_LOOKUP = 1,
	OP_FORGET = 2,
	OP_SYMLINK = 6,
	OP_MKNOD = 8,
	OP_MKDIR = 9,
	OP_UNLINK = 10,
	OP_RMDIR = 11,
	OP_RENAME = 12,
	OP_LINK = 13,
	OP_READ = 15,
	OP_WRITE = 16,
	OP_STATFS = 17,
	OP_GETXATTR = 22,
	OP_LISTXATTR = 23,
	OP_INIT = 26,
	OP_READDIR = 28,
	OP_SETLKW = 33,
	OP_CREATE = 35,
	OP_INTERRUPT = 36,
	OP_DESTROY = 38,
	OP_IOCTL = 39,
	OP_POLL = 40,
	OP_BATCH_FORGET = 42,
	OP_READDIRPLUS = 44,
	OP_RENAME2 = 45,
	OP_TMPFILE = 51,
};
#define NOTIFY_INC_EPOCH 8
#define RENAME_EXCHANGE_FLAG 2

struct fn_session {
	struct fn_session_opts opts;
	struct fn_map requests, conns;
	struct fn_trace_nodes nodes;
	struct fn_conn *last_conn;
	struct fn_request answered;
	uint64_t number, dropped;
	struct {
		uint32_t conn;
		uint32_t opcode;
		uint64_t unique;
	} recent[RECENT];
};

void fn_session_init_request(struct fn_session *s, struct fn_conn *c, const struct fn_trace_msg *m);
void fn_session_init_reply(struct fn_session *s, struct fn_conn *c, const struct fn_trace_msg *m);
/* Nodes that a successful reply tells of. */
void fn_session_learn(struct fn_session *s, const struct fn_seen *seen);

void fn_check_request(struct fn_session *s, const struct fn_seen *seen);
void fn_check_reply(struct fn_session *s, const struct fn_seen *seen);
void fn_check_notify(struct fn_session *s, const struct fn_seen *seen);
void fn_check_forget(struct fn_session *s, const struct fn_seen *seen, uint64_t nodeid,
		     uint64_t nlookup, bool ok);
void fn_check_end(struct fn_session *s);

#endif
