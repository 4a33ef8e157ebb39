/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nudges raise the same on any file system: here on a plain directory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "replay/echoes.h"
#include "replay/nudge.h"
#include "replay/refresh.h"

static char dir[] = "/tmp/nudge.XXXXXX";
static int root = -1, watcher = -1;

static void touch(const char *name)
{
	const struct timespec ts[2] = {{1000000001, 123456789}, {1000000002, 987654321}};
	int fd = openat(root, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && futimens(fd, ts) == 0);
	close(fd);
}

static void set_up(void)
{
	if (root >= 0)
		return;
	CHECK(mkdtemp(dir) != NULL);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	touch("f");
	CHECK_INT(mkdirat(root, "d", 0755), 0);
	touch("d/g");
	CHECK_INT(symlinkat("d", root, "link"), 0);
	CHECK_INT(mkfifoat(root, "fifo", 0644), 0);
	watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(inotify_add_watch(watcher, dir, IN_ALL_EVENTS) > 0);
}

/* The events that are queued, all in one mask; *count of them. */
static uint32_t heard(unsigned *count)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n = read(watcher, buf, sizeof(buf));
	uint32_t mask = 0;

	*count = 0;
	for (char *p = buf; p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;

		mask |= e->mask;
		++*count;
		p += sizeof(*e) + e->len;
	}
	return mask;
}

static struct fn_nudge *nudge_new(enum fn_degrade degrade, int64_t echo_ns)
{
	const struct fn_nudge_opts opts = {degrade, echo_ns};
	struct fn_nudge *n = NULL;
	unsigned count;

	set_up();
	CHECK_INT(fn_nudge_new(&n, root, &opts), 0);
	heard(&count);
	return n;
}

static int send_event(struct fn_nudge *n, uint64_t mask, const char *path,
		      struct fn_nudge_result *res)
{
	struct fn_event ev;

	fn_event_clear(&ev);
	ev.mask = mask;
	ev.path = (struct fn_str){path, strlen(path)};
	return fn_nudge_event(n, &ev, 0, res);
}

static void exact(void)
{
	static const struct {
		const char *path;
		uint64_t mask, extra, missed;
		unsigned count;
	} t[] = {
		{"f", FN_MODIFY, 0, 0, 1},
		{"f", FN_ATTRIB, 0, 0, 1},
		{"f", FN_ACCESS, 0, 0, 1},
		{"f", FN_OPEN, FN_CLOSE_NOWRITE, 0, 2},
		{"f", FN_CLOSE_WRITE, FN_OPEN, 0, 2},
		{"f", FN_CLOSE_WRITE | FN_OPEN, 0, 0, 2},
		{"f", FN_CLOSE_NOWRITE | FN_ACCESS | FN_ATTRIB, FN_OPEN, 0, 4},
		{"d", FN_MODIFY, 0, 0, 1},
		{"d", FN_OPEN, FN_CLOSE_NOWRITE, 0, 2},
		{"d", FN_CLOSE_WRITE, 0, FN_CLOSE_WRITE, 0},
		{"link", FN_ATTRIB, 0, 0, 1},
		{"fifo", FN_MODIFY, 0, 0, 1},
		{"fifo", FN_OPEN, 0, FN_OPEN, 0},
		{"f", FN_CREATE, 0, FN_CREATE, 0},
		{"f", FN_UNMOUNT, 0, FN_UNMOUNT, 0},
	};
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 0);

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct fn_nudge_result r;
		unsigned count;

		CHECK_INT(send_event(n, t[i].mask, t[i].path, &r), 0);
		CHECK_INT(r.raised, t[i].mask & ~t[i].missed);
		CHECK_INT(r.extra, t[i].extra);
		CHECK_INT(r.missed, t[i].missed);
		CHECK_INT(heard(&count) & ~FN_ISDIR, r.raised | r.extra);
		CHECK_INT(count, t[i].count);
	}
	fn_nudge_free(n);
}

static void times_are_kept(void)
{
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 0);
	struct fn_nudge_result r;
	struct stat st;

	touch("f");
	CHECK_INT(send_event(n, FN_MODIFY | FN_ACCESS | FN_ATTRIB | FN_CLOSE_WRITE, "f", &r), 0);
	CHECK_INT(fstatat(root, "f", &st, 0), 0);
	CHECK_INT(st.st_mtim.tv_sec, 1000000002);
	CHECK_INT(st.st_mtim.tv_nsec, 987654321);
	CHECK_INT(st.st_atim.tv_nsec, 123456789);
	CHECK_INT(st.st_mode & 07777, 0644);
	fn_nudge_free(n);
}

static void set_id_bits_are_kept(void)
{
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 0);
	struct fn_nudge_result r;
	struct stat st;

	CHECK_INT(fchmodat(root, "f", 06755, 0), 0);
	CHECK_INT(send_event(n, FN_ATTRIB, "f", &r), 0);
	CHECK_INT(fstatat(root, "f", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 06755);
	CHECK_INT(fchmodat(root, "f", 0644, 0), 0);
	fn_nudge_free(n);
}

