/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two directions share: structs as rows of values, in the order of their fields. */
#ifndef FN_WIRE_DIALECTS_IMPL_H
#define FN_WIRE_DIALECTS_IMPL_H

#include "wire/dialects.h"

#define FN_ROW_MAX 16
#define FN_MAIL_MORE 1u /* another half of the same event follows */
#define FN_NATIVE_OVERFLOW 1u
#define FN_EVENT_ON_CHILD 0x08000000u

/* Row of each struct: what its indices mean. Room between fields has an index too. */
enum { V1_INODE, V1_MASK, V1_NAMELEN, V1_COOKIE, AGG_GENERATION };
enum {
	MAIL_INODE,
	MAIL_GENERATION,
	MAIL_CHILD_GENERATION,
	MAIL_MASK,
	MAIL_NAMELEN,
	MAIL_COOKIE,
	MAIL_FLAGS,
	MAIL_ROOM,
	MAIL_CHILD
};
enum { V2_INODE, V2_PARENT, V2_MASK, V2_NAMELEN, V2_GENERATION, V2_NOTIFY_PARENT };
enum {
	NATIVE_MASK,
	NATIVE_DIR,
	NATIVE_CHILD,
	NATIVE_NEWDIR,
	NATIVE_DIR_GEN,
	NATIVE_CHILD_GEN,
	NATIVE_NEWDIR_GEN,
	NATIVE_FLAGS,
	NATIVE_NAMELEN,
	NATIVE_NEWNAMELEN
};

#endif
