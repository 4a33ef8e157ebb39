/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FN_FNDUMP_H
#define FN_FNDUMP_H

#include <sys/types.h>

#include "common/cmd.h"
#include "trace/printer.h"
#include "trace/session.h"
#include "trace/trace.h"

enum fndump_option {
	OPT_INPUT = 1,
	OPT_DIALECT,
	OPT_FOLLOW,
	OPT_PID,
	OPT_MOUNT,
	OPT_VIA,
	OPT_WRITE,
	OPT_PCAPNG,
	OPT_DISSECTOR,
	OPT_ANONYMIZE,
	OPT_FILTER,
	OPT_VERBOSE,
	OPT_HEX,
	OPT_JSON,
	OPT_FORMAT,
	OPT_PAIR,
	OPT_TIME,
	OPT_STRINGS,
	OPT_COUNT,
	OPT_HISTOGRAM,
	OPT_SLOWEST,
	OPT_OUTSTANDING,
	OPT_CHECK,
	OPT_STRICT,
	OPT_MAX_OUTSTANDING,
	OPT_MAX_NODES,
	OPT_MAX_MESSAGE,
	OPT_LIMIT,
};

extern const struct fn_command fndump_command;

enum via { VIA_AUTO, VIA_BPF, VIA_PTRACE, VIA_TRACEFS };

struct filter;

/* What the command line asks for. */
struct config {
	struct fn_trace_opts trace;
	struct fn_session_opts session;
	struct fn_print_opts print;
	struct filter *filter;
	char *mount, *write, *pcapng;
	char **command; /* after "--" */
	pid_t pid;
	enum via via;
	uint64_t slowest, limit;
	bool json, anonymize, summary, histogram, outstanding, check, strict, dissector;
};

/* filter.c: conditions on messages, all of which must hold. */
int filter_add(struct filter **f, const char *text); /* 0, or a status after a message */
bool filter_match(struct filter *f, const struct fn_session *s, const struct fn_seen *seen);
void filter_free(struct filter *f);

/* stats.c */
struct stats;
struct stats *stats_new(void);
void stats_free(struct stats *st);
void stats_add(struct stats *st, const struct fn_seen *seen);
void stats_print(const struct stats *st, bool json, bool summary, bool histogram,
		 struct fn_buf *out);

/* slowest.c: the lines of the n exchanges that took longest. */
struct slowest;
struct slowest *slowest_new(size_t n);
void slowest_free(struct slowest *sl);
/* Would an exchange of this latency be among them? */
bool slowest_wants(const struct slowest *sl, int64_t latency);
int slowest_add(struct slowest *sl, int64_t latency, const char *line, size_t len);
void slowest_print(struct slowest *sl, struct fn_buf *out);

/* run.c */
int fndump_run(struct config *c, const char *path);

#endif
