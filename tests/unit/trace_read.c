/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readers: what they take, what they pass over, where they go on. */
#include <errno.h>

#include "trace/map.h"
#include "trace/strace.h"
#include "trace/trace.h"
#include "trace/unescape.h"
#include "trace/writer.h"
#include "unit.h"

struct got {
	int messages, bad;
	struct fn_trace_msg m[8];
	uint8_t bytes[8][64];
	uint64_t bad_offset;
};

static void read_all(const void *data, size_t len, enum fn_trace_format format, struct got *g)
{
	struct fn_trace_opts o = {.format = format};
	struct fn_trace_msg m;
	struct fn_trace *t;
	int r;

	memset(g, 0, sizeof(*g));
	r = fn_trace_open_mem(&t, data, len, &o);
	CHECK_INT(r, 0);
	if (r)
		return;
	while ((r = fn_trace_next(t, &m)) > 0) {
		if (r == FN_TRACE_BAD) {
			if (!g->bad++)
				fn_trace_fault(t, &g->bad_offset, NULL);
			continue;
		}
		if (g->messages < 8) {
			g->m[g->messages] = m;
			memcpy(g->bytes[g->messages], m.data, m.have < 64 ? m.have : 64);
		}
		g->messages++;
	}
	CHECK_INT(r, 0);
	fn_trace_close(t);
}

static void read_text(const char *text, enum fn_trace_format format, struct got *g)
{
	read_all(text, strlen(text), format, g);
}

static size_t request(uint8_t *p, uint32_t op, uint64_t unique, uint32_t body, bool swap)
{
	memset(p, 0, FN_WIRE_IN_HEADER + body);
	fn_put_u32(p, FN_WIRE_IN_HEADER + body, swap);
	fn_put_u32(p + 4, op, swap);
	fn_put_u64(p + 8, unique, swap);
	fn_put_u64(p + 16, 1, swap);
	return FN_WIRE_IN_HEADER + body;
}

static size_t reply(uint8_t *p, int32_t error, uint64_t unique, uint32_t body, bool swap)
{
	memset(p, 0, FN_WIRE_OUT_HEADER + body);
	fn_put_u32(p, FN_WIRE_OUT_HEADER + body, swap);
	fn_put_u32(p + 4, (uint32_t)error, swap);
	fn_put_u64(p + 8, unique, swap);
	return FN_WIRE_OUT_HEADER + body;
}

/* A record of version 1, or with items of version 2. */
static size_t record(uint8_t *p, char dir, const uint8_t *msg, size_t len, int items, bool swap)
{
	size_t n = 1;

	p[0] = (uint8_t)dir;
	if (items) {
		fn_put_u32(p + n, (uint32_t)items, swap);
		n += 4;
	}
	if (items > 1) {
		fn_put_u32(p + n, 16, swap);
		fn_put_u64(p + n + 4, 1600000000, swap);
		fn_put_u32(p + n + 12, 5, swap);
		n += 16;
	}
	if (items > 2) {
		fn_put_u32(p + n, 12, swap);
		memcpy(p + n + 4, "GLUSTER\xf5", 8);
		n += 12;
	}
	memcpy(p + n, msg, len);
	return n + len;
}

static void fusedump(void)
{
	for (int form = 0; form < 8; form++) {
		bool swap = form & 1;
		uint8_t msg[128], file[512];
		size_t n = 0;
		struct got g;

		n += record(file + n, 'R', msg, request(msg, 26, 2, 64, swap), form / 2, swap);
		n += record(file + n, 'W', msg, reply(msg, 0, 2, 24, swap), form / 2, swap);
		n += record(file + n, 'W', msg, reply(msg, 7, 0, 0, swap), form / 2, swap);
		read_all(file, n, FN_TRACE_AUTO, &g);
		CHECK_INT(g.messages, 3);
		CHECK_INT(g.bad, 0);
		CHECK_INT(g.m[0].kind, FN_MSG_REQUEST);
		CHECK_INT(g.m[0].opcode, 26);
		CHECK_INT(g.m[1].kind, FN_MSG_REPLY);
		CHECK_INT(g.m[1].unique, 2);
		CHECK_INT(g.m[2].kind, FN_MSG_NOTIFY);
		CHECK_INT(g.m[2].error, 7);
		CHECK_INT(g.m[0].time, form < 4 ? FN_TIME_NONE : 1600000000000000005);
	}
}

