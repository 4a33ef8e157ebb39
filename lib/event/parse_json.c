/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reverse of event_json.h; every key but the event is optional, unknown keys are ignored. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "event/parse_impl.h"
#include "text/buf.h"

void fn_parser_drop_json(struct fn_parser *p)
{
	json_decref(p->json);
	p->json = NULL;
}

/* jansson reads a real number into a double, which cannot hold nanoseconds since 1970: take the
 * digits of a top-level member from the text, which is known to be valid JSON by now. */
static const char *find_member(struct fn_span in, const char *key)
{
	size_t n = strlen(key), depth = 0;

	for (; in.p < in.end; in.p++) {
		const char *from = in.p + 1;

		if (*in.p == '{' || *in.p == '[')
			depth++;
		else if (*in.p == '}' || *in.p == ']')
			depth--;
		if (*in.p != '"')
			continue;
		for (in.p++; in.p < in.end && *in.p != '"'; in.p++)
			in.p += *in.p == '\\';
		if (depth != 1 || in.p >= in.end || (size_t)(in.p - from) != n ||
		    memcmp(from, key, n))
			continue;
		for (in.p++; in.p < in.end && memchr(" \t\r", *in.p, 3);)
			in.p++;
		if (in.p < in.end && *in.p == ':')
			return in.p + 1;
	}
	return NULL;
}

static bool is_digit(struct fn_span in)
{
	return in.p < in.end && *in.p >= '0' && *in.p <= '9';
}

static int seconds(struct fn_parser *p, struct fn_span in, const char *key, int64_t *ns)
{
	int64_t whole = 0, part = 0, scale = 1000000000;

	if (!json_object_get(p->json, key))
		return 0;
	in.p = find_member(in, key);
	while (in.p && in.p < in.end && (*in.p == ' ' || *in.p == '\t'))
		in.p++;
	if (!in.p || !is_digit(in))
		return fn_parse_bad(p, "a time is not a number of seconds");
	for (; is_digit(in); in.p++)
		if (__builtin_mul_overflow(whole, 10, &whole) || whole > INT64_MAX / 2000000000)
			return fn_parse_bad(p, "a time out of range");
		else
			whole += *in.p - '0';
	if (in.p < in.end && *in.p == '.')
		for (in.p++; is_digit(in); in.p++, part += scale * (in.p[-1] - '0'))
			scale /= 10;
	*ns = whole * 1000000000 + part;
	return 0;
}

/* Bytes as numbers, where the text beside them could not hold them. */
static int raw_bytes(struct fn_parser *p, const json_t *array, struct fn_str *out)
{
	size_t n = json_array_size(array);
	char *to = p->room + p->used;

	if (!json_is_array(array))
		return fn_parse_bad(p, "raw bytes that are not a list");
	for (size_t i = 0; i < n; i++) {
		json_int_t c = json_integer_value(json_array_get(array, i));

		if (c <= 0 || c > 255)
			return fn_parse_bad(p, "a raw byte that is not from 1 to 255");
		to[i] = (char)c;
	}
	*out = fn_parser_keep(p, n);
	return 0;
}

static int text(struct fn_parser *p, const char *key, struct fn_str *out)
{
	const json_t *v = json_object_get(p->json, key), *raw;
	char raw_key[24];

	memcpy(raw_key, key, strlen(key));
	memcpy(raw_key + strlen(key), "_raw", 5);
	raw = json_object_get(p->json, raw_key);
	if (raw)
		return raw_bytes(p, raw, out);
	if (!v)
		return 0;
	if (!json_is_string(v))
		return fn_parse_bad(p, "a name or path that is not a string");
	*out = (struct fn_str){json_string_value(v), json_string_length(v)};
	return 0;
}

/* What quote_big() made of a number. */
static bool big_value(const json_t *v, uint64_t *out)
{
	const char *s = json_string_value(v);
	char *end;

	if (!s || strspn(s, "0123456789") != json_string_length(v) || !*s)
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return !errno;
}

static int whole(struct fn_parser *p, const json_t *in, const char *key, uint64_t max,
		 uint64_t *out)
{
	const json_t *v = json_object_get(in, key);

	*out = 0;
	if (!v)
		return 0;
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		*out = (uint64_t)json_integer_value(v);
	else if (!big_value(v, out))
		return fn_parse_bad(p, "a number is wanted");
	return *out > max ? fn_parse_bad(p, "a number out of range") : 0;
}

static bool hex_digit(char c, unsigned *v)
{
	const char *digits = "0123456789abcdef", *d = memchr(digits, c | 0x20, 16);

	*v = d ? (unsigned)(d - digits) : 0;
	return d != NULL;
}

