/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -e: conditions on messages. */
#include "fndump/fndump.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "trace/values.h"

enum key {
	KEY_OP,
	KEY_STATUS,
	KEY_NODEID,
	KEY_PATH,
	KEY_NAME,
	KEY_PID,
	KEY_UID,
	KEY_UNIQUE,
	KEY_CONN,
	KEY_LEN,
	KEY_LATENCY,
	KEY_TIME,
	KEY_KIND,
};

enum cmp { CMP_EQ, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static const struct {
	const char *name;
	enum key key;
	bool number, duration;
} keys[] = {
	{"op", KEY_OP, false, false},         {"status", KEY_STATUS, false, false},
	{"nodeid", KEY_NODEID, true, false},  {"path", KEY_PATH, false, false},
	{"name", KEY_NAME, false, false},     {"pid", KEY_PID, true, false},
	{"uid", KEY_UID, true, false},        {"unique", KEY_UNIQUE, true, false},
	{"conn", KEY_CONN, true, false},      {"len", KEY_LEN, true, false},
	{"latency", KEY_LATENCY, true, true}, {"time", KEY_TIME, true, true},
	{"kind", KEY_KIND, false, false},     {"dir", KEY_KIND, false, false},
};

struct value {
	struct value *next;
	bool negated;
	uint64_t number;
	char text[];
};

struct filter {
	struct filter *next;
	enum key key;
	enum cmp cmp;
	bool negated, number;
	struct value *values;
	int64_t first_time;
	bool started;
	struct fn_buf path;
};

static void free_one(struct filter *f)
{
	for (struct value *v = f->values, *next; v; v = next) {
		next = v->next;
		free(v);
	}
	fn_buf_free(&f->path);
	free(f);
}

void filter_free(struct filter *f)
{
	for (struct filter *next; f; f = next) {
		next = f->next;
		free_one(f);
	}
}

static int bad(const char *text, const char *why)
{
	return fn_usage("--filter: '%s': %s", text, why);
}

/* "KEY" then one of = != < <= > >=. Returns where the values begin, or NULL. */
static const char *parse_head(struct filter *f, const char *text, bool *duration)
{
	const char *p = text;
	size_t n;

	f->negated = *p == '!';
	p += f->negated;
	n = strcspn(p, "=!<>");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].name) != n || memcmp(keys[i].name, p, n))
			continue;
		f->key = keys[i].key;
		f->number = keys[i].number;
		*duration = keys[i].duration;
		p += n;
		if (*p == '!' && p[1] == '=') {
			f->negated = !f->negated;
			return p + 2;
		}
		f->cmp = *p == '<' ? CMP_LT : *p == '>' ? CMP_GT : CMP_EQ;
		if (*p && f->cmp != CMP_EQ && p[1] == '=') {
			f->cmp = f->cmp == CMP_LT ? CMP_LE : CMP_GE;
			p++;
		}
		return *p && (f->cmp == CMP_EQ || f->number) ? p + 1 : NULL;
	}
	return NULL;
}

/* 0 or a status after a message. */
static int parse_value(struct filter *f, const char *text, size_t len, bool duration)
{
	struct value *v = calloc(1, sizeof(*v) + len + 1);
	int64_t ns;

	if (!v)
		return fn_fail(FN_EXIT_FAIL, "%s", strerror(ENOMEM));
	v->next = f->values;
	f->values = v;
	v->negated = *text == '!';
	memcpy(v->text, text + v->negated, len - v->negated);
	if (duration) {
		if (fn_parse_duration("filter", v->text, &ns))
			return FN_EXIT_USAGE;
		v->number = (uint64_t)ns;
	} else if (f->number && fn_parse_u64("filter", v->text, 0, UINT64_MAX, &v->number)) {
		return FN_EXIT_USAGE;
	}
	if (f->key == KEY_OP && !fn_wire_op_named(v->text, strlen(v->text), FN_DIALECT_mainline) &&
	    !fn_wire_notify_named(v->text, strlen(v->text), FN_DIALECT_mainline) &&
	    !strpbrk(v->text, "*?[0123456789"))
		return bad(v->text, "no such operation");
	return 0;
}

int filter_add(struct filter **list, const char *text)
{
	struct filter *f = calloc(1, sizeof(*f));
	const char *p;
	bool duration = false;
	int r = 0;

	if (!f)
		return fn_fail(FN_EXIT_FAIL, "%s", strerror(ENOMEM));
	f->next = *list;
	*list = f;
	p = parse_head(f, text, &duration);
	if (!p)
		return bad(text, "not KEY=VALUE[,VALUE…] with a key that fndump(1) lists");
	while (!r) {
		size_t n = strcspn(p, ",");

		if (!n || (*p == '!' && n == 1))
			return bad(text, "a value is missing");
		r = parse_value(f, p, n, duration);
		if (!p[n])
			break;
		p += n + 1;
	}
	return r;
}

