/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fnsend/send.h"

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* How much of path the mount point covers; 0 if it is not above it. */
static size_t covers(const char *mountpoint, const char *path)
{
	size_t n = strlen(mountpoint);

	if (n == 1 && *mountpoint == '/')
		return 1;
	return !strncmp(mountpoint, path, n) && (path[n] == '/' || !path[n]) ? n : 0;
}

static bool copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (n >= size)
		return false;
	memcpy(to, from, n + 1);
	return true;
}

/* "36 35 98:0 /root /mount/point options shared:1 - type source options" */
static bool match_line(char *line, unsigned long long id, const char **mountpoint,
		       const char **type)
{
	char *save, *field = strtok_r(line, " ", &save);
	unsigned n = 1;

	if (!field || strtoull(field, NULL, 10) != id)
		return false;
	for (; field; field = strtok_r(NULL, " ", &save), n++) {
		if (n == 5)
			*mountpoint = field;
		if (n > 6 && !strcmp(field, "-"))
			break;
	}
	*type = strtok_r(NULL, " ", &save);
	return *type != NULL;
}

int mount_of(const char *path, char *mountpoint, size_t size, char *fstype, size_t tsize,
	     const char **rest)
{
	const char *mp, *type;
	char *line = NULL;
	size_t room = 0, n = 0;
	struct statx stx;
	FILE *f;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx))
		return -errno;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (!n && getline(&line, &room, f) > 0) {
		if (!match_line(line, stx.stx_mnt_id, &mp, &type))
			continue;
		unescape((char *)(uintptr_t)mp);
		n = covers(mp, path);
		if (n && (!copy(mountpoint, size, mp) || !copy(fstype, tsize, type)))
			n = 0;
	}
	free(line);
	fclose(f);
	if (!n)
		return -ENOENT;
	*rest = path + n;
	*rest += **rest == '/';
	return 0;
}