/* Hex text into at most max bytes; the number of bytes, or -1. */
static int hex_bytes(const json_t *v, uint8_t *out, size_t max)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);
	unsigned hi, lo;

	if (!s || n % 2 || n / 2 > max)
		return -1;
	for (size_t i = 0; i < n; i += 2) {
		if (!hex_digit(s[i], &hi) || !hex_digit(s[i + 1], &lo))
			return -1;
		out[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	return (int)(n / 2);
}

static int object_fsid(struct fn_parser *p, const json_t *in, struct fn_object *o)
{
	const json_t *v = json_object_get(in, "fsid");
	uint8_t be[8];

	if (!v)
		return 0;
	if (hex_bytes(v, be, sizeof(be)) != sizeof(be))
		return fn_parse_bad(p, "a fsid is 16 hexadecimal digits");
	o->fsid = 0;
	for (size_t i = 0; i < sizeof(be); i++)
		o->fsid = o->fsid << 8 | be[i];
	o->has |= FN_OBJ_FSID;
	return 0;
}

static int object_handle(struct fn_parser *p, const json_t *in, struct fn_object *o)
{
	const json_t *v = json_object_get(in, "handle");
	const json_t *type = json_object_get(in, "type");
	uint8_t bytes[FN_HANDLE_MAX];
	int n;

	if (!v)
		return 0;
	n = hex_bytes(v, bytes, sizeof(bytes));
	if (n < 0 || !json_is_integer(type) ||
	    json_integer_value(type) != (int32_t)json_integer_value(type))
		return fn_parse_bad(p, "a handle is hexadecimal digits, with a type");
	if (fn_object_set_handle(o, (int)json_integer_value(type), bytes, (size_t)n))
		return fn_parse_bad(p, "a handle of a wrong length");
	return 0;
}

static int object(struct fn_parser *p, const char *key, struct fn_object *o)
{
	const json_t *in = json_object_get(p->json, key);
	uint64_t nodeid, generation;

	if (!in)
		return 0;
	if (!json_is_object(in))
		return fn_parse_bad(p, "an object's identity is not a JSON object");
	if (object_fsid(p, in, o) || object_handle(p, in, o) ||
	    whole(p, in, "nodeid", UINT64_MAX, &nodeid) ||
	    whole(p, in, "generation", UINT64_MAX, &generation) ||
	    whole(p, in, "ino", UINT64_MAX, &o->ino))
		return -EINVAL;
	if (json_object_get(in, "nodeid"))
		fn_object_set_node(o, nodeid, generation);
	if (json_object_get(in, "ino"))
		o->has |= FN_OBJ_INO;
	return 0;
}

static int add_names(struct fn_parser *p, const json_t *v, uint64_t *mask)
{
	const json_t *one = v;
	uint64_t bits;

	for (size_t i = 0; json_is_string(v) ? i == 0 : i < json_array_size(v); i++) {
		if (!json_is_string(v))
			one = json_array_get(v, i);
		if (!json_is_string(one) ||
		    !fn_mask_parse(json_string_value(one), json_string_length(one), ',', &bits))
			return fn_parse_bad(p, "no such event");
		*mask |= bits;
	}
	return 0;
}

/* The bits are the truth where they are given: they may hold more than there are names for. */
static int what(struct fn_parser *p, struct fn_event *ev)
{
	uint64_t mask;

	if (whole(p, p->json, "mask", UINT64_MAX, &ev->mask))
		return -EINVAL;
	mask = ev->mask;
	if (add_names(p, json_object_get(p->json, "events"), &mask) ||
	    add_names(p, json_object_get(p->json, "event"), &mask))
		return -EINVAL;
	if (json_is_true(json_object_get(p->json, "isdir")))
		mask |= FN_ISDIR;
	if (ev->mask && mask != ev->mask)
		return fn_parse_bad(p, "the mask and the names say different things");
	ev->mask = mask;
	return mask & ~(uint64_t)FN_ISDIR ? 0 : fn_parse_bad(p, "no event in it");
}

static int flags(struct fn_parser *p, struct fn_event *ev)
{
	static const struct {
		const char *key;
		uint32_t flag;
	} table[] = {
		{"synthetic", FN_EV_SYNTHETIC},
		{"partial", FN_EV_PARTIAL},
		{"exchange", FN_EV_EXCHANGE},
		{"gone", FN_EV_GONE},
	};
	const char *origin = json_string_value(json_object_get(p->json, "origin"));
	uint64_t cookie;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (json_is_true(json_object_get(p->json, table[i].key)))
			ev->flags |= table[i].flag;
	if (origin && !strcmp(origin, "remote"))
		ev->flags |= FN_EV_REMOTE;
	if (origin && !strcmp(origin, "local"))
		ev->flags |= FN_EV_LOCAL;
	if (whole(p, p->json, "cookie", UINT32_MAX, &cookie))
		return -EINVAL;
	ev->cookie = (uint32_t)cookie;
	return whole(p, p->json, "lost", UINT64_MAX, &ev->lost);
}

static int who(struct fn_parser *p, struct fn_event *ev)
{
	struct fn_str comm = {NULL, 0};
	uint64_t pid, mode;

	if (whole(p, p->json, "pid", INT32_MAX, &pid) ||
	    whole(p, p->json, "mode", UINT32_MAX, &mode) || text(p, "comm", &comm))
		return -EINVAL;
	ev->pid = (int32_t)pid;
	ev->mode = (uint32_t)mode;
	if (comm.len > sizeof(ev->comm))
		return fn_parse_bad(p, "a command name that is too long");
	if (comm.len)
		memcpy(ev->comm, comm.data, comm.len);
	return 0;
}

/* The path below the root, where there is one; a path that is not below it stays whole. */
static void below(struct fn_str root, struct fn_str *path)
{
	size_t n = root.len;

	if (!root.data || !path->data || path->len < n || memcmp(path->data, root.data, n))
		return;
	if (path->len > n && n && root.data[n - 1] != '/') {
		if (path->data[n] != '/')
			return;
		n++;
	}
	path->data += n;
	path->len -= n;
}

static int where(struct fn_parser *p, struct fn_event *ev)
{
	if (text(p, "root", &p->root) || text(p, "old_root", &p->old_root) ||
	    text(p, "path", &ev->path) || text(p, "old_path", &ev->old_path) ||
	    text(p, "name", &ev->name) || text(p, "old_name", &ev->old_name))
		return -EINVAL;
	if (p->root.data)
		ev->root = 0;
	if (p->old_root.data)
		ev->old_root = 2;
	below(p->root, &ev->path);
	below(p->old_root.data ? p->old_root : p->root, &ev->old_path);
	return 0;
}

static int convert(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	if (whole(p, p->json, "seq", UINT64_MAX, &ev->seq) ||
	    seconds(p, in, "time", &ev->wall_ns) || seconds(p, in, "mono", &ev->mono_ns) ||
	    what(p, ev) || where(p, ev) || flags(p, ev) || who(p, ev))
		return -EINVAL;
	if (object(p, "object", &ev->object) || object(p, "parent", &ev->parent) ||
	    object(p, "old_parent", &ev->old_parent) || object(p, "target", &ev->target))
		return -EINVAL;
	return 0;
}

/* Past a string, or a run of digits; *digits is the length of the latter. */
static const char *skip_token(struct fn_span in, size_t *digits)
{
	const char *from = in.p;

	*digits = 0;
	if (*in.p == '"') {
		for (in.p++; in.p < in.end && *in.p != '"'; in.p++)
			in.p += *in.p == '\\';
		return in.p < in.end ? in.p + 1 : in.end;
	}
	while (is_digit(in))
		in.p++;
	*digits = (size_t)(in.p - from);
	return *digits ? in.p : in.p + 1;
}

/* jansson refuses integers above 2^63 - 1, which node ids and masks may be: they become strings.
 * A fraction's digits are no integer. True with the new text in *out if there are any. */
static bool quote_big(struct fn_span in, struct fn_buf *out)
{
	const char *from = in.p, *stop;
	bool any = false;
	size_t digits;

	for (; in.p < in.end; in.p = stop) {
		stop = skip_token(in, &digits);
		if (digits < 19 || (in.p > from && in.p[-1] != ':' && in.p[-1] != ' ') ||
		    (stop < in.end && strchr(".eE", *stop)))
			continue;
		fn_buf_add(out, from, (size_t)(in.p - from));
		fn_buf_char(out, '"');
		fn_buf_add(out, in.p, digits);
		fn_buf_char(out, '"');
		from = stop;
		any = true;
	}
	if (any)
		fn_buf_add(out, from, (size_t)(in.end - from));
	return any && !out->failed;
}

static json_t *load(struct fn_span in)
{
	struct fn_buf quoted = {0};
	json_error_t err;
	json_t *json;

	if (quote_big(in, &quoted))
		in = (struct fn_span){quoted.data, quoted.data + quoted.len};
	json = json_loadb(in.p, (size_t)(in.end - in.p), JSON_REJECT_DUPLICATES, &err);
	fn_buf_free(&quoted);
	return json;
}

int fn_parse_json(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	fn_parser_drop_json(p);
	p->json = load(in);
	if (!p->json)
		return fn_parse_bad(p, "not valid JSON");
	if (!json_is_object(p->json))
		return fn_parse_bad(p, "not a JSON object");
	return convert(p, in, ev);
}