/* Garbage of any length between two records costs itself, and no record. */
static void fusedump_resync(void)
{
	uint8_t msg[128], file[1024];

	for (size_t junk = 1; junk < 60; junk++) {
		size_t n = record(file, 'R', msg, request(msg, 1, 4, 4, false), 3, false);
		size_t at = n;
		struct got g;

		for (size_t i = 0; i < junk; i++)
			file[n++] = (uint8_t) "RW\xff"
					      "R"[i % 4];
		n += record(file + n, 'W', msg, reply(msg, -2, 4, 0, false), 3, false);
		read_all(file, n, FN_TRACE_FUSEDUMP, &g);
		CHECK_INT(g.messages, 2);
		CHECK_INT(g.bad, 1);
		CHECK_INT(g.bad_offset, at);
		CHECK_INT(g.m[1].error, -2);
	}
}

/* A length that became too great does not take those behind it along. */
static void fusedump_swallowed(void)
{
	uint8_t msg[128], file[4096];
	size_t n = 0, one = 0;
	struct got g;

	for (int i = 0; i < 20; i++) {
		one = record(file + n, 'R', msg, request(msg, 1, 4, 4, false), 3, false);
		n += one;
	}
	fn_put_u32(file + one - 44, 500, false);
	read_all(file, n, FN_TRACE_FUSEDUMP, &g);
	CHECK_INT(g.messages, 19);
	CHECK_INT(g.bad, 1);
	CHECK_INT(g.bad_offset, 0);
}

/* Cut anywhere: what is whole is read, the rest is one fault. */
static void fusedump_cut(void)
{
	uint8_t msg[128], file[512];
	size_t first = record(file, 'R', msg, request(msg, 1, 4, 4, false), 3, false);
	size_t n = first + record(file + first, 'W', msg, reply(msg, -2, 4, 0, false), 3, false);

	for (size_t len = 0; len <= n; len++) {
		struct got g;

		read_all(file, len, FN_TRACE_FUSEDUMP, &g);
		CHECK_INT(g.messages, (len >= first) + (len == n));
		CHECK_INT(g.bad, len != 0 && len != first && len != n);
	}
}

static void raw(void)
{
	for (int swap = 0; swap < 2; swap++) {
		uint8_t file[512];
		size_t n = request(file, 1, 4, 4, swap), at;
		struct got g;

		n += reply(file + n, -2, 4, 0, swap);
		at = n;
		memset(file + n, 0x55, 21);
		n += 21;
		n += reply(file + n, 0x666e3181, 0, 40, swap);
		n += request(file + n, 0x666e3104, 6, 8, swap);
		read_all(file, n, FN_TRACE_RAW, &g);
		CHECK_INT(g.messages, 4);
		CHECK_INT(g.bad, 1);
		CHECK_INT(g.bad_offset, at);
		CHECK_INT(g.m[2].kind, FN_MSG_NOTIFY);
		CHECK_INT(g.m[3].kind, FN_MSG_REQUEST);
		read_all(file, at, FN_TRACE_AUTO, &g);
		CHECK_INT(g.messages, 2);
	}
}

#define LOOKUP_XX                                                                                    \
	"\\x2c\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x00" \
	"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x00\\x00\\x00" \
	"\\x00\\x00\\x00\\x00\\x66\\x6f\\x6f\\x00"
#define LOOKUP_C                                                                                   \
	",\\0\\0\\0\\1\\0\\0\\0\\4\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0" \
	"\\0\\0\\7\\0\\0\\0\\0\\0\\0\\0foo\\0"
#define ENOENT_XX "\\x10\\x00\\x00\\x00\\xfe\\xff\\xff\\xff\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00"

