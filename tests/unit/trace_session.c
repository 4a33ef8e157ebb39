/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairing, nodes, checks, and the decoder over everything that the table knows. */
#include <stdio.h>

#include "trace/printer.h"
#include "trace/writer.h"
#include "unit.h"

#define MAX_BODY 2048

struct world {
	struct fn_session *s;
	struct fn_seen seen;
	struct fn_trace_msg m;
	uint8_t msg[MAX_BODY];
	int findings;
	char last[256];
	int64_t clock;
};

static void on_finding(void *arg, const struct fn_trace_msg *m, const char *text)
{
	struct world *w = arg;

	(void)m;
	w->findings++;
	snprintf(w->last, sizeof(w->last), "%s", text);
}

static void begin_with(struct world *w, size_t max_outstanding, size_t max_nodes)
{
	struct fn_session_opts o = {.max_outstanding = max_outstanding,
				    .max_nodes = max_nodes,
				    .keep = true,
				    .finding = on_finding,
				    .arg = w};

	memset(w, 0, sizeof(*w));
	CHECK_INT(fn_session_new(&w->s, &o), 0);
}

static void see(struct world *w, size_t n, bool read)
{
	w->m = (struct fn_trace_msg){
		.data = w->msg, .have = (uint32_t)n, .conn = 1, .time = w->clock += 1000};
	fn_put_u32(w->msg, (uint32_t)n, false);
	CHECK_INT(fn_trace_msg_header(&w->m, read), 0);
	CHECK_INT(fn_session_see(w->s, &w->m, &w->seen), 0);
	fn_session_done(w->s, &w->seen);
}

static void request(struct world *w, uint32_t op, uint64_t unique, uint64_t nodeid,
		    const void *body, size_t len)
{
	memset(w->msg, 0, FN_WIRE_IN_HEADER);
	fn_put_u32(w->msg + 4, op, false);
	fn_put_u64(w->msg + 8, unique, false);
	fn_put_u64(w->msg + 16, nodeid, false);
	if (len)
		memcpy(w->msg + FN_WIRE_IN_HEADER, body, len);
	see(w, FN_WIRE_IN_HEADER + len, true);
}

static void answer(struct world *w, int32_t error, uint64_t unique, const void *body, size_t len)
{
	memset(w->msg, 0, FN_WIRE_OUT_HEADER);
	fn_put_u32(w->msg + 4, (uint32_t)error, false);
	fn_put_u64(w->msg + 8, unique, false);
	if (len)
		memcpy(w->msg + FN_WIRE_OUT_HEADER, body, len);
	see(w, FN_WIRE_OUT_HEADER + len, false);
}

static void init(struct world *w, uint32_t extra)
{
	uint32_t in[16] = {7, 38, 4096, 0xff}, out[16] = {7, 38, 4096, 0x0f | extra};

	request(w, 26, 2, 0, in, sizeof(in));
	answer(w, 0, 2, out, sizeof(out));
}

static void begin(struct world *w)
{
	begin_with(w, 0, 0);
	init(w, 0);
	CHECK_INT(w->findings, 0);
}

static void end(struct world *w)
{
	fn_session_free(w->s);
}

/* LOOKUP that succeeds. */
static void lookup(struct world *w, uint64_t unique, uint64_t parent, const char *name,
		   uint64_t nodeid)
{
	uint64_t entry[16] = {nodeid};

	request(w, 1, unique, parent, name, strlen(name) + 1);
	answer(w, 0, unique, entry, sizeof(entry));
}

static void check_path(const struct world *w, uint64_t nodeid, const char *want)
{
	struct fn_buf b = {0};
	bool known = fn_trace_nodes_path(fn_session_nodes(w->s), 1, nodeid, NULL, 0, &b);

	fn_buf_char(&b, '\0');
	CHECK_STR(known ? b.data : "", want);
	fn_buf_free(&b);
}

