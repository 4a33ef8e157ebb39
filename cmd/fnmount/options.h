/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FNMOUNT_OPTIONS_H
#define FNMOUNT_OPTIONS_H

#include "common/cmd.h"

enum {
	OPT_FOREGROUND = 1,
	OPT_MOUNT,
	OPT_EVENTS,
	OPT_TIMEOUT,
	OPT_THREADS,
	OPT_SINGLE,
	OPT_WRITEBACK,
	OPT_NO_PASSTHROUGH,
	OPT_NO_CONTROL,
	OPT_READY_FD,
	OPT_STATS,
};

extern const struct fn_command fnmount_command;

#endif
