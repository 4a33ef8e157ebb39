/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fn_program = "fnutils";
static volatile sig_atomic_t caught;

__attribute__((format(printf, 1, 0))) static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", fn_program);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int fn_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return status;
}

int fn_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", fn_program);
	return FN_EXIT_USAGE;
}

void fn_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int fn_close_stdout(int status)
{
	int failed = ferror(stdout) ? (errno ? errno : EIO) : 0;

	errno = 0;
	if (fflush(stdout))
		failed = errno;
	if (!failed || failed == EPIPE)
		return status;
	return fn_fail(FN_EXIT_FAIL, "standard output: %s", strerror(failed));
}

static void note_signal(int sig)
{
	caught = sig;
}

void fn_catch_signals(void)
{
	struct sigaction act = {.sa_handler = note_signal}; /* no SA_RESTART: waits must end */
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

int fn_caught_signal(void)
{
	return caught;
}
