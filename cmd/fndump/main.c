/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fndump/fndump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/writer.h"

static int number(const char *option, const char *value, uint64_t max, size_t *to)
{
	uint64_t v;

	if (fn_parse_u64(option, value, 1, max, &v))
		return FN_EXIT_USAGE;
	*to = v;
	return 0;
}

static int size(const char *option, const char *value, uint64_t max, size_t *to)
{
	uint64_t v;

	if (fn_parse_size(option, value, &v))
		return FN_EXIT_USAGE;
	if (v > max)
		return fn_usage("--%s: '%s' is more than %llu", option, value,
				(unsigned long long)max);
	*to = v;
	return 0;
}

static int set_input(struct config *c, const char *value)
{
	c->trace.format = fn_trace_format_parse(value);
	if (c->trace.format == FN_TRACE_AUTO && strcmp(value, "auto"))
		return fn_usage("--input: no format '%s'", value);
	return 0;
}

static int set_dialect(struct config *c, const char *value)
{
	const struct fn_wire_dialect *d = fn_wire_dialect_named(value, strlen(value));

	if (!d)
		return fn_usage("--dialect: no dialect '%s'", value);
	c->session.dialect = (enum fn_dialect)d->id;
	c->session.dialect_set = true;
	return 0;
}

static int set_time(struct config *c, const char *value)
{
	static const struct {
		const char *name;
		enum fn_print_time style;
	} styles[] = {
		{"auto", FN_PRINT_TIME_AUTO},   {"date", FN_PRINT_TIME_DATE},
		{"epoch", FN_PRINT_TIME_EPOCH}, {"start", FN_PRINT_TIME_START},
		{"delta", FN_PRINT_TIME_DELTA}, {"none", FN_PRINT_TIME_NONE},
	};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (!strcmp(styles[i].name, value)) {
			c->print.time = styles[i].style;
			return 0;
		}
	return fn_usage("--time: no style '%s'", value);
}

static int set_via(struct config *c, const char *value)
{
	static const char *const names[] = {
		[VIA_AUTO] = "auto",
		[VIA_BPF] = "bpf",
		[VIA_PTRACE] = "ptrace",
		[VIA_TRACEFS] = "tracefs",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], value)) {
			c->via = (enum via)i;
			return 0;
		}
	return fn_usage("--via: no method '%s'", value);
}

static int set_limit(int id, struct config *c, const char *value)
{
	size_t n = 0;
	int r;

	switch (id) {
	case OPT_MAX_OUTSTANDING:
		return number("max-outstanding", value, 1u << 30, &c->session.max_outstanding);
	case OPT_MAX_NODES:
		return number("max-nodes", value, 1u << 30, &c->session.max_nodes);
	case OPT_MAX_MESSAGE:
		r = size("max-message", value, 1u << 30, &n);
		c->trace.max_message = (uint32_t)n;
		return r;
	case OPT_STRINGS:
		return size("string-size", value, 1u << 30, &c->print.string_max);
	case OPT_SLOWEST:
		return fn_parse_u64("slowest", value, 1, 1000000, &c->slowest) ? FN_EXIT_USAGE : 0;
	default:
		return fn_parse_u64("limit", value, 1, UINT64_MAX, &c->limit) ? FN_EXIT_USAGE : 0;
	}
}

static int set_pid(struct config *c, const char *value)
{
	uint64_t v;

	if (fn_parse_u64("pid", value, 1, 4194304, &v))
		return FN_EXIT_USAGE;
	c->pid = (pid_t)v;
	return 0;
}

/* The options that take an argument. The text outlives the parsing only where it is copied. */
/* The last of several counts. */
static int keep(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");
}

static int set_value(int id, struct config *c, const char *value)
{
	switch (id) {
	case OPT_INPUT:
		return set_input(c, value);
	case OPT_DIALECT:
		return set_dialect(c, value);
	case OPT_PID:
		return set_pid(c, value);
	case OPT_VIA:
		return set_via(c, value);
	case OPT_TIME:
		return set_time(c, value);
	case OPT_FILTER:
		return filter_add(&c->filter, value);
	case OPT_MOUNT:
		return keep(&c->mount, value);
	case OPT_WRITE:
		return keep(&c->write, value);
	case OPT_PCAPNG:
		return keep(&c->pcapng, value);
	case OPT_FORMAT:
		return keep(&c->print.format, value);
	default:
		return set_limit(id, c, value);
	}
}

static int set_option(int id, const char *value, void *arg)
{
	struct config *c = arg;

	switch (id) {
	case OPT_FOLLOW:
		c->trace.follow = true;
		break;
	case OPT_DISSECTOR:
		c->dissector = true;
		break;
	case OPT_ANONYMIZE:
		c->anonymize = true;
		break;
	case OPT_VERBOSE:
		c->print.tree = true;
		break;
	case OPT_HEX:
		c->print.hex = true;
		break;
	case OPT_JSON:
		c->json = true;
		break;
	case OPT_PAIR:
		c->print.pair = true;
		break;
	case OPT_COUNT:
		c->summary = true;
		break;
	case OPT_HISTOGRAM:
		c->histogram = true;
		break;
	case OPT_OUTSTANDING:
		c->outstanding = true;
		break;
	case OPT_CHECK:
		c->check = true;
		break;
	case OPT_STRICT:
		c->strict = true;
		break;
	default:
		return set_value(id, c, value);
	}
	return 0;
}

static int print_dissector(void)
{
	struct fn_buf out = {0};

	fn_write_dissector(&out);
	fwrite(out.data, 1, out.len, stdout);
	fn_buf_free(&out);
	return fn_close_stdout(FN_EXIT_OK);
}

static int check_operands(const struct config *c, char **operands)
{
	size_t n = 0;
	int sources;

	while (operands[n])
		n++;
	sources = (n > 0) + (c->pid != 0) + (c->mount != NULL) + (c->command != NULL);
	if (n > 1)
		return fn_usage("more than one FILE");
	if (sources > 1)
		return fn_usage("one of FILE, --pid, --mount and COMMAND, not more");
	if (c->command && !c->command[0])
		return fn_usage("no COMMAND after --");
	if ((c->via == VIA_PTRACE && c->mount) || (c->via == VIA_TRACEFS && !c->mount) ||
	    (c->via == VIA_BPF && !c->mount && !c->pid))
		return fn_usage("--via: not for what is to be traced");
	if (c->json && c->print.format)
		return fn_usage("--json and --format exclude each other");
	if (!sources && isatty(STDIN_FILENO))
		return fn_usage("no FILE");
	return 0;
}

static void free_config(struct config *c)
{
	filter_free(c->filter);
	free(c->mount);
	free(c->write);
	free(c->pcapng);
	free(c->print.format);
}

/* What follows "--" is a command: popt would not tell it from a file. */
static char **split_command(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++)
		if (!strcmp(argv[i], "--")) {
			*argc = i;
			argv[i] = NULL;
			return argv + i + 1;
		}
	return NULL;
}

int main(int argc, char **argv)
{
	struct config c = {.print.string_max = 32};
	char **operands;
	int status;

	c.command = split_command(&argc, argv);
	if (fn_options_parse(&fndump_command, argc, argv, set_option, &c, &operands, &status) < 0) {
		free_config(&c);
		return status;
	}
	status = check_operands(&c, operands);
	if (!status && c.dissector)
		status = print_dissector();
	else if (!status)
		status = fndump_run(&c, operands[0] ? operands[0] : "-");
	free_config(&c);
	fn_operands_free(operands);
	return status;
}
