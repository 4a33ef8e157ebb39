/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/source_impl.h"
#include <errno.h>
int fn_source_inotify(struct fn_source **src, const struct fn_source_opts *opts, int *bad)
{
	(void)src;
	(void)opts;
	(void)bad;
	return -ENOSYS;
}
