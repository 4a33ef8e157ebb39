/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNSEND_SEND_H
#define FNSEND_SEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cmd.h"
#include "event/event.h"
#include "event/event_parse.h"
#include "replay/nudge.h"

enum via { VIA_AUTO, VIA_NATIVE, VIA_REPLAY, VIA_NUDGE };

extern const struct fn_command fnsend_command;

enum {
	OPT_VIA = 1,
	OPT_VERBOSE,
	OPT_DEGRADE,
	OPT_MASK,
	OPT_HANDLE,
	OPT_NODE,
	OPT_STDIN,
	OPT_INPUT,
	OPT_FORMAT,
	OPT_NULL,
	OPT_STRIP,
	OPT_PREFIX,
	OPT_KEEP_ECHOES,
	OPT_FOLLOW,
	OPT_ALLOW,
	OPT_FROM_LOG,
	OPT_SPEED,
	OPT_RATE,
	OPT_REPEAT,
	OPT_TIMEOUT,
	OPT_STATS,
	OPT_DRY_RUN,
	OPT_DIALECT,
	OPT_MALFORMED,
	OPT_NOTIFY,
	OPT_PID,
	OPT_FD,
	OPT_LIST_FDS,
	OPT_FORCE,
};

struct settings {
	enum via via;
	bool verbose, stats, use_stdin, follow, null, keep_echoes, dry_run, force, list_fds;
	enum fn_degrade degrade;
	uint64_t allow; /* --allow: events that are repeated at a risk */
	uint64_t mask;  /* --mask, 0: the event is an operand */
	struct fn_object object;
	enum fn_input input;
	char *format, *strip, *prefix, *from_log, *dialect, *malformed, *notify;
	double speed;
	uint64_t rate, repeat;
	int64_t timeout_ns;
	int pid, fd;
	char **operands;
	size_t noperands;
};

int settings_take(int id, const char *value, void *arg); /* an fn_option_cb */
void settings_free(struct settings *set);

/* Shared with the process that watches the one that works: what it waits for, and since when. */
struct beat {
	_Atomic int64_t since; /* CLOCK_MONOTONIC, 0: not at a mount */
	char path[1024];
};
void beat_begin(struct beat *b, const char *path);
void beat_end(struct beat *b);
int64_t now_ns(void);

/* Run work in a process that can be abandoned when a file system's server never answers. Its
 * status, or FN_EXIT_TIMEOUT. */
int worker_run(int (*work)(struct settings *set, struct beat *beat), struct settings *set);

/* How it went, in all. */
struct tally {
	uint64_t events, raised, degraded, echoes, bad;
	uint64_t missed, gone, read_only, foreign, failed, cut, lost;
};
int tally_status(const struct tally *t);

struct sender;
/* root: the directory that events are below. NULL after a message, with *status set. */
struct sender *sender_open(struct settings *set, struct beat *beat, const char *root, int *status);
void sender_close(struct sender *s);
/* One event by the best means. Its failures are reported and counted. */
void sender_event(struct sender *s, const struct fn_event *ev, int64_t read_ns);
bool sender_exists(struct sender *s, const char *path); /* below the root */
/* What is held back for a batch goes out. */
void sender_flush(struct sender *s);
void sender_no_echoes(struct sender *s); /* what comes cannot be an echo */
struct tally *sender_tally(struct sender *s);
const char *sender_root(const struct sender *s); /* canonical */
/* Summary, if anything was not said before, or was asked for. */
void sender_report(struct sender *s);

/* Which mount an absolute canonical path is on, and the rest of it: where[] and rest point into
 * what the caller owns. 0 or -errno. */
int mount_of(const char *path, char *mountpoint, size_t size, char *fstype, size_t tsize,
	     const char **rest);

/* The modes. Each returns an exit status. */
int send_operands(struct settings *set, struct beat *beat);
int send_stream(struct settings *set, struct beat *beat);
int send_follow(struct settings *set, struct beat *beat);
int send_notify(struct settings *set);
int send_dry_run(struct settings *set);
int list_fds(struct settings *set);

/* The event that the operands name, for send_operands() and dry runs. Status 0 or FN_EXIT_USAGE. */
int operands_event(const struct settings *set, struct fn_event *ev);

#endif
