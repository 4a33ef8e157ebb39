/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Remote fsnotify as the RFCs of 2021 and 2022 and a patched kernel (fn-native) speak it: events
 * and watches to bytes and back. Pure functions. Never write what they build to a kernel that did
 * not negotiate the dialect: notify code 8 now means something else there.
 */
#ifndef FN_WIRE_DIALECTS_H
#define FN_WIRE_DIALECTS_H

#include <sys/types.h>

#include "event/event.h"
#include "wire/wire.h"

/* Room for any event: two of the largest struct and two names. */
#define FN_DIALECT_EVENT_MAX 1024

/*
 * An event as the notification, or notifications, of a dialect. Objects are named by nodeid and
 * generation. A joint rename becomes MOVED_FROM and MOVED_TO with one cookie where the dialect has
 * no better (rfc-v1, rfc-agg, rfc-v2). Returns the bytes; -EMSGSIZE: no room; -EINVAL: a name that
 * cannot be, or a node that is not known; -EOPNOTSUPP: mainline, or an event it cannot express.
 */
ssize_t fn_dialect_put_event(enum fn_dialect d, void *buf, size_t size, const struct fn_event *ev,
			     bool swap);
/*
 * One notification back, len bytes of it. Halves keep MOVED_FROM and MOVED_TO with their cookie,
 * and the name is in parent. Strings borrow from buf. 0, -EBADMSG, or -ENOMSG: not an event.
 */
int fn_dialect_get_event(enum fn_dialect d, const void *buf, size_t len, bool swap,
			 struct fn_event *ev);
/* The next event of a reply to fn-native's FSNOTIFY_READ (the reply's body). 1, 0: the end,
 * -EBADMSG. */
int fn_native_next(const void **p, size_t *rest, bool swap, struct fn_event *ev);

struct fn_dialect_watch {
	uint64_t nodeid;
	uint64_t mask;       /* 0 removes */
	uint64_t group;      /* rfc-v1 only */
	uint32_t generation; /* rfc-agg, rfc-mail, fn-native */
};
/* FSNOTIFY requests: fuse_in_header and body. As above. */
ssize_t fn_dialect_put_watch(enum fn_dialect d, void *buf, size_t size, uint64_t unique,
			     const struct fn_dialect_watch *w, bool swap);
int fn_dialect_get_watch(enum fn_dialect d, const void *buf, size_t len, bool swap,
			 struct fn_dialect_watch *w);

#endif
