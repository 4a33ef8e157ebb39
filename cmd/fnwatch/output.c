/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/output.h"
#include "event/event_json.h"
#include "wire/fn1.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_AT 65536

void output_init(struct output *o, const struct watch_options *opts)
{
	const char *no_colour = getenv("NO_COLOR");
	struct stat st;

	*o = (struct output){.opts = opts};
	o->terminal = opts->style == STYLE_TEXT && !opts->null && isatty(STDOUT_FILENO);
	o->colour = opts->colour == COLOUR_ALWAYS ||
		    (opts->colour == COLOUR_AUTO && o->terminal && !(no_colour && *no_colour));
	o->terminal |= opts->colour == COLOUR_ALWAYS && !opts->null;
	o->is_pipe = !fstat(STDOUT_FILENO, &st) && !S_ISREG(st.st_mode);
	o->clock.format = opts->time_format ? opts->time_format
			  : o->terminal     ? "%H:%M:%S"
					    : "%Y-%m-%dT%H:%M:%S%z";
	sigemptyset(&o->waiting_mask);
}

void output_free(struct output *o)
{
	fn_buf_free(&o->buf);
}

static const char *root_name(const struct output *o, int root)
{
	return root >= 0 && (size_t)root < o->opts->nroots ? o->opts->roots[root] : NULL;
}

static struct record record_of(struct output *o, const struct fn_event *ev)
{
	bool nul = o->opts->null || (o->opts->format && format_nul(o->opts->format));

	return (struct record){
		.ev = ev,
		.root = root_name(o, ev->root),
		.old_root = ev->old_root ? root_name(o, ev->old_root - 1) : NULL,
		.raw = o->opts->raw || nul || o->opts->style == STYLE_CSV,
		.separator = ',',
		.clock = &o->clock,
	};
}

static void print_format(struct output *o, const struct record *r)
{
	format_print(&o->buf, o->opts->format, r);
	if (!o->opts->no_newline)
		fn_buf_char(&o->buf, o->opts->null ? '\0' : '\n');
}

/* Numbers count what is in this stream; a loss of n events stands for n numbers. */
static void print_wire(struct output *o, const struct fn_event *ev)
{
	struct fn_event own = *ev;
	char *room = fn_buf_room(&o->buf, FN1_EVENT_MAX);
	ssize_t n;

	own.seq = o->wire_seq + 1;
	o->wire_seq += ev->mask & FN_Q_OVERFLOW && ev->lost ? ev->lost : 1;
	n = room ? fn_fn1_encode_event(room, FN1_EVENT_MAX, &own) : 0;
	if (n > 0)
		o->buf.len += (size_t)n;
	else if (room)
		o->error = -(int)n;
}

void output_start(struct output *o)
{
	struct fn1_hello hello = {
		.version = FN1_VERSION,
		.flags = FN1_HELLO_STREAM,
		.mask = o->opts->mask,
		.server = {"fnwatch " FN_VERSION, sizeof("fnwatch " FN_VERSION) - 1}};
	char *room;
	ssize_t n;

	if (o->opts->style != STYLE_WIRE)
		return;
	room = fn_buf_room(&o->buf, FN1_EVENT_MAX);
	n = room ? fn1_put_hello(room, FN1_EVENT_MAX, FN1_NOTIFY, 0, &hello) : 0;
	if (n > 0)
		o->buf.len += (size_t)n;
	output_flush(o);
}

void output_print(struct output *o, const struct fn_event *ev)
{
	struct record r = record_of(o, ev);

	switch (o->opts->style) {
	case STYLE_TEXT:
		if (o->terminal)
			print_terminal(&o->buf, &r, o->colour);
		else
			print_text(&o->buf, &r, o->opts->null);
		break;
	case STYLE_FORMAT:
		print_format(o, &r);
		break;
	case STYLE_CSV:
		print_csv(&o->buf, &r);
		break;
	case STYLE_JSON:
		fn_event_to_json(&o->buf, ev, r.root, r.old_root);
		fn_buf_char(&o->buf, '\n');
		break;
	case STYLE_WIRE:
		print_wire(o, ev);
		break;
	}
	o->printed++;
	if (o->buf.len >= FLUSH_AT)
		output_flush(o);
}

/* Wait until the reader takes at least PIPE_BUF bytes; signals end the wait. */
static int wait_for_reader(const struct output *o)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (ppoll(&p, 1, NULL, &o->waiting_mask) < 0)
		return -errno;
	return p.revents & POLLERR ? -EPIPE : 0;
}

static int write_some(const struct output *o, const char *data, size_t len, size_t *done)
{
	ssize_t n;
	int r;

	if (o->is_pipe) {
		r = wait_for_reader(o);
		if (r)
			return r;
		len = len < PIPE_BUF ? len : PIPE_BUF;
	}
	n = write(STDOUT_FILENO, data, len);
	if (n < 0)
		return -errno;
	*done += (size_t)n;
	return 0;
}

bool output_flush(struct output *o)
{
	size_t done = 0;
	int r = o->buf.failed ? -ENOMEM : 0;

	while (!r && !o->gone && done < o->buf.len) {
		r = write_some(o, o->buf.data + done, o->buf.len - done, &done);
		if (r == -EAGAIN || (r == -EINTR && !o->stop_waiting(o->stop_arg)))
			r = 0;
	}
	fn_buf_clear(&o->buf);
	if (r == -EPIPE || r == -EINTR)
		o->gone = true;
	else if (r && !o->error)
		o->error = -r;
	return !o->gone && !o->error;
}
