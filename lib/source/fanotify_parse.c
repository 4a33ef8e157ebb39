/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/fanotify_parse.h"

#include <errno.h>
#include <string.h>
#include <sys/fanotify.h>

#define INFO_HEAD 4u                   /* u8 type, u8 pad, u16 len */
#define FID_HEAD (INFO_HEAD + 8u + 8u) /* fsid, handle_bytes, handle_type */

/* "." stands for the directory itself. */
static int parse_name(struct fn_str *name, const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\0', len);

	if (!end)
		return -EBADMSG;
	*name = (struct fn_str){(const char *)p, (size_t)(end - p)};
	if (name->len == 1 && *p == '.')
		*name = (struct fn_str){NULL, 0};
	else if (!fn_name_ok(name->data, name->len))
		return -EBADMSG;
	return 0;
}

static int parse_fid(struct fn_fan_fid *fid, const uint8_t *p, size_t len, bool named)
{
	uint32_t bytes;

	if (len < FID_HEAD)
		return -EBADMSG;
	memcpy(&fid->fsid, p + INFO_HEAD, sizeof(fid->fsid));
	memcpy(&bytes, p + INFO_HEAD + 8, sizeof(bytes));
	memcpy(&fid->type, p + INFO_HEAD + 12, sizeof(fid->type));
	if (bytes > FN_HANDLE_MAX || bytes > len - FID_HEAD)
		return -EBADMSG;
	fid->present = true;
	fid->len = (uint8_t)bytes;
	fid->handle = p + FID_HEAD;
	fid->name = (struct fn_str){NULL, 0};
	return named ? parse_name(&fid->name, p + FID_HEAD + bytes, len - FID_HEAD - bytes) : 0;
}

static int parse_info(struct fn_fan_record *rec, const uint8_t *p, size_t len)
{
	switch (p[0]) {
	case FAN_EVENT_INFO_TYPE_FID:
		return parse_fid(&rec->object, p, len, false);
	case FAN_EVENT_INFO_TYPE_DFID:
		return parse_fid(&rec->dir, p, len, false);
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		return parse_fid(&rec->dir, p, len, true);
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		return parse_fid(&rec->old_dir, p, len, true);
	default:
		return 0;
	}
}

int fn_fan_parse(const uint8_t *buf, size_t len, struct fn_fan_record *rec)
{
	struct fanotify_event_metadata meta;
	uint16_t n;
	int rc;

	rec->object.present = rec->dir.present = rec->old_dir.present = false;
	rec->dir.name = rec->old_dir.name = (struct fn_str){NULL, 0};
	if (len < sizeof(meta))
		return -EBADMSG;
	memcpy(&meta, buf, sizeof(meta));
	if (meta.vers != FANOTIFY_METADATA_VERSION)
		return -EPROTO;
	if (meta.metadata_len < sizeof(meta) || meta.event_len < meta.metadata_len ||
	    meta.event_len > len || meta.event_len > INT32_MAX)
		return -EBADMSG;
	rec->mask = meta.mask;
	rec->pid = meta.pid;
	rec->fd = meta.fd;
	for (size_t at = meta.metadata_len; at < meta.event_len; at += n) {
		if (meta.event_len - at < INFO_HEAD)
			return -EBADMSG;
		memcpy(&n, buf + at + 2, sizeof(n));
		if (n < INFO_HEAD || n > meta.event_len - at)
			return -EBADMSG;
		rc = parse_info(rec, buf + at, n);
		if (rc)
			return rc;
	}
	return (int)meta.event_len;
}

void fn_fan_object(struct fn_object *o, const struct fn_fan_fid *fid)
{
	fn_object_clear(o);
	if (!fid->present || !fid->len)
		return;
	fn_object_set_handle(o, fid->type, fid->handle, fid->len);
	o->fsid = fid->fsid;
	o->has |= FN_OBJ_FSID;
	fn_object_learn_node(o);
}

/*
 * The kernel merges an event into one still queued when the object, the directory, the name, the
 * process and the ISDIR bit are the same, except that RENAME merges only with an equal RENAME.
 * So a mask says what happened to one name, not in what order, and an event can stand earlier
 * than it happened when others of the same name came between. What can be told: a life goes from
 * CREATE to DELETE, unless the name is there now, which puts the DELETE first.
 */
uint64_t fn_fan_next_bit(uint64_t *mask, bool present)
{
	static const uint64_t order[] = {
		FN_CREATE,     FN_MOVED_TO, FN_RENAME,      FN_OPEN,          FN_OPEN_EXEC,
		FN_ACCESS,     FN_MODIFY,   FN_ATTRIB,      FN_CLOSE_NOWRITE, FN_CLOSE_WRITE,
		FN_MOVED_FROM, FN_DELETE,   FN_DELETE_SELF, FN_MOVE_SELF,
	};
	uint64_t bit = 0;

	if (present && (*mask & (FN_DELETE | FN_MOVED_FROM)))
		bit = *mask & FN_DELETE ? FN_DELETE : FN_MOVED_FROM;
	for (size_t i = 0; !bit && i < sizeof(order) / sizeof(order[0]); i++)
		bit = *mask & order[i];
	*mask &= ~bit;
	return bit;
}
