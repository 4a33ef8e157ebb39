/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Understanding a trace as it goes by: which request a reply answers, what the two ends agreed
 * on in INIT, which path a node id stands for. Memory is bounded by the limits given, whatever
 * the length of the trace.
 */
#ifndef FN_TRACE_SESSION_H
#define FN_TRACE_SESSION_H

#include "trace/nodes.h"
#include "trace/trace.h"
#include "wire/wire.h"

/* A request that waits for its reply. */
struct fn_request {
	struct fn_map_key key; /* connection, unique without the resend bit */
	uint32_t opcode;
	uint32_t flags; /* enum fn_msg_flags of its message */
	uint64_t nodeid;
	int64_t time;
	uint64_t offset; /* of its message */
	uint64_t number; /* messages before it on all connections */
	uint32_t len;
	uint32_t want; /* bytes asked for (READ, READDIR, xattrs), else 0 */
	uint32_t pid, uid, gid;
	int32_t tid;
	uint64_t newdir; /* RENAME, RENAME2: the directory; LINK: the old node */
	uint32_t rename_flags;
	uint16_t name_len, newname_len;
	char *names;   /* both, without NULs; NULL: none */
	uint8_t *copy; /* the message, when the session keeps them */
	uint32_t copied;
};

/* One connection. */
struct fn_conn {
	struct fn_map_key key;
	struct fn_wire_conn wire;
	bool whole;     /* its INIT request was seen, so all lookups were */
	bool destroyed; /* DESTROY was answered */
	bool lossy;     /* something of it could not be read: nodes may be missing */
	uint32_t offered_minor;
	uint64_t offered; /* INIT flags of the request */
	uint64_t evicted; /* nodes given up when it began */
	int64_t last_time;
	uint64_t messages;
};

/* What fn_session_see() found about a message. Pointers are good until the next call. */
struct fn_seen {
	const struct fn_trace_msg *msg;
	struct fn_conn *conn;
	const struct fn_wire_op *op;         /* of the request, or of what a reply answers */
	const struct fn_wire_notify *notify; /* of a notification */
	const struct fn_request *req;        /* replies: the request; NULL: an orphan */
	int64_t latency;                     /* replies: ns, else FN_TIME_NONE */
	const char *name, *newname;          /* of the request, where it has them */
	size_t name_len, newname_len;
	const char *note; /* an ambiguity, or NULL */
};

struct fn_session_opts {
	size_t max_outstanding, max_nodes; /* 0: defaults */
	bool keep;                         /* keep a copy of each request for its reply */
	bool no_nodes;                     /* headers alone: no names, no paths */
	bool dialect_set;
	enum fn_dialect dialect;
	/* Called for each violation of the protocol; NULL: not looked for. m is NULL at the end. */
	void (*finding)(void *arg, const struct fn_trace_msg *m, const char *text);
	void *arg;
};
#define FN_SESSION_MAX_OUTSTANDING 65536
#define FN_SESSION_MAX_NODES 1048576
#define FN_SESSION_KEEP 4096 /* bytes of a kept request */

struct fn_session;

int fn_session_new(struct fn_session **s, const struct fn_session_opts *opts);
void fn_session_free(struct fn_session *s);
int fn_session_see(struct fn_session *s, const struct fn_trace_msg *m, struct fn_seen *seen);
/* After the message was printed: what it takes away (a forgotten node, an old name). */
void fn_session_done(struct fn_session *s, const struct fn_seen *seen);
/* Something in the trace could not be read: no finding may rest on what is missing. */
void fn_session_lossy(struct fn_session *s);
/* At the end of the trace: findings about what never came. */
void fn_session_end(struct fn_session *s);

const struct fn_trace_nodes *fn_session_nodes(const struct fn_session *s);
/* Requests without a reply; begin with NULL. */
const struct fn_request *fn_session_outstanding(const struct fn_session *s,
						const struct fn_request *r);
uint64_t fn_session_dropped(const struct fn_session *s); /* requests given up for room */

/* The opcode in the connection's dialect, else in one of those with numbers of their own. */
const struct fn_wire_op *fn_session_op(const struct fn_wire_conn *c, uint32_t code);
const struct fn_wire_notify *fn_session_notify(const struct fn_wire_conn *c, uint32_t code);

/* The body of a request without its header and extensions. */
const uint8_t *fn_request_body(const struct fn_trace_msg *m, size_t *len);

#endif
