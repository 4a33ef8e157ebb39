/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening what lies below a directory without ever leaving it. */
#ifndef FN_SOURCE_BENEATH_H
#define FN_SOURCE_BENEATH_H

#include <dirent.h>
#include <stdbool.h>

/* A directory to be read, "" being dirfd's own; symlinks are not followed. A descriptor or
 * -errno. */
int fn_open_beneath(int dirfd, const char *path, int flags);

/* The next entry but . and .., NULL at the end. */
struct dirent *fn_next_entry(DIR *dir);
bool fn_entry_is_dir(int dirfd, const struct dirent *e);

#endif