static void pairing(void)
{
	struct world w;

	begin(&w);
	request(&w, 1, 4, 1, "foo", 4);
	CHECK(w.seen.op && w.seen.name_len == 3);
	request(&w, 3, 6, 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	answer(&w, -2, 4, NULL, 0);
	CHECK(w.seen.req != NULL);
	CHECK_STR(w.seen.op->name, "LOOKUP");
	CHECK_INT(w.seen.latency, 2000);
	CHECK(w.seen.name && !memcmp(w.seen.name, "foo", 3));
	answer(&w, -2, 99, NULL, 0);
	CHECK(w.seen.req == NULL);
	CHECK_INT(w.findings, 1);
	answer(&w, -2, 4, NULL, 0);
	CHECK_STR(w.last, "second reply to unique 4 (LOOKUP)");
	end(&w);
}

static void nodes(void)
{
	struct world w;
	uint64_t one[1] = {1}, to[2] = {6};
	char rename[32];

	begin(&w);
	lookup(&w, 4, 1, "a", 5);
	lookup(&w, 6, 5, "b", 6);
	check_path(&w, 6, "/a/b");
	lookup(&w, 8, 1, "c", 7);
	/* a/b/… <- c as d, then the directory itself moves */
	memcpy(rename, to, 8);
	memcpy(rename + 8, "c\0d", 4);
	request(&w, 12, 10, 1, rename, 12);
	answer(&w, 0, 10, NULL, 0);
	check_path(&w, 7, "/a/b/d");
	to[0] = 1;
	memcpy(rename, to, 8);
	memcpy(rename + 8, "a\0z", 4);
	request(&w, 12, 12, 1, rename, 12);
	answer(&w, 0, 12, NULL, 0);
	check_path(&w, 7, "/z/b/d");
	request(&w, 10, 14, 6, "d", 2);
	answer(&w, 0, 14, NULL, 0);
	check_path(&w, 7, "");
	request(&w, 2, 16, 7, one, 8);
	CHECK_INT(w.findings, 0);
	request(&w, 2, 18, 7, one, 8);
	CHECK_INT(w.findings, 1);
	request(&w, 14, 20, 7, "\0\0\0\0\0\0\0", 8);
	CHECK_STR(w.last, "OPEN: nodeid 7 was never looked up, or is forgotten");
	end(&w);
}

static void exchange(void)
{
	struct world w;
	uint64_t to[2] = {1, 2};
	char body[32];

	begin(&w);
	lookup(&w, 4, 1, "a", 5);
	lookup(&w, 6, 1, "b", 6);
	memcpy(body, to, 16);
	memcpy(body + 16, "a\0b", 4);
	request(&w, 45, 8, 1, body, 20);
	answer(&w, 0, 8, NULL, 0);
	check_path(&w, 5, "/b");
	check_path(&w, 6, "/a");
	end(&w);
}

/* A circle of parents, which only a broken trace makes, ends. */
static void circle(void)
{
	struct world w;
	struct fn_buf b = {0};

	begin(&w);
	lookup(&w, 4, 6, "a", 5);
	lookup(&w, 6, 5, "b", 6);
	fn_trace_nodes_path(fn_session_nodes(w.s), 1, 6, NULL, 0, &b);
	CHECK(b.len < 4096);
	fn_buf_free(&b);
	end(&w);
}

static void bounds(void)
{
	struct world w;
	size_t n = 0;

	begin_with(&w, 100, 50);
	init(&w, 0);
	for (uint64_t i = 1; i <= 1000; i++)
		request(&w, 3, 2 + 2 * i, 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	for (const struct fn_request *r = NULL; (r = fn_session_outstanding(w.s, r));)
		n++;
	CHECK_INT(n, 100);
	CHECK_INT(fn_session_dropped(w.s), 900);
	for (uint64_t i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", (int)i);
		lookup(&w, 5000 + 2 * i, 1, name, 100 + i);
	}
	CHECK_INT(fn_session_nodes(w.s)->nodes.count, 50);
	/* What was given up for room is nobody's violation. */
	CHECK_INT(w.findings, 0);
	end(&w);
}

static void expect(struct world *w, const char *text)
{
	if (!strstr(w->last, text))
		printf("# '%s' is not in '%s'\n", text, w->last);
	CHECK(strstr(w->last, text) != NULL);
	w->last[0] = '\0';
}

static void violations(void)
{
	struct world w;
	uint64_t big[40] = {9}, two[2] = {9, 1};

	begin_with(&w, 0, 0);
	init(&w, 0x100000);
	expect(&w, "flags 0x100000 were not offered");
	request(&w, 999, 4, 1, NULL, 0);
	expect(&w, "unknown opcode 999");
	request(&w, 3, 6, 1, big, 16);
	request(&w, 3, 6, 1, big, 16);
	expect(&w, "unique 6 is still in use by GETATTR");
	answer(&w, 0, 6, big, 16);
	expect(&w, "reply of 16 bytes, not 104");
	request(&w, 1, 8, 1, "x", 2);
	answer(&w, -2, 8, big, 8);
	expect(&w, "an error with 8 bytes behind it");
	request(&w, 1, 10, 1, "x", 2);
	answer(&w, -1000, 10, NULL, 0);
	expect(&w, "error -1000 is none");
	answer(&w, 77, 0, NULL, 0);
	expect(&w, "unknown notification 77");
	answer(&w, 2, 0, big, 24);
	expect(&w, "NOTIFY_INVAL_INODE: nodeid 9 was never looked up");
	request(&w, 2, 12, 9, two, 8);
	expect(&w, "forgotten 9 times, more than looked up");
	answer(&w, 0, 12, NULL, 0);
	expect(&w, "reply to unique 12");
	request(&w, 38, 14, 0, NULL, 0);
	request(&w, 1, 16, 1, "y", 2);
	answer(&w, 0, 14, NULL, 0);
	fn_session_end(w.s);
	expect(&w, "has no reply");
	end(&w);
}

/* A reader of a directory gives names to nodes, but not by "." and "..". */
static void dirents(void)
{
	struct world w;
	uint8_t list[3 * 160] = {0};
	uint64_t in[5] = {0};
	size_t at = 0;

	begin(&w);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {".", "..", "file"};
		uint32_t len = (uint32_t)strlen(names[i]);

		fn_put_u64(list + at, (uint64_t)(i + 1), false);
		fn_put_u32(list + at + 128 + 16, len, false);
		memcpy(list + at + 128 + 24, names[i], len);
		at += 160;
	}
	fn_put_u32(in + 2, 4096, false);
	request(&w, 44, 4, 1, in, 40);
	answer(&w, 0, 4, list, at);
	check_path(&w, 3, "/file");
	check_path(&w, 2, "");
	CHECK_INT(w.findings, 0);
	end(&w);
}

/* A sample of what may follow a struct. */
static size_t sample_tail(uint8_t *p, uint8_t tail)
{
	static const uint8_t dirent[32] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,   0,   0,  0,
					   0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 'f', 'o', 'o'};

	switch ((enum fn_wire_tail)tail) {
	case FN_TAIL_NAME:
	case FN_TAIL_NAMES:
	case FN_TAIL_TEXT:
		memcpy(p, "foo", 4);
		return tail == FN_TAIL_TEXT ? 3 : 4;
	case FN_TAIL_NAME_NEWNAME:
	case FN_TAIL_NAME_TARGET:
		memcpy(p, "foo\0bar", 8);
		return 8;
	case FN_TAIL_NAME_DATA:
		memcpy(p, "user.a", 7);
		return 7;
	case FN_TAIL_DIRENTS:
		memcpy(p, dirent, 32);
		return 32;
	case FN_TAIL_NAMELEN_NUL:
		*p = 0;
		return 1;
	default:
		return 0;
	}
}

