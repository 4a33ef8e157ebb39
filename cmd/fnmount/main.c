/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cmd.h"
#include "fnmount.h"
#include "options.h"
#include "setup.h"
#include "source/beneath.h"

/* Every remote change is told, with the identity of what changed: nothing gets old. */
#define TIMEOUT_TOLD 86400.0
#define QUEUE_MAX 262144 /* events that wait for their turn */
#define TIMEOUT_UNTOLD 1.0
#define TIMEOUT_NO_EPOCH 60.0

static int add_mount_options(struct config *c, const char *value)
{
	char *joined;
	int n = c->mount_options ? asprintf(&joined, "%s,%s", c->mount_options, value)
				 : asprintf(&joined, "%s", value);

	if (n < 0)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	free(c->mount_options);
	c->mount_options = joined;
	return 0;
}

static int set_timeout(struct config *c, const char *value)
{
	int64_t ns;

	if (fn_parse_duration("timeout", value, &ns))
		return FN_EXIT_USAGE;
	c->timeout = (double)ns / 1e9;
	return 0;
}

static int set_number(const char *name, const char *value, uint64_t min, uint64_t max, uint64_t *n)
{
	return fn_parse_u64(name, value, min, max, n) ? FN_EXIT_USAGE : 0;
}

static int set_option(int id, const char *value, void *arg)
{
	struct config *c = arg;
	uint64_t n;
	int r = 0;

	switch (id) {
	case OPT_FOREGROUND:
		c->foreground = true;
		break;
	case OPT_MOUNT:
		return add_mount_options(c, value);
	case OPT_EVENTS:
		free(c->events);
		c->events = strdup(value);
		return c->events ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");
	case OPT_TIMEOUT:
		return set_timeout(c, value);
	case OPT_THREADS:
		r = set_number("threads", value, 1, 1000, &n);
		if (!r)
			c->threads = (unsigned)n;
		break;
	case OPT_SINGLE:
		c->single = true;
		break;
	case OPT_WRITEBACK:
		c->writeback = true;
		break;
	case OPT_NO_PASSTHROUGH:
		c->no_passthrough = true;
		break;
	case OPT_NO_CONTROL:
		c->no_control = true;
		break;
	case OPT_READY_FD:
		r = set_number("ready-fd", value, 0, 1 << 20, &n);
		if (!r)
			c->ready_fd = (int)n;
		break;
	case OPT_STATS:
		c->stats = true;
		break;
	}
	return r;
}

static void want(struct fuse_conn_info *conn, unsigned cap, bool on)
{
	if (on)
		conn->want |= conn->capable & cap;
	else
		conn->want &= ~cap;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fnmount *m = userdata;

	/* The backing store clears set-id bits by itself (cred.c); FUSE_HANDLE_KILLPRIV_V2 is
	 * asked for beside libfuse, which does not know it. */
	want(conn, FUSE_CAP_HANDLE_KILLPRIV, false);
	m->acl = m->acl && conn->capable & FUSE_CAP_POSIX_ACL;
	want(conn, FUSE_CAP_POSIX_ACL, m->acl);
	want(conn, FUSE_CAP_DONT_MASK, m->acl);
	want(conn, FUSE_CAP_WRITEBACK_CACHE, m->config.writeback);
	want(conn, FUSE_CAP_CACHE_SYMLINKS, m->coherent);
	want(conn, FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO, true);
	want(conn, FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_SPLICE_READ, true);
	conn->max_background = 64;
	conn->max_read = m->config.max_read;
	m->minor = conn->proto_minor;
	/* Names cannot all be expired at once before 7.44, should events be lost. */
	if (m->config.timeout < 0 && m->minor < 44 && m->timeout > TIMEOUT_NO_EPOCH)
		m->timeout = m->negative = TIMEOUT_NO_EPOCH;
	setup_ready(m);
}

static const struct fuse_lowlevel_ops *operations(void)
{
	static struct fuse_lowlevel_ops ops;

	ops.init = op_init;
	ops_name(&ops);
	ops_attr(&ops);
	ops_file(&ops);
	ops_dir(&ops);
	return &ops;
}

