/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "fnsend/send.h"

/* One thing at a time. */
static int check_modes(const struct settings *set)
{
	unsigned modes = set->use_stdin + set->follow + (set->from_log != NULL) +
			 (set->notify != NULL) + set->list_fds;

	if (modes > 1)
		return fn_usage("--stdin, --from-log, --follow, --notify and --list-fds exclude "
				"each other");
	if ((set->use_stdin || set->from_log || set->follow) && set->noperands != 1)
		return fn_usage("one directory is needed");
	if ((set->notify || set->list_fds) && !set->pid && !set->dry_run)
		return fn_usage("which server? (--pid)");
	if (set->list_fds && set->noperands)
		return fn_usage("'%s': not needed", set->operands[0]);
	if (set->repeat > 1 && (set->use_stdin || set->follow))
		return fn_usage("--repeat: a stream comes once");
	if (set->malformed && !set->dry_run && !set->notify && set->via == VIA_NUDGE)
		return fn_usage("--malformed: a nudge is no message");
	return 0;
}

static int run(struct settings *set)
{
	struct fn_event ev;

	if (set->list_fds)
		return list_fds(set);
	if (set->notify)
		return send_notify(set);
	if (set->use_stdin || set->from_log)
		return worker_run(send_stream, set);
	if (set->follow)
		return worker_run(send_follow, set);
	if (operands_event(set, &ev))
		return FN_EXIT_USAGE;
	return set->dry_run ? send_dry_run(set) : worker_run(send_operands, set);
}

int main(int argc, char **argv)
{
	struct settings set = {
		.speed = 1,
		.repeat = 1,
		.timeout_ns = 5000000000,
		.fd = -1,
	};
	int status;

	if (!fn_options_parse(&fnsend_command, argc, argv, settings_take, &set, &set.operands,
			      &status)) {
		while (set.operands[set.noperands])
			set.noperands++;
		status = check_modes(&set);
		if (!status)
			status = run(&set);
	}
	settings_free(&set);
	return fn_close_stdout(status);
}
