/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completions for three shells out of the option tables. */
#include "gen/gen.h"

static void print_events(FILE *f)
{
	const char *words[80];
	size_t n = gen_event_words(words);

	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? " " : "", words[i]);
}

static void print_words(FILE *f, const char *words)
{
	for (; words && *words; words++)
		fputc(*words == '|' ? ' ' : *words, f);
}

static void header(FILE *f, const struct fn_command *cmd)
{
	fprintf(f, "# SPDX-License-Identifier: GPL-2.0-or-later\n");
	fprintf(f, "# Generated from the option table of %s by `make completions`.\n", cmd->name);
}

/* What each way of completing an argument is in each shell; %E events, %W words. */
struct action {
	const char *bash, *zsh, *fish;
};

static const struct action actions[] = {
	[FN_COMPLETE_NONE] = {":", " ", " -x"},
	[FN_COMPLETE_FILE] =
		{"compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")",
		 "_files", " -r -F"},
	[FN_COMPLETE_DIR] =
		{"compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")",
		 "_files -/", " -x -a '(__fish_complete_directories)'"},
	[FN_COMPLETE_PID] =
		{"mapfile -t COMPREPLY < <(cd /proc && compgen -W \"$(echo [0-9]*)\" -- \"$cur\")",
		 "_pids", " -x -a '(__fish_complete_pids)'"},
	[FN_COMPLETE_EVENTS] =
		{"local pre=; [[ $cur == *,* ]] && pre=${cur%,*},; compopt -o nospace 2>/dev/null; "
		 "mapfile -t COMPREPLY < <(compgen -P \"$pre\" -W '%E' -- \"${cur##*,}\")",
		 "_sequence compadd - %E", " -x -a '%E'"},
	[FN_COMPLETE_WORDS] = {"mapfile -t COMPREPLY < <(compgen -W '%W' -- \"$cur\")", "(%W)",
			       " -x -a '%W'"},
};

static void print_action(FILE *f, const char *text, const char *words)
{
	for (; *text; text++) {
		if (text[0] == '%' && text[1] == 'E')
			print_events(f), text++;
		else if (text[0] == '%' && text[1] == 'W')
			print_words(f, words), text++;
		else
			fputc(*text, f);
	}
}

static void bash_option(FILE *f, const struct fn_option *o)
{
	if (!o->arg)
		return;
	fprintf(f, "\t");
	if (o->short_name)
		fprintf(f, "-%c | ", o->short_name);
	fprintf(f, "--%s) ", o->name);
	print_action(f, actions[o->complete].bash, o->words);
	fprintf(f, "; return ;;\n");
}

void gen_bash(FILE *f, const struct fn_command *cmd)
{
	header(f, cmd);
	fprintf(f,
		"_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n",
		cmd->name);
	/* readline splits --opt=value at the '=' */
	fprintf(f,
		"\tif [[ $cur == = ]]; then cur=\n\telif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n");
	fprintf(f, "\tCOMPREPLY=()\n\tcase $prev in\n");
	for (size_t i = 0; i < cmd->noptions; i++)
		bash_option(f, &cmd->options[i]);
	fprintf(f,
		"\tesac\n\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; i < cmd->noptions; i++)
		fprintf(f, "--%s ", cmd->options[i].name);
	fprintf(f, "--help --version' -- \"$cur\")\n\t\treturn\n\tfi\n\t");
	print_action(f, actions[cmd->operands].bash, cmd->words);
	fprintf(f, "\n}\ncomplete -F _%s %s\n", cmd->name, cmd->name);
}

/* Within single quotes, in the text of a zsh _arguments spec. */
static void zsh_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", f);
		else if (*text == '[' || *text == ']' || *text == ':')
			fputc('\\', f);
		fputc(*text, f);
	}
}

static void zsh_option(FILE *f, const struct fn_option *o)
{
	const char *eq = o->arg ? "=" : "";

	if (o->short_name)
		fprintf(f, "\t'*'{-%c%s,--%s%s}'[", o->short_name, o->arg ? "+" : "", o->name, eq);
	else
		fprintf(f, "\t'*--%s%s[", o->name, eq);
	zsh_text(f, o->help);
	fprintf(f, "]");
	if (o->arg) {
		fprintf(f, ":");
		zsh_text(f, o->arg);
		fprintf(f, ":");
		print_action(f, actions[o->complete].zsh, o->words);
	}
	fprintf(f, "' \\\n");
}

void gen_zsh(FILE *f, const struct fn_command *cmd)
{
	fprintf(f, "#compdef %s\n", cmd->name);
	header(f, cmd);
	fprintf(f, "_arguments -s -S \\\n");
	for (size_t i = 0; i < cmd->noptions; i++)
		zsh_option(f, &cmd->options[i]);
	fprintf(f,
		"\t'(-h --help)'{-h,--help}'[show this help]' \\\n\t'--version[show the version]' \\\n\t'*:operand:");
	print_action(f, actions[cmd->operands].zsh, cmd->words);
	fprintf(f, "'\n");
}

static void fish_quoted(FILE *f, const char *text)
{
	fputc('\'', f);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
	fputc('\'', f);
}

static void fish_option(FILE *f, const struct fn_command *cmd, const struct fn_option *o)
{
	fprintf(f, "complete -c %s", cmd->name);
	if (o->short_name)
		fprintf(f, " -s %c", o->short_name);
	fprintf(f, " -l %s -d ", o->name);
	fish_quoted(f, o->help);
	if (o->arg)
		print_action(f, actions[o->complete].fish, o->words);
	fputc('\n', f);
}

void gen_fish(FILE *f, const struct fn_command *cmd)
{
	header(f, cmd);
	for (size_t i = 0; i < cmd->noptions; i++)
		fish_option(f, cmd, &cmd->options[i]);
	fprintf(f, "complete -c %s -s h -l help -d 'show this help'\n", cmd->name);
	fprintf(f, "complete -c %s -l version -d 'show the version'\n", cmd->name);
	if (cmd->operands == FN_COMPLETE_WORDS) {
		fprintf(f, "complete -c %s -n __fish_use_subcommand -a '", cmd->name);
		print_words(f, cmd->words);
		fprintf(f, "'\n");
	}
}
