/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNMOUNT_FS_H
#define FNMOUNT_FS_H

#include <stdbool.h>
#include <sys/vfs.h>

/* Whether all that changes in it passes through this kernel. */
bool fs_is_local(const struct statfs *fs);

#endif