/* The name of the source in mountinfo: commas separate libfuse's options. */
static char *escaped(const char *path)
{
	char *out = malloc(2 * strlen(path) + 1), *p = out;

	for (; out && *path; path++) {
		if (*path == ',' || *path == '\\')
			*p++ = '\\';
		*p++ = *path;
	}
	if (out)
		*p = '\0';
	return out;
}

/* -o ro is not for the kernel: a file system mounted read-only would refuse replay, too. max_read
 * libfuse wants to hear twice, here and by op_init(). */
static int take_options(struct fnmount *m, struct fuse_args *args)
{
	const struct fuse_opt opts[] = {{"ro", offsetof(struct config, read_only), 1},
					{"rw", offsetof(struct config, read_only), 0},
					{"max_read=%u", offsetof(struct config, max_read), 0},
					FUSE_OPT_KEY("max_read=", FUSE_OPT_KEY_KEEP),
					FUSE_OPT_END};

	return fuse_opt_parse(args, &m->config, opts, NULL);
}

static int new_session(struct fnmount *m)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char *name = escaped(m->backing), *options = NULL;
	int r = -1;

	if (name &&
	    asprintf(&options, "default_permissions,subtype=fnmount,fsname=%s%s%s%s", name,
		     geteuid() == 0 ? ",allow_other" : "", m->config.mount_options ? "," : "",
		     m->config.mount_options ? m->config.mount_options : "") >= 0)
		r = 0;
	if (r || fuse_opt_add_arg(&args, "fnmount") || fuse_opt_add_arg(&args, "-o") ||
	    fuse_opt_add_arg(&args, options))
		r = fn_fail(FN_EXIT_FAIL, "out of memory");
	else if (take_options(m, &args))
		r = FN_EXIT_USAGE;
	else
		m->session =
			fuse_session_new(&args, operations(), sizeof(struct fuse_lowlevel_ops), m);
	if (!r && !m->session)
		r = FN_EXIT_USAGE; /* libfuse has named the option it does not know */
	fuse_opt_free_args(&args);
	free(options);
	free(name);
	return r;
}

static void release_inode(void *arg, struct inode *i)
{
	while (i->owners) {
		struct posix_owner *o = i->owners;

		i->owners = o->next;
		close(o->fd);
		free(o);
	}
	backing_forget(arg, i);
}

static int find_inode(void *arg, uint64_t nodeid)
{
	struct fnmount *m = arg;
	char path[PATH_MAX];
	int r = fn_server_place(m->server, nodeid, path, sizeof(path));

	return r ? r : fn_open_beneath(m->inodes.root->fd, path, O_PATH);
}

static int open_backing(struct fnmount *m)
{
	size_t limit = setup_descriptors();
	int fd = setup_own_mount(m);
	int r = fd < 0 ? fd : table_init(&m->inodes, fd, limit / 2);

	m->inodes.release = release_inode;
	m->inodes.arg = m;
	if (!r)
		r = locks_start(m);
	if (!r)
		r = cred_init(m);
	if (r)
		return fn_fail(FN_EXIT_FAIL, "%s: %s", m->config.backing, strerror(-r));
	m->acl = getxattr(m->backing, "system.posix_acl_access", NULL, 0) >= 0 ||
		 errno != EOPNOTSUPP;
	umask(0);
	return 0;
}

static void set_timeouts(struct fnmount *m)
{
	m->timeout = m->config.timeout;
	if (m->timeout < 0)
		m->timeout = m->coherent && !m->elsewhere ? TIMEOUT_TOLD : TIMEOUT_UNTOLD;
	m->untold = m->config.timeout < 0 ? TIMEOUT_UNTOLD : m->config.timeout;
	m->negative = m->coherent && !m->elsewhere ? m->timeout : 0;
}

