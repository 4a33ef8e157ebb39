/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One event as one JSON object, without a newline. Keys, in this order; only "events" and "mask"
 * are always there, the others when they are known:
 *
 *   seq, time, mono      number of the event; seconds, nine decimals (wall clock, monotonic)
 *   events, mask, isdir  ["create", …]; the bits as a number; true for a directory
 *   root, path           the watched root as it was given; the object's path below it, joined
 *   old_root, old_path   of a rename; old_root only where it is another root
 *   name, old_name       instead of a path that could not be resolved
 *   cookie, lost         pairs two halves; how many events an overflow took
 *   origin               "local" or "remote"
 *   synthetic, partial, exchange, gone   true
 *   pid, comm, mode      who did it; st_mode
 *   object, parent, old_parent, target   identity: {fsid, type, handle} in hex (type a number)
 *                        and/or {nodeid, generation}, {ino}
 *
 * path, old_path, name, old_name, root, old_root and comm have a companion KEY_raw, the bytes as
 * numbers, where they are not UTF-8.
 */
#ifndef FN_EVENT_EVENT_JSON_H
#define FN_EVENT_EVENT_JSON_H

#include "event/event.h"
#include "text/buf.h"

/* root and old_root: the roots that ev->root and ev->old_root stand for, NULL if there is none;
 * old_root is ignored unless ev->old_root is set. */
void fn_event_to_json(struct fn_buf *out, const struct fn_event *ev, const char *root,
		      const char *old_root);

/* root and a path below it, joined: "a" + "b" is a/b, "a/" + "b" too, "a" + "" is a. */
void fn_path_join(struct fn_buf *out, const char *root, struct fn_str path);

#endif
