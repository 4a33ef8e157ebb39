/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the processes of this machine watch on a file system, whether it has a name there or not:
 * /proc shows a file handle for each mark of inotify and fanotify.
 */
#ifndef FN_REPLAY_WATCHED_H
#define FN_REPLAY_WATCHED_H

/* Attributes of all of it from the server, so that the kernel sees what has no links left, and
 * tells its watchers. mount: any descriptor of the file system, not O_PATH. Costs a request for
 * each watched object. 0, or -errno: not all of it could be looked at (-EPERM, -EACCES). */
int fn_watched_refresh(int mount);

#endif
