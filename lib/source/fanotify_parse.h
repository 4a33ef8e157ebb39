/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes read from a fanotify descriptor -> records. Pure; no length in them is trusted. */
#ifndef FN_SOURCE_FANOTIFY_PARSE_H
#define FN_SOURCE_FANOTIFY_PARSE_H

#include "event/event.h"

/* Newer than some headers (linux/fanotify.h of 5.17, 5.19, 6.0). */
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000
#endif
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif
#ifndef FAN_EVENT_INFO_TYPE_OLD_DFID_NAME
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

/* One file handle record; the bytes are borrowed from the buffer. */
struct fn_fan_fid {
	bool present;
	uint8_t len;
	int32_t type;
	uint64_t fsid;
	const uint8_t *handle;
	struct fn_str name; /* empty: the directory itself */
};

struct fn_fan_record {
	uint64_t mask;
	int32_t pid, fd;
	struct fn_fan_fid object;  /* FID */
	struct fn_fan_fid dir;     /* DFID, DFID_NAME, NEW_DFID_NAME */
	struct fn_fan_fid old_dir; /* OLD_DFID_NAME */
};

/* The size of the record at buf, or -EBADMSG, or -EPROTO if the version is not ours. Info of a
 * kind that is not known is passed over. */
int fn_fan_parse(const uint8_t *buf, size_t len, struct fn_fan_record *rec);

void fn_fan_object(struct fn_object *o, const struct fn_fan_fid *fid);

/* A merged mask as single events, in the order in which they can have happened: takes the next
 * bit off *mask, 0 at the end. present: the name exists now, so a DELETE came before a CREATE. */
uint64_t fn_fan_next_bit(uint64_t *mask, bool present);

#endif
