/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gen/gen.h"

#include <stdlib.h>
#include <string.h>

#include "event/event.h"

/* scdoc reads _ and * as marks; in a help text they are meant. */
static void escaped(const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\<#", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void placeholder(const char *arg)
{
	putchar('_');
	escaped(arg);
	putchar('_');
}

static void heading(const struct fn_option *o)
{
	if (o->short_name) {
		printf("*-%c*", o->short_name);
		if (o->arg) {
			putchar(' ');
			placeholder(o->arg);
		}
		printf(", ");
	}
	printf("*--%s*", o->name);
	if (o->arg) {
		putchar('=');
		placeholder(o->arg);
	}
	putchar('\n');
}

static void sentence(const char *text)
{
	size_t len = strlen(text);
	char first = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;

	printf("\t%c", first);
	escaped(text + 1);
	printf("%s\n", len && text[len - 1] == '.' ? "" : ".");
}

/* The man text is scdoc already; each of its lines belongs to the option. */
static void indented(const char *text)
{
	putchar('\n');
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n)
			printf("\t%.*s", (int)n, text);
		putchar('\n');
		text += n + (text[n] == '\n');
	}
}

static void option(const struct fn_option *o)
{
	heading(o);
	sentence(o->help);
	if (o->man)
		indented(o->man);
	putchar('\n');
}

static void options(const struct fn_command *cmd)
{
	option(&(struct fn_option){.name = "help", .short_name = 'h', .help = "show a summary"});
	for (size_t i = 0; i < cmd->noptions; i++)
		option(&cmd->options[i]);
	option(&(struct fn_option){.name = "version", .help = "show the version"});
}

static void event_table(void)
{
	size_t n;
	const struct fn_event_desc *t = fn_event_table(&n);

	printf("[[ *Name*\n:- *Group*\n:- *Mask*\n:- *Meaning*\n");
	for (size_t i = 0; i < n; i++)
		printf("|  *%s*\n:  %s\n:  %#llx\n:  %s\n", t[i].name, t[i].group,
		       (unsigned long long)t[i].bit, t[i].what);
	putchar('\n');
}

/* man/NAME.SECTION.scd -> the command NAME. */
static const struct fn_command *page_command(const char *path)
{
	const char *base = strrchr(path, '/');
	char name[64];

	base = base ? base + 1 : path;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, "."), base);
	return gen_command(name);
}

static void plain_line(const char *line)
{
	static const char mark[] = "@VERSION@";
	const char *at = strstr(line, mark);

	if (at)
		printf("%.*s%s%s", (int)(at - line), line, FN_VERSION, at + sizeof(mark) - 1);
	else
		fputs(line, stdout);
}

int gen_man(const char *path)
{
	const struct fn_command *cmd = page_command(path);
	char line[8192];
	FILE *f = fopen(path, "re");

	if (!f) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "@OPTIONS@\n") && cmd)
			options(cmd);
		else if (!strcmp(line, "@EVENTS@\n"))
			event_table();
		else
			plain_line(line);
	}
	fclose(f);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* In roff a dash may stand as \-; scdoc leaves it plain within words. */
static bool has_option(const char *text, const char *name)
{
	char want[160] = "--", *p = want + 2;

	for (const char *s = name; *s && p < want + sizeof(want) - 3; s++)
		*p++ = *s;
	if (strstr(text, want))
		return true;
	p = want;
	for (const char *s = "--"; *s; s++)
		*p++ = '\\', *p++ = *s;
	for (const char *s = name; *s && p < want + sizeof(want) - 3; s++) {
		if (*s == '-')
			*p++ = '\\';
		*p++ = *s;
	}
	*p = '\0';
	return strstr(text, want) != NULL;
}

int gen_covered(const char *name, const char *page)
{
	const struct fn_command *cmd = gen_command(name);
	char *text = slurp(page);
	int missing = 0;

	if (!cmd || !text) {
		fprintf(stderr, "fngen: %s: no such command or page\n", name);
		free(text);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < cmd->noptions; i++) {
		if (!has_option(text, cmd->options[i].name)) {
			printf("# %s: --%s is not in the page\n", name, cmd->options[i].name);
			missing++;
		}
	}
	free(text);
	return missing ? EXIT_FAILURE : EXIT_SUCCESS;
}
