/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace/strace.h"

#include <errno.h>

#include "trace/unescape.h"
#include "trace/values.h"

#define NS_PER_S INT64_C(1000000000)
#define PID_LIMIT 4194304 /* a larger number alone is a date */
#define RESUMED "resumed>"
#define UNFINISHED "<unfinished ...>"

static const struct {
	const char *name;
	enum fn_strace_call call;
} calls[] = {
	{"read", FN_CALL_READ},     {"readv", FN_CALL_READV},   {"write", FN_CALL_WRITE},
	{"writev", FN_CALL_WRITEV}, {"splice", FN_CALL_SPLICE}, {"vmsplice", FN_CALL_VMSPLICE},
	{"open", FN_CALL_OPEN},     {"openat", FN_CALL_OPEN},   {"close", FN_CALL_CLOSE},
};

/* "12:34:56.789012"; the hours were read already. */
static bool time_of_day(struct fn_cursor *c, uint64_t hours, struct fn_strace_line *l)
{
	uint64_t min, sec;

	if (!fn_cur_eat(c, ':') || !fn_cur_u64(c, &min) || !fn_cur_eat(c, ':') ||
	    !fn_cur_u64(c, &sec) || hours > 23 || min > 59 || sec > 60)
		return false;
	l->time = (int64_t)(hours * 3600 + min * 60 + sec) * NS_PER_S;
	if (fn_cur_eat(c, '.'))
		l->time += fn_cur_fraction(c);
	l->clock = FN_CLOCK_DAY;
	return true;
}

/* A number at the beginning of a line: what follows it says what it is. False: no prefix. */
static bool number(struct fn_cursor *c, struct fn_strace_line *l)
{
	struct fn_cursor d = *c;
	uint64_t n;

	if (!fn_cur_u64(&d, &n))
		return false;
	if (fn_cur_is(&d, ':')) {
		if (!time_of_day(&d, n, l))
			return false;
	} else if (fn_cur_is(&d, '.') || n > PID_LIMIT) {
		if (n > INT64_MAX / NS_PER_S - 1)
			return false;
		l->time = (int64_t)n * NS_PER_S;
		if (fn_cur_eat(&d, '.'))
			l->time += fn_cur_fraction(&d);
		l->clock = n > PID_LIMIT ? FN_CLOCK_EPOCH : FN_CLOCK_RELATIVE;
	} else {
		l->tid = (int32_t)n;
	}
	if (!fn_cur_is(&d, ' '))
		return false;
	*c = d;
	return true;
}

/* "[pid 12]", "[00007f0123456789]", "[ 0]", "(+ 0.000012)". */
static bool bracketed(struct fn_cursor *c, struct fn_strace_line *l)
{
	struct fn_cursor d = *c;
	uint64_t tid;

	if (fn_cur_eat_str(&d, "[pid")) {
		fn_cur_blanks(&d);
		if (fn_cur_u64(&d, &tid) && tid <= PID_LIMIT)
			l->tid = (int32_t)tid;
	}
	return fn_cur_after(c, fn_cur_is(c, '(') ? ')' : ']');
}

bool fn_strace_line(const char *p, size_t len, struct fn_strace_line *l)
{
	struct fn_cursor c = {p, p + len};

	l->tid = 0;
	l->time = 0;
	l->clock = FN_CLOCK_NONE;
	for (int i = 0; i < 6; i++) {
		fn_cur_blanks(&c);
		if (c.p >= c.end)
			return false;
		if (fn_cur_digit(&c)
			    ? !number(&c, l)
			    : !(fn_cur_is(&c, '[') || fn_cur_is(&c, '(')) || !bracketed(&c, l))
			break;
	}
	l->body = c;
	return c.p < c.end && *c.p != '+' && *c.p != '-';
}

bool fn_strace_resumed(struct fn_cursor *body)
{
	struct fn_cursor c = *body;

	if (!fn_cur_eat_str(&c, "<... "))
		return false;
	if (!fn_cur_after(&c, ' ') || !fn_cur_eat_str(&c, RESUMED))
		return false;
	fn_cur_blanks(&c);
	*body = c;
	return true;
}

