/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A FUSE connection seen from outside: fusectl and the process behind it. */
#ifndef FN_PROBE_CONNECTION_H
#define FN_PROBE_CONNECTION_H

#include "probe/fact.h"

/* connection, waiting, max_background, congestion_threshold, server_pid, server_name,
 * server_state. virtiofs: there is no process here. Never asks the server. */
void fn_probe_connection(struct fn_facts *f, unsigned connection, bool virtiofs);

#endif
