/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/request.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define XATTR_NAME "user.fnprobe"

/* Members that are not 0. None of these can change anything: removal needs a name, writing a
 * length, and SETXATTR replaces what is not there. */
static const struct {
	const char *op, *member;
	uint64_t value;
} members[] = {
	{"MKNOD", "mode", S_IFREG | 0600},
	{"MKDIR", "mode", 0700},
	{"CREATE", "mode", S_IFREG | 0600},
	{"CREATE", "flags", O_CREAT | O_EXCL | O_RDWR},
	{"TMPFILE", "mode", S_IFREG | 0600},
	{"TMPFILE", "flags", O_TMPFILE | O_RDWR},
	{"LINK", "oldnodeid", 1},
	{"RENAME", "newdir", 1},
	{"RENAME2", "newdir", 1},
	{"RENAME2", "flags", 1}, /* RENAME_NOREPLACE */
	{"READ", "size", 1},
	{"READDIR", "size", 4096},
	{"READDIRPLUS", "size", 4096},
	{"SETXATTR", "flags", 2}, /* XATTR_REPLACE */
	{"GETLK", "lk.end", 1},
	{"SETLK", "lk.type", F_UNLCK},
	{"SETLK", "lk.end", 1},
	{"SETLKW", "lk.type", F_UNLCK},
	{"SETLKW", "lk.end", 1},
	{"FALLOCATE", "mode", 1},    /* FALLOC_FL_KEEP_SIZE */
	{"FSYNC", "fsync_flags", 1}, /* data only */
	{"FSYNCDIR", "fsync_flags", 1},
	{"LSEEK", "whence", 3}, /* SEEK_DATA */
	{"BMAP", "blocksize", 512},
	{"IOCTL", "cmd", 0x5401}, /* TCGETS: no file is a terminal */
	{"STATX", "sx_mask", 0x7ff},
	{"FSNOTIFY", "mask", 0x100}, /* FS_CREATE */
	{"FSNOTIFY", "action", 1},
};

static void put_members(const struct fn_wire_op *op, unsigned char *body,
			const struct fn_request_target *to)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!strcmp(members[i].op, op->name))
			fn_wire_member_put(op->in, members[i].member, body, members[i].value);
	fn_wire_member_put(op->in, "fh", body, to->fh);
	fn_wire_member_put(op->in, "fh_in", body, to->fh);
	fn_wire_member_put(op->in, "fh_out", body, to->fh);
	fn_wire_member_put(op->in, "nodeid_out", body, to->nodeid);
}

static size_t put_name(unsigned char *at, const char *name)
{
	size_t len = strlen(name) + 1;

	memcpy(at, name, len);
	return len;
}

static size_t put_tail(unsigned char *at, const struct fn_wire_op *op, const char *name)
{
	bool xattr = strstr(op->name, "XATTR");
	size_t len;

	switch (op->in_tail) {
	case FN_TAIL_NAME:
		return put_name(at, xattr ? XATTR_NAME : name);
	case FN_TAIL_NAME_DATA:
		return put_name(at, XATTR_NAME);
	case FN_TAIL_NAME_NEWNAME:
		len = put_name(at, name);
		return len + put_name(at + len, name);
	case FN_TAIL_NAME_TARGET:
		len = put_name(at, name);
		return len + put_name(at + len, "fnprobe");
	default:
		return 0;
	}
}

size_t fn_request_make(unsigned char *msg, const struct fn_wire_op *op,
		       const struct fn_wire_conn *conn, const struct fn_request_target *to,
		       uint64_t unique)
{
	size_t len = FN_WIRE_IN_HEADER;

	memset(msg, 0, FN_PEER_BUF);
	if (strlen(to->name) > 255)
		return 0;
	if (op->in != FN_STRUCT_none) {
		put_members(op, msg + len, to);
		len += fn_wire_struct_size(op->in, conn);
	}
	len += put_tail(msg + len, op, to->name);
	fn_wire_member_put(FN_STRUCT_in_header, "len", msg, len);
	fn_wire_member_put(FN_STRUCT_in_header, "opcode", msg, op->code);
	fn_wire_member_put(FN_STRUCT_in_header, "unique", msg, unique);
	fn_wire_member_put(FN_STRUCT_in_header, "nodeid", msg, to->nodeid);
	return len;
}
