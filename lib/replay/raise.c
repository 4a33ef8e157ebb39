/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/raise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay/refresh.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static struct timespec timespec_of(const struct statx_timestamp *t)
{
	return (struct timespec){.tv_sec = (time_t)t->tv_sec, .tv_nsec = (long)t->tv_nsec};
}

/* The times that stay out of it are not sent: only mtime is MODIFY, only atime ACCESS, both are
 * ATTRIB. */
static int set_times(int fd, const struct statx *stx, bool atime, bool mtime)
{
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	if (atime)
		ts[0] = timespec_of(&stx->stx_atime);
	if (mtime)
		ts[1] = timespec_of(&stx->stx_mtime);
	return utimensat(fd, "", ts, AT_EMPTY_PATH) ? -errno : 0;
}

static int set_mode(int fd, const struct statx *stx)
{
	mode_t mode = stx->stx_mode & 07777;
	char path[32];

	if (!syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH))
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode) ? -errno : 0;
}

/* A chmod by who is not in the file's group would clear the set-group-ID bit, and a symlink has
 * no mode to set: there both times do. */
static int raise_attrib(int fd, const struct statx *stx)
{
	if (S_ISLNK(stx->stx_mode) || stx->stx_mode & (S_ISUID | S_ISGID))
		return set_times(fd, stx, true, true);
	return set_mode(fd, stx);
}

/* The pages go with it, so that no reader of the new data sees old ones. */
static int open_close(int fd, const struct statx *stx, int flags)
{
	int again;

	/* Opening a fifo or a device is somebody's business. */
	if (!S_ISREG(stx->stx_mode) && !(S_ISDIR(stx->stx_mode) && flags == O_RDONLY))
		return -EOPNOTSUPP;
	again = fn_reopen(fd, flags);
	if (again < 0)
		return again;
	if (S_ISREG(stx->stx_mode))
		posix_fadvise(again, 0, 0, POSIX_FADV_DONTNEED);
	close(again);
	return 0;
}

/* One call for all opens and closes that were asked for, if it can be one. */
static int raise_opens(int fd, const struct statx *stx, uint64_t bits, struct fn_raised *raised)
{
	static const struct {
		uint64_t close;
		int flags;
	} ways[] = {{FN_CLOSE_WRITE, O_WRONLY | O_APPEND}, {FN_CLOSE_NOWRITE, O_RDONLY}};
	uint64_t closes = bits & (FN_CLOSE_WRITE | FN_CLOSE_NOWRITE);
	uint64_t came = 0;

	if (!closes)
		closes = FN_CLOSE_NOWRITE;
	for (size_t i = 0; i < 2; i++) {
		int err;

		if (!(closes & ways[i].close))
			continue;
		err = open_close(fd, stx, ways[i].flags);
		if (err == -EOPNOTSUPP)
			break;
		if (err)
			return err;
		came |= ways[i].close | FN_OPEN;
	}
	raised->bits |= came & bits;
	raised->extra |= came & ~bits;
	raised->missed |= bits & ~came;
	return 0;
}

static int raise_one(int fd, const struct statx *stx, uint64_t bit)
{
	switch (bit) {
	case FN_ACCESS:
		return set_times(fd, stx, true, false);
	case FN_MODIFY:
		return set_times(fd, stx, false, true);
	default:
		return raise_attrib(fd, stx);
	}
}

int fn_raise(int fd, const struct statx *stx, uint64_t bits, struct fn_raised *raised)
{
	static const uint64_t order[] = {FN_ACCESS, FN_MODIFY, FN_ATTRIB};
	uint64_t opens = bits & (FN_OPEN | FN_CLOSE_WRITE | FN_CLOSE_NOWRITE);

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		int err = bits & order[i] ? raise_one(fd, stx, order[i]) : 0;

		if (err)
			return err;
		raised->bits |= bits & order[i];
	}
	return opens ? raise_opens(fd, stx, opens, raised) : 0;
}

bool fn_data_may_be_stale(const struct statx *before, const struct statx *now)
{
	return S_ISREG(now->stx_mode) && before->stx_ino == now->stx_ino &&
	       before->stx_size == now->stx_size &&
	       before->stx_mtime.tv_sec == now->stx_mtime.tv_sec &&
	       before->stx_mtime.tv_nsec == now->stx_mtime.tv_nsec &&
	       (before->stx_ctime.tv_sec != now->stx_ctime.tv_sec ||
		before->stx_ctime.tv_nsec != now->stx_ctime.tv_nsec);
}
