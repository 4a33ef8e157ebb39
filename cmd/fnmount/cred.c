/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A privileged server makes files for others. The kernel has checked what the caller may do
 * (default_permissions), so only the owner of the new file has to be the caller: the fsuid and
 * fsgid of the thread change, its capabilities stay (SECBIT_NO_SETUID_FIXUP).
 *
 * CAP_FSETID is off but for a moment at a time: without it the backing store clears set-id bits
 * on a write as it does for the ordinary process on whose behalf it happens.
 */
#include "fnmount.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct {
	bool private_umask;
	mode_t umask;
} thread;

static int effective(unsigned cap, bool on)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	if (on)
		data[cap / 32].effective |= data[cap / 32].permitted & 1u << cap % 32;
	else
		data[cap / 32].effective &= ~(1u << cap % 32);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

static bool permitted(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return !syscall(SYS_capget, &head, data) && data[cap / 32].effective & 1u << cap % 32;
}

int cred_init(struct fnmount *m)
{
	m->as_caller = geteuid() == 0 && getegid() == 0 && permitted(CAP_SETUID) &&
		       permitted(CAP_SETGID) && permitted(CAP_DAC_OVERRIDE) &&
		       !prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
	return effective(CAP_FSETID, false);
}

/* The umask of a thread: it is a process's unless the thread has a copy of its own. */
static void set_umask(mode_t mask)
{
	if (!thread.private_umask) {
		thread.private_umask = !unshare(CLONE_FS);
		umask(thread.umask = 0);
	}
	if (thread.private_umask && thread.umask != mask)
		umask(thread.umask = mask);
}

struct cred cred_setgid(mode_t mode)
{
	struct cred c = {.setgid = mode & S_ISGID};

	if (c.setgid)
		effective(CAP_FSETID, true);
	return c;
}

struct cred cred_enter(fuse_req_t req, mode_t mode)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	const struct fnmount *m = fnmount_of(req);
	struct cred c = cred_setgid(mode);

	set_umask(m->acl ? ctx->umask & 0777 : 0);
	if (!m->as_caller || (ctx->uid == 0 && ctx->gid == 0))
		return c;
	c.changed = true;
	setfsgid(ctx->gid);
	setfsuid(ctx->uid);
	return c;
}

void cred_restore(struct cred c)
{
	if (c.changed) {
		setfsuid(0);
		setfsgid(0);
	}
	if (c.setgid)
		effective(CAP_FSETID, false);
}
