/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/source.h"

#include <errno.h>

/* A root that is at fault is at fault for both; anything else may work with inotify. */
int fn_source_local(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	int rc = fn_source_fanotify(src, opts, bad);

	if (rc == 0 || rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES || rc == -ENOMEM)
		return rc;
	return fn_source_inotify(src, opts, bad);
}
