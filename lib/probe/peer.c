/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/peer.h"
#include "probe/child.h"
#include "probe/request.h"
#include "event/event.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OP_RANK 2000 /* opcodes come last, by number */
#define ROOT 1
#define NAMES 8

enum where { AT_ROOT, AT_DIR, AT_FILE };

/* In this order: what opens comes before what needs it open, DESTROY is the end. */
static const struct step {
	const char *op;
	enum where where;
	const char *name;
} steps[] = {
	{"GETATTR", AT_ROOT, NULL},
	{"LOOKUP", AT_ROOT, ".fnprobe-absent"},
	{"STATFS", AT_ROOT, NULL},
	{"ACCESS", AT_ROOT, NULL},
	{"OPENDIR", AT_ROOT, NULL},
	{"READDIR", AT_DIR, NULL},
	{"READDIRPLUS", AT_DIR, NULL},
	{"FSYNCDIR", AT_DIR, NULL},
	{"RELEASEDIR", AT_DIR, NULL},
	{"SETATTR", AT_ROOT, NULL},
	{"READLINK", AT_ROOT, NULL},
	{"GETXATTR", AT_ROOT, NULL},
	{"LISTXATTR", AT_ROOT, NULL},
	{"SETXATTR", AT_ROOT, NULL},
	{"REMOVEXATTR", AT_ROOT, NULL},
	{"STATX", AT_ROOT, NULL},
	{"BMAP", AT_ROOT, NULL},
	{"SYMLINK", AT_ROOT, "."},
	{"MKNOD", AT_ROOT, "."},
	{"MKDIR", AT_ROOT, "."},
	{"CREATE", AT_ROOT, "."},
	{"LINK", AT_ROOT, "."},
	{"UNLINK", AT_ROOT, "."},
	{"RMDIR", AT_ROOT, "."},
	{"RENAME", AT_ROOT, "."},
	{"RENAME2", AT_ROOT, "."},
	{"OPEN", AT_FILE, NULL},
	{"READ", AT_FILE, NULL},
	{"WRITE", AT_FILE, NULL},
	{"FLUSH", AT_FILE, NULL},
	{"FSYNC", AT_FILE, NULL},
	{"LSEEK", AT_FILE, NULL},
	{"FALLOCATE", AT_FILE, NULL},
	{"COPY_FILE_RANGE", AT_FILE, NULL},
	{"COPY_FILE_RANGE_64", AT_FILE, NULL},
	{"GETLK", AT_FILE, NULL},
	{"SETLK", AT_FILE, NULL},
	{"SETLKW", AT_FILE, NULL},
	{"IOCTL", AT_FILE, NULL},
	{"POLL", AT_FILE, NULL},
	{"RELEASE", AT_FILE, NULL},
	{"TMPFILE", AT_ROOT, "/"},
	{"FSNOTIFY", AT_ROOT, NULL},
	{"SYNCFS", AT_ROOT, NULL},
	{"DESTROY", AT_ROOT, NULL},
};
#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

struct asking {
	struct fn_facts *f;
	struct fn_peer *peer;
	const struct fn_init_offer *offer;
	struct fn_wire_conn conn;
	int64_t deadline_ns, took_ns;
	uint64_t unique;
	uint64_t dir_fh, file_id, file_fh;
	bool dir_open, file_open;
	char names[NAMES][FN_NAME_MAX + 1]; /* of the root, perhaps regular files */
	int nnames;
	char lost[96]; /* why nothing more can be asked */
	unsigned char request[FN_PEER_BUF], reply[FN_PEER_BUF];
};

int fn_peer_check_reply(const void *reply, size_t len, uint64_t unique)
{
	int32_t err;

	if (len < FN_WIRE_OUT_HEADER || fn_get_u32(reply, false) != len ||
	    fn_get_u64((const uint8_t *)reply + 8, false) != unique)
		return -EBADMSG;
	err = (int32_t)fn_get_u32((const uint8_t *)reply + 4, false);
	/* An error has no body, and is not larger than the kernel lets it be. */
	if (err > 0 || err <= -1000 || (err && len != FN_WIRE_OUT_HEADER))
		return -EBADMSG;
	return 0;
}

static void put_op(struct fn_facts *f, const struct fn_wire_op *op, enum fn_fact_state state,
		   const char *value, const char *reason, const char *how)
{
	char name[FN_FACT_NAME_MAX];
	struct fn_fact *fact;

	fn_probe_op_name(name, op);
	fact = fn_fact_put(f, name, state, &(struct fn_fact_text){value, reason, how});
	snprintf(fact->group, sizeof(fact->group), "opcodes");
	fact->rank = OP_RANK + (op->code < 64 ? op->code : 64);
}

