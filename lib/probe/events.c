/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/probe.h"
#include "probe/child.h"
#include "probe/far.h"
#include "probe/watchers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KIND_RANK 3000
#define PROMPT_MS 40 /* an event that comes within this does not overlap the next change */
#define SETTLE_MS 30 /* at the end, for what should not come at all */
#define SETTLE_MAX_NS INT64_C(500000000) /* at the beginning, for what was made before */
#define SETUP_NS INT64_C(5000000000)

struct run {
	const struct fn_probe_events_opts *opts;
	int64_t timeout_ns; /* for the last event after the last change */
	struct fn_far far;
	struct fn_watcher watcher[FN_WATCHERS];
	char path[PATH_MAX]; /* the far directory as the mount shows it */
	int64_t start_ns[FN_KINDS_MAX];
	int failed[FN_KINDS_MAX]; /* -errno of the change itself */
	bool watching;
};

/* Until the mount shows a name. */
static int wait_visible(const char *path, int64_t deadline_ns)
{
	struct timespec tick = {.tv_nsec = 2000000};
	struct stat st;

	while (lstat(path, &st)) {
		if (errno != ENOENT)
			return -errno;
		if (fn_ms_left(deadline_ns) == 0)
			return -ETIMEDOUT;
		nanosleep(&tick, NULL);
	}
	return 0;
}

static int prepare_one(struct run *run, const struct fn_kind *k, const char *name)
{
	if (k->flags & FN_KIND_DIR)
		return fn_far_change(&run->far, FN_CHANGE_MKDIR, name, NULL);
	return fn_far_change(&run->far, FN_CHANGE_APPEND, name, NULL) == 0
		       ? 0
		       : fn_far_change(&run->far, FN_CHANGE_CREATE, name, NULL);
}

/* All that has to be there before is made before anything is watched. */
static int prepare(struct run *run)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);
	int r = fn_far_change(&run->far, FN_CHANGE_MKDIR, FN_KIND_SUBDIR, NULL);

	for (size_t i = 0; !r && i < n; i++) {
		if (kinds[i].flags & FN_KIND_HAS_A)
			r = prepare_one(run, &kinds[i], kinds[i].a);
		if (!r && (kinds[i].flags & FN_KIND_HAS_B))
			r = prepare_one(run, &kinds[i], kinds[i].b);
	}
	return r;
}

/* As a program would have: everything was looked at before it is watched. */
static int look_at_all(const struct run *run, int64_t deadline_ns)
{
	char path[PATH_MAX];
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (!(kinds[i].flags & FN_KIND_HAS_A))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", run->path, kinds[i].a) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		r = wait_visible(path, deadline_ns);
	}
	return r;
}

static bool all_complete(const struct run *run, size_t i)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (int w = 0; w < FN_WATCHERS; w++)
		if (!run->watcher[w].error &&
		    !fn_kind_complete(&kinds[i], &run->watcher[w].seen[i]))
			return false;
	return true;
}

static bool everything_complete(const struct run *run, size_t unused)
{
	size_t n;

	(void)unused;
	fn_kinds(&n);
	for (size_t i = 0; i < n; i++)
		if (!run->failed[i] && !all_complete(run, i))
			return false;
	return true;
}

static bool settled(const struct run *run, size_t unused)
{
	(void)unused;
	for (int w = 0; w < FN_WATCHERS; w++)
		if (!run->watcher[w].error && !run->watcher[w].settled)
			return false;
	return true;
}

/* Takes events until done, or the time is over. */
static void take_events(struct run *run, bool (*done)(const struct run *run, size_t i), size_t i,
			int64_t deadline_ns)
{
	while (!done(run, i)) {
		struct pollfd p[FN_WATCHERS];

		for (int w = 0; w < FN_WATCHERS; w++)
			p[w] = (struct pollfd){.fd = run->watcher[w].error ? -1
									   : run->watcher[w].fd,
					       .events = POLLIN};
		if (poll(p, FN_WATCHERS, fn_ms_left(deadline_ns)) <= 0)
			return;
		for (int w = 0; w < FN_WATCHERS; w++)
			if (p[w].revents && fn_watcher_read(&run->watcher[w]))
				run->watcher[w].error = -EIO;
	}
}

/* Events of what was made before the watches may still be under way: those of a last change come
 * after them, and then all of it is forgotten. */
static void let_settle(struct run *run)
{
	int64_t ns = run->timeout_ns < SETTLE_MAX_NS ? run->timeout_ns : SETTLE_MAX_NS;

	if (!fn_far_change(&run->far, FN_CHANGE_CREATE, FN_SETTLE_NAME, NULL))
		take_events(run, settled, 0, fn_mono_ns() + ns);
	for (int w = 0; w < FN_WATCHERS; w++)
		memset(run->watcher[w].seen, 0, sizeof(run->watcher[w].seen));
}

static void settle(struct run *run)
{
	struct timespec t = {.tv_nsec = SETTLE_MS * 1000000};

	nanosleep(&t, NULL);
	for (int w = 0; w < FN_WATCHERS; w++)
		if (!run->watcher[w].error)
			fn_watcher_read(&run->watcher[w]);
}

static void change_all(struct run *run)
{
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	for (size_t i = 0; i < n; i++) {
		run->start_ns[i] = fn_mono_ns();
		run->failed[i] = fn_far_change(&run->far, kinds[i].change, kinds[i].a, kinds[i].b);
		if (!run->failed[i])
			take_events(run, all_complete, i,
				    fn_mono_ns() + PROMPT_MS * INT64_C(1000000));
	}
	take_events(run, everything_complete, 0, fn_mono_ns() + run->timeout_ns);
	settle(run);
}

