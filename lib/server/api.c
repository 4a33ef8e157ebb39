/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public face of the server side. */
#include <errno.h>
#include <string.h>

#include "fnotify.h"
#include "server/server.h"

int fn_attach(struct fn_server **srv, struct fuse_session *se, const char *mountpoint,
	      const char *backing)
{
	struct fn_server_opts opts = {.mountpoint = mountpoint, .backing = backing};

	return fn_server_attach(srv, se, &opts);
}

void fn_detach(struct fn_server *srv)
{
	fn_server_detach(srv);
}

int fn_push(struct fn_server *srv, uint32_t mask, const char *path, const char *to, uint32_t mode)
{
	struct fn_event ev = {.mask = mask, .mode = mode, .flags = FN_EV_REMOTE, .root = -1};

	if (!path)
		return -EINVAL;
	ev.path = (struct fn_str){path, strlen(path)};
	if (to) {
		if (!(mask & (FN_MOVED_FROM | FN_MOVED_TO)))
			return -EINVAL;
		ev.mask = FN_RENAME | (mask & FN_ISDIR);
		ev.old_path = ev.path;
		ev.path = (struct fn_str){to, strlen(to)};
	} else if (mask & FN_MOVED_FROM) {
		ev.old_path = ev.path;
		ev.path = (struct fn_str){NULL, 0};
		ev.flags |= FN_EV_PARTIAL;
	}
	return fn_server_push(srv, &ev);
}

void fn_count(const struct fn_server *srv, struct fn_counts *counts, size_t size)
{
	struct fn_server_stats st;
	struct fn_counts all;

	fn_server_stats(srv, &st);
	all = (struct fn_counts){
		.pushed = st.pushed,
		.replayed = st.replayed,
		.unheld = st.unheld,
		.coalesced = st.coalesced,
		.malformed = st.malformed,
		.stale = st.stale,
		.failed = st.failed,
		.lost = st.lost,
	};
	memset(counts, 0, size);
	memcpy(counts, &all, size < sizeof(all) ? size : sizeof(all));
}
