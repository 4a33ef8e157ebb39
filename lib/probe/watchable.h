/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be done with an open directory's inode: file handles and watches, each tried. For a
 * process that ends afterwards: descriptors are left to that.
 */
#ifndef FN_PROBE_WATCHABLE_H
#define FN_PROBE_WATCHABLE_H

#include "probe/child.h"

/* handle, handle_fid, handle_connectable, handle_mnt_id_unique, handle_open */
void fn_probe_handles(struct fn_report *r, int dirfd);
/* watch_inotify, watch_fid_*, watch_fd_* */
void fn_probe_watches(struct fn_report *r, int dirfd);
/* What the kernel's inotify and fanotify know at all; places no mark. */
void fn_probe_notify_abilities(struct fn_report *r);

#endif
