/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grammar of strace's lines; pure functions of their text. */
#ifndef FN_TRACE_STRACE_H
#define FN_TRACE_STRACE_H

#include "trace/cursor.h"
#include "trace/map.h"

enum fn_strace_clock { FN_CLOCK_NONE, FN_CLOCK_DAY, FN_CLOCK_EPOCH, FN_CLOCK_RELATIVE };

struct fn_strace_line {
	int32_t tid;
	int64_t time; /* ns */
	enum fn_strace_clock clock;
	struct fn_cursor body;
};

enum fn_strace_call {
	FN_CALL_NONE,
	FN_CALL_READ,
	FN_CALL_READV,
	FN_CALL_WRITE,
	FN_CALL_WRITEV,
	FN_CALL_SPLICE,
	FN_CALL_VMSPLICE,
	FN_CALL_OPEN,
	FN_CALL_CLOSE,
};

/* What -y says about a descriptor. */
enum fn_strace_fd { FN_FD_UNKNOWN, FN_FD_FUSE, FN_FD_PIPE, FN_FD_OTHER };

struct fn_strace_data {
	uint8_t *bytes;
	size_t len;   /* bytes known from the beginning without a hole */
	size_t total; /* bytes that there were */
};

/* Take off thread, time and pointer. False for signals, exits and empty lines. */
bool fn_strace_line(const char *p, size_t len, struct fn_strace_line *l);
/* The body goes on with the end of a call: moves it behind "resumed>". */
bool fn_strace_resumed(struct fn_cursor *body);
/* The body ends with <unfinished ...>: takes that off. */
bool fn_strace_unfinished(struct fn_cursor *body);
/* One of the calls above; args is what follows the parenthesis. */
bool fn_strace_call(const struct fn_cursor *body, enum fn_strace_call *what,
		    struct fn_cursor *args);
bool fn_strace_fd(struct fn_cursor *c, int64_t *fd, enum fn_strace_fd *kind);
/* The buffer or the vector of a call; out has room for all that is left of the line. False when
 * there is none (an address, NULL). */
bool fn_strace_data(struct fn_cursor *c, enum fn_strace_call what, uint8_t *out,
		    struct fn_strace_data *data);
/* A read gave less than its vector holds. */
void fn_strace_clip(struct fn_strace_data *data, size_t result);
/* ") = 80", ") = -1 ENODEV (No such device)". */
bool fn_strace_result(struct fn_cursor *c, int64_t *result, int *error);
bool fn_strace_failed(const struct fn_cursor *c);
/* Does the string in the arguments of an open name /dev/fuse or /dev/cuse? */
bool fn_strace_path_is_fuse(struct fn_cursor *c);
/* How much a line looks like strace's. */
int fn_strace_like(const char *p, size_t len);

#endif
