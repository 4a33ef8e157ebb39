/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNPROBE_H
#define FNPROBE_H

#include "common/cmd.h"
#include "probe/probe.h"

extern const struct fn_command fnprobe_command;

enum fnprobe_option {
	OPT_JSON = 1,
	OPT_SHELL,
	OPT_MACROS,
	OPT_PREFIX,
	OPT_LIST,
	OPT_COLUMNS,
	OPT_REQUIRE,
	OPT_REQUIRE_NOT,
	OPT_WAIT,
	OPT_TIMEOUT,
	OPT_AS,
	OPT_BACKING,
	OPT_REMOTE,
	OPT_FROM_TRACE,
	OPT_PASSIVE,
	OPT_NO_CONNECT,
};

enum rendering { RENDER_TABLE, RENDER_JSON, RENDER_SHELL, RENDER_MACROS };

struct args {
	enum rendering rendering;
	char *prefix;                /* NULL: the rendering's own */
	char *columns;               /* NULL: likewise */
	char *require, *require_not; /* comma lists, NULL: none */
	char *wait;                  /* SECONDS, of tags a TAG */
	int64_t wait_ns;
	int64_t timeout_ns; /* 0: the probe's own */
	char *as, *backing, *remote, *from_trace;
	bool list, passive, no_connect;
	char **operands; /* the subcommand first */
};

struct probe {
	const char *name;
	char letter;           /* in facts.def */
	int operands;          /* after the name; -1: one or more */
	const char *operand;   /* what it is, for messages */
	const char *principal; /* the fact that decides the exit status without --require */
	int64_t timeout_ns;
	int (*run)(struct fn_facts *f, const struct args *a, int64_t timeout_ns);
};

/* render.c */
bool columns_ok(const char *columns);
int render(const struct fn_facts *f, const struct probe *probe, const struct args *a);
/* names.c: every fact that the probe of that letter (0: any) may tell. */
int list_facts(char letter);
bool fact_name_known(const char *name, size_t len);
/* require.c: 1 all of it holds, 0 something does not, -1 cannot tell; -2 a name is not known. */
int requirements(const struct fn_facts *f, const struct args *a);

#endif
