/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What would be sent, without a mount: paths are taken as they are written. */
#include <string.h>

#include "fnsend/message.h"

/* "dir/name" below the mount's root, as a relative path. */
static struct fn_str relative(struct fn_str p)
{
	while (p.len && *p.data == '/') {
		p.data++;
		p.len--;
	}
	return p;
}

static struct fn_str last_name(struct fn_str p)
{
	const char *slash = p.data ? memrchr(p.data, '/', p.len) : NULL;

	return slash ? (struct fn_str){slash + 1, p.len - (size_t)(slash + 1 - p.data)} : p;
}

/* A dialect that has no paths takes names in nodes; without --node that is the root. */
static void by_node(struct fn_event *ev)
{
	struct fn_object node = ev->object;

	if (!(node.has & FN_OBJ_NODE))
		fn_object_set_node(&node, 1, 0);
	ev->parent = ev->old_parent = node;
	if (ev->mask & (FN_DELETE_SELF | FN_MOVE_SELF))
		return;
	fn_object_clear(&ev->object);
	ev->name = last_name(ev->path);
	ev->old_name = last_name(ev->old_path);
}

int send_dry_run(struct settings *set)
{
	static struct message m[MESSAGES_MAX];
	enum fn_dialect dialect;
	struct fn_event ev;
	const char *name;
	size_t n = 0;
	int status = operands_event(set, &ev);

	if (!status)
		status = message_dialect(set, FN_DIALECT_fn1, &dialect);
	if (status)
		return status;
	ev.path = relative(ev.path);
	if (ev.old_path.data)
		ev.old_path = relative(ev.old_path);
	if (dialect != FN_DIALECT_fn1)
		by_node(&ev);
	status = message_event(&ev, dialect, m, &n);
	name = last_name(ev.path).data;
	for (size_t i = 0; !status && i < n; i++) {
		if (set->malformed)
			status = message_spoil(&m[i], set->malformed, name);
		if (!status)
			message_show(&m[i]);
	}
	return status;
}