static int decode(struct fn_printer *p, const struct fn_seen *seen, struct fn_buf *out)
{
	int faults = fn_print(p, seen, out);

	fn_buf_clear(out);
	return faults;
}

/* Every operation at every version: a request and a reply of the table's own sizes have no
 * fault, and cut anywhere they are no crash. */
static void each_op(const struct fn_wire_op *op, unsigned minor, struct fn_printer *p,
		    struct world *w, struct fn_buf *out)
{
	struct fn_conn conn = {.wire = {.dialect = op->dialect, .minor = (uint8_t)minor}};
	struct fn_request req = {.opcode = op->code, .want = 4096};
	struct fn_seen seen = {.msg = &w->m, .conn = &conn, .op = op};
	size_t n = FN_WIRE_IN_HEADER + fn_wire_struct_size(op->in, &conn.wire);

	memset(w->msg, 0, sizeof(w->msg));
	n += sample_tail(w->msg + n, op->in_tail);
	w->m = (struct fn_trace_msg){
		.kind = FN_MSG_REQUEST, .data = w->msg, .have = (uint32_t)n, .len = (uint32_t)n};
	if (decode(p, &seen, out))
		printf("# %s request at 7.%u\n", op->name, minor);
	CHECK_INT(decode(p, &seen, out), 0);
	for (w->m.have = 0; w->m.have < n; w->m.have++)
		decode(p, &seen, out);
	memset(w->msg, 0, sizeof(w->msg));
	n = FN_WIRE_OUT_HEADER;
	if (!(op->flags & FN_OP_SIZE_OR_DATA))
		n += fn_wire_struct_size(op->out, &conn.wire) +
		     fn_wire_struct_size(op->out2, &conn.wire);
	n += sample_tail(w->msg + n, op->out_tail);
	w->m = (struct fn_trace_msg){
		.kind = FN_MSG_REPLY, .data = w->msg, .have = (uint32_t)n, .len = (uint32_t)n};
	seen.req = &req;
	if (op->code == 26 || op->flags & FN_OP_NO_REPLY)
		return;
	if (decode(p, &seen, out))
		printf("# %s reply at 7.%u\n", op->name, minor);
	CHECK_INT(decode(p, &seen, out), 0);
	for (w->m.have = 0; w->m.have < n; w->m.have++)
		decode(p, &seen, out);
}

static void each_notify(const struct fn_wire_notify *n, struct fn_printer *p, struct world *w,
			struct fn_buf *out)
{
	struct fn_conn conn = {.wire = {.dialect = n->dialect}};
	struct fn_seen seen = {.msg = &w->m, .conn = &conn, .notify = n};
	size_t len = FN_WIRE_OUT_HEADER + fn_wire_struct_size(n->out, &conn.wire);

