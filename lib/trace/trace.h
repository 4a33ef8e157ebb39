/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recorded and live FUSE traffic as a sequence of messages, whatever it was written in: fusedump
 * v1 and v2, raw concatenated messages (fn1 streams among them), strace's text, libfuse's -d
 * text, tracefs' text, each plain or compressed.
 *
 *	struct fn_trace *t;
 *	struct fn_trace_msg m;
 *
 *	fn_trace_open(&t, "trace.fusedump", NULL);
 *	while ((r = fn_trace_next(t, &m)) > 0)
 *		if (r == FN_TRACE_MSG && m.kind == FN_MSG_REPLY && …)
 *	fn_trace_close(t);
 *
 * Nothing read is trusted. What cannot be read is reported as FN_TRACE_BAD with its place, and
 * passed over. Memory is bounded by the largest message and by the number of threads seen.
 */
#ifndef FN_TRACE_TRACE_H
#define FN_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

struct fn_trace;

enum fn_trace_format {
	FN_TRACE_AUTO,
	FN_TRACE_FUSEDUMP, /* v1 and v2 records may be mixed */
	FN_TRACE_RAW,
	FN_TRACE_STRACE,
	FN_TRACE_LIBFUSE,
	FN_TRACE_TRACEFS,
};

enum fn_msg_kind {
	FN_MSG_REQUEST, /* kernel to server */
	FN_MSG_REPLY,   /* server to kernel */
	FN_MSG_NOTIFY,  /* server to kernel, unasked: unique 0, code in .code */
};

/* What is not known about a message. */
enum fn_msg_flags {
	FN_MSG_NO_NODEID = 1 << 0,
	FN_MSG_NO_CRED = 1 << 1, /* uid, gid */
	FN_MSG_NO_PID = 1 << 2,
	FN_MSG_NO_BODY = 1 << 3, /* the source gives headers alone */
	FN_MSG_CUT = 1 << 4,     /* the source holds less than the message's length */
	FN_MSG_MONO = 1 << 5,    /* .time is not a date: since some start */
	FN_MSG_SWAP = 1 << 6,    /* the other byte order */
};

#define FN_TIME_NONE INT64_MIN

struct fn_trace_msg {
	enum fn_msg_kind kind;
	uint32_t flags;  /* enum fn_msg_flags */
	uint64_t offset; /* in the (uncompressed) input */
	uint64_t line;   /* of text formats, else 0 */
	int64_t time;    /* ns, FN_TIME_NONE: not known */
	uint32_t conn;   /* connections are told apart: 1, 2 … or the source's own number */
	int32_t tid;     /* the server's thread, 0: not known */
	int32_t refused; /* errno that the kernel gave to the write, 0: accepted */

	/* The header, in host order. */
	uint32_t len;
	uint32_t opcode; /* requests */
	int32_t error;   /* replies: 0 or -errno; notifications: the code */
	uint64_t unique, nodeid;
	uint32_t uid, gid, pid;
	uint16_t extlen; /* total_extlen, in 8-byte units */

	/* The message with its header as it was on the wire; lent until the next call, and never
	 * NULL: at fn_msg_nothing where there are no bytes. */
	const uint8_t *data;
	uint32_t have; /* bytes at data, <= len; 0 with FN_MSG_NO_BODY */
};

struct fn_trace_opts {
	enum fn_trace_format format;
	uint32_t max_message;    /* bytes; 0: FN_TRACE_MSG_MAX */
	bool follow;             /* wait for more at the end of a regular file */
	bool (*stop)(void *arg); /* asked whenever a wait was interrupted; may be NULL */
	bool drain;              /* when stop says so, still give what can be read without a wait */
	void (*idle)(void *arg); /* called before each read: it may wait; may be NULL */
	void *arg;
};
#define FN_TRACE_MSG_MAX (32u << 20)

extern const uint8_t fn_msg_nothing[FN_WIRE_IN_HEADER];

/* What fn_trace_next() returns beside 0 (the end) and -errno. */
enum { FN_TRACE_MSG = 1, FN_TRACE_BAD = 2 };

/* path "-" is standard input. 0 or -errno; -EFTYPE stands as -ENOMSG: no format fits. */
int fn_trace_open(struct fn_trace **t, const char *path, const struct fn_trace_opts *opts);
/* The descriptor is the trace's from then on, also when this fails. */
int fn_trace_open_fd(struct fn_trace **t, int fd, const struct fn_trace_opts *opts);
/* Bytes that stay the caller's. */
int fn_trace_open_mem(struct fn_trace **t, const void *data, size_t len,
		      const struct fn_trace_opts *opts);
void fn_trace_close(struct fn_trace *t);

int fn_trace_next(struct fn_trace *t, struct fn_trace_msg *m);

/* After FN_TRACE_BAD: what was wrong, and where. */
const char *fn_trace_fault(const struct fn_trace *t, uint64_t *offset, uint64_t *line);
/* Messages that the source names and does not show (splice). */
uint64_t fn_trace_unseen(const struct fn_trace *t);
enum fn_trace_format fn_trace_get_format(const struct fn_trace *t);
const char *fn_trace_format_name(enum fn_trace_format format);
/* FN_TRACE_AUTO if there is none of that name. */
enum fn_trace_format fn_trace_format_parse(const char *name);

/* Take kind and header fields of m from m->data (m->have bytes, order in m->flags). read: the
 * server read it. 0, or -EBADMSG when the header is not all there. */
int fn_trace_msg_header(struct fn_trace_msg *m, bool read);
/* The same where the direction is not recorded: the header itself tells. */
int fn_msg_header_guess(struct fn_trace_msg *m);
/* A header for m->len, from the fields: for messages without bytes. Returns its length. */
size_t fn_msg_build_header(const struct fn_trace_msg *m, uint8_t out[FN_WIRE_IN_HEADER]);

static inline bool fn_msg_swapped(const struct fn_trace_msg *m)
{
	return m->flags & FN_MSG_SWAP;
}

#endif
