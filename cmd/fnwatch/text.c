/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain text. In a pipe: EVENTS <tab> PATH, of a rename EVENTS <tab> OLD <tab> NEW; a tab in a
 * name is escaped. With NUL endings names are as they are, so a rename is two records, the second
 * with an empty first field. On a terminal: time, aligned and coloured events, path.
 */
#include "fnwatch/output.h"

#include <stdio.h>

static bool whole_rename(const struct fn_event *ev)
{
	return record_is_rename(ev) && !(ev->flags & FN_EV_PARTIAL);
}

static bool left_only(const struct fn_event *ev)
{
	return record_is_rename(ev) && ev->flags & FN_EV_PARTIAL && !fn_event_has_new(ev);
}

void print_text(struct fn_buf *out, const struct record *r, bool null)
{
	put_events(out, r->ev, ',');
	fn_buf_char(out, '\t');
	if (left_only(r->ev) || whole_rename(r->ev))
		put_old_path(out, r);
	else
		put_path(out, r);
	if (whole_rename(r->ev)) {
		if (null)
			fn_buf_char(out, '\0');
		fn_buf_char(out, '\t');
		put_path(out, r);
	}
	if (r->ev->mask & FN_Q_OVERFLOW) {
		fn_buf_char(out, '\t');
		if (r->ev->lost)
			fn_buf_u64(out, r->ev->lost);
	}
	fn_buf_char(out, null ? '\0' : '\n');
}

static const char *colour_of(const struct fn_event *ev)
{
	if (ev->mask & (FN_Q_OVERFLOW | FN_UNMOUNT | FN_IGNORED) || ev->flags & FN_EV_GONE)
		return "\033[1;31m";
	if (ev->mask & (FN_DELETE | FN_DELETE_SELF | FN_MOVED_FROM))
		return "\033[31m";
	if (ev->mask & (FN_CREATE | FN_MOVED_TO))
		return "\033[32m";
	if (ev->mask & (FN_RENAME | FN_MOVE_SELF))
		return "\033[36m";
	if (ev->mask & (FN_MODIFY | FN_CLOSE_WRITE))
		return "\033[33m";
	return "";
}

static void put_time_of_day(struct fn_buf *out, const struct record *r)
{
	char ms[8];

	put_clock(out, r);
	snprintf(ms, sizeof(ms), ".%03d ", (int)(r->ev->wall_ns / 1000000 % 1000));
	fn_buf_str(out, ms);
}

static void put_aligned_events(struct fn_buf *out, const struct record *r, bool colour)
{
	const char *code = colour ? colour_of(r->ev) : "";
	size_t start;

	fn_buf_str(out, code);
	start = out->len;
	put_events(out, r->ev, ',');
	while (!out->failed && out->len - start < 13)
		fn_buf_char(out, ' ');
	if (*code)
		fn_buf_str(out, "\033[0m");
	fn_buf_char(out, ' ');
}

static void put_who(struct fn_buf *out, const struct record *r)
{
	const struct fn_event *ev = r->ev;
	struct fn_str comm = {ev->comm, strnlen(ev->comm, sizeof(ev->comm))};

	if (ev->flags & FN_EV_REMOTE)
		fn_buf_str(out, "  (remote)");
	if (!comm.len)
		return;
	fn_buf_str(out, "  [");
	put_name(out, r, comm);
	fn_buf_char(out, ' ');
	fn_buf_i64(out, ev->pid);
	fn_buf_char(out, ']');
}

void print_terminal(struct fn_buf *out, const struct record *r, bool colour)
{
	put_time_of_day(out, r);
	put_aligned_events(out, r, colour);
	if (left_only(r->ev) || whole_rename(r->ev))
		put_old_path(out, r);
	else
		put_path(out, r);
	if (whole_rename(r->ev)) {
		fn_buf_str(out, " -> ");
		put_path(out, r);
	}
	if (r->ev->lost) {
		fn_buf_str(out, "  lost ");
		fn_buf_u64(out, r->ev->lost);
	}
	put_who(out, r);
	fn_buf_char(out, '\n');
}