static void put_latency(struct fn_facts *f, const struct fn_watcher *w, const char *kind,
			int64_t ns, unsigned rank)
{
	char name[FN_FACT_NAME_MAX], value[24];
	struct fn_fact *fact;

	snprintf(name, sizeof(name), "%s_%s_us", w->name, kind);
	snprintf(value, sizeof(value), "%lld", (long long)ns / 1000);
	fact = fn_fact_put(f, name, FN_FACT_YES,
			   &(struct fn_fact_text){.value = value, .how = "measured"});
	snprintf(fact->group, sizeof(fact->group), "latency");
	fact->rank = rank + 1000;
}

/* The state of one cell of the matrix; the verdict, or why there is none, goes to text. */
static enum fn_fact_state judge(const struct run *run, const struct fn_watcher *w, size_t i,
				struct fn_fact_text *t, char text[96])
{
	size_t n;
	const struct fn_kind *k = &fn_kinds(&n)[i];

	if (run->failed[i]) {
		t->reason = run->failed[i] == -EREMOTEIO ? "the far side cannot do this"
							 : strerror(-run->failed[i]);
		return FN_FACT_UNKNOWN;
	}
	t->value = text;
	return fn_kind_verdict(k, &w->seen[i], text, 96) == FN_VERDICT_EXACT ? FN_FACT_YES
									     : FN_FACT_NO;
}

static void put_kind(struct fn_facts *f, const struct run *run, int wi, size_t i)
{
	size_t n;
	const struct fn_kind *k = &fn_kinds(&n)[i];
	const struct fn_watcher *w = &run->watcher[wi];
	unsigned rank = KIND_RANK + (unsigned)wi * 100 + (unsigned)i;
	struct fn_fact_text t = {.how = "measured"};
	char name[FN_FACT_NAME_MAX], text[96];
	enum fn_fact_state state;
	struct fn_fact *fact;

	snprintf(name, sizeof(name), "%s_%s", w->name, k->name);
	if (w->error) { /* that it cannot watch there at all is an answer too */
		fn_fact_result(f, name, "placing a watch", w->error);
	} else {
		state = judge(run, w, i, &t, text);
		fn_fact_put(f, name, state, &t);
		if (state == FN_FACT_YES)
			put_latency(f, w, k->name, w->seen[i].when_ns - run->start_ns[i], rank);
	}
	fact = fn_facts_find(f, name); /* the list may have moved */
	if (!fact)
		return;
	snprintf(fact->group, sizeof(fact->group), "%s", w->name);
	fact->rank = rank;
}

static void put_failed(struct fn_report *r, const char *reason)
{
	fn_fact_unknown(&r->facts, "events", "measured", "%s", reason);
}

static int set_up(struct fn_report *r, struct run *run)
{
	const struct fn_probe_events_opts *o = run->opts;
	int64_t deadline_ns = fn_mono_ns() + SETUP_NS + run->timeout_ns;
	const char *dir = o->backing ? o->backing : o->remote ? NULL : o->path;
	char reason[160];
	int err;

	fn_report_doing(r, "the far side");
	err = fn_far_open(&run->far, dir, o->remote, deadline_ns);
	if (err) {
		snprintf(reason, sizeof(reason), "the far side: %s", strerror(-err));
		put_failed(r, reason);
		return err;
	}
	err = prepare(run);
	if (!err) {
		fn_report_doing(r, "waiting for the far side to be visible");
		snprintf(run->path, sizeof(run->path), "%s/%s", o->path, run->far.name);
		err = wait_visible(run->path, deadline_ns);
		if (!err)
			err = look_at_all(run, deadline_ns);
	}
	if (err) {
		snprintf(reason, sizeof(reason), "what the far side makes is not seen here: %s",
			 strerror(-err));
		put_failed(r, reason);
		fn_far_close(&run->far);
	}
	return err;
}

static void measure(struct fn_report *r, void *arg)
{
	struct run *run = arg;
	size_t n;

	if (set_up(r, run))
		return;
	run->far.deadline_ns = fn_mono_ns() + SETUP_NS + run->timeout_ns;
	fn_kinds(&n);
	fn_report_doing(r, "placing watches");
	fn_watchers_open(run->watcher, run->path);
	let_settle(run);
	fn_report_doing(r, "changing things");
	change_all(run);
	for (int w = 0; w < FN_WATCHERS; w++)
		for (size_t i = 0; i < n; i++)
			put_kind(&r->facts, run, w, i);
	fn_fact_yes(&r->facts, "events", "measured");
	fn_report_doing(r, "cleaning up");
	fn_watchers_close(run->watcher);
	fn_far_close(&run->far);
}

int fn_probe_events(struct fn_facts *f, const struct fn_probe_events_opts *opts, int64_t timeout_ns)
{
	static struct run run;
	struct fn_bounded b = {.keep_stderr = opts->remote != NULL};
	int err;

	run = (struct run){.opts = opts, .timeout_ns = timeout_ns};
	err = fn_probe_bounded(f, fn_mono_ns() + 3 * SETUP_NS + 2 * timeout_ns, measure, &run, &b);
	if (err && !fn_facts_find(f, "events"))
		fn_fact_unknown(f, "events", "measured", "%s: %s", b.doing, strerror(-err));
	if (!err)
		fn_bounded_reap(&b, 200);
	return f->failed ? -ENOMEM : 0;
}
