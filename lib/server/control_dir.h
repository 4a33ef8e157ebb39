/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hidden directory of the control file: all but the LOOKUP of the file in it. */
#ifndef FN_SERVER_CONTROL_DIR_H
#define FN_SERVER_CONTROL_DIR_H

#include <sys/types.h>

#include "server/reserved.h"

struct fn_control_dir {
	uint64_t nodeid;
	uid_t owner;
};

void fn_control_dir_request(const struct fn_control_dir *d, const struct fn_request *req);

#endif
