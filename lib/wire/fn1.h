/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fn1, our wire protocol: FUSE framing, a fixed head, netlink attributes; all numbers
 * little-endian, at any address. fnotify-protocol(7) is its specification. Pure functions over
 * buffers of the caller; nothing that comes in is trusted.
 */
#ifndef FN_WIRE_FN1_H
#define FN_WIRE_FN1_H

#include <sys/types.h>

#include "event/event.h"
#include "wire/wire.h"

#define FN1_VERSION 1
/* Every message fits; an event with two paths of PATH_MAX and four handles needs under 10 KiB. */
#define FN1_MESSAGE_MAX 65536
#define FN1_EVENT_MAX 10240
#define FN1_PATH_MAX 4096
#define FN1_READ_MAX (1u << 20) /* of one read() of a control file */

/* FN1_HELLO … requests, NOTIFY_FN1_HELLO … notifications. */
enum fn1_code {
#define FN1_OF_mainline(name, code)
#define FN1_OF_rfc_v1(name, code)
#define FN1_OF_rfc_agg(name, code)
#define FN1_OF_rfc_mail(name, code)
#define FN1_OF_rfc_v2(name, code)
#define FN1_OF_fn_native(name, code)
#define FN1_OF_fn1(name, code) name = code,
#define FN_WIRE_OP(...)
#define FN_WIRE_OP_FAR(dialect, code, name, ...) FN1_OF_##dialect(name, code)
#include "wire/ops.def"
#undef FN_WIRE_OP
#undef FN_WIRE_OP_FAR
#define FN_WIRE_NOTIFY(dialect, code, name, ...) FN1_OF_##dialect(NOTIFY_##name, code)
#include "wire/notify.def"
#undef FN_WIRE_NOTIFY
};

enum fn1_attr {
#define FN_WIRE_FN1_ATTR(type, name, kind, set) FN1_A_##name = type,
#include "wire/attrs.def"
#undef FN_WIRE_FN1_ATTR
	FN1_A_END
};

enum fn1_hello_flags {
	FN1_HELLO_NONBLOCK = 1 << 0,   /* an empty read is answered at once, with filler */
	FN1_HELLO_SHORT = 1 << 1,      /* replies need not fill what read() asked for */
	FN1_HELLO_STREAM = 1 << 2,     /* of a notification: a stream begins */
	FN1_HELLO_MAY_INJECT = 1 << 3, /* of a reply: INJECT is allowed to this client */
	FN1_HELLO_MAY_ARM = 1 << 4,    /* of a reply: and ARM */
};

enum fn1_watch_flags {
	FN1_WATCH_RECURSIVE = 1 << 0,
	FN1_WATCH_NO_LOCAL = 1 << 1, /* not what is done through this mount */
	FN1_WATCH_BY_ID = 1 << 2,    /* modify or remove the watch of this number */
	FN1_WATCH_NO_SELF = 1 << 3,  /* not what the process did that opened the file */
};

enum fn1_kind { FN1_REQUEST, FN1_REPLY, FN1_NOTIFY };

/* A message taken apart as far as its framing goes. */
struct fn1_msg {
	enum fn1_kind kind;
	uint32_t code; /* request or notification; 0 of a reply */
	int32_t error; /* of a reply: 0 or -errno */
	uint64_t unique;
	uint64_t nodeid; /* of a request, as uid, gid and pid; not to be believed */
	uint32_t uid, gid, pid;
	size_t len; /* of the whole message */
	const uint8_t *body;
	size_t body_len;
};

struct fn1_hello {
	uint32_t version, flags; /* enum fn1_hello_flags */
	uint64_t mask;           /* events that the sender can deliver, or wants */
	/* 0: no limit, or not said. watches and queue per client, requests and injects a second */
	uint32_t max_watches, max_queue, max_message, max_rate;
	struct fn_str server; /* name and version, for people */
};

struct fn1_watch {
	uint64_t mask;      /* asked for, or accepted; 0 removes */
	uint32_t watch;     /* number of the watch: of replies, and of requests with BY_ID */
	uint32_t flags;     /* enum fn1_watch_flags */
	struct fn_str path; /* relative to the mount's root; "" is the root itself */
	struct fn_object object;
};

enum fn1_arm_flags {
	FN1_ARM_RISK = 1 << 0,  /* also answer lookups that others may have made */
	FN1_ARM_PROBE = 1 << 1, /* do nothing, count the lookups of the name */
	FN1_ARM_END = 1 << 2,   /* end what is armed; the reply says what came of it */
	FN1_ARM_USED = 1 << 3,  /* of a reply: the operation came */
};