static const struct fn_wire_op *op_of(const char *name, enum fn_dialect dialect)
{
	return fn_wire_op_named(name, strlen(name), dialect);
}

/* One request and its answer: the reply's length, or -errno with lost set. */
static long ask(struct asking *a, const struct fn_wire_op *op, const struct fn_request_target *to)
{
	struct fn_wire_conn conn = a->conn;
	int64_t start = fn_mono_ns();
	size_t len;
	long n;

	/* A kernel sends newer opcodes to older servers, whole: ENOSYS is how it learns. */
	if (conn.minor < op->since)
		conn.minor = op->since;
	len = fn_request_make(a->request, op, &conn, to, ++a->unique);
	n = a->peer->call(a->peer, a->request, len, a->reply, op->flags & FN_OP_NO_REPLY,
			  a->deadline_ns);
	a->took_ns = fn_mono_ns() - start;
	if (n > 0 && fn_peer_check_reply(a->reply, (size_t)n, a->unique))
		n = -EBADMSG;
	if (n == -ETIMEDOUT)
		snprintf(a->lost, sizeof(a->lost), "no answer to %s in time", op->name);
	else if (n == -EBADMSG)
		snprintf(a->lost, sizeof(a->lost), "%s was answered with nonsense", op->name);
	else if (n < 0)
		snprintf(a->lost, sizeof(a->lost), "the server ended at %s (%s)", op->name,
			 strerror((int)-n));
	return n;
}

static int reply_error(const struct asking *a)
{
	return (int32_t)fn_get_u32(a->reply + 4, false);
}

/* Keeps the names of a READDIR reply that may be regular files. */
static void note_names(struct asking *a, size_t len)
{
	const size_t head = fn_wire_struct_size(FN_STRUCT_dirent, NULL);
	const uint8_t *p = a->reply + FN_WIRE_OUT_HEADER, *end = a->reply + len;

	while ((size_t)(end - p) >= head && a->nnames < NAMES) {
		uint64_t namelen = fn_wire_member_get(FN_STRUCT_dirent, "namelen", p, head);
		uint64_t type = fn_wire_member_get(FN_STRUCT_dirent, "type", p, head);
		const char *name = (const char *)p + head;

		if (namelen > (size_t)(end - p) - head)
			return;
		if ((type == DT_REG || type == DT_UNKNOWN) && fn_name_ok(name, namelen)) {
			memcpy(a->names[a->nnames], name, namelen);
			a->names[a->nnames++][namelen] = '\0';
		}
		namelen = (namelen + 7) & ~UINT64_C(7);
		if (namelen > (size_t)(end - p) - head)
			return;
		p += head + namelen;
	}
}

static void put_time(struct asking *a, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)(a->took_ns / 1000));
	fn_fact_text(a->f, name, a->peer->how, text);
}

/* Why a step cannot be taken; NULL: it can. */
static const char *obstacle(const struct asking *a, const struct step *s,
			    const struct fn_wire_op *op, char reason[128])
{
	if (op->dialect == FN_DIALECT_mainline && op->since > a->offer->minor) {
		snprintf(reason, 128, "it came with 7.%u, the kernel to be is 7.%u", op->since,
			 a->offer->minor);
		return reason;
	}
	if (s->where == AT_DIR && !a->dir_open)
		return "OPENDIR of the root failed";
	if (s->where == AT_FILE && !a->file_id)
		return "no regular file was seen in the root";
	if (s->where == AT_FILE && strcmp(s->op, "OPEN") && !a->file_open)
		return "OPEN of a file failed";
	if (a->peer->shared && !strcmp(s->op, "SYNCFS"))
		return "not tried: it would flush everybody's data";
	return NULL;
}

static void put_answer(struct asking *a, const struct fn_wire_op *op)
{
	int err = reply_error(a);

	if (err == -ENOSYS)
		put_op(a->f, op, FN_FACT_NO, NULL, strerror(ENOSYS), a->peer->how);
	else
		put_op(a->f, op, FN_FACT_YES, err ? strerror(-err) : "ok", NULL, a->peer->how);
}

static bool is_regular(struct asking *a, const char *name)
{
	const uint8_t *body = a->reply + FN_WIRE_OUT_HEADER;
	struct fn_request_target to = {ROOT, 0, name};
	long n = ask(a, op_of("LOOKUP", FN_DIALECT_mainline), &to);

	if (n < (long)(FN_WIRE_OUT_HEADER + fn_wire_struct_size(FN_STRUCT_entry_out, &a->conn)))
		return false;
	if (!S_ISREG(fn_wire_member_get(FN_STRUCT_entry_out, "attr.mode", body, (size_t)n)))
		return false;
	a->file_id = fn_wire_member_get(FN_STRUCT_entry_out, "nodeid", body, (size_t)n);
	return a->file_id != 0;
}

