/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNMOUNT_SETUP_H
#define FNMOUNT_SETUP_H

#include "fnmount.h"

/* Each: 0 or an exit status, after a message. */
int setup_paths(struct fnmount *m);
/* Forks unless in the foreground; *parent: this is the parent, to exit with what is returned. */
int setup_background(struct fnmount *m, bool *parent);
/* The number of descriptors this process may have, raised as far as it goes. */
size_t setup_descriptors(void);
/* BACKING for the inode table (O_PATH), on a mount of our own (own_mount) where that is allowed.
 * A descriptor or -errno. */
int setup_own_mount(struct fnmount *m);
/* Where it may, the mount point and the server's own view of the backing directory are made
 * read-only; the server refuses in any case. */
void setup_read_only(struct fnmount *m);
/* Tells whoever waits that the mount works and events are watched. */
void setup_ready(struct fnmount *m);

#endif