static int attach(struct fnmount *m)
{
	const struct fn_server_opts opts = {.mountpoint = m->mountpoint,
					    .backing = m->backing,
					    .no_follow = true,
					    .hooks = events_hooks(),
					    .hooks_ctx = m,
					    .queue_max = QUEUE_MAX,
					    .near = true,
					    .no_control = m->config.no_control,
					    .paths_only = m->elsewhere,
					    .read_only = m->config.read_only,
					    .init_flags = passthrough_init_flags(m),
					    .max_stack_depth = passthrough_stack_depth(m)};
	int r = fn_server_attach(&m->server, m->session, &opts);

	if (!r) {
		m->inodes.find = find_inode;
		r = events_follow(m);
	}
	return r ? fn_fail(FN_EXIT_FAIL, "%s: %s", m->config.mountpoint, strerror(-r)) : 0;
}

static int loop(struct fnmount *m)
{
	struct fuse_loop_config *config;
	int r;

	if (m->config.single)
		return fuse_session_loop(m->session);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, 1);
	fuse_loop_cfg_set_max_threads(config, m->config.threads);
	r = fuse_session_loop_mt(m->session, config);
	fuse_loop_cfg_destroy(config);
	return r;
}

static void print_stats(const struct fnmount *m)
{
	struct fn_server_stats s;

	fn_server_stats(m->server, &s);
	fprintf(stderr,
		"pushed %" PRIu64 " replayed %" PRIu64 " unheld %" PRIu64 " coalesced %" PRIu64
		" malformed %" PRIu64 " stale %" PRIu64 " failed %" PRIu64 " lost %" PRIu64 "\n",
		s.pushed, s.replayed, s.unheld, s.coalesced, s.malformed, s.stale, s.failed,
		s.lost);
}

/* From the mounting on: what is begun is taken back in reverse. */
static int serve(struct fnmount *m)
{
	int r;

	if (fuse_session_mount(m->session, m->mountpoint))
		return FN_EXIT_FAIL; /* libfuse or fusermount3 has said why */
	fuse_set_signal_handlers(m->session);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on our files is an error to the client, not our end */
	if (m->config.read_only)
		setup_read_only(m);
	r = attach(m);
	if (!r && chdir("/"))
		r = fn_fail(FN_EXIT_FAIL, "/: %s", strerror(errno));
	if (!r) {
		r = loop(m);
		if (m->config.stats)
			print_stats(m);
		r = r < 0 ? fn_fail(FN_EXIT_FAIL, "%s: %s", m->mountpoint, strerror(-r)) : 0;
	}
	fn_server_detach(m->server);
	locks_stop(m); /* waiters answer while there is a session to answer to */
	fuse_remove_signal_handlers(m->session);
	fuse_session_unmount(m->session);
	return r;
}

static int run(struct fnmount *m)
{
	int r = open_backing(m);

	if (!r)
		r = new_session(m);
	if (!r)
		r = events_open(m);
	if (!r) {
		set_timeouts(m);
		r = serve(m);
	}
	locks_stop(m);
	if (m->session)
		fuse_session_destroy(m->session);
	m->session = NULL;
	table_free(&m->inodes);
	return r;
}

static int mount_it(struct config *config, char **operands)
{
	struct fnmount m = {.config = *config, .ready_pipe = -1, .own_mount = -1};
	bool parent = false;
	int r;

	if (!operands || !operands[0] || !operands[1] || operands[2])
		return fn_usage("needs BACKING and MOUNTPOINT");
	m.config.backing = operands[0];
	m.config.mountpoint = operands[1];
	m.events = config->events ? config->events : "auto";
	pthread_mutex_init(&m.backing_lock, NULL);
	r = setup_paths(&m);
	if (!r)
		r = setup_background(&m, &parent);
	if (!r && !parent)
		r = run(&m);
	fn_submounts_free(&m.submounts);
	free(m.backing);
	free(m.mountpoint);
	return r;
}

int main(int argc, char **argv)
{
	struct config config = {.timeout = -1, .ready_fd = -1, .threads = 10};
	char **operands = NULL;
	int status = 0;

	if (!fn_options_parse(&fnmount_command, argc, argv, set_option, &config, &operands,
			      &status))
		status = mount_it(&config, operands);
	fn_operands_free(operands);
	free(config.mount_options);
	free(config.events);
	return status;
}
