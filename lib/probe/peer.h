/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A FUSE server that we are the kernel of, whatever carries the messages. */
#ifndef FN_PROBE_PEER_H
#define FN_PROBE_PEER_H

#include "probe/fact.h"
#include "probe/init.h"

#define FN_PEER_BUF 8192 /* the largest message either way */

struct fn_peer {
	/* Sends one request (noreply: that is all). The reply with the same unique goes to reply,
	 * of FN_PEER_BUF bytes; others are passed over. Its length (0: the transport says that
	 * the request is done, and there is no reply), or -errno: -ETIMEDOUT when
	 * the deadline is past, -EPIPE when the server is gone, -EBADMSG when it talks nonsense. */
	long (*call)(struct fn_peer *p, const void *req, size_t len, void *reply, bool noreply,
		     int64_t deadline_ns);
	const char *how; /* for the facts: "INIT over a socket", … */
	bool shared;     /* the server serves somebody's real files: ask for nothing heavy */
	bool quick;      /* INIT only */
};

/* INIT, then every opcode of the table. 0 when INIT was answered well. */
int fn_peer_ask(struct fn_facts *f, struct fn_peer *p, const struct fn_init_offer *offer,
		int64_t deadline_ns);
/* What is not known yet of everything that probes of this letter tell is unknown for this reason.
 */
void fn_peer_unseen(struct fn_facts *f, char letter, const char *reason);

/* "7.31", or the name of a dialect; NULL: the newest mainline. 0 or -EINVAL. */
int fn_peer_offer(struct fn_init_offer *offer, const char *as);

/* A reply as it came: 0 when it is one (len is as the header says, unique is that, error sane). */
int fn_peer_check_reply(const void *reply, size_t len, uint64_t unique);

#endif
