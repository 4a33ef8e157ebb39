/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls that carry messages, and the memory and pipes that hold them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "trace/capture_impl.h"

#define MISC_MAJOR 10
#define FUSE_MINOR 229
#define MAX_FDS 65536
#define MAX_IOV 1024
#define PIPE_SIZE (2 << 20)
#define OP_INIT 26
#define OP_CUSE_INIT 4096

static int bad(struct fn_capture *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct fn_capture *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->fault, sizeof(c->fault), fmt, ap);
	va_end(ap);
	return FN_TRACE_BAD;
}

static bool room(struct fn_capture *c, size_t n)
{
	uint8_t *p;

	if (n <= c->cap)
		return true;
	p = realloc(c->buf, n);
	if (!p)
		return false;
	c->buf = p;
	c->cap = n;
	return true;
}

void fn_capture_forget_fds(struct fn_capture *c, pid_t tgid)
{
	struct fn_capture_fd *f = NULL;

	while ((f = fn_map_next(&c->fds, f)))
		if (f->key.conn == (uint32_t)tgid) {
			fn_map_del(&c->fds, f);
			f = NULL;
		}
}

void fn_capture_free(struct fn_capture *c)
{
	fn_map_free(&c->threads);
	fn_map_free(&c->fds);
	if (c->tee[0] >= 0) {
		close(c->tee[0]);
		close(c->tee[1]);
	}
	free(c->buf);
	free(c);
}

/* CUSE's device has a name and no number of its own. */
static bool is_fuse(pid_t tid, int fd)
{
	char path[64], target[32];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return false;
	if (st.st_rdev == makedev(MISC_MAJOR, FUSE_MINOR))
		return true;
	n = readlink(path, target, sizeof(target));
	return n == 9 && !memcmp(target, "/dev/cuse", 9);
}

/* What is known of a descriptor stays true until it is closed, which is seen. */
static struct fn_capture_fd *fd_of(struct fn_capture *c, const struct fn_capture_thread *t,
				   pid_t tid, int fd)
{
	struct fn_capture_fd *f = fn_map_get(&c->fds, (uint32_t)t->tgid, (uint32_t)fd);

	if (f)
		return f;
	if (c->fds.count >= MAX_FDS)
		fn_map_del(&c->fds, fn_map_victim(&c->fds));
	f = fn_map_add(&c->fds, (uint32_t)t->tgid, (uint32_t)fd);
	if (f)
		f->fuse = is_fuse(tid, fd);
	return f;
}

static bool fuse_fd(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid, uint64_t fd)
{
	const struct fn_capture_fd *f = (int)fd >= 0 ? fd_of(c, t, tid, (int)fd) : NULL;

	return f && f->fuse;
}

uint32_t fn_capture_connection(pid_t pid, int fd)
{
	char path[64], line[128];
	unsigned conn = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "fuse_connection: %u", &conn) == 1)
			break;
	fclose(f);
	return conn;
}

/* As the kernel numbers them; else INIT begins a connection, and a descriptor not heard of (a
 * clone) speaks on the process's last. */
static uint32_t conn_of(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid,
			const struct fn_trace_msg *m)
{
	struct fn_capture_fd *f = fd_of(c, t, tid, t->fd);
	bool init =
		m->kind == FN_MSG_REQUEST && (m->opcode == OP_INIT || m->opcode == OP_CUSE_INIT);

	if (f && (!f->conn || init)) {
		uint32_t known = fn_capture_connection(tid, t->fd);

		if (!known && (init || !c->nconn))
			c->nconn++;
		f->conn = known ? known : c->nconn;
	}
	return f ? f->conn : c->nconn;
}

static int message(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid, size_t len,
		   bool read, struct fn_trace_msg *m)
{
	m->data = c->buf;
	m->have = (uint32_t)len;
	m->time = fn_capture_now();
	m->tid = tid;
	if (fn_trace_msg_header(m, read) < 0 || m->len != len)
		return bad(c, "%zu bytes %s fd %d of %d are no message", len,
			   read ? "read from" : "written to", t->fd, tid);
	m->conn = conn_of(c, t, tid, m);
	return FN_TRACE_MSG;
}

/* The bytes that iov of the thread describes, at most n. */
static ssize_t gather(struct fn_capture *c, pid_t tid, const struct iovec *iov, size_t count,
		      size_t n)
{
	struct iovec local = {c->buf, n};

	if (!room(c, n))
		return -ENOMEM;
	local.iov_base = c->buf;
	n = 0;
	/* One call takes IOV_MAX vectors; a message never has as many. */
	if (count)
		n = (size_t)process_vm_readv(tid, &local, 1, iov, count, 0);
	return (ssize_t)n < 0 ? -errno : (ssize_t)n;
}

/* The vectors themselves; *total is what they hold together. */
static ssize_t vectors(pid_t tid, uint64_t at, uint64_t count, struct iovec iov[MAX_IOV],
		       size_t *total)
{
	struct iovec local = {iov, 0}, remote = {(void *)(uintptr_t)at, 0};

	if (count > MAX_IOV)
		return -EINVAL;
	local.iov_len = remote.iov_len = count * sizeof(struct iovec);
	if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != (ssize_t)local.iov_len)
		return -EFAULT;
	*total = 0;
	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(*total, iov[i].iov_len, total))
			return -EINVAL;
	return (ssize_t)count;
}

static int take(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid,
		const struct iovec *iov, size_t count, size_t len, bool read,
		struct fn_trace_msg *m)
{
	ssize_t n;

