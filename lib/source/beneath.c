/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where openat2() is forbidden (old sandboxes): one component at a time. */
static int open_by_steps(int dirfd, const char *path, int flags)
{
	int fd = -1, at = dirfd;

	for (;;) {
		size_t len = strcspn(path, "/");
		char name[256];

		if (len == 0 || len >= sizeof(name)) {
			errno = ENAMETOOLONG;
			fd = -1;
		} else {
			memcpy(name, path, len);
			name[len] = '\0';
			fd = openat(at, name,
				    path[len] ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
					      : flags | O_NOFOLLOW | O_CLOEXEC);
		}
		if (at != dirfd)
			close(at);
		if (fd < 0 || !path[len])
			return fd < 0 ? -errno : fd;
		at = fd;
		path += len + 1;
	}
}

int fn_open_beneath(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd;

	if (!*path)
		path = ".";
	fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	if (fd >= 0)
		return (int)fd;
	if (errno != ENOSYS && errno != EPERM && errno != EAGAIN)
		return -errno;
	return open_by_steps(dirfd, path, flags);
}

struct dirent *fn_next_entry(DIR *dir)
{
	struct dirent *e;

	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			break;
	return e;
}

bool fn_entry_is_dir(int dirfd, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}
