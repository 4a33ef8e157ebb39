/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_SOURCE_REFIND_H
#define FN_SOURCE_REFIND_H

#include <sys/stat.h>

/* What was at *path and is not any more: if it was renamed within its directory, *path becomes its
 * path of now. was: its device and inode. 0 or -errno. */
int fn_refind(char **path, const struct stat *was);

#endif