/* The file that OPEN and all after it need. */
static void lookup_file(struct asking *a)
{
	for (int i = 0; i < a->nnames && !*a->lost; i++)
		if (is_regular(a, a->names[i]))
			return;
}

/* A dialect's own handshake: opcode 51 is TMPFILE in mainline, and that answers with a body. */
static void judge_dialect(struct asking *a, const struct fn_wire_op *op, long len)
{
	const char *collision = fn_probe_collision(a->offer->dialect);
	int err = reply_error(a);
	char reason[128];

	if (!err && len == FN_WIRE_OUT_HEADER) {
		fn_probe_put_dialect(a->f, a->offer->dialect, FN_FACT_YES, NULL,
				     "the server accepted a watch");
		return;
	}
	if (err == -ENOSYS)
		snprintf(reason, sizeof(reason), "opcode %u is not implemented", op->code);
	else if (collision)
		snprintf(reason, sizeof(reason), "opcode %u answers '%s', as TMPFILE would",
			 op->code, err ? strerror(-err) : "ok");
	else
		snprintf(reason, sizeof(reason), "a watch was refused: %s", strerror(-err));
	fn_probe_put_dialect(a->f, a->offer->dialect,
			     err == -ENOSYS || !err ? FN_FACT_NO : FN_FACT_UNKNOWN, reason,
			     a->peer->how);
}

/* Lets go of the unnamed file that TMPFILE made. */
static void release_tmpfile(struct asking *a, size_t len)
{
	const uint8_t *body = a->reply + FN_WIRE_OUT_HEADER;
	size_t entry = fn_wire_struct_size(FN_STRUCT_entry_out, &a->conn);
	size_t opened = fn_wire_struct_size(FN_STRUCT_open_out, NULL);
	struct fn_request_target to = {ROOT, 0, ""};

	if (len < FN_WIRE_OUT_HEADER + entry + opened)
		return;
	to.nodeid = fn_wire_member_get(FN_STRUCT_entry_out, "nodeid", body, entry);
	to.fh = fn_wire_member_get(FN_STRUCT_open_out, "fh", body + entry, opened);
	ask(a, op_of("RELEASE", FN_DIALECT_mainline), &to);
}

/* What later steps need from this answer. */
static void note_reply(struct asking *a, const char *op, long len)
{
	const uint8_t *body = a->reply + FN_WIRE_OUT_HEADER;
	size_t n = (size_t)len - FN_WIRE_OUT_HEADER;

	if (!strcmp(op, "GETATTR")) {
		put_time(a, "getattr_time");
	} else if (!strcmp(op, "OPENDIR")) {
		a->dir_fh = fn_wire_member_get(FN_STRUCT_open_out, "fh", body, n);
		a->dir_open = true;
	} else if (!strcmp(op, "READDIR")) {
		note_names(a, (size_t)len);
	} else if (!strcmp(op, "OPEN")) {
		a->file_fh = fn_wire_member_get(FN_STRUCT_open_out, "fh", body, n);
		a->file_open = true;
	} else if (!strcmp(op, "TMPFILE")) {
		release_tmpfile(a, (size_t)len);
	}
}

static void take_step(struct asking *a, const struct step *s)
{
	const struct fn_wire_op *op = op_of(s->op, a->offer->dialect);
	struct fn_request_target to = {ROOT, 0, s->name ? s->name : ""};
	const char *why;
	char reason[128];
	long n;

	/* Where opcode 51 is FSNOTIFY there is no TMPFILE, and the reverse. */
	if (!op || fn_wire_opcode(op->code, a->offer->dialect) != op)
		return;
	if (s->where == AT_FILE && !strcmp(s->op, "OPEN"))
		lookup_file(a);
	why = *a->lost ? a->lost : obstacle(a, s, op, reason);
	if (why) {
		put_op(a->f, op, FN_FACT_UNKNOWN, NULL, why, NULL);
		return;
	}
	if (s->where == AT_FILE)
		to = (struct fn_request_target){a->file_id, a->file_fh, ""};
	if (s->where == AT_DIR)
		to.fh = a->dir_fh;
	n = ask(a, op, &to);
	if (n <= 0) {
		put_op(a->f, op, FN_FACT_UNKNOWN, NULL, n < 0 ? a->lost : "it got no reply",
		       a->peer->how);
		return;
	}
	put_answer(a, op);
	if (!strcmp(s->op, "FSNOTIFY"))
		judge_dialect(a, op, n);
	if (!reply_error(a))
		note_reply(a, s->op, n);
}

