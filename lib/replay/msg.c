/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/msg.h"

#include <string.h>

/* fuse_in_header.total_extlen in units of 8 bytes; the field was padding before 7.38. */
#define EXTLEN_OFFSET 36

static uint16_t ext_units(const struct fn_msg *msg)
{
	uint16_t units;

	memcpy(&units, msg->buf + EXTLEN_OFFSET, sizeof(units));
	return units;
}

const struct fuse_in_header *fn_msg_header(const struct fn_msg *msg)
{
	const struct fuse_in_header *in = (const void *)msg->buf;

	if (msg->len < sizeof(*in) || in->len != msg->len)
		return NULL;
	if (sizeof(*in) + (size_t)ext_units(msg) * 8 > msg->len)
		return NULL;
	return in;
}

/* Where the extensions begin, or the message ends. */
static size_t body_end(const struct fn_msg *msg)
{
	return msg->len - (size_t)ext_units(msg) * 8;
}

const void *fn_msg_body(const struct fn_msg *msg, size_t size)
{
	if (!fn_msg_header(msg) || body_end(msg) - sizeof(struct fuse_in_header) < size)
		return NULL;
	return msg->buf + sizeof(struct fuse_in_header);
}

const char *fn_msg_name(const struct fn_msg *msg, size_t fixed, int n, size_t *len)
{
	const char *at = fn_msg_body(msg, fixed), *end, *nul;

	if (!at)
		return NULL;
	at += fixed;
	end = (const char *)msg->buf + body_end(msg);
	for (;; n--, at = nul + 1) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			return NULL;
		if (!n)
			break;
	}
	*len = (size_t)(nul - at);
	if (!*len || *len > 255 || memchr(at, '/', *len))
		return NULL;
	return at;
}

size_t fn_iov_len(const struct iovec *iov, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

bool fn_iov_read(const struct iovec *iov, int count, size_t off, void *buf, size_t len)
{
	for (int i = 0; i < count && len; i++) {
		size_t part = iov[i].iov_len;

		if (off >= part) {
			off -= part;
			continue;
		}
		part -= off;
		if (part > len)
			part = len;
		memcpy(buf, (const uint8_t *)iov[i].iov_base + off, part);
		buf = (uint8_t *)buf + part;
		len -= part;
		off = 0;
	}
	return !len;
}

static void retarget(struct fn_msg *msg, uint32_t opcode, uint64_t nodeid, size_t len)
{
	struct fuse_in_header *in = (void *)msg->buf;

	in->opcode = opcode;
	in->nodeid = nodeid;
	in->len = (uint32_t)len;
	msg->len = len;
	memset(msg->buf + EXTLEN_OFFSET, 0, sizeof(uint16_t));
}

bool fn_msg_to_lookup(struct fn_msg *msg, uint64_t parent, const char *name, size_t len)
{
	size_t need = sizeof(struct fuse_in_header) + len + 1;
	char *to = (char *)msg->buf + sizeof(struct fuse_in_header);

	if (need > msg->cap)
		return false;
	memmove(to, name, len); /* it may lie in the message itself */
	to[len] = '\0';
	retarget(msg, FUSE_LOOKUP, parent, need);
	return true;
}

bool fn_msg_to_getattr(struct fn_msg *msg, uint64_t nodeid, const uint64_t *fh)
{
	struct fuse_getattr_in get = {0};
	size_t need = sizeof(struct fuse_in_header) + sizeof(get);

	if (need > msg->cap)
		return false;
	if (fh) {
		get.getattr_flags = FUSE_GETATTR_FH;
		get.fh = *fh;
	}
	memcpy(msg->buf + sizeof(struct fuse_in_header), &get, sizeof(get));
	retarget(msg, FUSE_GETATTR, nodeid, need);
	return true;
}
