/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A window over a descriptor, a decompressor's output or memory. */
#ifndef FN_TRACE_INPUT_H
#define FN_TRACE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fn_input {
	int fd;        /* -1: memory */
	int watch;     /* inotify descriptor of a followed file, or -1 */
	pid_t pids[2]; /* decompressor and who feeds it; 0: none */
	uint8_t *buf;
	size_t cap, head, tail;
	size_t scanned; /* bytes after head known to hold no newline */
	uint64_t base;  /* offset of buf[head] in the input */
	bool eof, follow, lent, drain;
	int error; /* -errno of a failed read */
	bool (*stop)(void *arg);
	void (*idle)(void *arg);
	void *arg;
};

int fn_input_open(struct fn_input *in, int fd);
void fn_input_mem(struct fn_input *in, const void *data, size_t len);
void fn_input_close(struct fn_input *in);
/* Have n bytes at fn_input_ptr(), fewer only at the end. Returns how many there are. */
size_t fn_input_fill(struct fn_input *in, size_t n);
/* A line without its newline, at most max bytes; false at the end. Longer ones come in pieces
 * with *whole false. The line stays valid until the next fill; it is not consumed. */
bool fn_input_line(struct fn_input *in, size_t max, const char **line, size_t *len, bool *whole);

static inline const uint8_t *fn_input_ptr(const struct fn_input *in)
{
	return in->buf + in->head;
}
static inline size_t fn_input_have(const struct fn_input *in)
{
	return in->tail - in->head;
}
static inline size_t fn_input_need(struct fn_input *in, size_t n)
{
	return fn_input_have(in) >= n ? fn_input_have(in) : fn_input_fill(in, n);
}
static inline void fn_input_skip(struct fn_input *in, size_t n)
{
	in->head += n;
	in->base += n;
	in->scanned = in->scanned > n ? in->scanned - n : 0;
}

#endif
