/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the kernel: the requests of one connection as they are sent and ended, or what one process
 * reads from and writes to /dev/fuse. Types are declared as far as they are used; libbpf finds
 * the members' real places (CO-RE).
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

/* Keep the compiler from leaving out a mask that the verifier needs. */
#define BOUND(v, mask)                      \
	do {                                \
		asm volatile("" : "+r"(v)); \
		(v) &= (mask);              \
	} while (0)
#define RELOC __attribute__((preserve_access_index))
#define FUSE_RDEV ((10 << 20) | 229)
#define MAX_ARGS 4
#define MAX_IOV 8
#define MAX_CHUNKS 68 /* of a message: a little more than 1 MiB */

struct fuse_in_arg {
	unsigned int size;
	const void *value;
} RELOC;
struct fuse_arg {
	unsigned int size;
	void *value;
} RELOC;
struct fuse_args {
	__u8 in_numargs;
	__u8 out_numargs;
	struct fuse_in_arg in_args[MAX_ARGS];
	struct fuse_arg out_args[2];
} RELOC;
struct fuse_conn {
	__u32 dev;
} RELOC;
struct fuse_mount {
	struct fuse_conn *fc;
} RELOC;
struct fuse_in_header {
	__u32 len;
	__u8 rest[36];
};
struct fuse_out_header {
	__u32 len;
	__s32 error;
	__u64 unique;
};
struct fuse_req {
	struct fuse_args *args;
	struct {
		struct fuse_in_header h;
	} in;
	struct {
		struct fuse_out_header h;
	} out;
	struct fuse_mount *fm;
} RELOC;

struct inode {
	__u32 i_rdev;
} RELOC;
struct file {
	struct inode *f_inode;
} RELOC;
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} RELOC;
struct files_struct {
	struct fdtable *fdt;
} RELOC;
struct task_struct {
	struct files_struct *files;
} RELOC;
/* A system call's arguments are still in the registers when it ends. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, orig_ax;
} RELOC;
#define ARG1(r) BPF_CORE_READ(r, di)
#define ARG2(r) BPF_CORE_READ(r, si)
#define ARG3(r) BPF_CORE_READ(r, dx)
#define NUMBER(r) ((long)BPF_CORE_READ(r, orig_ax))
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} RELOC;
#define ARG1(r) BPF_CORE_READ(r, orig_x0)
#define ARG2(r) BPF_CORE_READ(r, regs[1])
#define ARG3(r) BPF_CORE_READ(r, regs[2])
#define NUMBER(r) ((long)BPF_CORE_READ(r, syscallno))
#endif

struct iovec_user {
	__u64 base, len;
};

const volatile struct fn_bpf_config config;
/* Messages that found no room, and such as passed through pipes. */
__u64 lost, spliced;

struct scratch {
	struct fn_bpf_record r;
	__u8 data[2 * FN_BPF_CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set to the number of CPUs: a per-CPU map holds too little */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* No larger than a CPU's caches hold: what is written is soon written over. */
#define RING (4 << 20)
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING);
} ring SEC(".maps");

static __always_inline struct scratch *begin(__u32 flags)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&scratches, &cpu);

	if (!s)
		return NULL;
	s->r.time = bpf_ktime_get_ns();
	s->r.tid = (__u32)bpf_get_current_pid_tgid();
	s->r.flags = flags;
	s->r.conn = 0;
	s->r.fd = -1;
	s->r.len = s->r.have = 0;
	return s;
}

/* The reader looks by itself every few milliseconds; waking it costs the server, so it is done only
 * when there is much. */
static __always_inline void send(struct scratch *s, __u32 n)
{
	__u64 wake = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > RING / 8 ? BPF_RB_FORCE_WAKEUP
									    : BPF_RB_NO_WAKEUP;

	BOUND(n, 2 * FN_BPF_CHUNK - 1);
	s->r.have = n;
	if (bpf_ringbuf_output(&ring, s, sizeof(s->r) + n, wake))
		__sync_fetch_and_add(&lost, 1);
}

/* An argument behind what is there; what does not fit is left out, and the message is cut. */
static __always_inline __u32 append(struct scratch *s, __u32 at, const void *from, __u32 size)
{
	if (size > FN_BPF_CHUNK - 1)
		size = FN_BPF_CHUNK - 1;
	BOUND(at, FN_BPF_CHUNK - 1);
	BOUND(size, FN_BPF_CHUNK - 1);
	if (!from || !size || bpf_probe_read_kernel(&s->data[at], size, from))
		return at;
	return at + size;
}

/*
 * These two are typed: the verifier knows what a pointer points to, so that a member is read with
 * one load and not with a call of a helper. That is half of what a message costs.
 */
static __always_inline int of_connection(const struct fuse_req *req)
{
	return req->fm->fc->dev == config.conn;
}

