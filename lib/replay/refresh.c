/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay/refresh.h"
#include "replay/raise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

int fn_refresh_outside(void)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int fn_refresh_name(int outside, int dirfd, const char *name)
{
	if (linkat(outside, "version", dirfd, name, 0) == 0)
		return -EIO; /* cannot be: /proc holds no links of others */
	switch (errno) {
	case EEXIST:
		return 1;
	case EXDEV:
	case EROFS: /* told only for a name that is absent */
		return 0;
	default:
		return -errno;
	}
}

static int attr(int fd, int sync, struct statx *stx)
{
	if (statx(fd, "", AT_EMPTY_PATH | sync, STATX_BASIC_STATS, stx))
		return -errno;
	return 0;
}

int fn_refresh_attr(int fd, struct statx *stx)
{
	return attr(fd, AT_STATX_FORCE_SYNC, stx);
}

int fn_cached_attr(int fd, struct statx *stx)
{
	return attr(fd, AT_STATX_DONT_SYNC, stx);
}

/* What the kernel has under the name without asking: whatever it asks for is fresh. */
static int open_only_cached(int dirfd, const char *name)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_CACHED};

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/* ThreadSanitizer did not see openat2(), and takes close() for that of who had the number before.
 */
void fn_close_cached(int fd)
{
	int err = errno;

	if (fd >= 0)
		syscall(SYS_close, fd);
	errno = err;
}

static int open_cached(int dirfd, const char *name)
{
	int fd = open_only_cached(dirfd, name);

	if (fd < 0 && errno != EAGAIN && errno != ENOENT)
		fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

static bool has_to_ask(int dirfd, const char *name)
{
	int fd = open_only_cached(dirfd, name);

	fn_close_cached(fd);
	return fd < 0 && errno == EAGAIN;
}

/* It may also have to ask whether we may search the directory; then that tells nothing. */
bool fn_refresh_needless(int dirfd, const char *name)
{
	return has_to_ask(dirfd, name) && !has_to_ask(dirfd, ".") && has_to_ask(dirfd, name);
}

static bool is_under(int dirfd, const char *name, const struct statx *what)
{
	struct statx stx;

	return !statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_INO, &stx) &&
	       stx.stx_ino == what->stx_ino && stx.stx_dev_major == what->stx_dev_major &&
	       stx.stx_dev_minor == what->stx_dev_minor;
}

/* What stood under the name that was looked up again. If it still does, its attributes came with
 * that. The pages go where nothing but the change time tells that they are old; the other side
 * hears of that open. True: it has no links left. */
static bool refresh_object(int fd, const struct statx *before, bool there, bool written)
{
	struct statx now;

	if (there ? fn_cached_attr(fd, &now) : fn_refresh_attr(fd, &now))
		return false;
	if (written && fn_data_may_be_stale(before, &now))
		fn_refresh_data(fd);
	return now.stx_nlink == 0;
}

int fn_refresh_object(int outside, int dirfd, const char *name, bool written, bool *ended)
{
	int fd = open_cached(dirfd, name), r;
	struct statx before;
	bool known = fd >= 0 && !fn_cached_attr(fd, &before), unlinked = false;

	r = fn_refresh_name(outside, dirfd, name);
	if (known)
		unlinked = refresh_object(fd, &before, r == 1 && is_under(dirfd, name, &before),
					  written);
	fn_close_cached(fd);
	if (ended)
		*ended = unlinked && r == 0;
	return r;
}

int fn_refresh_entry(int outside, int dirfd, const char *name, bool written, bool *ended)
{
	struct statx stx;
	int r = fn_refresh_attr(dirfd, &stx);

	return r ? r : fn_refresh_object(outside, dirfd, name, written, ended);
}

int fn_reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

int fn_refresh_data(int fd)
{
	int again = fn_reopen(fd, O_RDONLY), err;

	if (again < 0)
		return again;
	err = posix_fadvise(again, 0, 0, POSIX_FADV_DONTNEED);
	close(again);
	return -err;
}
