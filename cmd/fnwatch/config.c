/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option table's reader. */
#include "fnwatch/options.h"
#include "event/event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int take_events(struct watch_options *o, const char *list)
{
	const char *bad;
	size_t len;
	uint64_t mask;

	if (select_events(list, &mask, &bad, &len))
		return fn_usage("--event: '%.*s' is not an event", (int)len, bad);
	o->events_given = true;
	/* Repeated, the option adds; a list that only takes away takes from what was there. */
	if (list[0] == '!' && o->mask)
		o->mask &= mask;
	else
		o->mask |= mask;
	return 0;
}

static int take_pattern(struct watch_options *o, const char *regex, bool include, bool any_case)
{
	char why[128];

	if (filter_add(&o->filter, regex, include, any_case, why, sizeof(why)))
		return fn_usage("'%s': %s", regex, why);
	return 0;
}

static int take_style(struct watch_options *o, enum watch_style style)
{
	if (o->style != STYLE_TEXT && o->style != style)
		return fn_usage("only one of --json, --csv, --format and --wire");
	o->style = style;
	return 0;
}

static int take_format(struct watch_options *o, const char *text)
{
	char why[128];
	int status = take_style(o, STYLE_FORMAT);

	if (status)
		return status;
	format_free(o->format);
	o->format = format_compile(text, why, sizeof(why));
	return o->format ? 0 : fn_usage("--format: %s", why);
}

static int take_word(const char *option, const char *value, const char *const *words, int *index)
{
	for (*index = 0; words[*index]; ++*index)
		if (!strcmp(words[*index], value))
			return 0;
	return fn_usage("--%s: unknown word '%s'", option, value);
}

static int take_copy(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");
}

static int take_source(struct watch_options *o, const char *value)
{
	static const char *const words[] = {"auto", "remote", "fanotify", "inotify", NULL};
	int index, status;

	if (!strncmp(value, "stream:", 7) && value[7]) {
		o->source = SOURCE_STREAM;
		return take_copy(&o->stream, value + 7);
	}
	status = take_word("source", value, words, &index);
	o->source = (enum watch_source)index;
	return status;
}

static int take_overflow(struct watch_options *o, const char *value)
{
	static const char *const words[] = {"report", "rescan", "exit", NULL};
	int index, status = take_word("on-overflow", value, words, &index);

	o->overflow = (enum watch_overflow)index;
	return status;
}

static int take_colour(struct watch_options *o, const char *value)
{
	static const char *const words[] = {"auto", "always", "never", NULL};
	int index, status = take_word("color", value, words, &index);

	o->colour = (enum watch_colour)index;
	return status;
}

static int take_time(const char *option, const char *value, int64_t *ns)
{
	return fn_parse_duration(option, value, ns) ? FN_EXIT_USAGE : 0;
}

static int take_ready_fd(struct watch_options *o, const char *value)
{
	uint64_t fd;

	if (fn_parse_u64("ready-fd", value, 0, 1 << 20, &fd))
		return FN_EXIT_USAGE;
	if (fcntl((int)fd, F_GETFD) < 0)
		return fn_usage("--ready-fd: %s: %s", value, strerror(errno));
	o->ready_fd = (int)fd;
	return 0;
}

static int take_flag(struct watch_options *o, int id)
{
	switch (id) {
	case OPT_RECURSIVE:
		o->recursive = true;
		break;
	case OPT_NO_NEWLINE:
		o->no_newline = true;
		break;
	case OPT_NULL:
		o->null = true;
		break;
	case OPT_RAW:
		o->raw = true;
		break;
	case OPT_NO_FOLLOW:
		o->no_follow = true;
		break;
	case OPT_STATS:
		o->stats = true;
		break;
	case OPT_JSON:
		return take_style(o, STYLE_JSON);
	case OPT_CSV:
		return take_style(o, STYLE_CSV);
	case OPT_WIRE:
		return take_style(o, STYLE_WIRE);
	}
	return 0;
}

static int take(int id, const char *value, void *arg)
{
	struct watch_options *o = arg;

	switch (id) {
	case OPT_EVENT:
		return take_events(o, value);
	case OPT_INCLUDE:
	case OPT_INCLUDE_I:
		return take_pattern(o, value, true, id == OPT_INCLUDE_I);
	case OPT_EXCLUDE:
	case OPT_EXCLUDE_I:
		return take_pattern(o, value, false, id == OPT_EXCLUDE_I);
	case OPT_WRITER:
		return writers_add(&o->writers, value) ? fn_fail(FN_EXIT_FAIL, "out of memory") : 0;
	case OPT_COUNT:
		return fn_parse_u64("count", value, 1, UINT64_MAX, &o->count) ? FN_EXIT_USAGE : 0;
	case OPT_TIMEOUT:
		return take_time("timeout", value, &o->timeout_ns);
	case OPT_SETTLE:
		return take_time("settle", value, &o->settle_ns);
	case OPT_FORMAT:
		return take_format(o, value);
	case OPT_TIMEFMT:
		return take_copy(&o->time_format, value);
	case OPT_COLOUR:
		return take_colour(o, value);
	case OPT_SOURCE:
		return take_source(o, value);
	case OPT_OVERFLOW:
		return take_overflow(o, value);
	case OPT_READY_FD:
		return take_ready_fd(o, value);
	}
	return take_flag(o, id);
}

/* What does not go together. */
static int check(const struct watch_options *o)
{
	bool lines = o->style == STYLE_TEXT || o->style == STYLE_FORMAT;

	if ((o->null || o->raw) && !lines)
		return fn_usage("--null and --raw go with plain text and --format only");
	if (o->no_newline && o->style != STYLE_FORMAT)
		return fn_usage("--no-newline goes with --format only");
	if (!o->mask)
		return fn_usage("--event: no event is left");
	if (!o->nroots && o->source != SOURCE_STREAM)
		return fn_usage("no PATH to watch");
	if (o->nroots > 1 && o->style == STYLE_WIRE)
		return fn_usage("--wire takes one PATH: paths in the stream are relative to it");
	if (o->nroots > 1 && o->source == SOURCE_STREAM)
		return fn_usage("a stream has one PATH at most");
	if (o->overflow == OVERFLOW_RESCAN && o->source == SOURCE_STREAM && !o->nroots)
		return fn_usage("--on-overflow=rescan: a stream without PATH cannot be rescanned");
	if (writers_any(&o->writers) && o->source == SOURCE_INOTIFY)
		return fn_fail(FN_EXIT_UNSUPPORTED,
			       "--exclude-writer: inotify does not tell who made a change");
	return 0;
}

int watch_options_parse(struct watch_options *o, int argc, char **argv, int *status)
{
	*o = (struct watch_options){.ready_fd = -1};
	if (fn_options_parse(&fnwatch_command, argc, argv, take, o, &o->roots, status))
		return -1;
	while (o->roots[o->nroots])
		o->nroots++;
	if (!o->events_given)
		o->mask = FN_CHANGE_EVENTS;
	*status = check(o);
	return *status ? -1 : 0;
}

void watch_options_free(struct watch_options *o)
{
	fn_operands_free(o->roots);
	format_free(o->format);
	filter_free(&o->filter);
	writers_free(&o->writers);
	free(o->stream);
	free(o->time_format);
}