static void degraded(void)
{
	struct fn_nudge *n = nudge_new(FN_DEGRADE_ATTRIB, 0);
	struct fn_nudge_result r;
	struct fn_event ev;
	unsigned count;

	CHECK_INT(send_event(n, FN_CREATE, "f", &r), 0);
	CHECK_INT(r.degraded, FN_ATTRIB);
	CHECK_INT(heard(&count), FN_ATTRIB);
	/* Gone: its directory. */
	CHECK_INT(send_event(n, FN_DELETE, "nothing", &r), 0);
	CHECK_INT(r.degraded, FN_ATTRIB);
	CHECK_INT(heard(&count), FN_ATTRIB | FN_ISDIR);
	/* A rename between two directories: both. */
	fn_event_clear(&ev);
	ev.mask = FN_RENAME;
	ev.old_path = (struct fn_str){"d/was", 5};
	ev.path = (struct fn_str){"f", 1};
	CHECK_INT(fn_nudge_event(n, &ev, 0, &r), 0);
	heard(&count);
	CHECK_INT(count, 2);
	fn_nudge_free(n);
}

static void bad_paths(void)
{
	static const struct {
		const char *path;
		int err;
	} t[] = {
		{"nothing", -ENOENT},     {"d/nothing", -ENOENT}, {"nowhere/x", -ENOENT},
		{"f/x", -ENOENT},         {"link/g", -ELOOP},     {"../x", -EINVAL},
		{"/etc/passwd", -EINVAL}, {"d//g", -EINVAL},      {"d/", -EINVAL},
		{"d/./g", -EINVAL},
	};
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 0);
	struct fn_nudge_result r;
	struct fn_event ev;
	unsigned count;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK_INT(send_event(n, FN_MODIFY, t[i].path, &r), t[i].err);
	fn_event_clear(&ev);
	ev.mask = FN_MODIFY;
	CHECK_INT(fn_nudge_event(n, &ev, 0, &r), -EINVAL);
	CHECK_INT(heard(&count), 0);
	fn_nudge_free(n);
}

static void delete_self(void)
{
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 0);
	struct fn_nudge_result r;

	CHECK_INT(send_event(n, FN_DELETE_SELF, "f", &r), 0);
	CHECK_INT(r.missed, FN_DELETE_SELF);
	CHECK_INT(send_event(n, FN_DELETE_SELF, "nothing", &r), 0);
	CHECK_INT(r.raised, FN_DELETE_SELF);
	fn_nudge_free(n);
}

static void refreshed_names(void)
{
	int outside = fn_refresh_outside();

	set_up();
	CHECK(outside >= 0);
	CHECK_INT(fn_refresh_name(outside, root, "f"), 1);
	CHECK_INT(fn_refresh_name(outside, root, "nothing"), 0);
	CHECK_INT(faccessat(root, "nothing", F_OK, 0), -1);
	close(outside);
}

static void echo_of_a_nudge(void)
{
	struct fn_nudge *n = nudge_new(FN_DEGRADE_NONE, 1000000000);
	struct fn_nudge_result r;

	touch("f");
	CHECK_INT(send_event(n, FN_MODIFY, "f", &r), 0);
	CHECK(!r.echo);
	CHECK_INT(send_event(n, FN_MODIFY, "f", &r), 0);
	CHECK(r.echo);
	/* Only one was expected. */
	CHECK_INT(send_event(n, FN_MODIFY, "f", &r), 0);
	CHECK(!r.echo);
	/* A change in between is no echo. */
	touch("f");
	CHECK_INT(fchmodat(root, "f", 0600, 0), 0);
	CHECK_INT(send_event(n, FN_MODIFY, "f", &r), 0);
	CHECK(!r.echo);
	fn_nudge_free(n);
}

static void echoes_expire(void)
{
	struct fn_echoes *e = fn_echoes_new(1000);
	struct statx a = {.stx_ino = 1, .stx_size = 2}, b = {.stx_ino = 1, .stx_size = 3};

	fn_echoes_expect(e, "p", 1, FN_MODIFY, &a, 5000);
	CHECK(!fn_echoes_take(e, "p", 1, FN_MODIFY, &a, 4999)); /* read before the nudge */
	CHECK(!fn_echoes_take(e, "q", 1, FN_MODIFY, &a, 5500));
	CHECK(!fn_echoes_take(e, "p", 1, FN_ATTRIB, &a, 5500));
	CHECK(!fn_echoes_take(e, "p", 1, FN_CREATE, &a, 5500));
	CHECK(!fn_echoes_take(e, "p", 1, FN_MODIFY, &b, 5500)); /* changed */
	CHECK(!fn_echoes_take(e, "p", 1, FN_MODIFY, &a, 6001)); /* too late */
	CHECK(fn_echoes_take(e, "p", 1, FN_MODIFY, &a, 5500));
	CHECK(!fn_echoes_take(e, "p", 1, FN_MODIFY, &a, 5500));
	fn_echoes_free(e);
}

static void tear_down(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	CHECK_INT(system(command), 0);
}

static const struct unit_test tests[] = {
	{"each nudge raises its event and no other", exact},
	{"times are kept to the nanosecond", times_are_kept},
	{"set-ID bits are kept", set_id_bits_are_kept},
	{"what cannot be raised is degraded", degraded},
	{"bad paths, and those that lead elsewhere", bad_paths},
	{"delete-self is for what is gone", delete_self},
	{"a name is refreshed without a trace", refreshed_names},
	{"an echo is told from a change", echo_of_a_nudge},
	{"expected echoes expire", echoes_expire},
	{"tear down", tear_down},
};

UNIT_MAIN(tests)