bool fn_strace_unfinished(struct fn_cursor *body)
{
	size_t n = sizeof(UNFINISHED) - 1;

	if ((size_t)(body->end - body->p) < n || memcmp(body->end - n, UNFINISHED, n))
		return false;
	body->end -= n;
	while (body->end > body->p && body->end[-1] == ' ')
		body->end--;
	return true;
}

bool fn_strace_call(const struct fn_cursor *body, enum fn_strace_call *what, struct fn_cursor *args)
{
	struct fn_cursor c = *body;
	const char *name = c.p;
	size_t n;

	while (c.p < c.end && ((*c.p >= 'a' && *c.p <= 'z') || *c.p == '_'))
		c.p++;
	n = (size_t)(c.p - name);
	if (n < 4 || n > 8 || !fn_cur_eat(&c, '('))
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].name[0] != *name || strlen(calls[i].name) != n ||
		    memcmp(calls[i].name, name, n))
			continue;
		*what = calls[i].call;
		*args = c;
		return true;
	}
	return false;
}

static bool ends_path(struct fn_cursor *c, uint8_t *path, size_t *len)
{
	int depth = 1;

	for (*len = 0; c->p < c->end; c->p++) {
		depth += (*c->p == '<') - (*c->p == '>');
		if (!depth)
			break;
		if (*c->p == '<') /* the device after the path (-yy) */
			path = NULL;
		if (path && *len < 255)
			path[(*len)++] = (uint8_t)*c->p;
	}
	return fn_cur_eat(c, '>');
}