	if (len > c->max_message)
		return bad(c, "message of %zu bytes", len);
	n = gather(c, tid, iov, count, len);
	if (n < 0 || (size_t)n != len)
		return bad(c, "memory of %d cannot be read: %s", tid,
			   n < 0 ? strerror((int)-n) : "short");
	return message(c, t, tid, len, read, m);
}

static int take_vector(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid,
		       size_t len, bool read, struct fn_trace_msg *m)
{
	struct iovec iov[MAX_IOV];
	size_t total;
	ssize_t n = vectors(tid, t->args[1], t->args[2], iov, &total);

	if (n < 0)
		return bad(c, "vectors of %d cannot be read", tid);
	return take(c, t, tid, iov, (size_t)n, read ? len : total, read, m);
}

static int take_buffer(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid,
		       size_t len, bool read, struct fn_trace_msg *m)
{
	struct iovec iov = {(void *)(uintptr_t)t->args[1], len};

	return take(c, t, tid, &iov, 1, len, read, m);
}

/* Copy len bytes from the thread's pipe, which keeps them. */
static ssize_t peek_pipe(struct fn_capture *c, pid_t tid, int fd, size_t len)
{
	char path[64];
	ssize_t n = 0, got = 0;
	int pipe_fd;

	if (c->tee[0] < 0) {
		if (pipe2(c->tee, O_CLOEXEC | O_NONBLOCK) < 0)
			return -errno;
		/* As much as is allowed: a pipe counts pages, and a message may fill few of each.
		 */
		for (int size = PIPE_SIZE;
		     fcntl(c->tee[1], F_SETPIPE_SZ, size) < 0 && size > 65536;)
			size /= 2;
	}
	if (!room(c, len))
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	pipe_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pipe_fd < 0)
		return -errno;
	n = tee(pipe_fd, c->tee[1], len, SPLICE_F_NONBLOCK);
	close(pipe_fd);
	while (n > 0 && got < n) {
		ssize_t r = read(c->tee[0], c->buf + got, (size_t)(n - got));

		if (r <= 0)
			return -EIO;
		got += r;
	}
	return n < 0 ? -errno : got;
}

static int take_spliced(struct fn_capture *c, const struct fn_capture_thread *t, pid_t tid, int fd,
			size_t len, bool read, struct fn_trace_msg *m)
{
	ssize_t n = len <= c->max_message ? peek_pipe(c, tid, fd, len) : -EMSGSIZE;

	if (n < 0 || (size_t)n != len)
		return bad(c, "%zu bytes spliced by %d cannot be seen: %s", len, tid,
			   n < 0 ? strerror((int)-n) : "fewer are there");
	return message(c, t, tid, len, read, m);
}

static void note_closed(struct fn_capture *c, const struct fn_capture_thread *t, uint64_t fd)
{
	struct fn_capture_fd *f = fn_map_get(&c->fds, (uint32_t)t->tgid, (uint32_t)fd);

	if (f)
		fn_map_del(&c->fds, f);
}

static int enter_write(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid, bool vector,
		       struct fn_trace_msg *m)
{
	t->fd = (int)t->args[0];
	if (!fuse_fd(c, t, tid, t->args[0]))
		return 0;
	return vector ? take_vector(c, t, tid, 0, false, m)
		      : take_buffer(c, t, tid, t->args[2], false, m);
}

static int enter_splice(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
			struct fn_trace_msg *m)
{
	if (fuse_fd(c, t, tid, t->args[0])) {
		t->fd = (int)t->args[0];
		t->call = FN_CAPTURE_SPLICE;
		return 0;
	}
	t->fd = (int)t->args[2];
	if (!fuse_fd(c, t, tid, t->args[2]))
		return 0;
	return take_spliced(c, t, tid, (int)t->args[0], t->args[4], false, m);
}

/* An answer is taken before the kernel has it: nothing that follows from it is seen earlier. */
int fn_capture_enter(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
		     struct fn_trace_msg *m)
{
	struct __ptrace_syscall_info info;

	t->call = FN_CAPTURE_NONE;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return 0;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY) {
		t->inside = false; /* attached within a call */
		return 0;
	}
	memcpy(t->args, info.entry.args, sizeof(t->args));
	switch (info.entry.nr) {
	case SYS_read:
	case SYS_readv:
		t->fd = (int)t->args[0];
		if (fuse_fd(c, t, tid, t->args[0]))
			t->call = info.entry.nr == SYS_read ? FN_CAPTURE_READ : FN_CAPTURE_READV;
		return 0;
	case SYS_write:
	case SYS_writev:
		return enter_write(c, t, tid, info.entry.nr == SYS_writev, m);
	case SYS_splice:
		return enter_splice(c, t, tid, m);
	case SYS_close:
		note_closed(c, t, t->args[0]);
		return 0;
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
		note_closed(c, t, t->args[1]);
		return 0;
	case SYS_close_range:
		fn_capture_forget_fds(c, t->tgid);
		return 0;
	default:
		return 0;
	}
}

/* Only calls that were found worth it on entering are asked for their result. */
int fn_capture_leave(struct fn_capture *c, struct fn_capture_thread *t, pid_t tid,
		     struct fn_trace_msg *m)
{
	struct __ptrace_syscall_info info;
	enum fn_capture_call call = t->call;

	if (call == FN_CAPTURE_NONE)
		return 0;
	t->call = FN_CAPTURE_NONE;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT || info.exit.rval <= 0)
		return 0;
	if (call == FN_CAPTURE_SPLICE)
		return take_spliced(c, t, tid, (int)t->args[2], (size_t)info.exit.rval, true, m);
	if (call == FN_CAPTURE_READV)
		return take_vector(c, t, tid, (size_t)info.exit.rval, true, m);
	return take_buffer(c, t, tid, (size_t)info.exit.rval, true, m);
}
