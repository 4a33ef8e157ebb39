/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tags of virtiofs devices, as a guest sees them. */
#ifndef FN_PROBE_TAGS_H
#define FN_PROBE_TAGS_H

#include "probe/fact.h"

int fn_probe_tags(struct fn_facts *f);
/* Until a device with this tag is there. timeout_ns < 0: forever. 0, -ETIMEDOUT, or -EINTR after
 * a signal. */
int fn_tags_wait(const char *tag, int64_t timeout_ns);

#endif
