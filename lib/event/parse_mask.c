/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MASK PATH, MASK PATH <TAB> NEWPATH. The mask is a list of names or a hexadecimal number, the
 * path goes to the end of the line; one in double quotes may hold C escapes. With a tab behind the
 * mask, as fnwatch prints it, all paths are escaped.
 */
#include <errno.h>
#include <string.h>

#include "event/parse_impl.h"
#include "text/escape.h"

/* Behind the closing quote, NULL if there is none. */
static const char *quote_end(struct fn_span in)
{
	for (; in.p < in.end; in.p++) {
		if (*in.p == '"')
			return in.p + 1;
		if (*in.p == '\\')
			in.p++;
	}
	return NULL;
}

static int decode(struct fn_parser *p, struct fn_str from, struct fn_str *out)
{
	struct fn_buf text = {.data = p->room + p->used, .cap = p->size - p->used};

	if (fn_unescape(&text, from.data, from.len))
		return fn_parse_bad(p, "no such escape");
	if (memchr(text.data, '\0', text.len))
		return fn_parse_bad(p, "a NUL byte");
	*out = fn_parser_keep(p, text.len);
	return 0;
}

static int quoted(struct fn_parser *p, struct fn_span *in, struct fn_str *out)
{
	const char *from = ++in->p;

	in->p = quote_end(*in);
	if (!in->p)
		return fn_parse_bad(p, "a quote is not closed");
	return decode(p, (struct fn_str){from, (size_t)(in->p - 1 - from)}, out);
}

static void skip_blank(struct fn_span *in)
{
	while (in->p < in->end && (*in->p == ' ' || *in->p == '\t'))
		in->p++;
}

static int one_path(struct fn_parser *p, struct fn_span *in, bool last, bool escaped,
		    struct fn_str *out)
{
	const char *stop = last ? NULL : memchr(in->p, '\t', (size_t)(in->end - in->p));

	if (!escaped && in->p < in->end && *in->p == '"')
		return quoted(p, in, out);
	if (!stop)
		stop = in->end;
	*out = fn_str_of(in->p, stop);
	in->p = stop;
	if (escaped && decode(p, *out, out))
		return -EINVAL;
	while (out->len > 1 && out->data[out->len - 1] == '/')
		out->len--;
	return 0;
}

static int two_paths(struct fn_parser *p, struct fn_span *in, bool escaped, struct fn_event *ev)
{
	if (one_path(p, in, false, escaped, &ev->old_path))
		return -EINVAL;
	skip_blank(in);
	if (one_path(p, in, true, escaped, &ev->path))
		return -EINVAL;
	if (!ev->path.len || !ev->old_path.len)
		return fn_parse_bad(p, "a rename needs OLD and NEW with a tab between them");
	return in->p == in->end ? 0 : fn_parse_bad(p, "text after the path");
}

static const char *word_end(struct fn_span in)
{
	while (in.p < in.end && *in.p != ' ' && *in.p != '\t')
		in.p++;
	return in.p;
}

/* "exchange" is a rename with a flag, not a bit. */
static bool parse_mask(const char *text, size_t len, struct fn_event *ev)
{
	if (len == 8 && !memcmp(text, "exchange", 8)) {
		ev->mask = FN_RENAME;
		ev->flags |= FN_EV_EXCHANGE;
		return true;
	}
	return fn_mask_parse(text, len, ',', &ev->mask);
}

int fn_parse_mask_line(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	const char *word = in.p, *stop = word_end(in);
	bool escaped = stop < in.end && *stop == '\t';
	int err;

	if (!parse_mask(word, (size_t)(stop - word), ev))
		return fn_parse_bad(p, "no such event");
	in.p = stop;
	skip_blank(&in);
	/* An overflow may come without a path: nobody knows where it was. */
	if (in.p == in.end && ev->mask != FN_Q_OVERFLOW)
		return fn_parse_bad(p, "no path");
	if (ev->mask & FN_RENAME)
		return two_paths(p, &in, escaped, ev);
	err = one_path(p, &in, true, escaped, &ev->path);
	if (!err && in.p != in.end)
		return fn_parse_bad(p, "text after the path");
	return err;
}
