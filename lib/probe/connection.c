/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/connection.h"
#include "probe/sysfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define FUSECTL "/sys/fs/fuse/connections"

/* Where fusectl is not mounted, a mount of it that is attached nowhere will do. */
static int private_fusectl(void)
{
	int fs = fsopen("fusectl", FSOPEN_CLOEXEC), root = -1;

	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		root = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (root < 0)
		root = -errno;
	if (fs >= 0)
		close(fs);
	return root;
}

static int open_connection(unsigned connection)
{
	char path[64];
	int root, fd;

	snprintf(path, sizeof(path), FUSECTL "/%u", connection);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	root = private_fusectl();
	if (root < 0)
		return root;
	fd = openat(root, path + sizeof(FUSECTL), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(root);
	return fd;
}

static const char *const controls[] = {"waiting", "max_background", "congestion_threshold"};
#define NCONTROLS (sizeof(controls) / sizeof(controls[0]))

static void put_control(struct fn_facts *f, unsigned connection)
{
	int dir = open_connection(connection);
	char text[32];

	for (size_t i = 0; i < NCONTROLS; i++) {
		int r = dir < 0 ? dir : fn_sysfile_read(dir, controls[i], text, sizeof(text));

		if (r == -ENOENT && dir < 0)
			fn_fact_unknown(f, controls[i], "fusectl", "fusectl does not show it");
		else if (r)
			fn_fact_unknown(f, controls[i], "fusectl", "%s", strerror(-r));
		else
			fn_fact_text(f, controls[i], "fusectl", text);
	}
	if (dir >= 0)
		close(dir);
}

/* 1 this descriptor is this connection's, 0 not, -1 the kernel does not say. */
static int fdinfo_matches(const char *pid, const char *fd, unsigned connection)
{
	char path[600], line[128];
	unsigned seen;
	int r = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && r < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "fuse_connection: %u", &seen) == 1)
			r = seen == connection;
	if (f)
		fclose(f);
	return r;
}

struct holders {
	int pid;         /* of this connection */
	int other;       /* has a /dev/fuse open, and which one is not known */
	unsigned others; /* how many of those */
	bool hidden;     /* a process could not be looked into */
};

static void look_into(struct holders *h, const char *pid, unsigned connection)
{
	char path[300], link[32];
	struct dirent *e;
	bool unclear = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir) {
		h->hidden |= errno == EACCES;
		return;
	}
	while (!h->pid && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		int r;

		if (n != 9 || memcmp(link, "/dev/fuse", 9))
			continue;
		r = fdinfo_matches(pid, e->d_name, connection);
		if (r == 1)
			h->pid = atoi(pid);
		unclear |= r < 0;
	}
	closedir(dir);
	if (unclear && !h->pid) {
		h->other = atoi(pid);
		h->others++;
	}
}

static void put_state(struct fn_facts *f, int pid)
{
	char path[64], line[512], state = '?';
	const char *after;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!fn_sysfile_read(AT_FDCWD, path, line, sizeof(line)))
		fn_fact_text(f, "server_name", path, line);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fn_sysfile_read(AT_FDCWD, path, line, sizeof(line)))
		return;
	/* The name in brackets may hold anything, also brackets. */
	after = strrchr(line, ')');
	if (after && after[1] == ' ')
		state = after[2];
	fn_fact_text(f, "server_state", path,
		     state == 'T' || state == 't' ? "stopped"
		     : state == 'D'               ? "blocked"
		     : state == 'Z'               ? "dead"
		     : state == 'R'               ? "running"
						  : "sleeping");
}

static void put_no_process(struct fn_facts *f, const char *reason)
{
	static const char *const names[] = {"server_pid", "server_name", "server_state"};

	for (size_t i = 0; i < 3; i++)
		fn_fact_no(f, names[i], "/proc/*/fd", "%s", reason);
}

static void put_process(struct fn_facts *f, unsigned connection)
{
	struct holders h = {0};
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && !h.pid && (e = readdir(dir)))
		if (isdigit((unsigned char)*e->d_name))
			look_into(&h, e->d_name, connection);
	if (dir)
		closedir(dir);
	if (!h.pid && h.others == 1 && !h.hidden)
		h.pid = h.other;
	if (h.pid) {
		fn_fact_u64(f, "server_pid", "/proc/*/fd", (uint64_t)h.pid);
		put_state(f, h.pid);
	} else if (h.others > 1) {
		fn_fact_unknown(f, "server_pid", "/proc/*/fd",
				"%u processes have /dev/fuse open, and which is not told",
				h.others);
	} else if (h.hidden) {
		fn_fact_unknown(f, "server_pid", "/proc/*/fd",
				"there are processes that we may not look into");
	} else {
		put_no_process(f, "no process here has it open");
	}
}

void fn_probe_connection(struct fn_facts *f, unsigned connection, bool virtiofs)
{
	fn_fact_u64(f, "connection", "st_dev", connection);
	if (virtiofs) {
		for (size_t i = 0; i < NCONTROLS; i++)
			fn_fact_no(f, controls[i], "fusectl", "virtiofs is not shown there");
		put_no_process(f, "the server of virtiofs is outside of this machine");
		return;
	}
	put_control(f, connection);
	put_process(f, connection);
}
