/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FUSE INIT messages as facts: what one side offers, what the other takes. Pure: bytes in, facts
 * out; nothing in them is trusted.
 */
#ifndef FN_PROBE_INIT_H
#define FN_PROBE_INIT_H

#include "probe/fact.h"
#include "wire/wire.h"

struct fn_init_offer {
	uint32_t major, minor, max_readahead;
	uint64_t flags;
	bool extended;           /* a body of 64 bytes: bit 30 can only be INIT_EXT then */
	enum fn_dialect dialect; /* that the user named, else mainline */
};

/* A request, fuse_in_header included: a fact for each bit of the flags, offered or no. offer takes
 * what it says; its dialect has to be set before. 0, or -EBADMSG: then nothing is said. */
int fn_probe_init_offer(struct fn_facts *f, struct fn_init_offer *offer, const void *msg,
			size_t len, const char *how);
/* The reply to it, fuse_out_header included: each bit negotiated, offered, wanted or no. *flags
 * becomes what was replied. 0, -EBADMSG, or the -errno that the reply carries. */
int fn_probe_init_reply(struct fn_facts *f, const struct fn_init_offer *offer, uint64_t *flags,
			const void *msg, size_t len, const char *how);
/* No INIT was seen: unknown, all of it. */
void fn_probe_init_unseen(struct fn_facts *f, const char *reason);

/* A bit that was not offered now, and is taken by the same server where it is. */
void fn_probe_put_wanted(struct fn_facts *f, unsigned bit, const char *reason, const char *how);

/* The names of the facts for a bit of INIT's flags, for an opcode, and for a dialect's remote
 * fsnotify. */
void fn_probe_flag_name(char name[FN_FACT_NAME_MAX], unsigned bit);
void fn_probe_op_name(char name[FN_FACT_NAME_MAX], const struct fn_wire_op *op);
void fn_probe_dialect_name(char name[FN_FACT_NAME_MAX], enum fn_dialect dialect);
/* What mainline calls the bit that the dialect uses; NULL: it is free. */
const char *fn_probe_collision(enum fn_dialect dialect);
void fn_probe_put_dialect(struct fn_facts *f, enum fn_dialect dialect, enum fn_fact_state state,
			  const char *reason, const char *how);

/* What a kernel of this version and dialect offers: all that the table knows, but what would
 * oblige us to speak something else (io_uring, splice). */
void fn_init_offer_default(struct fn_init_offer *offer, uint32_t minor, enum fn_dialect dialect);
/* The bytes of it: 40 + 16 or 64. Returns how many. */
#define FN_INIT_REQUEST_MAX 104
size_t fn_init_request(unsigned char msg[FN_INIT_REQUEST_MAX], const struct fn_init_offer *offer,
		       uint64_t unique);

#endif