	memset(w->msg, 0, sizeof(w->msg));
	len += sample_tail(w->msg + len, n->tail);
	w->m = (struct fn_trace_msg){
		.kind = FN_MSG_NOTIFY, .data = w->msg, .have = (uint32_t)len, .len = (uint32_t)len};
	CHECK_INT(decode(p, &seen, out), 0);
	for (w->m.have = 0; w->m.have < len; w->m.have++)
		decode(p, &seen, out);
}

static void everything(void)
{
	struct fn_print_opts o = {.tree = true, .string_max = 32};
	const struct fn_wire_op *op;
	const struct fn_wire_notify *n;
	struct fn_printer *p[2];
	struct fn_buf out = {0};
	struct world w;

	begin_with(&w, 0, 0);
	CHECK_INT(fn_printer_text(&p[0], &o, w.s), 0);
	CHECK_INT(fn_printer_json(&p[1], &o, w.s), 0);
	for (int how = 0; how < 2; how++) {
		for (size_t i = 0; (op = fn_wire_op_at(i)); i++)
			for (unsigned minor = 1; minor <= FN_WIRE_MINOR; minor++)
				each_op(op, minor, p[how], &w, &out);
		for (size_t i = 0; (n = fn_wire_notify_at(i)); i++)
			each_notify(n, p[how], &w, &out);
		fn_printer_free(p[how]);
	}
	fn_buf_free(&out);
	end(&w);
}

static const char *line_of(struct world *w, struct fn_buf *out)
{
	struct fn_print_opts o = {.time = FN_PRINT_TIME_NONE, .string_max = 32};
	struct fn_printer *p;

	fn_buf_clear(out);
	CHECK_INT(fn_printer_text(&p, &o, w->s), 0);
	fn_print(p, &w->seen, out);
	fn_buf_char(out, '\0');
	fn_printer_free(p);
	return out->data;
}

static void lines(void)
{
	struct world w;
	struct fn_buf out = {0};
	uint32_t open[2] = {0x8042 | 0x40000000, 0};

	begin(&w);
	request(&w, 14, 4, 1, open, 8);
	CHECK_STR(line_of(&w, &out),
		  "> 4 OPEN nodeid=1</> flags=O_RDWR|O_CREAT|O_LARGEFILE|0x40000000"
		  " pid=0 uid=0 gid=0\n");
	request(&w, 1, 6, 1, "a\"b\n", 5);
	CHECK_STR(line_of(&w, &out),
		  "> 6 LOOKUP nodeid=1</> name=\"a\\\"b\\n\" pid=0 uid=0 gid=0\n");
	answer(&w, -2, 6, NULL, 0);
	CHECK_STR(line_of(&w, &out), "< 6 LOOKUP ENOENT <0.000001>\n");
	request(&w, 1, 8 | FN_WIRE_RESEND, 1, "nonul", 5);
	CHECK_STR(line_of(&w, &out), "> 8(resent) LOOKUP nodeid=1</> name=\"nonul\" [malformed at "
				     "+45: name without its NUL] pid=0 uid=0 gid=0\n");
	request(&w, 51, 10, 1, open, 8);
	CHECK(strstr(line_of(&w, &out), "[or FSNOTIFY of the RFC (--dialect)]") != NULL);
	fn_buf_free(&out);
	end(&w);
}

static void anonymized(void)
{
	struct fn_anonymizer a;
	struct fn_trace_msg hidden[2];
	char name[2][16];
	struct world w;

	CHECK_INT(fn_anonymizer_init(&a), 0);
	begin(&w);
	for (int i = 0; i < 2; i++) {
		request(&w, 1, 4 + 2u * (unsigned)i, 1, "secretname", 11);
		CHECK_INT(fn_anonymize(&a, &w.seen, &hidden[i]), 0);
		CHECK_INT(hidden[i].len, 51);
		memcpy(name[i], hidden[i].data + 40, 11);
		CHECK(memcmp(name[i], "secretname", 10) != 0);
		CHECK_INT(name[i][10], 0);
	}
	CHECK_STR(name[0], name[1]);
	end(&w);
	fn_anonymizer_free(&a);
}

static const struct unit_test tests[] = {
	{"replies find their requests", pairing},
	{"nodes: paths, renames, forgets", nodes},
	{"nodes: exchange", exchange},
	{"nodes: a circle ends", circle},
	{"memory is bounded", bounds},
	{"every violation is found", violations},
	{"directory entries name nodes", dirents},
	{"every operation at every version, cut anywhere", everything},
	{"lines", lines},
	{"names are hidden, the same each time", anonymized},
};
UNIT_MAIN(tests)
