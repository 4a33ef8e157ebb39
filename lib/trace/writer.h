/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Traces written: fusedump v2 that old readers take, and pcapng for Wireshark. */
#ifndef FN_TRACE_WRITER_H
#define FN_TRACE_WRITER_H

#include "text/buf.h"
#include "trace/session.h"
#include "trace/trace.h"

/* Append one record. What the source did not give is written as zeros, and marked so in our own
 * item. -EMSGSIZE: the message says to be longer than FN_TRACE_MSG_MAX. */
int fn_write_fusedump(struct fn_buf *out, const struct fn_trace_msg *m);

/* A file begins with a head, then a block a message, of link type USER0 (147): u8 'R' or 'W',
 * u8 flags, u16 zero, u32 connection, u32 thread, all little-endian; then the message. */
#define FN_PCAPNG_HEAD 12
void fn_write_pcapng_head(struct fn_buf *out);
int fn_write_pcapng(struct fn_buf *out, const struct fn_trace_msg *m);
/* A Wireshark dissector (Lua) for these, made from the protocol's table. */
void fn_write_dissector(struct fn_buf *out);

/* Names in messages replaced by what a key makes of them, always the same for the same name and
 * of its length, and content by zeros. */
struct fn_anonymizer {
	uint8_t key[16];
	uint8_t *copy;
	size_t cap;
};
int fn_anonymizer_init(struct fn_anonymizer *a); /* with a random key */
void fn_anonymizer_free(struct fn_anonymizer *a);
/* m becomes the message of seen without what it tells; lent until the next call. */
int fn_anonymize(struct fn_anonymizer *a, const struct fn_seen *seen, struct fn_trace_msg *m);

#endif