static void check_pair(const char *text, int64_t time)
{
	struct got g;

	read_text(text, FN_TRACE_AUTO, &g);
	if (g.messages != 2 || g.bad)
		printf("# %s\n", text);
	CHECK_INT(g.messages, 2);
	CHECK_INT(g.bad, 0);
	CHECK_INT(g.m[0].opcode, 1);
	CHECK_INT(g.m[0].have, 44);
	CHECK(!memcmp(g.bytes[0] + 40, "foo", 4));
	CHECK_INT(g.m[0].time, time);
	CHECK_INT(g.m[1].kind, FN_MSG_REPLY);
	CHECK_INT(g.m[1].error, -2);
}

static void strace_forms(void)
{
	check_pair("read(3, \"" LOOKUP_XX "\", 135168) = 44\n"
		   "write(3, \"" ENOENT_XX "\", 16) = 16\n",
		   FN_TIME_NONE);
	check_pair("[pid   12] 10:00:01.000002 read(3</dev/fuse>, \"" LOOKUP_C
		   "\", 8192) = 44 <0.01>\n"
		   "[pid   12] 10:00:01.000003 write(3</dev/fuse>, \"" ENOENT_XX
		   "\", 16) = 16 <0.000001>\n",
		   36001000002000);
	check_pair("12 1600000000.5 read(3</dev/fuse<char 10:229>>, \"" LOOKUP_XX "\", 99) = 44\n"
		   "12 1600000000.6 writev(3</dev/fuse<char 10:229>>, [{iov_base=\"" ENOENT_XX
		   "\", iov_len=16}], 1) = 16\n",
		   1600000000500000000);
	check_pair(
		"     0.000010 readv(3<\\x2f\\x64\\x65\\x76\\x2f\\x66\\x75\\x73\\x65>, [{\"" LOOKUP_XX
		"\", 80}, {\"\", 4096}], 2) = 44\n"
		"     0.000020 writev(3, [{\"" ENOENT_XX "\", 16}], 1)     = 16\n",
		10000);
	check_pair("[00007f0102030405] read(3, \"" LOOKUP_XX "\", 9999)   = 44\n"
		   "[00007f0102030405] write(3, \"" ENOENT_XX
		   "\", 16) = -1 ENOENT (No such file)\n",
		   FN_TIME_NONE);
}

static void strace_unfinished(void)
{
	check_pair("12 read(3,  <unfinished ...>\n"
		   "13 getpid() = 13\n"
		   "12 <... read resumed>\"" LOOKUP_XX "\", 135168) = 44\n"
		   "12 writev(3, [{iov_base=\"" ENOENT_XX "\", iov_len=16}], 1 <unfinished ...>\n"
		   "13 read(3,  <unfinished ...>\n"
		   "12 <... writev resumed>)             = 16\n",
		   FN_TIME_NONE);
	check_pair("[pid 12] read(3</dev/fuse>, <unfinished ...>\n"
		   "[pid 12] <... read resumed> \"" LOOKUP_XX "\", 135168) = 44\n"
		   "[pid 12] write(3</dev/fuse>, \"" ENOENT_XX "\", 16 <unfinished ...>\n"
		   "[pid 12] <... write resumed> ) = 16\n",
		   FN_TIME_NONE);
}

static void strace_faults(void)
{
	struct got g;

	/* A descriptor that is surely /dev/fuse, and bytes that are no message. */
	read_text("read(3</dev/fuse>, \"abcdefgh\", 8192) = 8\n", FN_TRACE_STRACE, &g);
	CHECK_INT(g.messages, 0);
	CHECK_INT(g.bad, 1);
	/* Another file, or a failed read, is nobody's fault. */
	read_text(
		"read(3</etc/passwd>, \"" LOOKUP_XX "\", 8192) = 44\n"
		"read(3</dev/fuse>, 0x7f00, 8192) = -1 EAGAIN (Resource temporarily unavailable)\n"
		"read(4, \"hello\", 5) = 5\n"
		"--- SIGCHLD {si_signo=SIGCHLD} ---\n+++ exited with 0 +++\n",
		FN_TRACE_STRACE, &g);
	CHECK_INT(g.messages, 0);
	CHECK_INT(g.bad, 0);
	/* Cut by -s: what is there is there. */
	read_text(
		"read(3, \"\\x2c\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
		"\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\\x00"
		"\\x00\\x00\\x00\\x00\\x00\\x00\"..., 135168) = 44\n",
		FN_TRACE_STRACE, &g);
	CHECK_INT(g.messages, 1);
	CHECK_INT(g.m[0].have, 40);
	CHECK(g.m[0].flags & FN_MSG_CUT);
}

