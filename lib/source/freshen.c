/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/freshen.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replay/refresh.h"

static void fresh_name(int outside, const char *root, struct fn_str path, bool written)
{
	char full[PATH_MAX];
	struct statx stx;
	char *slash;
	int dir;

	if (!path.data || snprintf(full, sizeof(full), "%s/%.*s", root, (int)path.len, path.data) >=
				  (int)sizeof(full))
		return;
	slash = path.len ? strrchr(full, '/') : full + strlen(full) - 1;
	*slash = '\0';
	dir = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	if (path.len)
		fn_refresh_entry(outside, dir, slash + 1, written, NULL);
	else
		fn_refresh_attr(dir, &stx);
	close(dir);
}

void fn_freshen(const char *root, const struct fn_event *ev)
{
	bool written = ev->mask & (FN_MODIFY | FN_CLOSE_WRITE);
	int outside = fn_refresh_outside();

	if (outside < 0)
		return;
	fresh_name(outside, root, ev->old_path, false);
	fresh_name(outside, root, ev->path, written);
	close(outside);
}
