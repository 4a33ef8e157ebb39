/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line of /proc/self/mountinfo. */
#ifndef FN_PROBE_MOUNTINFO_H
#define FN_PROBE_MOUNTINFO_H

#include <stdbool.h>

struct fn_mount {
	int id;
	unsigned major, minor;
	bool read_only;
	char point[4096], fstype[64], source[1024], options[1024];
};

/* The mount with this id, or with id < 0 the one that path (absolute) lies on by its name alone.
 * 0, or -ENOENT. */
int fn_mount_find(struct fn_mount *m, int id, const char *path);
/* The id of the mount that an open descriptor is on, or -errno. */
int fn_mount_id(int fd);
/* One line. The octal escapes of the kernel are undone. 0 or -EINVAL. */
int fn_mount_parse(struct fn_mount *m, const char *line);

#endif