/* One server's descriptor is not another's: each INIT begins a connection. */
static void strace_conns(void)
{
	static const char init[] =
		"%d read(3</dev/fuse>, \"\\x28\\0\\0\\0\\x1a\\0\\0\\0\\2\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0"
		"\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\", 8192) = 40\n";
	char text[2048];
	struct got g;
	int n;

	n = snprintf(text, sizeof(text), init, 10);
	n += snprintf(text + n, sizeof(text) - (size_t)n, init, 20);
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		      "10 read(3</dev/fuse>, \"%s\", 8192) = 44\n", LOOKUP_C);
	snprintf(text + n, sizeof(text) - (size_t)n, "20 read(3</dev/fuse>, \"%s\", 8192) = 44\n",
		 LOOKUP_C);
	read_text(text, FN_TRACE_AUTO, &g);
	CHECK_INT(g.messages, 4);
	CHECK_INT(g.m[2].conn, 1);
	CHECK_INT(g.m[3].conn, 2);
}

static void libfuse(void)
{
	struct got g;

	read_text("FUSE library version: 3.14.0\n"
		  "unique: 2, opcode: INIT (26), nodeid: 0, insize: 104, pid: 0\n"
		  "INIT: 7.45\n"
		  "   unique: 2, success, outsize: 80\n"
		  "dev unique: 4, opcode: LOOKUP (1), nodeid: 1, insize: 44, pid: 77\n"
		  "   unique: 4, error: -2 (No such file or directory), outsize: 16\n"
		  "NOTIFY: code=2 length=40\n"
		  "unique: 6, opcode: LOOKUP (1), nodeid: x\n",
		  FN_TRACE_AUTO, &g);
	CHECK_INT(g.messages, 5);
	CHECK_INT(g.bad, 1);
	CHECK_INT(g.m[2].pid, 77);
	CHECK_INT(g.m[3].error, -2);
	CHECK_INT(g.m[4].kind, FN_MSG_NOTIFY);
	CHECK(g.m[4].flags & FN_MSG_NO_BODY);
}

static void tracefs(void)
{
	struct got g;

	read_text(
		"# tracer: nop\n#\n"
		" a b-c:1-123     [001] ...1.  2856.845599: fuse_request_send: connection 41 req 4 "
		"opcode 3 (FUSE_GETATTR) len 56 \n"
		"           <...>-45     [000] .....  2856.845637: fuse_request_end: connection 41 req 4 "
		"len 120 error 0\n"
		"  x-1 [000] ..... 1.0: fuse_request_end: connection 41 req\n",
		FN_TRACE_AUTO, &g);
	CHECK_INT(g.messages, 2);
	CHECK_INT(g.bad, 1);
	CHECK_INT(g.m[0].pid, 123);
	CHECK_INT(g.m[0].conn, 41);
	CHECK_INT(g.m[0].time, 2856845599000);
	CHECK_INT(g.m[1].len, 120);
}

static void unescaping(void)
{
	uint8_t out[64];
	struct fn_cursor c;
	bool cut;
	const char *s = "a\\n\\t\\\\\\\"\\0\\18\\377\\x4a\\v\"...";

	c = (struct fn_cursor){s, s + strlen(s)};
	CHECK_INT(fn_strace_unescape(&c, out, &cut), 11);
	CHECK(cut);
	CHECK(!memcmp(out, "a\n\t\\\"\0\0018\377J\v", 11));
	s = "never ends";
	c = (struct fn_cursor){s, s + strlen(s)};
	CHECK_INT(fn_strace_unescape(&c, out, &cut), -1);
	s = "bad \\q\"";
	c = (struct fn_cursor){s, s + strlen(s)};
	CHECK_INT(fn_strace_unescape(&c, out, &cut), -1);
}

