/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnsend/send.h"

int send_follow(struct settings *set, struct beat *beat)
{
	(void)beat;
	return fn_fail(FN_EXIT_UNSUPPORTED, "%s: no control file", set->operands[0]);
}
