/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a kind of source implements. */
#ifndef FN_SOURCE_IMPL_H
#define FN_SOURCE_IMPL_H

#include "source/source.h"

struct fn_source_ops {
	const char *name;
	int (*fd)(const struct fn_source *src);
	int (*timeout)(const struct fn_source *src);
	int (*dispatch)(struct fn_source *src, fn_event_cb cb, void *arg);
	void (*expect)(struct fn_source *src, uint64_t mask, const char *path, size_t len);
	void (*stats)(const struct fn_source *src, struct fn_source_stats *st);
	void (*close)(struct fn_source *src);
};

/* First member of every source. */
struct fn_source {
	const struct fn_source_ops *ops;
	uint64_t seq;
};

#endif