/* What is written reads back, with all that is known and unknown about it. */
static void written(void)
{
	uint8_t msg[64];
	struct fn_trace_msg m = {.data = msg, .conn = 7, .tid = 99, .refused = 2, .time = -5};
	struct fn_buf file = {0};
	struct got g;

	m.have = (uint32_t)request(msg, 1, 4, 4, false);
	CHECK_INT(fn_trace_msg_header(&m, true), 0);
	CHECK_INT(fn_write_fusedump(&file, &m), 0);
	m.have = 41;
	m.flags = FN_MSG_CUT | FN_MSG_NO_PID;
	m.time = FN_TIME_NONE;
	CHECK_INT(fn_write_fusedump(&file, &m), 0);
	m.have = 0;
	m.flags = FN_MSG_NO_BODY;
	CHECK_INT(fn_write_fusedump(&file, &m), 0);
	read_all(file.data, file.len, FN_TRACE_AUTO, &g);
	CHECK_INT(g.messages, 3);
	CHECK_INT(g.m[0].conn, 7);
	CHECK_INT(g.m[0].tid, 99);
	CHECK_INT(g.m[0].refused, 2);
	CHECK_INT(g.m[0].have, 44);
	CHECK_INT(g.m[1].have, 41);
	CHECK_INT(g.m[1].len, 44);
	CHECK_INT(g.m[1].flags, FN_MSG_CUT | FN_MSG_NO_PID);
	CHECK_INT(g.m[1].time, FN_TIME_NONE);
	CHECK_INT(g.m[2].have, 0);
	CHECK_INT(g.m[2].unique, 4);
	m.len = FN_TRACE_MSG_MAX + 1;
	CHECK_INT(fn_write_fusedump(&file, &m), -EMSGSIZE);
	fn_buf_free(&file);
}

/* Against a plain array, in a table that is made to collide and to shift. */
static void map(void)
{
	struct entry {
		struct fn_map_key key;
		int value;
	} * e;
	struct fn_map m;
	int there[512] = {0}, n = 0;
	unsigned seed = 7;

	fn_map_init(&m, sizeof(*e));
	for (int i = 0; i < 20000; i++) {
		unsigned id;

		seed = seed * 1103515245 + 12345;
		id = (seed >> 16) % 512;
		if (seed & 0x4000) {
			e = fn_map_add(&m, 1, id << 8);
			CHECK(e != NULL);
			n += !there[id];
			there[id] = e->value = i + 1;
		} else if ((e = fn_map_get(&m, 1, id << 8))) {
			CHECK_INT(e->value, there[id]);
			fn_map_del(&m, e);
			there[id] = 0;
			n--;
		} else {
			CHECK_INT(there[id], 0);
		}
	}
	CHECK_INT(m.count, n);
	for (e = NULL; (e = fn_map_next(&m, e)); n--)
		CHECK_INT(e->value, there[e->key.id >> 8]);
	CHECK_INT(n, 0);
	CHECK(fn_map_victim(&m) != NULL);
	fn_map_free(&m);
}

static const struct unit_test tests[] = {
	{"fusedump, both versions and byte orders", fusedump},
	{"fusedump goes on after garbage", fusedump_resync},
	{"fusedump with a length too great", fusedump_swallowed},
	{"fusedump cut anywhere", fusedump_cut},
	{"raw messages", raw},
	{"strace in all its forms", strace_forms},
	{"strace's unfinished calls", strace_unfinished},
	{"strace: faults, other files, cut strings", strace_faults},
	{"strace: connections kept apart", strace_conns},
	{"libfuse -d", libfuse},
	{"tracefs", tracefs},
	{"string literals", unescaping},
	{"written and read again", written},
	{"the hash table against an array", map},
};
UNIT_MAIN(tests)
