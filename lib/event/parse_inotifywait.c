/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotifywait: "WATCHED EVENTS NAME" by default, a --format, or --csv. Neither names nor
 * separators are quoted in the first two; what decides where a field ends is the list of event
 * names, which is looked for from the left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/parse_impl.h"

/* A list of event names in capitals at p: its end, or NULL. */
static const char *events_end(struct fn_span in, char separator, uint64_t *mask)
{
	const char *p = in.p;

	while (p < in.end && ((*p >= 'A' && *p <= 'Z') || *p == '_' || *p == separator))
		p++;
	return p > in.p && fn_mask_parse(in.p, (size_t)(p - in.p), separator, mask) ? p : NULL;
}

/* A watched directory ends in '/', so that the first " EVENTS" behind a '/' is the right one; a
 * watched file has no name behind the events. */
int fn_parse_inotifywait(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	for (const char *at = in.p; (at = memchr(at, ' ', (size_t)(in.end - at))); at++) {
		const char *stop = events_end((struct fn_span){at + 1, in.end}, ',', &ev->mask);
		bool dir = at > in.p && at[-1] == '/';

		if (!stop || (stop < in.end && *stop != ' '))
			continue;
		if (!dir && stop + 1 < in.end && at > in.p)
			continue;
		if (at == in.p && ev->mask != FN_Q_OVERFLOW)
			continue;
		fn_parse_set_path(p, ev, fn_str_of(in.p, at),
				  stop < in.end ? fn_str_of(stop + 1, in.end)
						: (struct fn_str){NULL, 0});
		return 0;
	}
	return fn_parse_bad(p, "not inotifywait's WATCHED EVENTS NAME");
}

static int csv_quoted(struct fn_parser *p, struct fn_span *in, struct fn_str *out)
{
	char *to = p->room + p->used;
	size_t n = 0;

	for (in->p++; in->p < in->end; in->p++) {
		if (*in->p == '"') {
			if (in->p + 1 == in->end || in->p[1] != '"')
				break;
			in->p++;
		}
		to[n++] = *in->p;
	}
	if (in->p == in->end)
		return fn_parse_bad(p, "a quote is not closed");
	in->p++;
	*out = fn_parser_keep(p, n);
	return 0;
}

static int csv_field(struct fn_parser *p, struct fn_span *in, bool last, struct fn_str *out)
{
	const char *stop = memchr(in->p, ',', (size_t)(in->end - in->p));

	if (in->p < in->end && *in->p == '"') {
		if (csv_quoted(p, in, out))
			return -EINVAL;
		stop = in->p;
	} else {
		stop = stop ? stop : in->end;
		*out = fn_str_of(in->p, stop);
	}
	in->p = stop;
	if (last != (in->p == in->end) || (!last && *in->p != ','))
		return fn_parse_bad(p, "not three fields");
	in->p += !last;
	return 0;
}

int fn_parse_csv(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	struct fn_str dir, events, name;

	if (csv_field(p, &in, false, &dir) || csv_field(p, &in, false, &events) ||
	    csv_field(p, &in, true, &name))
		return -EINVAL;
	if (!fn_mask_parse(events.data, events.len, ',', &ev->mask))
		return fn_parse_bad(p, "no such event in the second field");
	fn_parse_set_path(p, ev, dir, name);
	return 0;
}

/* One directive behind a '%'; how many characters it took, 0 if there is none such. */
static size_t directive(const char *f, struct fn_part *part)
{
	static const char letters[] = "wfecT";
	static const enum fn_part_kind kinds[] = {FN_PART_DIR, FN_PART_FILE, FN_PART_EVENTS,
						  FN_PART_COOKIE, FN_PART_TIME};
	const char *at = *f ? strchr(letters, *f) : NULL;

	part->separator = ',';
	if (*f == '0' || *f == 'n') { /* the end of the record: not part of it */
		part->kind = FN_PART_TEXT;
		return 1;
	}
	if (at) {
		part->kind = kinds[at - letters];
		return 1;
	}
	if (*f && f[1] == 'e') {
		part->kind = FN_PART_EVENTS;
		part->separator = *f;
		return 2;
	}
	return 0;
}

static int add_part(struct fn_parser *p, const char **f)
{
	struct fn_part *part = &p->parts[p->nparts];
	size_t n;

	if (p->nparts == FN_PARTS_MAX)
		return -EINVAL;
	if (**f == '%' && (*f)[1] != '%') {
		n = directive(*f + 1, part);
		if (!n)
			return -EINVAL;
		*f += 1 + n;
	} else {
		n = **f == '%' ? 1 : strcspn(*f, "%");
		part->kind = FN_PART_TEXT;
		part->text = (struct fn_str){*f, n};
		*f += n + (**f == '%');
	}
	p->nparts++;
	return 0;
}

