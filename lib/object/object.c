/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "object/object.h"

#include <errno.h>
#include <string.h>

void fn_object_clear(struct fn_object *o)
{
	memset(o, 0, offsetof(struct fn_object, handle));
}

void fn_object_copy(struct fn_object *to, const struct fn_object *from)
{
	memcpy(to, from, offsetof(struct fn_object, handle) + from->handle_len);
}

int fn_object_set_handle(struct fn_object *o, int type, const void *bytes, size_t len)
{
	if (len > FN_HANDLE_MAX)
		return -EMSGSIZE;
	o->has |= FN_OBJ_HANDLE;
	o->handle_type = type;
	o->handle_len = (uint8_t)len;
	memcpy(o->handle, bytes, len);
	return 0;
}

void fn_object_set_node(struct fn_object *o, uint64_t nodeid, uint64_t generation)
{
	o->has |= FN_OBJ_NODE;
	o->nodeid = nodeid;
	o->generation = generation;
}

static bool same_handle(const struct fn_object *a, const struct fn_object *b)
{
	if ((a->has & b->has & FN_OBJ_FSID) && a->fsid != b->fsid)
		return false;
	return a->handle_type == b->handle_type && a->handle_len == b->handle_len &&
	       memcmp(a->handle, b->handle, a->handle_len) == 0;
}

bool fn_object_equal(const struct fn_object *a, const struct fn_object *b)
{
	if (a->has & b->has & FN_OBJ_HANDLE)
		return same_handle(a, b);
	if (a->has & b->has & FN_OBJ_NODE)
		return a->nodeid == b->nodeid && a->generation == b->generation;
	return false;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

/* Equal objects hash alike only if both have a handle or neither has: tables hold one kind. */
uint64_t fn_object_hash(const struct fn_object *o)
{
	uint64_t h = 0x6a09e667f3bcc908u, word;

	if (!(o->has & FN_OBJ_HANDLE))
		return mix(mix(h, o->nodeid), o->generation);
	h = mix(h, (uint64_t)(uint32_t)o->handle_type << 8 | o->handle_len);
	for (size_t i = 0; i < o->handle_len; i += sizeof(word)) {
		size_t n = o->handle_len - i < sizeof(word) ? o->handle_len - i : sizeof(word);

		word = 0;
		memcpy(&word, o->handle + i, n);
		h = mix(h, word);
	}
	return h;
}

int fn_object_to_fuse_handle(const struct fn_object *o, uint8_t bytes[12])
{
	uint32_t words[3];

	if (!(o->has & FN_OBJ_NODE))
		return -EINVAL;
	if (o->generation > UINT32_MAX)
		return -ERANGE;
	words[0] = (uint32_t)(o->nodeid >> 32);
	words[1] = (uint32_t)o->nodeid;
	words[2] = (uint32_t)o->generation;
	memcpy(bytes, words, sizeof(words));
	return 0;
}

int fn_object_from_fuse_handle(struct fn_object *o, const uint8_t *bytes, size_t len)
{
	uint32_t words[3];

	if (len != sizeof(words))
		return -EINVAL;
	memcpy(words, bytes, sizeof(words));
	fn_object_set_node(o, (uint64_t)words[0] << 32 | words[1], words[2]);
	return 0;
}

void fn_object_learn_node(struct fn_object *o)
{
	if (o->handle_type == FN_HANDLE_FUSE && !(o->has & FN_OBJ_FSID && o->fsid))
		fn_object_from_fuse_handle(o, o->handle, o->handle_len);
}
