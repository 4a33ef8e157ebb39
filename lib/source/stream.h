/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events from a fn1 stream: what `fnwatch --wire` or another writer of fn1 puts into a pipe, a
 * socket, a device or a file. */
#ifndef FN_SOURCE_STREAM_H
#define FN_SOURCE_STREAM_H

#include "source/source.h"

/* Takes fd, also when it fails, and makes it non-blocking. Events keep the
 * numbers and times of the stream; their root is 0. A gap in the numbers becomes FN_Q_OVERFLOW.
 *
 * fn_source_dispatch() then gives -ENODATA at a clean end, -ECONNRESET when the stream broke off
 * within a message, -EPROTO: not a fn1 stream, -EBADMSG: malformed, or what read() said. */
int fn_source_stream(struct fn_source **src, int fd);

#endif
