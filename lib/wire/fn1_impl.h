/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What encoder and decoder of fn1 share. */
#ifndef FN_WIRE_FN1_IMPL_H
#define FN_WIRE_FN1_IMPL_H

#include "wire/fn1.h"

#define FN1_SWAP (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* Event flags of the codec alone: the name is the last part of the path and not sent again. */
#define FN1_OLD_NAME_IN_PATH (1u << 30)
#define FN1_NAME_IN_PATH (1u << 31)
#define FN1_CODEC_FLAGS (FN1_OLD_NAME_IN_PATH | FN1_NAME_IN_PATH)

/* First byte of an object: enum fn_object_has, and these. */
#define FN1_OBJ_FSID_SHARED (1 << 4) /* its fsid is the attribute FSID */
#define FN1_OBJ_LONG_TYPE (1 << 5)   /* its handle type takes 32 bits, after the first 4 bytes */
#define FN1_OBJ_KNOWN 0x3f

#define FN1_EVENT_HEAD 32
#define FN1_HELLO_HEAD 16
#define FN1_WATCH_HEAD 16
#define FN1_PING_HEAD 8
#define FN1_ARM_HEAD 32
#define FN1_NO_WATCH UINT32_MAX

#endif
