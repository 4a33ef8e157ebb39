/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decoder says what a message holds through these calls, in order; what it looks like is up
 * to who implements them. Names are the header's: "attr.mode".
 */
#ifndef FN_TRACE_EMIT_H
#define FN_TRACE_EMIT_H

#include "trace/session.h"

struct fn_emit;

struct fn_emit_ops {
	void (*begin_msg)(struct fn_emit *e, const struct fn_seen *seen);
	/* A number in the format that the table gives; v is sign-extended where it is signed. */
	void (*field_u)(struct fn_emit *e, const struct fn_wire_field *f, uint64_t v);
	/* A name, a target, a text: bytes without their NUL. */
	void (*field_str)(struct fn_emit *e, const char *name, const char *text, size_t len);
	/* Content: have of its len bytes are there. */
	void (*field_data)(struct fn_emit *e, const char *name, const uint8_t *data, size_t have,
			   size_t len);
	/* A row of like things, each between open and close. */
	void (*open_list)(struct fn_emit *e, const char *name);
	void (*open_item)(struct fn_emit *e);
	void (*close_item)(struct fn_emit *e);
	void (*close_list)(struct fn_emit *e);
	/* Something is wrong in the message, offset bytes into it. */
	void (*fault)(struct fn_emit *e, size_t offset, const char *what);
	void (*end_msg)(struct fn_emit *e, const struct fn_seen *seen);
};

struct fn_emit {
	const struct fn_emit_ops *ops;
};

/* Decode seen->msg. Returns the number of faults. */
int fn_decode(const struct fn_seen *seen, struct fn_emit *e);

#endif
