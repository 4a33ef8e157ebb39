/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/refind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/beneath.h"

/* Its name of now, borrowed from d, or NULL. */
static const char *look_in(DIR *d, const struct stat *was)
{
	const struct dirent *e;
	struct stat st;

	while ((e = fn_next_entry(d)))
		if (e->d_ino == was->st_ino &&
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_dev == was->st_dev && st.st_ino == was->st_ino)
			return e->d_name;
	return NULL;
}

int fn_refind(char **path, const struct stat *was)
{
	size_t len = (size_t)(strrchr(*path, '/') - *path);
	char *dir = strndup(*path, len ? len : 1), *found = NULL;
	DIR *d = dir ? opendir(dir) : NULL;
	const char *name = d ? look_in(d, was) : NULL;
	int rc = name ? 0 : -ENOENT;

	if (name && asprintf(&found, "%.*s/%s", (int)len, *path, name) < 0)
		rc = -ENOMEM;
	if (rc == 0) {
		free(*path);
		*path = found;
	}
	if (d)
		closedir(d);
	free(dir);
	return rc;
}
