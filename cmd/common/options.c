/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One option table gives popt, --help and, through fngen, the man page and completions. */
#include "common/cmd.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ids of the two options that every command has */
enum { OPT_HELP = 1 << 20, OPT_VERSION };

#define HELP_COLUMN 30

static void print_left(const struct fn_option *o)
{
	char left[128], brief[8] = "    ";
	int n;

	if (o->short_name)
		snprintf(brief, sizeof(brief), "-%c, ", o->short_name);
	n = snprintf(left, sizeof(left), "  %s--%s", brief, o->name);
	if (o->arg && n > 0 && (size_t)n < sizeof(left))
		snprintf(left + n, sizeof(left) - (size_t)n, "=%s", o->arg);
	if (strlen(left) >= HELP_COLUMN)
		printf("%s\n%*s", left, HELP_COLUMN, "");
	else
		printf("%-*s", HELP_COLUMN, left);
}

static void print_option(const struct fn_option *o)
{
	print_left(o);
	printf("%s\n", o->help);
}

static int print_help(const struct fn_command *cmd)
{
	static const struct fn_option common[] = {
		{.name = "help", .short_name = 'h', .help = "show this help"},
		{.name = "version", .help = "show the version"},
	};

	for (size_t i = 0; cmd->synopsis[i]; i++)
		printf("%s %s %s\n", i ? "      " : "Usage:", cmd->name, cmd->synopsis[i]);
	printf("\n%s.\n\nOptions:\n", cmd->purpose);
	for (size_t i = 0; i < cmd->noptions; i++)
		print_option(&cmd->options[i]);
	print_option(&common[0]);
	print_option(&common[1]);
	printf("\nFor more see %s(1).\n", cmd->name);
	return fn_close_stdout(FN_EXIT_OK);
}

static int print_version(const struct fn_command *cmd)
{
	printf("%s (fnutils) %s\n", cmd->name, FN_VERSION);
	return fn_close_stdout(FN_EXIT_OK);
}

/* Every option is returned by its value, with its argument to be taken by poptGetOptArg(). */
static struct poptOption *popt_table(const struct fn_command *cmd)
{
	struct poptOption *table = calloc(cmd->noptions + 3, sizeof(*table));

	if (!table)
		return NULL;
	for (size_t i = 0; i < cmd->noptions; i++) {
		const struct fn_option *o = &cmd->options[i];

		table[i] = (struct poptOption){.longName = o->name,
					       .shortName = o->short_name,
					       .argInfo = o->arg ? POPT_ARG_STRING : POPT_ARG_NONE,
					       .val = o->id};
	}
	table[cmd->noptions] = (struct poptOption){
		.longName = "help", .shortName = 'h', .argInfo = POPT_ARG_NONE, .val = OPT_HELP};
	table[cmd->noptions + 1] = (struct poptOption){
		.longName = "version", .argInfo = POPT_ARG_NONE, .val = OPT_VERSION};
	return table;
}

/* -1: go on; else the status to end with. */
static int take_option(const struct fn_command *cmd, poptContext ctx, int id, fn_option_cb cb,
		       void *arg)
{
	char *value;
	int status;

	if (id == OPT_HELP)
		return print_help(cmd);
	if (id == OPT_VERSION)
		return print_version(cmd);
	value = poptGetOptArg(ctx);
	status = cb(id, value, arg);
	free(value);
	return status ? status : -1;
}

static int copy_operands(poptContext ctx, char ***operands)
{
	const char **args = poptGetArgs(ctx);
	size_t n = 0;
	char **copy;

	while (args && args[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -1;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(args[i]);
		if (!copy[i]) {
			fn_operands_free(copy);
			return -1;
		}
	}
	*operands = copy;
	return 0;
}

static int parse(const struct fn_command *cmd, poptContext ctx, fn_option_cb cb, void *arg,
		 char ***operands, int *status)
{
	int id;

	while ((id = poptGetNextOpt(ctx)) > 0) {
		*status = take_option(cmd, ctx, id, cb, arg);
		if (*status >= 0)
			return -1;
	}
	if (id < -1) {
		*status = fn_usage("%s: %s", poptBadOption(ctx, POPT_BADOPTION_NOALIAS),
				   poptStrerror(id));
		return -1;
	}
	if (copy_operands(ctx, operands)) {
		*status = fn_fail(FN_EXIT_FAIL, "out of memory");
		return -1;
	}
	return 0;
}

int fn_options_parse(const struct fn_command *cmd, int argc, char **argv, fn_option_cb cb,
		     void *arg, char ***operands, int *status)
{
	struct poptOption *table = popt_table(cmd);
	poptContext ctx;
	int r;

	fn_program = cmd->name;
	/* No poptReadDefaultConfig(): a user's aliases must not alter a tool that root runs. */
	ctx = table ? poptGetContext(NULL, argc, (const char **)argv, table,
				     cmd->stop_at_operand ? POPT_CONTEXT_POSIXMEHARDER : 0)
		    : NULL;
	if (!ctx) {
		free(table);
		*status = fn_fail(FN_EXIT_FAIL, "out of memory");
		return -1;
	}
	r = parse(cmd, ctx, cb, arg, operands, status);
	poptFreeContext(ctx);
	free(table);
	return r;
}

void fn_operands_free(char **operands)
{
	for (size_t i = 0; operands && operands[i]; i++)
		free(operands[i]);
	free(operands);
}
