/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusedump records (fusedump(5)): a direction byte, then a message (v1), or a count below 16 and
 * that many items, each beginning with its length: time, signature, others, and the message
 * last (v2). Our own item follows the time; readers that do not know it pass over it.
 */
#ifndef FN_TRACE_FUSEDUMP_H
#define FN_TRACE_FUSEDUMP_H

#include <stdint.h>

#define FUSEDUMP_MAX_ITEMS 15
#define FUSEDUMP_TIME_LEN 16 /* u32 length, u64 seconds, u32 nanoseconds */
#define FUSEDUMP_MAX_META (1u << 16)

/* Our item: u32 length, "FNUT", u16 version, u16 flags (enum fn_msg_flags), u32 connection,
 * s32 thread, s32 errno of a refused write, u32 bytes of the message that are real (the rest
 * is padding). May grow at its end. */
#define FUSEDUMP_FN_SIGNATURE "FNUT"
#define FUSEDUMP_FN_VERSION 1
#define FUSEDUMP_FN_LEN 28

#endif
