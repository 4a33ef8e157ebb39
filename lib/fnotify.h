/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfnotify: remote fsnotify over FUSE.
 *
 * Every function returns 0 or a negative errno unless it says otherwise. Objects are opaque and
 * counted; the library keeps no global state, prints nothing and never exits. Descriptors are
 * O_CLOEXEC. Unless a function says otherwise, one thread at a time may use an object.
 */
#ifndef FNOTIFY_H
#define FNOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FN_EXPORT __attribute__((visibility("default")))

/*
 * For FUSE servers. Whoever serves a directory that others change as well makes their changes
 * native inotify and fanotify events on the mount, with one changed line:
 *
 *	low level:   ret = fn_session_loop_mt(se, &config, mountpoint, "/srv/data");
 *	high level:  return fn_main(argc, argv, &operations, NULL, "/srv/data");
 *
 * backing is the directory that the mount shows, watched for changes that did not come through
 * the mount; or NULL, for a server that hears of changes some other way and calls fn_push().
 */
struct fn_server;
struct fuse_session;
struct fuse_operations;

/* Stand between /dev/fuse and libfuse's own loop: after fuse_session_mount() and
 * fuse_daemonize(), before the loop. The session's fuse_session_custom_io() is taken. */
FN_EXPORT int fn_attach(struct fn_server **srv, struct fuse_session *se, const char *mountpoint,
			const char *backing);
/* After the loop, before fuse_session_unmount(). Ends the threads, frees srv. NULL is allowed. */
FN_EXPORT void fn_detach(struct fn_server *srv);

/* Something changed behind the mount. mask: one IN_* bit of <sys/inotify.h>, IN_ISDIR with it;
 * IN_MOVE with both paths is a rename. Paths are relative to the mount; to is NULL unless it is a
 * rename. mode: the object's st_mode, 0 if not known. Any thread, also one that serves requests:
 * it never blocks. -EINVAL: malformed, nothing was done. */
FN_EXPORT int fn_push(struct fn_server *srv, uint32_t mask, const char *path, const char *to,
		      uint32_t mode);

struct fn_counts {
	uint64_t pushed;    /* changes that were told */
	uint64_t replayed;  /* became native events */
	uint64_t unheld;    /* where nobody can be watching */
	uint64_t coalesced; /* the same was waiting already */
	uint64_t malformed; /* names or masks that cannot be */
	uint64_t stale;     /* told twice, or of what is no longer so */
	uint64_t failed;    /* refused by the kernel */
	uint64_t lost;      /* no room to wait: the directories concerned got ATTRIB */
};
/* size: sizeof(*counts). Any thread. */
FN_EXPORT void fn_count(const struct fn_server *srv, struct fn_counts *counts, size_t size);

/* fuse_session_loop() and fuse_session_loop_mt() between fn_attach() and fn_detach(); config is
 * what libfuse takes there. Their value is the loop's, or a negative errno of fn_attach(). */
#define fn_session_loop(se, mountpoint, backing) \
	fn_loop_(se, mountpoint, backing, fuse_session_loop(se))
#define fn_session_loop_mt(se, config, mountpoint, backing) \
	fn_loop_(se, mountpoint, backing, fuse_session_loop_mt(se, config))
#define fn_loop_(se, mountpoint, backing, loop)                             \
	__extension__({                                                     \
		struct fn_server *fn_srv_;                                  \
		int fn_ret_ = fn_attach(&fn_srv_, se, mountpoint, backing); \
		if (!fn_ret_)                                               \
			fn_ret_ = (loop);                                   \
		fn_detach(fn_srv_);                                         \
		fn_ret_;                                                    \
	})

/* fuse_main() with a backing directory. Returns what fuse_main() does. Once in a process. */
#define fn_main(argc, argv, op, private_data, backing) \
	fn_main_real(argc, argv, op, sizeof(*(op)), private_data, backing)
FN_EXPORT int fn_main_real(int argc, char *argv[], const struct fuse_operations *op, size_t op_size,
			   void *private_data, const char *backing);

/*
 * Messages. Everything that FUSE and its dialects put on the wire, and fn1 (fnotify-protocol(7)),
 * as messages with named fields: those of the structs in <linux/fuse.h> ("nodeid", "attr.mode"),
 * of the header ("unique", "error", "uid"), and what follows the struct: "name", "newname",
 * "target", "data", "ext". The fields of fn1 are those of its heads, its attributes in small
 * letters, and of each object "object.nodeid", "object.generation", "object.fsid", "object.ino",
 * "object.handle_type", "object.handle" (and the same of "parent", "old_parent", "target").
 *
 * The numbers, names and sizes come from one table; FUSE's are those of 7.1 to 7.46.
 */