static int ask_init(struct asking *a)
{
	uint64_t flags;
	int64_t start = fn_mono_ns();
	size_t len = fn_init_request(a->request, a->offer, ++a->unique);
	long n = a->peer->call(a->peer, a->request, len, a->reply, false, a->deadline_ns);
	int r = n < 0 ? (int)n : fn_peer_check_reply(a->reply, (size_t)n, a->unique);

	a->took_ns = fn_mono_ns() - start;
	if (!r)
		r = fn_probe_init_reply(a->f, a->offer, &flags, a->reply, (size_t)n, a->peer->how);
	if (r == -ETIMEDOUT)
		snprintf(a->lost, sizeof(a->lost), "no answer to INIT in time");
	else if (r == -EBADMSG)
		snprintf(a->lost, sizeof(a->lost), "INIT was answered with nonsense");
	else if (r)
		snprintf(a->lost, sizeof(a->lost), "INIT: %s", strerror(-r));
	if (r)
		return r;
	put_time(a, "init_time");
	a->conn.flags = flags & a->offer->flags;
	a->conn.minor = (uint8_t)fn_get_u32(a->reply + FN_WIRE_OUT_HEADER + 4, false);
	if (a->conn.minor > a->offer->minor || !a->conn.minor)
		a->conn.minor = (uint8_t)a->offer->minor;
	return 0;
}

/* Opcodes that no step asks for. */
static void put_unasked(struct asking *a)
{
	static const char *const no_reply[] = {"FORGET", "BATCH_FORGET", "INTERRUPT",
					       "NOTIFY_REPLY"};
	static const char *const dax[] = {"SETUPMAPPING", "REMOVEMAPPING"};

	for (size_t i = 0; i < 4; i++)
		put_op(a->f, op_of(no_reply[i], FN_DIALECT_mainline), FN_FACT_UNKNOWN, NULL,
		       "it has no reply", NULL);
	for (size_t i = 0; i < 2; i++)
		put_op(a->f, op_of(dax[i], FN_DIALECT_mainline), FN_FACT_UNKNOWN, NULL,
		       "not tried: it needs a DAX window", NULL);
}

void fn_peer_unseen(struct fn_facts *f, char letter, const char *reason)
{
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	fn_probe_init_unseen(f, reason);
	for (size_t i = 0; i < n; i++)
		if (strchr(table[i].probes, letter) && !fn_facts_find(f, table[i].name))
			fn_fact_unknown(f, table[i].name, NULL, "%s", reason);
}

int fn_peer_ask(struct fn_facts *f, struct fn_peer *p, const struct fn_init_offer *offer,
		int64_t deadline_ns)
{
	struct asking *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->f = f;
	a->peer = p;
	a->offer = offer;
	a->deadline_ns = deadline_ns;
	r = ask_init(a);
	if (r)
		fn_fact_unknown(f, "protocol", p->how, "%s", a->lost);
	if (!r && !p->quick) {
		for (size_t i = 0; i < NSTEPS; i++)
			take_step(a, &steps[i]);
		put_unasked(a);
	}
	free(a);
	return r;
}

int fn_peer_offer(struct fn_init_offer *offer, const char *as)
{
	static const uint8_t minors[FN_DIALECTS] = {
		[FN_DIALECT_rfc_v1] = 36, [FN_DIALECT_rfc_agg] = 36,   [FN_DIALECT_rfc_mail] = 36,
		[FN_DIALECT_rfc_v2] = 38, [FN_DIALECT_fn_native] = 41,
	};
	const struct fn_wire_dialect *d;
	unsigned long minor;
	char *end;

	if (!as || !strcmp(as, "mainline")) {
		fn_init_offer_default(offer, FN_WIRE_MINOR, FN_DIALECT_mainline);
		return 0;
	}
	if (!strncmp(as, "7.", 2) && isdigit((unsigned char)as[2])) {
		minor = strtoul(as + 2, &end, 10);
		if (*end || minor < 1 || minor > 255)
			return -EINVAL;
		fn_init_offer_default(offer, (uint32_t)minor, FN_DIALECT_mainline);
		return 0;
	}
	d = fn_wire_dialect_named(as, strlen(as));
	if (!d || !minors[d->id])
		return -EINVAL;
	fn_init_offer_default(offer, minors[d->id], (enum fn_dialect)d->id);
	return 0;
}
