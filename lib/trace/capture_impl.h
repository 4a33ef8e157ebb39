/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FN_TRACE_CAPTURE_IMPL_H
#define FN_TRACE_CAPTURE_IMPL_H

#include "trace/capture.h"
#include "trace/map.h"

enum fn_capture_call {
	FN_CAPTURE_NONE,
	FN_CAPTURE_READ, /* into one buffer */
	FN_CAPTURE_READV,
	FN_CAPTURE_SPLICE, /* from /dev/fuse into a pipe */
};

struct fn_capture_thread {
	struct fn_map_key key; /* id: the thread's */
	pid_t tgid;
	bool inside; /* between the two stops of a call */
	enum fn_capture_call call;
	int fd;
	uint64_t args[6];
};

struct fn_capture_fd {
	struct fn_map_key key; /* conn: the process, id: the descriptor */
	bool fuse;
	uint32_t conn;
};

struct fn_capture {
	struct fn_map threads, fds;
	pid_t child;
	int status;
	uint32_t max_message, nconn;
	int tee[2];
	uint8_t *buf;
	size_t cap;
	char fault[96];
};

int64_t fn_capture_now(void);
/* A thread's call begins, or ends: 0, FN_TRACE_MSG with m filled, FN_TRACE_BAD, -errno. */
int fn_capture_enter(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
		     struct fn_trace_msg *m);
int fn_capture_leave(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
		     struct fn_trace_msg *m);
void fn_capture_forget_fds(struct fn_capture *c, pid_t tgid);
void fn_capture_free(struct fn_capture *c);

#endif
