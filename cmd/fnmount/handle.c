/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handle.h"

#include <errno.h>
#include <string.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* Linux 6.5: a handle that need not be openable */
#endif

int handle_of(struct handle *h, int fd)
{
	int mount;

	h->fh.handle_bytes = FN_HANDLE_MAX;
	if (!name_to_handle_at(fd, "", &h->fh, &mount, AT_EMPTY_PATH))
		return 0;
	h->fh.handle_bytes = FN_HANDLE_MAX;
	if (errno == EOPNOTSUPP &&
	    !name_to_handle_at(fd, "", &h->fh, &mount, AT_EMPTY_PATH | AT_HANDLE_FID))
		return 0;
	h->fh.handle_bytes = 0;
	h->fh.handle_type = 0;
	return -errno;
}

int handle_open(int dir, int type, const unsigned char *bytes, size_t len, int flags)
{
	struct handle h = {.fh = {.handle_bytes = (unsigned)len, .handle_type = type}};
	int fd;

	if (dir < 0 || !len || len > FN_HANDLE_MAX)
		return -ESTALE;
	memcpy(h.fh.f_handle, bytes, len);
	fd = open_by_handle_at(dir, &h.fh, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