struct fn_message;

enum fn_message_kind { FN_MESSAGE_REQUEST, FN_MESSAGE_REPLY, FN_MESSAGE_NOTIFICATION };

/* What the two ends speak. Zeroed: FUSE as of the newest minor version, in our byte order. */
struct fn_link {
	const char *dialect; /* "mainline" (NULL), "rfc-v1", "rfc-agg", "rfc-mail", "rfc-v2",
			      * "fn-native", "fn1" */
	unsigned minor;      /* negotiated minor version, 0: the newest */
	uint64_t init_flags; /* negotiated INIT flags, 0: not known */
	bool swapped;        /* the other byte order (fn1 has only one) */
};

/* A message without fields. name: of the opcode ("LOOKUP"), for replies too, or of the
 * notification ("INVAL_INODE"). -EINVAL: no such dialect, -ENOMSG: no such name. */
FN_EXPORT int fn_message_new(struct fn_message **m, const char *dialect, enum fn_message_kind kind,
			     const char *name);
/* Take apart the message at buf, which holds len bytes. reply_to: the opcode's name that a reply
 * answers. *used, unless NULL: its length. -EAGAIN: it is not whole yet; -EBADMSG: malformed;
 * -ENOMSG: a number without meaning in the dialect. The message keeps nothing of buf. */
FN_EXPORT int fn_message_parse(struct fn_message **m, const struct fn_link *link,
			       enum fn_message_kind kind, const char *reply_to, const void *buf,
			       size_t len, size_t *used);
/* Put it together. Fields that were not set are 0; lengths of names and data are filled in. Its
 * length, -EMSGSIZE: size does not suffice, -EINVAL: what cannot be said. buf: aligned to 4. */
FN_EXPORT ssize_t fn_message_build(const struct fn_message *m, const struct fn_link *link,
				   void *buf, size_t size);

/* Counted: new and parse give one reference. Any thread; NULL is allowed. */
FN_EXPORT struct fn_message *fn_message_ref(struct fn_message *m);
FN_EXPORT void fn_message_unref(struct fn_message *m);

FN_EXPORT enum fn_message_kind fn_message_kind(const struct fn_message *m);
FN_EXPORT const char *fn_message_name(const struct fn_message *m);
/* Fields. -ENOENT: not set, -EINVAL: of the other sort, -ENOKEY: the message has no such field.
 * Bytes are the message's own until they are set again or it is freed; a NUL follows them. */
FN_EXPORT int fn_message_number(const struct fn_message *m, const char *field, uint64_t *v);
FN_EXPORT int fn_message_bytes(const struct fn_message *m, const char *field, const void **data,
			       size_t *len);
FN_EXPORT int fn_message_set_number(struct fn_message *m, const char *field, uint64_t v);
FN_EXPORT int fn_message_set_bytes(struct fn_message *m, const char *field, const void *data,
				   size_t len);
/* The names of the fields that are set: i from 0 until NULL. */
FN_EXPORT const char *fn_message_field(const struct fn_message *m, size_t i);

/*
 * Watching. Each event is a message of fn1 ("FN1_EVENT", "FN1_OVERFLOW", "FN1_GONE") with fields
 * "mask" (the numbers of <sys/inotify.h>, and 0x10000000 for a rename), "path", "name", "old_path",
 * "pid" and so on; "watch" counts the paths that were given, to which its paths are relative.
 */
struct fn_listener;

enum fn_listen_flags {
	FN_LISTEN_RECURSIVE = 1 << 0,
	FN_LISTEN_REMOTE = 1 << 1,  /* over the control file of a mount, or not at all */
	FN_LISTEN_LOCAL = 1 << 2,   /* by this kernel alone: fanotify, else inotify */
	FN_LISTEN_NO_SELF = 1 << 3, /* not what this process does */
};

/* Remote watches where the mount of every path has a control file, else by this kernel. mask: 0,
 * all changes. bad, unless NULL: the path at fault, or -1. -EOPNOTSUPP: the mount has no control
 * file. */
FN_EXPORT int fn_listener_new(struct fn_listener **w, const char *const *paths, size_t n,
			      uint64_t mask, unsigned flags, int *bad);
