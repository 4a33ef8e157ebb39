/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands share: exit statuses, messages, strict number parsing, options. */
#ifndef FN_CMD_H
#define FN_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fn_exit {
	FN_EXIT_OK = 0,
	FN_EXIT_FAIL = 1, /* failed; fnprobe: "no" */
	FN_EXIT_USAGE = 2,
	FN_EXIT_UNSUPPORTED = 3, /* not supported here, or cannot tell */
	FN_EXIT_TIMEOUT = 4,
	FN_EXIT_GONE = 5, /* a watch or a connection was lost */
	FN_EXIT_LOST = 6, /* events were lost */
};

/* Where an option's argument completes from. */
enum fn_complete {
	FN_COMPLETE_NONE,
	FN_COMPLETE_FILE,
	FN_COMPLETE_DIR,
	FN_COMPLETE_PID,
	FN_COMPLETE_EVENTS, /* comma list of event names */
	FN_COMPLETE_WORDS,  /* the words in .words, separated by '|' */
};

/* One option. An option with arg takes an argument; every occurrence is passed to the parser. */
struct fn_option {
	int id;           /* unique within the command, > 0 */
	char short_name;  /* 0: none */
	const char *name; /* long name */
	const char *arg;  /* placeholder of its argument, NULL: a flag */
	const char *help; /* one line for --help and completions */
	const char *man;  /* further text for the man page (scdoc), NULL: only help */
	enum fn_complete complete;
	const char *words;
};

struct fn_command {
	const char *name;
	const char *const *synopsis; /* NULL-terminated, without the command's name */
	const char *purpose;         /* one line, no full stop */
	const struct fn_option *options;
	size_t noptions;
	enum fn_complete operands;
	const char *words;    /* for FN_COMPLETE_WORDS: subcommands */
	bool stop_at_operand; /* options end at the first operand (subcommand -- CMD) */
};

/* Called for each option in order; returns 0 or an exit status to end with. */
typedef int (*fn_option_cb)(int id, const char *value, void *arg);

/* --help and --version are handled here. Returns 0 with *operands set (free with
 * fn_operands_free()), or -1 when the command is to end with *status. */
int fn_options_parse(const struct fn_command *cmd, int argc, char **argv, fn_option_cb cb,
		     void *arg, char ***operands, int *status);
void fn_operands_free(char **operands);

extern const char *fn_program; /* set by fn_options_parse() */

/* "program: message" on stderr. fn_usage() adds the hint to --help; both return a status. */
int fn_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fn_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fn_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Strict: the whole text, no sign, no junk, within bounds. 0 or -1 after a message by fn_usage().
 */
int fn_parse_u64(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* "2", "1.5s", "500ms", "20us", "3m", "1h" -> nanoseconds. */
int fn_parse_duration(const char *option, const char *text, int64_t *ns);
/* "64", "64K", "1M", "2G" -> bytes. */
int fn_parse_size(const char *option, const char *text, uint64_t *bytes);

/* Flush and check stdout. A closed pipe is a quiet end (status 0 … unchanged), a full disk is not.
 */
int fn_close_stdout(int status);
/* A handler for SIGINT and SIGTERM that only notes the signal; SIGPIPE is ignored. */
void fn_catch_signals(void);
int fn_caught_signal(void); /* 0: none */

#endif
