/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No code: compares the tables with the system's <linux/fuse.h>, as far as that header goes. What
 * a minor version brought is looked at only where the header has that version.
 */
#include <linux/fuse.h>
#include <stddef.h>

#include "wire/wire.h"

#define fuse_cuse_init_in cuse_init_in
#define fuse_cuse_init_out cuse_init_out

#define SINCE(minor, ...) SINCE_##minor(__VA_ARGS__)
#define SINCE_0(...) __VA_ARGS__
#define SINCE_1(...) __VA_ARGS__
#define SINCE_2(...) __VA_ARGS__
#define SINCE_3(...) __VA_ARGS__
#define SINCE_4(...) __VA_ARGS__
#define SINCE_5(...) __VA_ARGS__
#define SINCE_6(...) __VA_ARGS__
#define SINCE_7(...) __VA_ARGS__
#define SINCE_8(...) __VA_ARGS__
#define SINCE_9(...) __VA_ARGS__
#define SINCE_10(...) __VA_ARGS__
#define SINCE_11(...) __VA_ARGS__
#define SINCE_12(...) __VA_ARGS__
#define SINCE_13(...) __VA_ARGS__
#define SINCE_14(...) __VA_ARGS__
#define SINCE_15(...) __VA_ARGS__
#define SINCE_16(...) __VA_ARGS__
#define SINCE_17(...) __VA_ARGS__
#define SINCE_18(...) __VA_ARGS__
#define SINCE_19(...) __VA_ARGS__
#define SINCE_20(...) __VA_ARGS__
#define SINCE_21(...) __VA_ARGS__
#define SINCE_22(...) __VA_ARGS__
#define SINCE_23(...) __VA_ARGS__
#define SINCE_24(...) __VA_ARGS__
#define SINCE_25(...) __VA_ARGS__
#define SINCE_26(...) __VA_ARGS__
#define SINCE_27(...) __VA_ARGS__
#define SINCE_28(...) __VA_ARGS__
#define SINCE_29(...) __VA_ARGS__
#define SINCE_30(...) __VA_ARGS__
#define SINCE_31(...) __VA_ARGS__
#if FUSE_KERNEL_MINOR_VERSION >= 32
#define SINCE_32(...) __VA_ARGS__
#else
#define SINCE_32(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 33
#define SINCE_33(...) __VA_ARGS__
#else
#define SINCE_33(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 34
#define SINCE_34(...) __VA_ARGS__
#else
#define SINCE_34(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 35
#define SINCE_35(...) __VA_ARGS__
#else
#define SINCE_35(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 36
#define SINCE_36(...) __VA_ARGS__
#else
#define SINCE_36(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 37
#define SINCE_37(...) __VA_ARGS__
#else
#define SINCE_37(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 38
#define SINCE_38(...) __VA_ARGS__
#else
#define SINCE_38(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 39
#define SINCE_39(...) __VA_ARGS__
#else
#define SINCE_39(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 40
#define SINCE_40(...) __VA_ARGS__
#else
#define SINCE_40(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 41
#define SINCE_41(...) __VA_ARGS__
#else
#define SINCE_41(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 42
#define SINCE_42(...) __VA_ARGS__
#else
#define SINCE_42(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 43
#define SINCE_43(...) __VA_ARGS__
#else
#define SINCE_43(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 44
#define SINCE_44(...) __VA_ARGS__
#else
#define SINCE_44(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 45
#define SINCE_45(...) __VA_ARGS__
#else
#define SINCE_45(...)
#endif
#if FUSE_KERNEL_MINOR_VERSION >= 46
#define SINCE_46(...) __VA_ARGS__
#else
#define SINCE_46(...)
#endif
/* Debian 12's header calls itself 7.38 without all of it. */
#if FUSE_KERNEL_MINOR_VERSION == 38 && !defined(FUSE_CREATE_SUPP_GROUP)
#define FUSE_CREATE_SUPP_GROUP (1ULL << 34)
#endif

#define SAME(a, b) _Static_assert((a) == (b), #a " is not " #b);

/* clang-format off */
enum { SIZE_U8 = 1, SIZE_U16 = 2, SIZE_U32 = 4, SIZE_S32 = 4, SIZE_U64 = 8, SIZE_S64 = 8 };
#define FN_WIRE_STRUCT(id, since)
#define FN_WIRE_END(id)
#define FN_WIRE_FIELD(id, member, type, offset, since, fmt, set)          \
	SINCE(since, SAME(offsetof(struct fuse_##id, member), offset)     \
	SAME(sizeof(((struct fuse_##id *)0)->member), SIZE_##type))
/* Room shrinks as fields take from it: only its end is sure. */
#define FN_WIRE_ROOM(id, member, offset, bytes, since)                    \
	SINCE(since, _Static_assert(sizeof(struct fuse_##id) >= offset + bytes, #id "." #member);)
#include "wire/structs.def"
#undef FN_WIRE_STRUCT
#undef FN_WIRE_END
#undef FN_WIRE_FIELD
#undef FN_WIRE_ROOM

/* 1 << 31 is negative in the header: compare what fits the field. */
#define FN_WIRE_SET(id, kind, prefix)
#define FN_WIRE_VALUE(id, name, macro, value, since)                      \
	SINCE(since, _Static_assert((uint64_t)(value) >> 32 ? (uint64_t)(macro) == (value)               \
		: (uint32_t)(macro) == (uint32_t)(value), "value of " #name);)
#define FN_WIRE_PLAIN(id, name, value, since)
#define FN_WIRE_SET_END(id)
#include "wire/flags.def"
#undef FN_WIRE_SET
#undef FN_WIRE_VALUE
#undef FN_WIRE_PLAIN
#undef FN_WIRE_SET_END

#define FN_WIRE_OP(dialect, code, name, since, ...) SINCE(since, SAME(FUSE_##name, code))
#define FN_WIRE_OP_FAR(...)
#include "wire/ops.def"
#undef FN_WIRE_OP
#undef FN_WIRE_OP_FAR
SAME(CUSE_INIT, 4096)
SAME(CUSE_INIT_BSWAP_RESERVED, 1048576)
SAME(FUSE_INIT_BSWAP_RESERVED, 436207616)

#define CODE_mainline(name, code, since) SINCE(since, SAME(FUSE_NOTIFY_##name, code))
#define CODE_rfc_v1(name, code, since)
#define CODE_rfc_agg(name, code, since)
#define CODE_rfc_mail(name, code, since)
#define CODE_rfc_v2(name, code, since)
#define CODE_fn_native(name, code, since)
#define CODE_fn1(name, code, since)
#define FN_WIRE_NOTIFY(dialect, code, name, since, out, tail) CODE_##dialect(name, code, since)
#include "wire/notify.def"
#undef FN_WIRE_NOTIFY

SAME(sizeof(struct fuse_in_header), FN_WIRE_IN_HEADER)
SAME(sizeof(struct fuse_out_header), FN_WIRE_OUT_HEADER)
SAME(FUSE_KERNEL_VERSION, FN_WIRE_MAJOR)
/* clang-format on */
