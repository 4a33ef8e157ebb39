/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfnotify: remote fsnotify over FUSE.
 *
 * Every function returns 0 or a negative errno unless it says otherwise. Objects are opaque and
 * counted; the library keeps no global state, prints nothing and never exits. Descriptors are
 * O_CLOEXEC. Unless a function says otherwise, one thread at a time may use an object.
 */
#ifndef FNOTIFY_H
#define FNOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FN_EXPORT __attribute__((visibility("default")))

/*
 * For FUSE servers. Whoever serves a directory that others change as well makes their changes
 * native inotify and fanotify events on the mount, with one changed line:
 *
 *	low level:   ret = fn_session_loop_mt(se, &config, mountpoint, "/srv/data");
 *	high level:  return fn_main(argc, argv, &operations, NULL, "/srv/data");
 *
 * backing is the directory that the mount shows, watched for changes that did not come through
 * the mount; or NULL, for a server that hears of changes some other way and calls fn_push().
 */
struct fn_server;
struct fuse_session;
struct fuse_operations;

/* Stand between /dev/fuse and libfuse's own loop: after fuse_session_mount() and
 * fuse_daemonize(), before the loop. The session's fuse_session_custom_io() is taken. */
FN_EXPORT int fn_attach(struct fn_server **srv, struct fuse_session *se, const char *mountpoint,
			const char *backing);
/* After the loop, before fuse_session_unmount(). Ends the threads, frees srv. NULL is allowed. */
FN_EXPORT void fn_detach(struct fn_server *srv);

/* Something changed behind the mount. mask: one IN_* bit of <sys/inotify.h>, IN_ISDIR with it;
 * IN_MOVE with both paths is a rename. Paths are relative to the mount; to is NULL unless it is a
 * rename. mode: the object's st_mode, 0 if not known. Any thread, also one that serves requests:
 * it never blocks. -EINVAL: malformed, nothing was done. */
FN_EXPORT int fn_push(struct fn_server *srv, uint32_t mask, const char *path, const char *to,
		      uint32_t mode);

struct fn_counts {
	uint64_t pushed;    /* changes that were told */
	uint64_t replayed;  /* became native events */
	uint64_t unheld;    /* where nobody can be watching */
	uint64_t coalesced; /* the same was waiting already */
	uint64_t malformed; /* names or masks that cannot be */
	uint64_t stale;     /* told twice, or of what is no longer so */
	uint64_t failed;    /* refused by the kernel */
	uint64_t lost;      /* no room to wait: the directories concerned got ATTRIB */
};
/* size: sizeof(*counts). Any thread. */
FN_EXPORT void fn_count(const struct fn_server *srv, struct fn_counts *counts, size_t size);

/* fuse_session_loop() and fuse_session_loop_mt() between fn_attach() and fn_detach(); config is
 * what libfuse takes there. Their value is the loop's, or a negative errno of fn_attach(). */
#define fn_session_loop(se, mountpoint, backing) \
	fn_loop_(se, mountpoint, backing, fuse_session_loop(se))
#define fn_session_loop_mt(se, config, mountpoint, backing) \
	fn_loop_(se, mountpoint, backing, fuse_session_loop_mt(se, config))
#define fn_loop_(se, mountpoint, backing, loop)                             \
	__extension__({                                                     \
		struct fn_server *fn_srv_;                                  \
		int fn_ret_ = fn_attach(&fn_srv_, se, mountpoint, backing); \
		if (!fn_ret_)                                               \
			fn_ret_ = (loop);                                   \
		fn_detach(fn_srv_);                                         \
		fn_ret_;                                                    \
	})

/* fuse_main() with a backing directory. Returns what fuse_main() does. Once in a process. */
#define fn_main(argc, argv, op, private_data, backing) \
	fn_main_real(argc, argv, op, sizeof(*(op)), private_data, backing)
FN_EXPORT int fn_main_real(int argc, char *argv[], const struct fuse_operations *op, size_t op_size,
			   void *private_data, const char *backing);

#ifdef __cplusplus
}
#endif

#endif
