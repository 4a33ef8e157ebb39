/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawinit: mounts FUSE the old way in a mount namespace of its own, reads INIT and prints
 * "MAJOR.MINOR FLAGS LENGTH MAX_READAHEAD". Shares nothing with what it checks.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(void)
{
	unsigned msg[32768] = {0};
	char data[128];
	int fd = open("/dev/fuse", O_RDWR);
	ssize_t n;

	if (fd < 0 || unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("rawinit", "/tmp", "fuse", MS_NOSUID | MS_NODEV, data))
		return 1;
	n = read(fd, msg, sizeof(msg));
	if (n < 56)
		return 1;
	/* 10 words of header, then major, minor, max_readahead, flags, flags2 */
	printf("%u.%u 0x%08x%08x %zd %u\n", msg[10], msg[11], n > 56 ? msg[14] : 0, msg[13], n,
	       msg[12]);
	return 0;
}
