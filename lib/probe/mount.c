/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/probe.h"
#include "probe/behaviour.h"
#include "probe/child.h"
#include "probe/connection.h"
#include "probe/mountinfo.h"
#include "probe/remote.h"
#include "probe/scratch.h"
#include "probe/watchable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static void put_statfs(struct fn_facts *f, int fd)
{
	struct statfs st;
	unsigned id[2];
	char text[32];

	if (fstatfs(fd, &st)) {
		fn_fact_unknown(f, "fsid", "fstatfs()", "%s", strerror(errno));
		return;
	}
	memcpy(id, &st.f_fsid, sizeof(id));
	snprintf(text, sizeof(text), "%08x:%08x", id[0], id[1]);
	if (id[0] || id[1])
		fn_fact_text(f, "fsid", "fstatfs()", text);
	else
		fn_fact_no(f, "fsid", "fstatfs()", "it is 0: fanotify cannot tell it from others");
}

static void put_answers(struct fn_facts *f, int fd)
{
	int64_t start = fn_mono_ns();
	struct statx stx;
	char text[32];

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &stx)) {
		fn_fact_no(f, "answers", "statx()", "%s", strerror(errno));
		return;
	}
	snprintf(text, sizeof(text), "%lld us", (long long)(fn_mono_ns() - start) / 1000);
	fn_fact_text(f, "answers", "statx()", text);
	snprintf(text, sizeof(text), "%u:%u", stx.stx_dev_major, stx.stx_dev_minor);
	fn_fact_text(f, "device", "statx()", text);
}

/* The directory to try things in: the path itself or, of a file, where that is. */
static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *copy;

	if (fd >= 0 || errno != ENOTDIR)
		return fd;
	copy = strdup(path);
	fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(copy);
	return fd;
}

static void behave(struct fn_report *r, int dir)
{
	struct fn_scratch s;
	int err;

	fn_report_doing(r, "making a directory");
	err = fn_scratch_open(&s, dir);
	if (err) {
		fn_fact_unknown(&r->facts, "hard_links", "mkdirat()", "%s", strerror(-err));
		return;
	}
	fn_probe_behaviour(r, s.fd);
	fn_report_doing(r, "removing the directory");
	fn_scratch_close(&s);
}

static void look(struct fn_report *r, void *arg)
{
	const struct fn_probe_mount_opts *opts = arg;
	int fd, dir, id;

	fn_report_doing(r, "open()");
	fd = open(opts->path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		fn_fact_unknown(&r->facts, "answers", "open()", "%s", strerror(errno));
		return;
	}
	id = fn_mount_id(fd);
	if (id >= 0)
		fn_fact_u64(&r->facts, "mount_id", "/proc/self/fdinfo", (uint64_t)id);
	fn_report_doing(r, "statfs()");
	put_statfs(&r->facts, fd);
	fn_report_doing(r, "statx()");
	put_answers(&r->facts, fd);
	fn_report_doing(r, "opening the directory");
	dir = open_dir(opts->path);
	if (dir < 0)
		return;
	fn_report_doing(r, "mount_setattr()");
	fn_fact_result(&r->facts, "idmap", "mount_setattr()", fn_idmap_error(dir));
	fn_probe_handles(r, dir);
	fn_probe_remote(r, opts->path);
	if (!opts->passive)
		behave(r, dir);
	fn_probe_watches(r, dir);
}

static void put_mount(struct fn_facts *f, const struct fn_mount *m)
{
	static const char how[] = "/proc/self/mountinfo";
	bool virtiofs = !strcmp(m->fstype, "virtiofs");
	bool fuse = virtiofs || !strcmp(m->fstype, "fuse") || !strncmp(m->fstype, "fuse.", 5) ||
		    !strncmp(m->fstype, "fuseblk", 7);

	fn_fact_text(f, "fstype", how, m->fstype);
	fn_fact_text(f, "source", how, m->source);
	fn_fact_text(f, "mount_point", how, m->point);
	fn_fact_text(f, "options", how, m->options);
	if (m->read_only)
		fn_fact_yes(f, "read_only", how);
	else
		fn_fact_no(f, "read_only", how, "it is mounted read-write");
	if (fuse)
		fn_fact_yes(f, "fuse_mount", how);
	else
		fn_fact_no(f, "fuse_mount", how, "it is %s", m->fstype);
	if (fuse)
		fn_probe_connection(f, m->minor, virtiofs);
	fn_fact_unknown(f, "backing_fd", NULL,
			"no kernel tells: see the replies to OPEN with fndump");
}

static void put_not_fuse(struct fn_facts *f)
{
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	for (size_t i = 0; i < n; i++)
		if (strchr(table[i].probes, 'm') && !fn_facts_find(f, table[i].name) &&
		    !strcmp(table[i].group, "fuse"))
			fn_fact_no(f, table[i].name, NULL, "it is no FUSE file system");
}

/* By its number, or, where the path could not be opened, by its name. */
static int find_mount(const struct fn_facts *f, struct fn_mount *m, const char *path)
{
	const struct fn_fact *id = fn_facts_find(f, "mount_id");
	char full[PATH_MAX * 2], cwd[PATH_MAX];

	if (id && id->value)
		return fn_mount_find(m, atoi(id->value), NULL);
	if (*path == '/' || !getcwd(cwd, sizeof(cwd)))
		return fn_mount_find(m, -1, path);
	snprintf(full, sizeof(full), "%s/%s", cwd, path);
	return fn_mount_find(m, -1, full);
}

static void put_unseen(struct fn_facts *f, const char *reason)
{
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	for (size_t i = 0; i < n; i++)
		if (strchr(table[i].probes, 'm') && !fn_facts_find(f, table[i].name))
			fn_fact_unknown(f, table[i].name, NULL, "%s", reason);
}

static void say_reason(char reason[128], const struct fn_facts *f, int err,
		       const struct fn_bounded *b, bool passive)
{
	const struct fn_fact *made = fn_facts_find(f, "hard_links");
	const struct fn_fact *answers = fn_facts_find(f, "answers");

	if (err == -ETIMEDOUT)
		snprintf(reason, 128, "no answer in time: %s", b->doing);
	else if (err)
		snprintf(reason, 128, "%s: %s", b->doing, strerror(-err));
	else if (answers && answers->reason)
		snprintf(reason, 128, "%s", answers->reason);
	else if (passive)
		snprintf(reason, 128, "not tried (--passive)");
	else if (made && made->reason && made->state == FN_FACT_UNKNOWN)
		snprintf(reason, 128, "no directory to try in: %s", made->reason);
	else
		snprintf(reason, 128, "not found out");
}

int fn_probe_mount(struct fn_facts *f, const struct fn_probe_mount_opts *opts, int64_t timeout_ns)
{
	struct fn_mount *m = calloc(1, sizeof(*m));
	struct fn_bounded b = {0};
	char reason[128];
	int err;

	if (!m)
		return -ENOMEM;
	err = fn_probe_bounded(f, fn_mono_ns() + timeout_ns, look, (void *)opts, &b);
	if (!find_mount(f, m, opts->path)) {
		put_mount(f, m);
		if (fn_fact_holds(fn_facts_find(f, "fuse_mount")) == 0)
			put_not_fuse(f);
	}
	free(m);
	if (!err)
		fn_bounded_reap(&b, 200);
	say_reason(reason, f, err, &b, opts->passive);
	put_unseen(f, reason);
	return f->failed ? -ENOMEM : 0;
}
