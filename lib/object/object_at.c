/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity from the kernel: name_to_handle_at(2) and open_by_handle_at(2). */
#include "object/object.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* 6.5: a handle that identifies and need not be decodable, so more file systems give one. */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

struct handle_room {
	struct file_handle head;
	uint8_t bytes[FN_HANDLE_MAX];
};

/* A decodable handle where there is one: it is the same bytes as the FID on every file system
 * that has both, and older kernels refuse the flag with EINVAL. */
static int get_handle(int dirfd, const char *name, struct handle_room *h, int *mount_id, int flags)
{
	h->head.handle_bytes = FN_HANDLE_MAX;
	if (name_to_handle_at(dirfd, name, &h->head, mount_id, flags) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -errno;
	h->head.handle_bytes = FN_HANDLE_MAX;
	if (name_to_handle_at(dirfd, name, &h->head, mount_id, flags | AT_HANDLE_FID) == 0)
		return 0;
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
}

int fn_object_handle_at(struct fn_object *o, int dirfd, const char *name, int flags, int *mount_id)
{
	struct handle_room h;
	int ignored, rc;

	rc = get_handle(dirfd, name, &h, mount_id ? mount_id : &ignored, flags);
	if (rc)
		return rc;
	return fn_object_set_handle(o, h.head.handle_type, h.head.f_handle, h.head.handle_bytes);
}

int fn_object_fsid(int fd, uint64_t *fsid)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return -errno;
	memcpy(fsid, &st.f_fsid, sizeof(*fsid));
	return 0;
}

/* The fsid is that of the object, which may be the root of another file system than dirfd's. */
static int fsid_at(int dirfd, const char *name, int flags, uint64_t *fsid)
{
	int fd, rc;

	if (!*name && (flags & AT_EMPTY_PATH) && dirfd >= 0)
		return fn_object_fsid(dirfd, fsid);
	fd = openat(dirfd, *name ? name : ".",
		    O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW));
	if (fd < 0)
		return -errno;
	rc = fn_object_fsid(fd, fsid);
	close(fd);
	return rc;
}

int fn_object_at(struct fn_object *o, int dirfd, const char *name, int flags)
{
	int rc;

	fn_object_clear(o);
	rc = fn_object_handle_at(o, dirfd, name, flags, NULL);
	if (rc == 0)
		rc = fsid_at(dirfd, name, flags, &o->fsid);
	if (rc) {
		fn_object_clear(o);
		return rc;
	}
	o->has |= FN_OBJ_FSID;
	fn_object_learn_node(o);
	return 0;
}

int fn_object_open(const struct fn_object *o, int mount_fd, int flags)
{
	struct handle_room h;
	int fd;

	if (!(o->has & FN_OBJ_HANDLE))
		return -EINVAL;
	h.head.handle_bytes = o->handle_len;
	h.head.handle_type = o->handle_type;
	memcpy(h.head.f_handle, o->handle, o->handle_len);
	fd = open_by_handle_at(mount_fd, &h.head, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