static bool has_word(const uint8_t *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

/* "3", "3</dev/fuse>", "3</dev/fuse<char 10:229>>", the same in \x, "6<pipe:[123]>". */
bool fn_strace_fd(struct fn_cursor *c, int64_t *fd, enum fn_strace_fd *kind)
{
	char text[260];
	uint8_t path[260];
	struct fn_cursor in;
	size_t len;
	long n;
	bool cut;

	fn_cur_blanks(c);
	if (!fn_cur_i64(c, fd) || *fd < 0 || *fd > INT32_MAX)
		return false;
	*kind = FN_FD_UNKNOWN;
	if (!fn_cur_eat(c, '<'))
		return true;
	if (!ends_path(c, path, &len))
		return false;
	memcpy(text, path, len);
	text[len] = '"';
	in = (struct fn_cursor){text, text + len + 1};
	n = fn_strace_unescape(&in, path, &cut);
	if (n >= 9 &&
	    (has_word(path, (size_t)n, "/dev/fuse") || has_word(path, (size_t)n, "/dev/cuse")))
		*kind = FN_FD_FUSE;
	else if (n >= 5 && has_word(path, (size_t)n, "pipe:"))
		*kind = FN_FD_PIPE;
	else if (n >= 7 && has_word(path, (size_t)n, "socket:"))
		*kind = FN_FD_UNKNOWN;
	else
		*kind = FN_FD_OTHER;
	return true;
}

/* One buffer at the cursor; appended to data unless there was a hole before. */
static bool buffer(struct fn_cursor *c, struct fn_strace_data *data, bool *hole, long *got)
{
	bool cut = true;

	*got = 0;
	fn_cur_blanks(c);
	if (!fn_cur_eat(c, '"')) {
		while (c->p < c->end && *c->p != ',' && *c->p != '}' && *c->p != ')')
			c->p++;
		*hole = true;
		return true;
	}
	*got = fn_strace_unescape(c, data->bytes + data->len, &cut);
	if (*got < 0)
		return false;
	if (!*hole)
		data->len += (size_t)*got;
	if (cut)
		*hole = true;
	return true;
}

/* {iov_base="…", iov_len=16} or {"…", 16}; c stands after the brace. */
static bool iovec(struct fn_cursor *c, struct fn_strace_data *data, bool *hole)
{
	uint64_t len;
	long got;
	bool before = *hole;

	fn_cur_eat_str(c, "iov_base=");
	if (!buffer(c, data, hole, &got) || !fn_cur_eat(c, ','))
		return false;
	fn_cur_blanks(c);
	fn_cur_eat_str(c, "iov_len=");
	if (!fn_cur_u64(c, &len) || !fn_cur_after(c, '}'))
		return false;
	/* An empty vector has no buffer and leaves no hole. */
	if (len == 0)
		*hole = before;
	data->total += len;
	if (data->total > SIZE_MAX / 2)
		return false;
	return true;
}

static bool vector(struct fn_cursor *c, struct fn_strace_data *data)
{
	bool hole = false;

	if (!fn_cur_eat(c, '['))
		return false;
	while (fn_cur_eat(c, '{')) {
		if (!iovec(c, data, &hole))
			return false;
		if (fn_cur_eat(c, ','))
			fn_cur_blanks(c);
	}
	if (fn_cur_eat_str(c, "..."))
		hole = true;
	return fn_cur_eat(c, ']');
}

bool fn_strace_data(struct fn_cursor *c, enum fn_strace_call what, uint8_t *out,
		    struct fn_strace_data *data)
{
	uint64_t count;
	bool hole = false;
	long got;

	*data = (struct fn_strace_data){.bytes = out};
	if (!fn_cur_eat(c, ','))
		return false;
	fn_cur_blanks(c);
	if (what != FN_CALL_READ && what != FN_CALL_WRITE)
		return vector(c, data);
	if (!fn_cur_is(c, '"') || !buffer(c, data, &hole, &got) || !fn_cur_eat(c, ','))
		return false;
	fn_cur_blanks(c);
	if (!fn_cur_u64(c, &count) || count > SIZE_MAX / 2)
		return false;
	data->total = count;
	return true;
}

void fn_strace_clip(struct fn_strace_data *data, size_t result)
{
	if (data->total > result)
		data->total = result;
	if (data->len > result)
		data->len = result;
}

bool fn_strace_result(struct fn_cursor *c, int64_t *result, int *error)
{
	const char *name;

	*error = 0;
	if (!fn_cur_after(c, ')'))
		return false;
	fn_cur_blanks(c);
	if (!fn_cur_eat(c, '='))
		return false;
	fn_cur_blanks(c);
	if (!fn_cur_i64(c, result))
		return false;
	if (*result >= 0)
		return true;
	fn_cur_blanks(c);
	name = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= 'Z')
		c->p++;
	*error = fn_errno_number(name, (size_t)(c->p - name));
	if (!*error)
		*error = EIO;
	return true;
}

bool fn_strace_failed(const struct fn_cursor *c)
{
	struct fn_cursor d = *c;
	int64_t result;
	int error;

	/* A read that failed or never came back shows an address, or nothing. */
	return !fn_strace_result(&d, &result, &error) || result <= 0;
}

bool fn_strace_path_is_fuse(struct fn_cursor *c)
{
	uint8_t path[256];
	bool cut;
	long n;

	if (!fn_cur_after(c, '"') || c->end - c->p > 4096)
		return false;
	if (c->end - c->p > (long)sizeof(path))
		c->end = c->p + sizeof(path);
	n = fn_strace_unescape(c, path, &cut);
	return n == 9 && (!memcmp(path, "/dev/fuse", 9) || !memcmp(path, "/dev/cuse", 9));
}

int fn_strace_like(const char *p, size_t len)
{
	struct fn_strace_line l;
	const char *q;

	if (!fn_strace_line(p, len, &l))
		return 0;
	if (len > 4 && (memmem(p, len, "<unfinished ...>", 16) || memmem(p, len, " resumed>", 9)))
		return 3;
	for (q = l.body.p;
	     q < l.body.end && ((*q >= 'a' && *q <= 'z') || *q == '_' || (*q >= '0' && *q <= '9'));)
		q++;
	if (q == l.body.p || q == l.body.end || *q != '(')
		return 0;
	return memmem(q, (size_t)(l.body.end - q), ") = ", 4) ||
			       memmem(q, (size_t)(l.body.end - q), ")  ", 3)
		       ? 3
		       : 0;
}
