/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File handles of open objects. */
#ifndef FNMOUNT_HANDLE_H
#define FNMOUNT_HANDLE_H

#include <fcntl.h>
#include <stddef.h>

#include "object/object.h"

struct handle {
	struct file_handle fh;
	unsigned char space[FN_HANDLE_MAX];
};

/* Fills h for the object behind fd (O_PATH too). 0 or -errno, then h is empty. */
int handle_of(struct handle *h, int fd);
/* The object again, opened through any directory of its file system. A descriptor or -errno. */
int handle_open(int dir, int type, const unsigned char *bytes, size_t len, int flags);

#endif
