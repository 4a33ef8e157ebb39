/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/watchable.h"
#include "object/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Newer than the oldest C library that we build with. */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#define HANDLE_MNT_ID_UNIQUE 0x001
#define HANDLE_CONNECTABLE 0x002

union handle {
	struct file_handle h;
	char bytes[sizeof(struct file_handle) + FN_HANDLE_MAX];
};

static int get_handle(int dirfd, union handle *h, int flags)
{
	uint64_t mount_id; /* 64 bits with HANDLE_MNT_ID_UNIQUE */

	h->h.handle_bytes = FN_HANDLE_MAX;
	if (name_to_handle_at(dirfd, ".", &h->h, (int *)&mount_id, flags))
		return -errno;
	return 0;
}

static void put_handle(struct fn_facts *f, const char *name, const char *how, int err,
		       const union handle *h)
{
	char value[64];

	fn_fact_result(f, name, how, err);
	if (err)
		return;
	snprintf(value, sizeof(value), "type 0x%x, %u bytes", (unsigned)h->h.handle_type,
		 h->h.handle_bytes);
	fn_fact_text(f, name, how, value);
}

static void put_open(struct fn_facts *f, int dirfd, int err, union handle *h)
{
	int fd;

	if (err) {
		fn_fact_result(f, "handle_open", "open_by_handle_at()", err);
		return;
	}
	fd = open_by_handle_at(dirfd, &h->h, O_PATH | O_CLOEXEC);
	fn_fact_result(f, "handle_open", "open_by_handle_at()", fd < 0 ? -errno : 0);
	if (fd >= 0)
		close(fd);
}

void fn_probe_handles(struct fn_report *r, int dirfd)
{
	static const struct {
		const char *name, *how;
		int flags;
	} kinds[] = {
		{"handle_fid", "name_to_handle_at(AT_HANDLE_FID)", AT_HANDLE_FID},
		{"handle_connectable", "name_to_handle_at(AT_HANDLE_CONNECTABLE)",
		 HANDLE_CONNECTABLE},
		{"handle_mnt_id_unique", "name_to_handle_at(AT_HANDLE_MNT_ID_UNIQUE)",
		 HANDLE_MNT_ID_UNIQUE},
	};
	union handle h;
	int err;

	fn_report_doing(r, "name_to_handle_at()");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		err = get_handle(dirfd, &h, kinds[i].flags);
		put_handle(&r->facts, kinds[i].name, kinds[i].how, err, &h);
	}
	err = get_handle(dirfd, &h, 0);
	put_handle(&r->facts, "handle", "name_to_handle_at()", err, &h);
	fn_report_doing(r, "open_by_handle_at()");
	put_open(&r->facts, dirfd, err, &h);
}
