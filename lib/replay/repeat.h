/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repeats a remote change on a share whose server swallows it (fn1 ARM, replay/armed.h), so that
 * the local kernel raises exactly the event that belongs to it. For guests whose host runs
 * fnmount below a stock virtiofsd. Every call may wait for the share.
 */
#ifndef FN_REPLAY_REPEAT_H
#define FN_REPLAY_REPEAT_H

#include "event/event.h"
#include "source/control.h"

struct fn_repeat;

struct fn_repeat_opts {
	/* FN_DELETE: at all. unlink() can carry no mark, so another process of this guest that
	 * makes and unlinks the same name within the same milliseconds can be refused. Where the
	 * kernel has to look the name up, see FN_RENAME.
	 * FN_RENAME: also where the kernel has to look up the old name, which is gone. Whoever
	 * creates it anew here in these milliseconds can be told that it exists. */
	uint64_t risk;
};

/* root: a descriptor of a directory of the share; path: the same relative to the share's control
 * file. All are borrowed. 0, or -EOPNOTSUPP: this server does not, or not for us. */
int fn_repeat_new(struct fn_repeat **r, int root, struct fn_control_file *f, const char *path,
		  const struct fn_repeat_opts *opts);
void fn_repeat_free(struct fn_repeat *r);

/* ev->path is relative to root. 1: raised; 0: not this one, or not safely: use other means; or
 * -errno of the share. */
int fn_repeat_event(struct fn_repeat *r, const struct fn_event *ev);

/* Why the last one that returned 0 was not repeated. */
const char *fn_repeat_why(const struct fn_repeat *r);

#endif