static bool match_op(const struct value *v, const struct fn_seen *seen)
{
	char room[24];
	const char *name = fn_seen_op_name(seen, room), *want = v->text;

	if (!strncasecmp(want, "FUSE_", 5))
		want += 5;
	if (!strncasecmp(want, "NOTIFY_", 7) && seen->msg->kind == FN_MSG_NOTIFY)
		want += 7;
	if (*want >= '0' && *want <= '9')
		return seen->op && seen->op->code == strtoul(want, NULL, 10);
	return fnmatch(want, name, FNM_CASEFOLD) == 0;
}

static bool match_status(const struct value *v, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	char room[16];

	if (m->kind != FN_MSG_REPLY)
		return false;
	if (!strcmp(v->text, "error"))
		return m->error != 0;
	if (!strcmp(v->text, "orphan"))
		return !seen->req;
	return !strcasecmp(v->text, fn_seen_status(seen, room));
}

static bool match_kind(const struct value *v, const struct fn_seen *seen)
{
	static const char *const names[] = {"request", "reply", "notify"};
	static const char *const dirs[] = {"in", "out", "out"};

	return !strcmp(v->text, names[seen->msg->kind]) || !strcmp(v->text, dirs[seen->msg->kind]);
}

static bool compare(enum cmp cmp, uint64_t a, uint64_t b)
{
	switch (cmp) {
	case CMP_LT:
		return a < b;
	case CMP_LE:
		return a <= b;
	case CMP_GT:
		return a > b;
	case CMP_GE:
		return a >= b;
	default:
		return a == b;
	}
}

/* The message's number under the key; false if it has none. */
static bool number_of(const struct filter *f, const struct fn_seen *seen, uint64_t *n)
{
	const struct fn_trace_msg *m = seen->msg;
	const struct fn_request *r = seen->req;
	bool request = m->kind == FN_MSG_REQUEST;

	switch (f->key) {
	case KEY_NODEID:
		return fn_seen_node(seen, n);
	case KEY_PID:
		*n = request ? m->pid : r ? r->pid : 0;
		return request ? !(m->flags & FN_MSG_NO_PID) : r && !(r->flags & FN_MSG_NO_PID);
	case KEY_UID:
		*n = request ? m->uid : r ? r->uid : 0;
		return request ? !(m->flags & FN_MSG_NO_CRED) : r && !(r->flags & FN_MSG_NO_CRED);
	case KEY_UNIQUE:
		*n = m->unique & ~FN_WIRE_RESEND;
		return true;
	case KEY_CONN:
		*n = m->conn;
		return true;
	case KEY_LEN:
		*n = m->len;
		return true;
	case KEY_LATENCY:
		*n = (uint64_t)seen->latency;
		return seen->latency != FN_TIME_NONE && seen->latency >= 0;
	case KEY_TIME:
		*n = (uint64_t)(m->time - f->first_time);
		return m->time != FN_TIME_NONE && m->time >= f->first_time;
	default:
		return false;
	}
}

static bool match_value(const struct filter *f, const struct value *v, const struct fn_seen *seen)
{
	uint64_t n;

	switch (f->key) {
	case KEY_OP:
		return match_op(v, seen);
	case KEY_STATUS:
		return match_status(v, seen);
	case KEY_KIND:
		return match_kind(v, seen);
	case KEY_PATH:
		return f->path.len && fnmatch(v->text, f->path.data, 0) == 0;
	case KEY_NAME:
		return f->path.len && fnmatch(v->text, f->path.data, 0) == 0;
	default:
		return number_of(f, seen, &n) && compare(f->cmp, n, v->number);
	}
}

/* The text that globs are compared with, NUL-terminated. */
static void find_text(struct filter *f, const struct fn_session *s, const struct fn_seen *seen)
{
	fn_buf_clear(&f->path);
	if (f->key == KEY_PATH && fn_seen_path(s, seen, &f->path))
		fn_buf_char(&f->path, '\0');
	if (f->key == KEY_NAME && seen->name) {
		fn_buf_add(&f->path, seen->name, seen->name_len);
		fn_buf_char(&f->path, '\0');
	}
}

/* One of the values, if any is wanted, and none of those with '!'. */
static bool match_one(struct filter *f, const struct fn_session *s, const struct fn_seen *seen)
{
	bool wanted = true, some = false;

	if (f->key == KEY_PATH || f->key == KEY_NAME)
		find_text(f, s, seen);
	if (f->key == KEY_TIME && !f->started && seen->msg->time != FN_TIME_NONE) {
		f->started = true;
		f->first_time = seen->msg->time;
	}
	for (const struct value *v = f->values; v; v = v->next) {
		bool m = match_value(f, v, seen);

		if (v->negated && m)
			return f->negated;
		if (!v->negated) {
			wanted = false;
			some = some || m;
		}
	}
	return (wanted || some) != f->negated;
}

bool filter_match(struct filter *f, const struct fn_session *s, const struct fn_seen *seen)
{
	bool all = true;

	/* Every one is asked: those on time note the beginning. */
	for (; f; f = f->next)
		all = match_one(f, s, seen) && all;
	return all;
}
