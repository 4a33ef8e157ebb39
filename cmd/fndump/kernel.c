/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fndump/kernel.h"

#include <errno.h>

#ifdef FN_HAVE_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fndump/bpf/record.h"
#include "trace/capture.h"
#include "trace/map.h"

#define WAIT_MS 5
#define NS INT64_C(1000000000)

/* A message of a thread whose pieces are coming. */
struct parts {
	struct fn_map_key key; /* id: the thread */
	uint8_t *data;
	size_t have, cap;
	bool cut;
};

struct connection {
	struct fn_map_key key; /* id: the descriptor */
	uint32_t conn;
};

struct kernel {
	struct bpf_object *object;
	struct bpf_link *links[2];
	struct ring_buffer *ring;
	struct fn_map parts, conns;
	int64_t wall; /* to add to the kernel's clock */
	pid_t pid;
	struct {
		uint64_t lost, spliced;
	} counts;
	uint64_t lost_told;
	struct fn_trace_msg *to; /* where the message goes that is being read */
	int got;
	char fault[96];
};

/* The object file, as it was compiled. */
__asm__(".section .rodata\n.balign 16\n.globl fn_bpf_object\nfn_bpf_object:\n.incbin "
	"\"" FN_BPF_OBJECT "\"\n.globl fn_bpf_object_end\nfn_bpf_object_end:\n.previous\n");
extern const char fn_bpf_object[], fn_bpf_object_end[];

static int bad(struct kernel *k, const char *what, uint64_t n)
{
	snprintf(k->fault, sizeof(k->fault), "%s (%llu)", what, (unsigned long long)n);
	return FN_TRACE_BAD;
}

