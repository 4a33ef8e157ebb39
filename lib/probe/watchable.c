/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/watchable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Newer than the oldest C library that we build with: include/uapi/linux/fanotify.h. */
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x2000
#endif
#ifndef FAN_REPORT_MNT
#define FAN_REPORT_MNT 0x4000
#endif
#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x400
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x200
#endif

#define FID_GROUP (FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_DFID_NAME)

/* No descriptor of a group is closed here: that waits for marks that are being destroyed anywhere
 * in the system (5 to 30 ms). The end of the process does it, when the report is out. */
static int group_error(unsigned flags)
{
	return fanotify_init(flags | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY) < 0 ? -errno : 0;
}

/* The kernel checks the flags and the mask before it looks at the descriptor, so a descriptor
 * that does not exist tells whether it knows them, and places no mark. */
static int mark_error(unsigned group_flags, unsigned mark_flags, uint64_t mask)
{
	int fd = fanotify_init(group_flags | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY), r = 0;

	if (fd < 0)
		return -errno;
	if (fanotify_mark(fd, FAN_MARK_ADD | mark_flags, mask, -1, NULL) && errno != EBADF)
		r = -errno;
	return r;
}

static void put_groups(struct fn_facts *f)
{
	static const struct {
		const char *name;
		unsigned flags;
	} groups[] = {
		{"fanotify_permission", FAN_CLASS_CONTENT},
		{"fanotify_fid", FAN_REPORT_FID},
		{"fanotify_dfid_name", FID_GROUP},
		{"fanotify_target_fid", FID_GROUP | FAN_REPORT_TARGET_FID},
		{"fanotify_pidfd", FAN_REPORT_PIDFD},
		{"fanotify_tid", FAN_REPORT_TID},
		{"fanotify_fd_error", FAN_CLASS_NOTIF | FAN_REPORT_FD_ERROR},
		{"fanotify_mnt", FAN_REPORT_MNT},
		{"fanotify_unlimited", FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS},
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		fn_fact_result(f, groups[i].name, "fanotify_init()", group_error(groups[i].flags));
}

static void put_marks(struct fn_facts *f)
{
	static const struct {
		const char *name;
		unsigned group, mark;
		uint64_t mask;
	} marks[] = {
		{"fanotify_mark_mount", FAN_CLASS_NOTIF, FAN_MARK_MOUNT, FAN_MODIFY},
		{"fanotify_mark_fs", FAN_REPORT_FID, FAN_MARK_FILESYSTEM, FAN_MODIFY},
		{"fanotify_mark_evictable", FAN_REPORT_FID, FAN_MARK_EVICTABLE, FAN_MODIFY},
		{"fanotify_mark_ignore", FAN_REPORT_FID,
		 FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY, FAN_MODIFY},
		{"fanotify_rename", FID_GROUP, 0, FAN_RENAME},
		{"fanotify_fs_error", FAN_REPORT_FID, FAN_MARK_FILESYSTEM, FAN_FS_ERROR},
		{"fanotify_pre_access", FAN_CLASS_PRE_CONTENT, 0, FAN_PRE_ACCESS},
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		fn_fact_result(f, marks[i].name, "fanotify_mark()",
			       mark_error(marks[i].group, marks[i].mark, marks[i].mask));
}

static int inotify_error(void)
{
	return inotify_init1(IN_CLOEXEC) < 0 ? -errno : 0;
}

void fn_probe_notify_abilities(struct fn_report *r)
{
	struct fn_facts *f = &r->facts;
	int err;

	fn_report_doing(r, "fanotify_init()");
	err = group_error(FAN_CLASS_NOTIF);
	fn_fact_result(f, "inotify", "inotify_init1()", inotify_error());
	/* An ordinary user gets groups that report file handles only. */
	if (err == -EPERM)
		err = group_error(FAN_REPORT_FID);
	fn_fact_result(f, "fanotify", "fanotify_init()", err);
	put_groups(f);
	put_marks(f);
}

static int watch_error(int dirfd)
{
	int fd = inotify_init1(IN_CLOEXEC), r = 0;
	char path[40];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (inotify_add_watch(fd, path, IN_CREATE | IN_ONLYDIR) < 0)
		r = -errno;
	return r;
}

static int real_mark_error(int dirfd, unsigned group, unsigned mark, uint64_t mask)
{
	int fd = fanotify_init(group | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY), r = 0;

	if (fd < 0)
		return -errno;
	if (fanotify_mark(fd, FAN_MARK_ADD | mark, mask, dirfd, "."))
		r = -errno;
	return r;
}

void fn_probe_watches(struct fn_report *r, int dirfd)
{
	static const struct {
		const char *name;
		unsigned group, mark;
		uint64_t mask;
	} marks[] = {
		{"watch_fid_inode", FID_GROUP, 0, FAN_CREATE | FAN_ONDIR},
		{"watch_fid_mount", FID_GROUP, FAN_MARK_MOUNT, FAN_MODIFY},
		{"watch_fid_fs", FID_GROUP, FAN_MARK_FILESYSTEM, FAN_CREATE | FAN_ONDIR},
		{"watch_fd_mount", FAN_CLASS_NOTIF, FAN_MARK_MOUNT, FAN_MODIFY},
		{"watch_fd_fs", FAN_CLASS_NOTIF, FAN_MARK_FILESYSTEM, FAN_MODIFY},
	};

	fn_report_doing(r, "inotify_add_watch()");
	fn_fact_result(&r->facts, "watch_inotify", "inotify_add_watch()", watch_error(dirfd));
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		fn_report_doing(r, marks[i].name);
		fn_fact_result(
			&r->facts, marks[i].name, "fanotify_mark()",
			real_mark_error(dirfd, marks[i].group, marks[i].mark, marks[i].mask));
	}
}