int fn_format_compile(struct fn_parser *p, const char *format)
{
	unsigned seen[FN_PART_TIME + 1] = {0};
	const char *f;

	p->format = strdup(format);
	if (!p->format)
		return -ENOMEM;
	for (f = p->format; *f;)
		if (add_part(p, &f))
			return -EINVAL;
	for (size_t i = 0; i < p->nparts; i++)
		if (++seen[p->parts[i].kind] > 1 && p->parts[i].kind != FN_PART_TEXT)
			return -EINVAL;
	if (!seen[FN_PART_EVENTS] || !(seen[FN_PART_DIR] || seen[FN_PART_FILE]))
		return -EINVAL;
	return 0;
}

struct match {
	struct fn_span in;
	struct fn_str dir, file;
	uint64_t mask;
	uint32_t cookie;
};

static bool starts(struct fn_span in, struct fn_str text)
{
	return text.len <= (size_t)(in.end - in.p) &&
	       (!text.len || !memcmp(in.p, text.data, text.len));
}

/* Could the text from here be what the part and its follower say? */
static bool fits(const struct fn_part *part, size_t left, struct fn_span in)
{
	uint64_t mask;
	const char *stop;

	if (!left)
		return in.p == in.end;
	if (part->kind == FN_PART_EVENTS) {
		stop = events_end(in, part->separator, &mask);
		return stop &&
		       (left == 1 ? stop == in.end
				  : part[1].kind != FN_PART_TEXT ||
					    starts((struct fn_span){stop, in.end}, part[1].text));
	}
	if (part->kind != FN_PART_TEXT)
		return true;
	if (!starts(in, part->text))
		return false;
	in.p += part->text.len;
	/* A text alone decides nothing before a list of events. */
	return left == 1 ? in.p == in.end
			 : part[1].kind != FN_PART_EVENTS || fits(part + 1, left - 1, in);
}

/* A field of any characters ends where the next part fits first. */
static bool take_any(const struct fn_part *part, size_t left, struct match *m, struct fn_str *out)
{
	const char *from = m->in.p;

	/* %w%f: the one runs into the other, the sum is what counts. */
	if (part->kind == FN_PART_DIR && left > 1 && part[1].kind == FN_PART_FILE) {
		*out = (struct fn_str){from, 0};
		return true;
	}
	if (left == 1) {
		*out = fn_str_of(from, m->in.end);
		m->in.p = m->in.end;
		return true;
	}
	for (; m->in.p <= m->in.end; m->in.p++)
		if (fits(part + 1, left - 1, m->in)) {
			*out = fn_str_of(from, m->in.p);
			return true;
		}
	return false;
}

static bool take_cookie(struct match *m)
{
	for (; m->in.p < m->in.end; m->in.p++) {
		const char *digits = "0123456789abcdef", *d = memchr(digits, *m->in.p, 16);

		if (!d)
			break;
		m->cookie = m->cookie << 4 | (uint32_t)(d - digits);
	}
	return true;
}

static bool take_part(const struct fn_part *part, size_t left, struct match *m)
{
	struct fn_str ignored;
	const char *stop;

	switch (part->kind) {
	case FN_PART_TEXT:
		if (!starts(m->in, part->text))
			return false;
		m->in.p += part->text.len;
		return true;
	case FN_PART_DIR:
		return take_any(part, left, m, &m->dir);
	case FN_PART_FILE:
		return take_any(part, left, m, &m->file);
	case FN_PART_EVENTS:
		stop = events_end(m->in, part->separator, &m->mask);
		m->in.p = stop;
		return stop != NULL;
	case FN_PART_COOKIE:
		return take_cookie(m);
	default:
		return take_any(part, left, m, &ignored);
	}
}

int fn_parse_format(struct fn_parser *p, struct fn_span in, struct fn_event *ev)
{
	struct match m = {.in = in};

	for (size_t i = 0; i < p->nparts; i++)
		if (!take_part(&p->parts[i], p->nparts - i, &m))
			return fn_parse_bad(p, "does not match the --format");
	if (m.in.p != m.in.end)
		return fn_parse_bad(p, "text behind what the --format says");
	ev->mask = m.mask;
	ev->cookie = m.cookie;
	fn_parse_set_path(p, ev, m.dir, m.file);
	return 0;
}
