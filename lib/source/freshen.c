/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/freshen.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replay/refresh.h"

/* The directory of a name: what it lists and links has changed. Then the name, and the object. */
static void fresh_name(int outside, const char *root, struct fn_str path)
{
	char full[PATH_MAX];
	struct statx stx;
	char *slash;
	int dir, fd;

	if (!path.data || snprintf(full, sizeof(full), "%s/%.*s", root, (int)path.len, path.data) >=
				  (int)sizeof(full))
		return;
	slash = path.len ? strrchr(full, '/') : full + strlen(full) - 1;
	*slash = '\0';
	dir = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	fn_refresh_attr(dir, &stx);
	if (path.len && fn_refresh_name(outside, dir, slash + 1) > 0) {
		fd = openat(dir, slash + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			fn_refresh_attr(fd, &stx);
			close(fd);
		}
	}
	close(dir);
}

void fn_freshen(const char *root, const struct fn_event *ev)
{
	int outside = fn_refresh_outside();

	if (outside < 0)
		return;
	fresh_name(outside, root, ev->old_path);
	fresh_name(outside, root, ev->path);
	close(outside);
}
