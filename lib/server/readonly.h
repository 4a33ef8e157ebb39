/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that shows its store read-only. Were the file system itself mounted read-only, the
 * kernel would refuse replay, too, and nobody would hear what others change.
 */
#ifndef FN_SERVER_READONLY_H
#define FN_SERVER_READONLY_H

#include "replay/msg.h"

/* The request would change the store: it gets EROFS. */
bool fn_readonly_refuses(const struct fn_msg *msg);

#endif
