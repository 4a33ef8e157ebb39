/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fngen: writes what derives from the tables.
 *   fngen completions DIR      DIR/bash/NAME, DIR/zsh/_NAME, DIR/fish/NAME.fish
 *   fngen man FILE.scd         the page with its @MARKS@ filled in
 *   fngen covered NAME PAGE    fails if the rendered page lacks an option
 */
#include "gen/gen.h"

#include <stdlib.h>
#include <string.h>

/* Weak: only commands that are in the tree are linked. */
extern const struct fn_command fnwatch_command __attribute__((weak));
extern const struct fn_command fnsend_command __attribute__((weak));
extern const struct fn_command fnprobe_command __attribute__((weak));
extern const struct fn_command fndump_command __attribute__((weak));
extern const struct fn_command fnmount_command __attribute__((weak));

static const struct fn_command *const commands[] = {
	&fnwatch_command, &fnsend_command, &fnprobe_command, &fndump_command, &fnmount_command,
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct fn_command *gen_command(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (commands[i] && !strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int write_one(const char *dir, const char *sub, const struct fn_command *cmd,
		     const char *suffix, void (*print)(FILE *, const struct fn_command *))
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s%s", dir, sub, cmd->name, suffix);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		return -1;
	}
	print(f, cmd);
	return fclose(f);
}

static int completions(const char *dir)
{
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (commands[i] && (write_one(dir, "bash/", commands[i], "", gen_bash) ||
				    write_one(dir, "zsh/_", commands[i], "", gen_zsh) ||
				    write_one(dir, "fish/", commands[i], ".fish", gen_fish)))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "completions"))
		return completions(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "man"))
		return gen_man(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "covered"))
		return gen_covered(argv[2], argv[3]);
	fprintf(stderr, "usage: fngen completions DIR | man FILE | covered NAME PAGE\n");
	return FN_EXIT_USAGE;
}
