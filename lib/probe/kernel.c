/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/probe.h"
#include "probe/child.h"
#include "probe/init.h"
#include "probe/sysfile.h"
#include "probe/throwaway.h"
#include "probe/watchable.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOW_INIT "INIT of a throw-away mount"

static void put_files(struct fn_facts *f)
{
#define FUSE_SYSCTL(x)                                                       \
	{                                                                    \
#x, "/proc/sys/fs/fuse/" #x, "this kernel has no such limit" \
	}
#define FUSE_PARAM(x)                                       \
	{                                                   \
#x, "/sys/module/fuse/parameters/" #x, NULL \
	}
	static const struct fn_sysfile files[] = {
		FUSE_SYSCTL(max_pages_limit),
		FUSE_SYSCTL(default_request_timeout),
		FUSE_SYSCTL(max_request_timeout),
		FUSE_PARAM(max_user_bgreq),
		FUSE_PARAM(max_user_congthresh),
		{"inotify_max_instances", "/proc/sys/fs/inotify/max_user_instances", NULL},
		{"inotify_max_watches", "/proc/sys/fs/inotify/max_user_watches", NULL},
		{"inotify_max_queued", "/proc/sys/fs/inotify/max_queued_events", NULL},
		{"fanotify_max_groups", "/proc/sys/fs/fanotify/max_user_groups", NULL},
		{"fanotify_max_marks", "/proc/sys/fs/fanotify/max_user_marks", NULL},
		{"fanotify_max_queued", "/proc/sys/fs/fanotify/max_queued_events", NULL},
	};
	static const struct fn_sysfile switches[] = {
		{"fuse_uring", "/sys/module/fuse/parameters/enable_uring",
		 "this kernel's FUSE has no io_uring"},
		{"allow_sys_admin_access", "/sys/module/fuse/parameters/allow_sys_admin_access",
		 "this kernel has no such parameter"},
	};

	fn_sysfile_facts(f, files, sizeof(files) / sizeof(files[0]));
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		fn_sysfile_switch(f, &switches[i]);
}

/* A line "nodev\tNAME" of /proc/filesystems. Absent does not prove that no module brings it. */
static void put_filesystem(struct fn_facts *f, const char *fact, const char *name)
{
	char line[128], listed[64];
	FILE *list = fopen("/proc/filesystems", "re");
	bool found = false;

	while (list && !found && fgets(line, sizeof(line), list))
		found = (sscanf(line, "nodev %63s", listed) == 1 ||
			 sscanf(line, "%63s", listed) == 1) &&
			!strcmp(listed, name);
	if (list)
		fclose(list);
	if (found)
		fn_fact_yes(f, fact, "/proc/filesystems");
	else
		fn_fact_unknown(f, fact, "/proc/filesystems",
				"not listed: not built, or a module that is not loaded");
}

static void put_cuse(struct fn_facts *f)
{
	if (!access("/dev/cuse", F_OK))
		fn_fact_yes(f, "cuse", "/dev/cuse");
	else
		fn_fact_unknown(f, "cuse", "/dev/cuse", "%s", strerror(errno));
}

static void put_io_uring(struct fn_facts *f)
{
	struct io_uring_params p = {0};
	long fd = syscall(SYS_io_uring_setup, 1, &p);

	fn_fact_result(f, "io_uring", "io_uring_setup()", fd < 0 ? -errno : 0);
	if (fd >= 0)
		close((int)fd);
}

static void fuse_facts(struct fn_report *r, void *arg)
{
	int64_t deadline_ns = *(int64_t *)arg;
	static struct fn_throwaway t;
	struct fn_init_offer offer = {.dialect = FN_DIALECT_mainline};
	int err;

	/* Before any namespace is entered: there the privileges are others. */
	fn_probe_notify_abilities(r);
	fn_report_doing(r, "a throw-away mount");
	err = fn_throwaway_open(&t, deadline_ns);
	if (err == -ENODEV || (err == -ENOENT && !strcmp(t.step, "/dev/fuse")))
		fn_fact_unknown(&r->facts, "fuse", t.step, "%s: not built, or not loaded",
				strerror(-err));
	else if (err)
		fn_fact_unknown(&r->facts, "fuse", t.step, "%s: %s", t.step, strerror(-err));
	if (err)
		return;
	fn_fact_yes(&r->facts, "fuse", HOW_INIT);
	fn_probe_init_offer(&r->facts, &offer, t.buf, t.init_len, HOW_INIT);
	fn_report_doing(r, "serving a throw-away mount");
	if (fn_throwaway_serve(&t, 0))
		return;
	fn_probe_handles(r, t.dir);
	fn_probe_watches(r, t.dir);
}

/* Everything that only the throw-away mount could have told, and did not. */
static void put_unseen(struct fn_facts *f, const char *reason)
{
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	fn_probe_init_unseen(f, reason);
	for (size_t i = 0; i < n; i++)
		if (strchr(table[i].probes, 'k') && !fn_facts_find(f, table[i].name))
			fn_fact_unknown(f, table[i].name, NULL, "%s", reason);
}

int fn_probe_kernel(struct fn_facts *f, int64_t timeout_ns)
{
	int64_t deadline_ns = fn_mono_ns() + timeout_ns;
	struct fn_bounded b = {0};
	const struct fn_fact *fuse;
	char reason[256];
	int err;

	err = fn_probe_bounded(f, deadline_ns, fuse_facts, &deadline_ns, &b);
	put_files(f);
	put_io_uring(f);
	put_filesystem(f, "virtiofs", "virtiofs");
	put_filesystem(f, "fusectl", "fusectl");
	put_cuse(f);
	fuse = fn_facts_find(f, "fuse");
	if (fuse && fuse->reason)
		snprintf(reason, sizeof(reason), "%s", fuse->reason);
	else
		snprintf(reason, sizeof(reason), "%s: %s", b.doing,
			 err ? strerror(-err) : "it did not answer");
	put_unseen(f, reason);
	return f->failed ? -ENOMEM : 0;
}
