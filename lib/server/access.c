/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client is told only of what it could see itself. It is who it was when it opened the file:
 * an open descriptor may be handed on, and its writes may come from a program that was tricked.
 *
 * Modes alone decide: access control lists are not looked at, which denies where an ACL would
 * grant. Supplementary groups are those of /proc/PID/status at the time of the open; a process
 * that is not seen from here (in another pid namespace) has its primary group only.
 */
#include "server/control_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAY_SEARCH = 1, MAY_READ = 4 };

static void parse_groups(struct fn_creds *creds, char *list)
{
	char *end;

	for (creds->ngroups = 0; creds->ngroups < FN_CREDS_GROUPS; list = end) {
		unsigned long gid = strtoul(list, &end, 10);

		if (end == list)
			return;
		creds->groups[creds->ngroups++] = (gid_t)gid;
	}
}

/* Uid: real, effective, saved, file system. */
static bool is_fsuid(const char *list, uid_t uid)
{
	unsigned fsuid;

	return sscanf(list, "%*u %*u %*u %u", &fsuid) == 1 && fsuid == uid;
}

void fn_creds_read(struct fn_creds *creds, uid_t uid, gid_t gid, pid_t pid)
{
	char name[40], line[1024];
	bool same = false;
	FILE *f;

	*creds = (struct fn_creds){.uid = uid, .gid = gid, .pid = pid};
	if (pid <= 0)
		return;
	snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	f = fopen(name, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Tgid:", 5))
			creds->tgid = atoi(line + 5);
		else if (!strncmp(line, "Uid:", 4))
			same = is_fsuid(line + 4, uid);
		else if (same && !strncmp(line, "Groups:", 7))
			parse_groups(creds, line + 7);
	}
	fclose(f);
}

pid_t fn_tgid_get(struct fn_control *ctl, pid_t pid)
{
	struct fn_tgid *e = &ctl->tgids[(unsigned)pid % 64];
	int64_t now = fn_control_now();
	struct fn_creds creds;

	if (e->pid == pid && now < e->until)
		return e->tgid;
	fn_creds_read(&creds, 0, 0, pid);
	*e = (struct fn_tgid){pid, creds.tgid, now + 1000000000};
	return e->tgid;
}

static bool in_group(const struct fn_creds *creds, gid_t gid)
{
	for (unsigned i = 0; i < creds->ngroups; i++)
		if (creds->groups[i] == gid)
			return true;
	return creds->gid == gid;
}

static bool allowed(const struct fn_creds *creds, const struct stat *st, unsigned want)
{
	unsigned mode = st->st_mode;

	if (creds->uid == 0)
		return true;
	if (creds->uid == st->st_uid)
		mode >>= 6;
	else if (in_group(creds, st->st_gid))
		mode >>= 3;
	return (mode & want) == want;
}

/* The first len bytes of path, which lies in the store. */
static int stat_prefix(struct fn_client *c, const char *path, size_t len, struct stat *st)
{
	char buf[FN1_PATH_MAX];

	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, len);
	buf[len] = '\0';
	return c->ctl->conf.stat(c->ctl->conf.ctx, buf, st);
}

/* The next '/' from at on, or len. */
static size_t part_end(const char *path, size_t len, size_t at)
{
	const char *slash = at < len ? memchr(path + at, '/', len - at) : NULL;

	return slash ? (size_t)(slash - path) : len;
}

int fn_access_watch(struct fn_client *c, const char *path, size_t len)
{
	struct stat st;
	int rc;

	for (size_t end = 0; end < len;) {
		rc = stat_prefix(c, path, end, &st);
		if (rc)
			return rc;
		if (S_ISLNK(st.st_mode))
			return -ELOOP; /* it could lead out of the mount */
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		if (!allowed(&c->creds, &st, MAY_SEARCH))
			return -EACCES;
		end = part_end(path, len, end ? end + 1 : 0);
	}
	rc = stat_prefix(c, path, len, &st);
	if (rc)
		return rc;
	/* As inotify_add_watch(): a symbolic link can be read by everybody. */
	return S_ISLNK(st.st_mode) || allowed(&c->creds, &st, MAY_READ) ? 0 : -EACCES;
}

/* A directory that is gone had the verdict that it had; one never met before its end is let pass,
 * for its own names went with it. */
static bool dir_allowed(struct fn_client *c, const char *dir, size_t len, unsigned want)
{
	uint64_t hash = fn_path_hash(dir, len) * 2 + (want & MAY_READ ? 1 : 0);
	struct fn_access_entry *e = &c->access[hash % FN_ACCESS_SLOTS];
	struct stat st;

	if (stat_prefix(c, dir, len, &st))
		return e->hash == hash ? e->allowed : true;
	*e = (struct fn_access_entry){hash, S_ISDIR(st.st_mode) && allowed(&c->creds, &st, want)};
	return e->allowed;
}

bool fn_access_event(struct fn_client *c, const char *dir, size_t len, size_t watched)
{
	if (c->creds.uid == 0 || len <= watched)
		return true;
	if (!c->access)
		c->access = calloc(FN_ACCESS_SLOTS, sizeof(*c->access));
	if (!c->access)
		return false;
	/* Of the watched directory itself, reading was asked for: now it has to be searched. */
	for (size_t end = watched; end < len; end = part_end(dir, len, end ? end + 1 : 0))
		if (!dir_allowed(c, dir, end, MAY_SEARCH))
			return false;
	return dir_allowed(c, dir, len, MAY_READ);
}