FN_EXPORT struct fn_listener *fn_listener_ref(struct fn_listener *w);
FN_EXPORT void fn_listener_unref(struct fn_listener *w);
/* "fanotify", "inotify" or "remote". */
FN_EXPORT const char *fn_listener_source(const struct fn_listener *w);
/* Poll it for POLLIN (-1: nothing to poll), at most this many ms (-1: as long as you like). */
FN_EXPORT int fn_listener_fd(const struct fn_listener *w);
FN_EXPORT int fn_listener_timeout(const struct fn_listener *w);
/* The next event: 1 with a reference to it, 0: none now, or -errno. Does not block. */
FN_EXPORT int fn_listener_read(struct fn_listener *w, struct fn_message **event);

/* Injecting. Tell the server of the mount that path is on of an event, an "FN1_INJECT" request with
 * "mask" and "path" (relative to path's mount), for a rename "old_path" too. Its owner or root
 * may. -EOPNOTSUPP: the mount has no control file. Blocks for the answer. */
FN_EXPORT int fn_inject(const char *path, const struct fn_message *event);

/*
 * Events and renames. An event is a value that is not changed once made; its paths are relative to
 * what is watched, bytes without a NUL, valid as long as the event. Masks are FS_* numbers: the
 * IN_* bits of <sys/inotify.h>, IN_ISDIR, and FN_MASK_RENAME (FAN_RENAME of <sys/fanotify.h>) for
 * a rename in one piece.
 */
struct fn_event;
#define FN_MASK_RENAME 0x10000000u

/* fn_event_marks() */
#define FN_MARK_SYNTHETIC 0x04u /* deduced, not observed */
#define FN_MARK_PARTIAL 0x08u   /* half a rename: the other side is not known */
#define FN_MARK_EXCHANGE 0x10u  /* two names were swapped */
#define FN_MARK_GONE 0x20u      /* a watch ended */

/* path: of a rename the new one; old_path: only of a rename; NULL: absent. -EINVAL for a path that
 * is absolute, or has empty, '.' or '..' components, a NUL, or a name of more than 255 bytes. */
FN_EXPORT int fn_event_make(struct fn_event **ev, uint64_t mask, const char *path, size_t len,
			    const char *old_path, size_t old_len, uint32_t cookie);
FN_EXPORT struct fn_event *fn_event_dup(const struct fn_event *ev); /* NULL: no memory */
FN_EXPORT void fn_event_free(struct fn_event *ev);                  /* NULL is allowed */
FN_EXPORT uint64_t fn_event_mask(const struct fn_event *ev);
FN_EXPORT uint32_t fn_event_marks(const struct fn_event *ev);
FN_EXPORT const char *fn_event_path(const struct fn_event *ev, size_t *len); /* NULL: absent */
FN_EXPORT const char *fn_event_old_path(const struct fn_event *ev, size_t *len);
/* The name of one mask bit ("create"), NULL if it has none; and back, also of groups, case-blind,
 * with or without IN_ or FAN_: 0 if unknown. */
FN_EXPORT const char *fn_event_name(uint64_t bit);
FN_EXPORT uint64_t fn_event_mask_parse(const char *name, size_t len);

/* An event is lent for the call; nonzero stops, and is what the caller returns. */
typedef int (*fn_event_cb)(const struct fn_event *ev, void *arg);

/*
 * The joiner: IN_MOVED_FROM and IN_MOVED_TO with one cookie (or, without cookies, right after each
 * other) become one FN_MASK_RENAME; a half whose other half does not come within wait_ns (0: 25 ms)
 * becomes one marked FN_MARK_PARTIAL. Order is kept, memory is bounded, the clock is the
 * caller's (ns, not going back): call fn_joiner_idle() whenever the stream pauses, and at the time
 * fn_joiner_due() says (-1: nothing waits).
 */
struct fn_joiner;
FN_EXPORT int fn_joiner_new(struct fn_joiner **joiner, int64_t wait_ns);
FN_EXPORT void fn_joiner_free(struct fn_joiner *joiner);
FN_EXPORT int fn_joiner_push(struct fn_joiner *joiner, const struct fn_event *ev, int64_t now_ns,
			     fn_event_cb cb, void *arg);
FN_EXPORT int fn_joiner_idle(struct fn_joiner *joiner, int64_t now_ns, fn_event_cb cb, void *arg);
FN_EXPORT int64_t fn_joiner_due(const struct fn_joiner *joiner);
/* The stream has ended: what is held comes out. */
FN_EXPORT int fn_joiner_flush(struct fn_joiner *joiner, fn_event_cb cb, void *arg);

#ifdef __cplusplus
}
#endif

#endif