/*
 * The client's process is about to repeat one remote change through this mount, from a place
 * where its thread cannot be told from others (a guest, behind virtiofsd). The server recognises
 * that one operation, answers it without touching the store, and forgets about it.
 */
struct fn1_arm {
	uint64_t mask;  /* one event, with ISDIR */
	int64_t stamp;  /* MODIFY: the time of modification that will be set, ns */
	uint32_t mark;  /* CREATE, ATTRIB: permission bits that the operation will carry */
	uint32_t flags; /* enum fn1_arm_flags */
	uint32_t deadline_ms;
	uint32_t lookups;   /* of a reply: how many of the name came while armed */
	uint32_t mode;      /* type of the object */
	struct fn_str path; /* of a rename: the new one */
	struct fn_str old_path;
	uint64_t ino; /* DELETE: the inode number that the client knew; 0: none */
};

/*
 * Take one message apart. 0, -EAGAIN: not whole yet (buf holds len bytes of it), -EBADMSG: its
 * length cannot be. A length of 0 reads as -EBADMSG: see fn1_rest_is_filler().
 */
int fn1_parse(const void *buf, size_t len, struct fn1_msg *msg);
/* After the last message of a reply to read(): fewer than 16 bytes, or zeros. */
bool fn1_rest_is_filler(const void *buf, size_t len);

/* Bodies. 0, or -EBADMSG; what is in *to borrows from the message. */
int fn1_get_event(const struct fn1_msg *msg, struct fn_event *to);
int fn1_get_hello(const struct fn1_msg *msg, struct fn1_hello *to);
int fn1_get_watch(const struct fn1_msg *msg, struct fn1_watch *to);
int fn1_get_arm(const struct fn1_msg *msg, struct fn1_arm *to);
int fn1_get_ping(const struct fn1_msg *msg, uint64_t *token);

/* Build a message: its length, -EMSGSIZE: no room, -EINVAL: a name or path that cannot be. */
ssize_t fn1_put_hello(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		      const struct fn1_hello *hello);
ssize_t fn1_put_watch(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		      const struct fn1_watch *watch);
ssize_t fn1_put_arm(void *buf, size_t size, enum fn1_kind kind, uint64_t unique,
		    const struct fn1_arm *arm);
ssize_t fn1_put_ping(void *buf, size_t size, enum fn1_kind kind, uint64_t unique, uint64_t token);
ssize_t fn1_put_inject(void *buf, size_t size, uint64_t unique, const struct fn_event *ev);
ssize_t fn1_put_reply(void *buf, size_t size, uint64_t unique, int error);
/* Filler of exactly size bytes. */
void fn1_put_pad(void *buf, size_t size);

/* An event as notification: EVENT; OVERFLOW with FN_Q_OVERFLOW; GONE with FN_EV_GONE. */
ssize_t fn_fn1_encode_event(void *buf, size_t size, const struct fn_event *ev);
/* The same back. Strings borrow from buf. 0, -EBADMSG, or -ENOMSG: whole, but not an event. */
int fn_fn1_decode_event(const void *buf, size_t len, struct fn_event *ev);

/*
 * A stream (pipe, socket, file): a HELLO notification, then events. Bytes go in as they come, in
 * pieces of any size.
 */
struct fn1_stream;
int fn1_stream_new(struct fn1_stream **s);
void fn1_stream_free(struct fn1_stream *s);
/* Where the next bytes go, at least 4 KiB; then say how many came. */
void *fn1_stream_room(struct fn1_stream *s, size_t *size);
void fn1_stream_add(struct fn1_stream *s, size_t n);
/* 1: an event, valid until the next call here; 0: more bytes are needed; -EPROTO: this does not
 * begin as a fn1 stream; -EBADMSG: malformed, nothing after it can be trusted. */
int fn1_stream_next(struct fn1_stream *s, struct fn_event *ev);
/* At the end of input: true when it broke off within a message, or before HELLO. */
bool fn1_stream_cut(const struct fn1_stream *s);
/* HELLO as it came; NULL before it did. */
const struct fn1_hello *fn1_stream_hello(const struct fn1_stream *s);
/* True if a stream that begins with these bytes (8 decide) is fn1. */
bool fn1_stream_magic(const void *buf, size_t len);

/* Sequence numbers: how many events are missing before this one that nobody reported. Start with
 * *next 0. An OVERFLOW stands for as many numbers as it says are lost. */
uint64_t fn1_seq_gap(uint64_t *next, const struct fn_event *ev);

#endif