const char *kernel_fault(const struct kernel *k)
{
	return k->fault;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int64_t wall_offset(void)
{
	struct timespec mono, real;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	return (real.tv_sec - mono.tv_sec) * NS + real.tv_nsec - mono.tv_nsec;
}

static struct parts *parts_of(struct kernel *k, uint32_t tid)
{
	return fn_map_add(&k->parts, 0, tid);
}

static bool add_piece(struct parts *p, const struct fn_bpf_record *r, const uint8_t *data)
{
	uint8_t *grown;

	if (r->flags & FN_BPF_FIRST) {
		p->have = 0;
		p->cut = false;
	}
	if (p->have + r->have > FN_TRACE_MSG_MAX)
		return false;
	if (p->have + r->have > p->cap) {
		grown = realloc(p->data, p->have + r->have);
		if (!grown)
			return false;
		p->data = grown;
		p->cap = p->have + r->have;
	}
	memcpy(p->data + p->have, data, r->have);
	p->have += r->have;
	return true;
}

static uint32_t conn_of(struct kernel *k, const struct fn_bpf_record *r)
{
	struct connection *c;

	if (r->conn)
		return r->conn;
	c = fn_map_add(&k->conns, 0, (uint32_t)r->fd);
	if (!c)
		return 1;
	if (!c->conn)
		c->conn = fn_capture_connection(k->pid, r->fd);
	return c->conn ? c->conn : 1;
}

/* The header says how long the message is; less is there where memory could not be read. */
static int finish(struct kernel *k, struct parts *p, const struct fn_bpf_record *r)
{
	struct fn_trace_msg *m = k->to;

	memset(m, 0, sizeof(*m));
	m->data = p->data ? p->data : fn_msg_nothing;
	m->have = (uint32_t)p->have;
	m->time = (int64_t)r->time + k->wall;
	m->tid = (int32_t)r->tid;
	m->conn = conn_of(k, r);
	if (fn_trace_msg_header(m, r->flags & FN_BPF_READ) < 0)
		return bad(k, "no message header", p->have);
	if (m->len < m->have)
		m->have = m->len;
	if (m->have < m->len)
		m->flags |= FN_MSG_CUT;
	return FN_TRACE_MSG;
}

/* Negative stops the round: one message at a time is taken out. */
static int on_record(void *arg, void *data, size_t size)
{
	struct kernel *k = arg;
	const struct fn_bpf_record *r = data;
	struct parts *p;

	if (size < sizeof(*r) || r->have > size - sizeof(*r))
		return 0;
	p = parts_of(k, r->tid);
	if (!p || !add_piece(p, r, (const uint8_t *)(r + 1)) || !(r->flags & FN_BPF_LAST))
		return 0;
	k->got = finish(k, p, r);
	return -1;
}

static int set_globals(struct kernel *k, const struct fn_bpf_config *g)
{
	struct bpf_map *map = bpf_object__find_map_by_name(k->object, "fuse_bpf.rodata");
	struct bpf_map *scratch = bpf_object__find_map_by_name(k->object, "scratches");
	int cpus = libbpf_num_possible_cpus();

	if (!map)
		map = bpf_object__find_map_by_name(k->object, ".rodata");
	if (!map || !scratch || cpus < 1)
		return -EOPNOTSUPP;
	if (bpf_map__set_max_entries(scratch, (uint32_t)cpus) ||
	    bpf_map__set_initial_value(map, g, bpf_map__value_size(map)))
		return -EOPNOTSUPP;
	return 0;
}

static int attach(struct kernel *k, const char *const programs[2])
{
	struct bpf_program *p;
	int n = 0;

	bpf_object__for_each_program(p, k->object)
	{
		bool wanted = !strcmp(bpf_program__name(p), programs[0]) ||
			      !strcmp(bpf_program__name(p), programs[1]);

		bpf_program__set_autoload(p, wanted);
	}
	if (bpf_object__load(k->object))
		return -errno;
	bpf_object__for_each_program(p, k->object)
	{
		if (!bpf_program__autoload(p))
			continue;
		k->links[n] = bpf_program__attach(p);
		if (!k->links[n++])
			return -errno;
	}
	return 0;
}

static int start(struct kernel *k, const struct fn_bpf_config *g, const char *const programs[2])
{
	LIBBPF_OPTS(bpf_object_open_opts, o, .object_name = "fuse_bpf");
	struct bpf_map *ring;
	int r;

	libbpf_set_print(quiet);
	k->object = bpf_object__open_mem(fn_bpf_object, (size_t)(fn_bpf_object_end - fn_bpf_object),
					 &o);
	if (!k->object)
		return -errno;
	r = set_globals(k, g);
	if (!r)
		r = attach(k, programs);
	ring = bpf_object__find_map_by_name(k->object, "ring");
	if (!r && ring)
		k->ring = ring_buffer__new(bpf_map__fd(ring), on_record, k, NULL);
	return r ? r : k->ring ? 0 : -errno;
}

static int kernel_open(struct kernel **out, pid_t pid, const struct fn_bpf_config *g,
		       const char *const programs[2])
{
	struct kernel *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	fn_map_init(&k->parts, sizeof(struct parts));
	fn_map_init(&k->conns, sizeof(struct connection));
	k->wall = wall_offset();
	k->pid = pid;
	r = start(k, g, programs);
	if (r)
		kernel_close(k);
	else
		*out = k;
	return r;
}

int kernel_open_mount(struct kernel **k, uint32_t conn)
{
	static const char *const programs[2] = {"on_send", "on_end"};

	return kernel_open(k, 0, &(struct fn_bpf_config){.conn = conn}, programs);
}

/* The kernel knows the process by its number in the first namespace: ours has to be that. */
static bool first_namespace(void)
{
	char link[64] = "";

	return readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0 &&
	       !strcmp(link, "pid:[4026531836]");
}

int kernel_open_pid(struct kernel **k, pid_t pid)
{
	static const char *const programs[2] = {"on_enter", "on_exit"};
	struct fn_bpf_config g = {
		.tgid = (uint32_t)pid,
		.nr_read = SYS_read,
		.nr_readv = SYS_readv,
		.nr_write = SYS_write,
		.nr_writev = SYS_writev,
		.nr_splice = SYS_splice,
	};

	return first_namespace() ? kernel_open(k, pid, &g, programs) : -EOPNOTSUPP;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	for (int i = 0; i < 2; i++)
		bpf_link__destroy(k->links[i]);
	ring_buffer__free(k->ring);
	bpf_object__close(k->object);
	for (struct parts *p = NULL; (p = fn_map_next(&k->parts, p));)
		free(p->data);
	fn_map_free(&k->parts);
	fn_map_free(&k->conns);
	free(k);
}

/* What the programs counted: it is in their data. */
static void read_counts(struct kernel *k)
{
	struct bpf_map *map = bpf_object__find_map_by_name(k->object, ".bss");
	uint32_t zero = 0;

	if (map)
		bpf_map_lookup_elem(bpf_map__fd(map), &zero, &k->counts);
}

static int check_lost(struct kernel *k)
{
	uint64_t lost;

	read_counts(k);
	lost = k->counts.lost - k->lost_told;
	k->lost_told += lost;
	return lost ? bad(k, "messages lost: fndump does not keep up", lost) : 0;
}

uint64_t kernel_unseen(const struct kernel *k)
{
	return k->counts.spliced;
}

/* A message, a fault, or 0: nothing now. */
static int take(struct kernel *k)
{
	k->got = 0;
	ring_buffer__consume(k->ring);
	return k->got ? k->got : check_lost(k);
}

int kernel_next(struct kernel *k, struct fn_trace_msg *m, const struct fn_trace_opts *o)
{
	struct epoll_event woken;
	bool last = false;
	int r;

	k->to = m;
	while (!(r = take(k))) {
		if (last)
			return 0;
		/* What came before the end is still taken. */
		last = o->stop(o->arg) || (k->pid && kill(k->pid, 0) < 0 && errno == ESRCH);
		o->idle(o->arg);
		if (!last)
			epoll_wait(ring_buffer__epoll_fd(k->ring), &woken, 1, WAIT_MS);
	}
	return r;
}

#else

int kernel_open_mount(struct kernel **k, uint32_t conn)
{
	(void)k;
	(void)conn;
	return -EOPNOTSUPP;
}

int kernel_open_pid(struct kernel **k, pid_t pid)
{
	(void)k;
	(void)pid;
	return -EOPNOTSUPP;
}

void kernel_close(struct kernel *k)
{
	(void)k;
}

int kernel_next(struct kernel *k, struct fn_trace_msg *m, const struct fn_trace_opts *o)
{
	(void)k;
	(void)m;
	(void)o;
	return 0;
}

const char *kernel_fault(const struct kernel *k)
{
	(void)k;
	return "";
}

uint64_t kernel_unseen(const struct kernel *k)
{
	(void)k;
	return 0;
}

#endif
