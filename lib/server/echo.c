/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What local processes do through the mount raises native events already, and must not come back
 * from the source as a remote change. fanotify tells by the process that it was us; for inotify
 * the source is told beforehand what the server is about to do.
 */
#include <limits.h>
#include <string.h>

#include "server/server_impl.h"

static void expect(struct fn_server *srv, uint64_t mask, const char *path, size_t len)
{
	for (size_t i = 0; i < srv->nfollow; i++)
		if (srv->follow[i]->expects)
			fn_source_expect(srv->follow[i]->src, mask, path, len);
}

void fn_echo_expect(struct fn_server *srv, uint64_t mask, const struct fn_str *path,
		    const struct fn_str *old_path)
{
	expect(srv, mask, path->data, path->len);
	if (old_path->data)
		expect(srv, mask & FN_RENAME ? FN_MOVED_FROM : mask, old_path->data, old_path->len);
}

void fn_echo_link(struct fn_server *srv, const struct fn_msg *msg)
{
	const struct fuse_link_in *arg = fn_msg_body(msg, sizeof(*arg));
	char path[PATH_MAX];

	if (arg && !fn_nodes_place(srv->nodes, arg->oldnodeid, path, sizeof(path)))
		expect(srv, FN_ATTRIB, path, strlen(path));
}
