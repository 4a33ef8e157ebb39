/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fnsend/send.h"

/* The index of value in words ("a|b|c"), -1 after a message. */
static int word_index(const char *option, const char *value, const char *words)
{
	size_t n = strlen(value);
	int i = 0;

	for (const char *w = words; w; w = strchr(w, '|'), i++) {
		w += *w == '|';
		if (!strncmp(w, value, n) && (w[n] == '|' || !w[n]))
			return i;
	}
	fn_usage("--%s: '%s' is none of %s", option, value, words);
	return -1;
}

static int keep(char **slot, const char *value)
{
	free(*slot);
	*slot = strdup(value);
	return *slot ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");
}

static int take_handle(struct settings *set, const char *value)
{
	uint8_t bytes[FN_HANDLE_MAX];
	char *end, pair[3] = "";
	long type = strtol(value, &end, 0);
	size_t n = 0;

	if (end == value || *end++ != ':')
		return fn_usage("--handle: '%s' is not TYPE:HEX", value);
	for (; end[0] && end[1] && n < sizeof(bytes); end += 2) {
		char *stop;

		memcpy(pair, end, 2);
		bytes[n++] = (uint8_t)strtoul(pair, &stop, 16);
		if (*stop || pair[0] == '-' || pair[0] == '+' || pair[0] == ' ')
			break;
	}
	if (*end || fn_object_set_handle(&set->object, (int)type, bytes, n))
		return fn_usage("--handle: '%s' is not TYPE:HEX", value);
	return 0;
}

static int take_node(struct settings *set, const char *value)
{
	char *end;
	uint64_t id = strtoull(value, &end, 0), generation = 0;

	if (end != value && *end == ':')
		generation = strtoull(end + 1, &end, 0);
	if (*value < '0' || *value > '9' || *end)
		return fn_usage("--node: '%s' is not ID[:GENERATION]", value);
	fn_object_set_node(&set->object, id, generation);
	return 0;
}

static int take_speed(struct settings *set, const char *value)
{
	char *end;

	set->speed = strtod(value, &end);
	if (*end || end == value || !(set->speed >= 0) || set->speed > 1e9)
		return fn_usage("--speed: '%s' is not a factor", value);
	return 0;
}

static int take_allow(struct settings *set, const char *value)
{
	if (!fn_mask_parse(value, strlen(value), ',', &set->allow) ||
	    set->allow & ~(uint64_t)(FN_DELETE | FN_RENAME))
		return fn_usage("--allow: '%s' is not delete, rename or both", value);
	return 0;
}

static int take_number(struct settings *set, int id, const char *value)
{
	uint64_t n;

	switch (id) {
	case OPT_RATE:
		return fn_parse_u64("rate", value, 1, 1000000000, &set->rate) ? FN_EXIT_USAGE : 0;
	case OPT_REPEAT:
		return fn_parse_u64("repeat", value, 1, UINT32_MAX, &set->repeat) ? FN_EXIT_USAGE
										  : 0;
	case OPT_PID:
		if (fn_parse_u64("pid", value, 1, INT32_MAX, &n))
			return FN_EXIT_USAGE;
		set->pid = (int)n;
		return 0;
	case OPT_FD:
		if (fn_parse_u64("fd", value, 0, INT32_MAX, &n))
			return FN_EXIT_USAGE;
		set->fd = (int)n;
		return 0;
	default:
		if (fn_parse_duration("timeout", value, &set->timeout_ns))
			return FN_EXIT_USAGE;
		return set->timeout_ns ? 0 : fn_usage("--timeout: nothing answers in no time");
	}
}

static int take_word(struct settings *set, int id, const char *value)
{
	int i;

	switch (id) {
	case OPT_VIA:
		i = word_index("via", value, "auto|native|replay|nudge");
		set->via = (enum via)i;
		break;
	case OPT_DEGRADE:
		i = word_index("degrade", value, "none|attrib|modify");
		set->degrade = (enum fn_degrade)i;
		break;
	default:
		i = word_index("input", value, "json|wire|inotifywait|csv|fswatch|mask");
		set->input = (enum fn_input)(i + 1);
		break;
	}
	return i < 0 ? FN_EXIT_USAGE : 0;
}

static bool take_flag(struct settings *set, int id)
{
	const struct {
		int id;
		bool *flag;
	} flags[] = {
		{OPT_VERBOSE, &set->verbose},   {OPT_STATS, &set->stats},
		{OPT_STDIN, &set->use_stdin},   {OPT_NULL, &set->null},
		{OPT_FOLLOW, &set->follow},     {OPT_KEEP_ECHOES, &set->keep_echoes},
		{OPT_DRY_RUN, &set->dry_run},   {OPT_FORCE, &set->force},
		{OPT_LIST_FDS, &set->list_fds},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].id == id) {
			*flags[i].flag = true;
			return true;
		}
	return false;
}

int settings_take(int id, const char *value, void *arg)
{
	struct settings *set = arg;

	if (take_flag(set, id))
		return 0;
	switch (id) {
	case OPT_VIA:
	case OPT_DEGRADE:
	case OPT_INPUT:
		return take_word(set, id, value);
	case OPT_MASK:
		return fn_mask_parse(value, strlen(value), ',', &set->mask)
			       ? 0
			       : fn_usage("--mask: '%s' is no event", value);
	case OPT_ALLOW:
		return take_allow(set, value);
	case OPT_HANDLE:
		return take_handle(set, value);
	case OPT_NODE:
		return take_node(set, value);
	case OPT_FORMAT:
		return keep(&set->format, value);
	case OPT_STRIP:
		return keep(&set->strip, value);
	case OPT_PREFIX:
		return keep(&set->prefix, value);
	case OPT_FROM_LOG:
		return keep(&set->from_log, value);
	case OPT_DIALECT:
		return keep(&set->dialect, value);
	case OPT_MALFORMED:
		return keep(&set->malformed, value);
	case OPT_NOTIFY:
		return keep(&set->notify, value);
	case OPT_SPEED:
		return take_speed(set, value);
	default:
		return take_number(set, id, value);
	}
}

void settings_free(struct settings *set)
{
	free(set->format);
	free(set->strip);
	free(set->prefix);
	free(set->from_log);
	free(set->dialect);
	free(set->malformed);
	free(set->notify);
	fn_operands_free(set->operands);
}
