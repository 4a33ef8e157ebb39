/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds FUSE requests for tests. */
#ifndef FN_TESTS_REQUEST_H
#define FN_TESTS_REQUEST_H

#include <linux/fuse.h>
#include <string.h>

#include "replay/msg.h"

/* A header, a fixed part, and up to two names, in room. */
static inline struct fn_msg build_request(uint8_t *room, size_t size, uint32_t opcode,
					  uint64_t nodeid, const void *body, size_t fixed,
					  const char *name, const char *second)
{
	struct fuse_in_header in = {.opcode = opcode, .unique = 42, .nodeid = nodeid, .pid = 7};
	uint8_t *at = room + sizeof(in);

	if (fixed)
		memcpy(at, body, fixed);
	at += fixed;
	for (const char *s = name; s; s = s == name ? second : NULL) {
		memcpy(at, s, strlen(s) + 1);
		at += strlen(s) + 1;
	}
	in.len = (uint32_t)(at - room);
	memcpy(room, &in, sizeof(in));
	return (struct fn_msg){room, in.len, size};
}

#endif