SEC("tp_btf/fuse_request_send")
int on_send(__u64 *ctx)
{
	const struct fuse_req *req = (const void *)ctx[0];
	const struct fuse_args *args;
	struct scratch *s;
	__u32 at, n;

	if (!of_connection(req) || !(s = begin(FN_BPF_FIRST | FN_BPF_LAST | FN_BPF_READ)))
		return 0;
	s->r.conn = config.conn;
	at = append(s, 0, &req->in.h, sizeof(struct fuse_in_header));
	s->r.len = req->in.h.len;
	args = req->args;
	n = args->in_numargs;
	for (int i = 0; i < MAX_ARGS && i < n && at < FN_BPF_CHUNK; i++)
		at = append(s, at, args->in_args[i].value, args->in_args[i].size);
	send(s, at);
	return 0;
}

SEC("tp_btf/fuse_request_end")
int on_end(__u64 *ctx)
{
	const struct fuse_req *req = (const void *)ctx[0];
	const struct fuse_args *args;
	struct scratch *s;
	__u32 at, n;

	if (!of_connection(req) || !(s = begin(FN_BPF_FIRST | FN_BPF_LAST)))
		return 0;
	s->r.conn = config.conn;
	at = append(s, 0, &req->out.h, sizeof(struct fuse_out_header));
	s->r.len = req->out.h.len;
	args = req->args;
	n = req->out.h.error ? 0 : args->out_numargs;
	for (int i = 0; i < 2 && i < n && at < FN_BPF_CHUNK; i++)
		at = append(s, at, args->out_args[i].value, args->out_args[i].size);
	send(s, at);
	return 0;
}

static __always_inline int is_fuse(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **table;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	table = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), table + fd);
	return file && BPF_CORE_READ(file, f_inode, i_rdev) == FUSE_RDEV;
}

static __always_inline void piece(struct scratch *s, __u64 from, __u32 n, __u32 flags)
{
	s->r.flags = flags;
	BOUND(n, 2 * FN_BPF_CHUNK - 1);
	if (n && bpf_probe_read_user(s->data, n, (const void *)from))
		n = 0;
	send(s, n);
}

/* A buffer in the server's memory, in pieces. Not static, and so verified by itself, once. */
__attribute__((noinline)) int buffer(struct scratch *s, __u64 from, __u64 len, __u32 flags)
{
	if (!s)
		return 0;
	for (int i = 0; i < MAX_CHUNKS; i++) {
		__u32 n = len < FN_BPF_CHUNK ? (__u32)len : FN_BPF_CHUNK;

		piece(s, from, n, flags & (n == len ? ~0u : ~FN_BPF_LAST));
		from += n;
		len -= n;
		flags &= ~FN_BPF_FIRST;
		if (!len)
			break;
	}
	return 0;
}

static __always_inline void vector(struct scratch *s, __u64 iov, __u64 count, __u64 len,
				   __u32 flags)
{
	for (__u32 i = 0; i < MAX_IOV && i < count; i++) {
		struct iovec_user v = {};
		__u64 n;

		bpf_probe_read_user(&v, sizeof(v), (const void *)(iov + i * sizeof(v)));
		n = v.len < len ? v.len : len;
		len -= n;
		buffer(s, v.base, n, flags & (i + 1 == count || !len ? ~0u : ~FN_BPF_LAST));
		flags &= ~FN_BPF_FIRST;
		if (!len)
			break;
	}
}

static __always_inline int ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == config.tgid;
}

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const void *)ctx->args[0];
	long nr = (long)ctx->args[1];
	struct scratch *s;
	__u64 fd, buf, n;

	if (!ours() || (nr != config.nr_write && nr != config.nr_writev))
		return 0;
	fd = ARG1(regs);
	buf = ARG2(regs);
	n = ARG3(regs);
	if (!is_fuse((__u32)fd) || !(s = begin(0)))
		return 0;
	s->r.fd = (int)fd;
	if (nr == config.nr_write)
		buffer(s, buf, n, FN_BPF_FIRST | FN_BPF_LAST);
	else
		vector(s, buf, n, ~0ull, FN_BPF_FIRST | FN_BPF_LAST);
	return 0;
}

SEC("raw_tp/sys_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const void *)ctx->args[0];
	long ret = (long)ctx->args[1], nr;
	struct scratch *s;
	__u64 fd, buf, n;

	if (ret <= 0 || !ours())
		return 0;
	nr = NUMBER(regs);
	if (nr == config.nr_splice && (is_fuse((__u32)ARG1(regs)) || is_fuse((__u32)ARG3(regs))))
		__sync_fetch_and_add(&spliced, 1);
	if (nr != config.nr_read && nr != config.nr_readv)
		return 0;
	fd = ARG1(regs);
	buf = ARG2(regs);
	n = ARG3(regs);
	if (!is_fuse((__u32)fd) || !(s = begin(0)))
		return 0;
	s->r.fd = (int)fd;
	s->r.len = (__u32)ret;
	if (nr == config.nr_read)
		buffer(s, buf, (__u64)ret, FN_BPF_FIRST | FN_BPF_LAST | FN_BPF_READ);
	else
		vector(s, buf, n, (__u64)ret, FN_BPF_FIRST | FN_BPF_LAST | FN_BPF_READ);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
