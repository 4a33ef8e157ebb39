/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was negotiated, out of a recorded trace: the first INIT and the reply to it. */
#include "probe/probe.h"
#include "probe/peer.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOW "recorded INIT"
#define OP_INIT 26

struct init_pair {
	struct fn_init_offer offer;
	uint64_t unique;
	uint32_t conn;
	bool request, reply;
	const char *fault;
};

/* Whole, and in our byte order: else its bytes mean something else. */
static bool readable(struct init_pair *p, const struct fn_trace_msg *m)
{
	if (m->flags & FN_MSG_SWAP)
		p->fault = "INIT is there in the other byte order";
	else if ((m->flags & (FN_MSG_NO_BODY | FN_MSG_CUT)) || m->have < m->len)
		p->fault = "INIT is there, but not its bytes";
	else
		return true;
	return false;
}

static void take_message(struct fn_facts *f, struct init_pair *p, const struct fn_trace_msg *m)
{
	uint64_t flags;

	if (m->kind == FN_MSG_REQUEST && m->opcode == OP_INIT && !p->request && readable(p, m)) {
		p->request = !fn_probe_init_offer(f, &p->offer, m->data, m->len, HOW);
		p->unique = m->unique;
		p->conn = m->conn;
	} else if (m->kind == FN_MSG_REPLY && p->request && m->unique == p->unique &&
		   m->conn == p->conn && readable(p, m)) {
		p->reply = !fn_probe_init_reply(f, &p->offer, &flags, m->data, m->len, HOW);
		if (!p->reply)
			p->fault = "the server refused INIT";
		p->request = p->reply; /* a newer kernel tries again with an older version */
	}
}

int fn_probe_trace(struct fn_facts *f, const char *path, const char *as)
{
	struct init_pair p = {.offer = {0}};
	struct fn_trace_msg m;
	struct fn_trace *t;
	int r = fn_peer_offer(&p.offer, as);

	if (!r)
		r = fn_trace_open(&t, path, NULL);
	if (r)
		return r;
	while (!p.reply && (r = fn_trace_next(t, &m)) > 0)
		if (r == FN_TRACE_MSG)
			take_message(f, &p, &m);
	fn_trace_close(t);
	if (!p.request && !p.fault)
		p.fault = "there is no INIT in the trace";
	if (!p.reply)
		fn_fact_unknown(f, "protocol", HOW, "%s",
				p.fault ? p.fault : "INIT was not answered in the trace");
	fn_peer_unseen(f, 'r', p.fault ? p.fault : "not in this reply");
	return f->failed ? -ENOMEM : r < 0 ? r : 0;
}
