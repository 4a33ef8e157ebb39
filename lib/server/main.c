/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuse_main() for servers written against libfuse's high-level API. libfuse finds the path of a
 * node from the names that it remembers, so the unlinks and renames of the replay thread have to
 * reach it; only the server's own operation is left out.
 */
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnotify.h"
#include "server/reserved.h"
#include "server/server.h"

/* The operations are given no argument of ours. A process has one fn_main(), as it has one main().
 */
static struct fuse_operations theirs;
static struct fn_server *server;

static bool is_replay(void)
{
	return fn_server_is_replay(server, (uint32_t)fuse_get_context()->pid);
}

static int do_unlink(const char *path)
{
	return is_replay() ? 0 : theirs.unlink(path);
}

static int do_rmdir(const char *path)
{
	return is_replay() ? 0 : theirs.rmdir(path);
}

static int do_rename(const char *from, const char *to, unsigned int flags)
{
	return is_replay() ? 0 : theirs.rename(from, to, flags);
}

static void wrap(struct fuse_operations *op, const struct fuse_operations *given, size_t size)
{
	memset(op, 0, sizeof(*op));
	memcpy(op, given, size < sizeof(*op) ? size : sizeof(*op));
	theirs = *op;
	if (op->unlink)
		op->unlink = do_unlink;
	if (op->rmdir)
		op->rmdir = do_rmdir;
	if (op->rename)
		op->rename = do_rename;
}

static int run_loop(struct fuse *fuse, const struct fuse_cmdline_opts *opts)
{
	struct fuse_loop_config *config;
	int res;

	if (opts->singlethread)
		return fuse_loop(fuse);
	config = fuse_loop_cfg_create();
	if (!config)
		return -1;
	fuse_loop_cfg_set_clone_fd(config, (unsigned)opts->clone_fd);
	fuse_loop_cfg_set_idle_threads(config, opts->max_idle_threads);
	res = fuse_loop_mt(fuse, config);
	fuse_loop_cfg_destroy(config);
	return res;
}

static int serve(struct fuse *fuse, const struct fuse_cmdline_opts *opts, const char *backing)
{
	struct fuse_session *se = fuse_get_session(fuse);
	struct fn_server_opts sopts = {
		.mountpoint = opts->mountpoint,
		.backing = backing,
		.follows_names = true,
	};
	int res = 6;

	if (fuse_set_signal_handlers(se))
		return res;
	if (fn_server_attach(&server, se, &sopts))
		res = 7;
	else
		res = run_loop(fuse, opts) ? 8 : 0;
	fn_server_detach(server);
	server = NULL;
	fuse_remove_signal_handlers(se);
	return res;
}

static int mount_and_serve(struct fuse *fuse, const struct fuse_cmdline_opts *opts,
			   const char *backing)
{
	int res = 5;

	if (fuse_mount(fuse, opts->mountpoint))
		return 4;
	if (!fuse_daemonize(opts->foreground))
		res = serve(fuse, opts, backing);
	fuse_unmount(fuse);
	return res;
}

static int show(const struct fuse_cmdline_opts *opts, struct fuse_args *args)
{
	if (opts->show_version) {
		printf("FUSE library version %s\n", fuse_pkgversion());
		fuse_lowlevel_version();
		return 0;
	}
	printf("usage: %s [options] <mountpoint>\n\nFUSE options:\n", args->argv[0]);
	fuse_cmdline_help();
	fuse_lib_help(args);
	return opts->show_help ? 0 : 2;
}

int fn_main_real(int argc, char *argv[], const struct fuse_operations *op, size_t op_size,
		 void *private_data, const char *backing)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts opts;
	struct fuse_operations wrapped;
	struct fuse *fuse;
	int res = 3;

	if (fuse_parse_cmdline(&args, &opts))
		return 1;
	if (opts.show_version || opts.show_help || !opts.mountpoint) {
		res = show(&opts, &args);
	} else {
		wrap(&wrapped, op, op_size);
		fuse = fuse_new(&args, &wrapped, sizeof(wrapped), private_data);
		if (fuse) {
			res = mount_and_serve(fuse, &opts, backing);
			fuse_destroy(fuse);
		}
	}
	free(opts.mountpoint);
	fuse_opt_free_args(&args);
	return res;
}
