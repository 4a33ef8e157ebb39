/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a control file's client. */
#ifndef FN_SOURCE_CONTROL_IMPL_H
#define FN_SOURCE_CONTROL_IMPL_H

#include "source/control.h"

#define READ_SIZE 65536
#define ANSWER_MS 10000

struct fn_control_file {
	int fd;
	bool paced; /* poll() does not reach the server */
	char *root, *path;
	uint64_t unique, reads;
	struct fn1_hello hello;
	char server[129];
	/* What one read brought: buf[at … end). */
	size_t at, end;
	uint8_t *buf;
	/* Notifications that came while an answer was awaited. */
	uint8_t *kept;
	size_t kept_at, kept_end, kept_size;
};

int64_t fn_control_now_ms(void);
int fn_control_send(struct fn_control_file *f, const void *msg, size_t len);
/* The next answer of the server, its body in the read buffer; what comes before it is kept for
 * fn_control_read(). 0 or -errno. */
int fn_control_reply(struct fn_control_file *f, int64_t deadline, struct fn1_msg *msg);

#endif
