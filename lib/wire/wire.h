/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FUSE protocol as data: opcodes, notifications, structs, fields, named values, dialects.
 * One table (the .def files) serves the codecs, the trace decoder, the probes, the fuzzers'
 * dictionaries and the man pages. All lookups are pure; nothing is allocated.
 */
#ifndef FN_WIRE_WIRE_H
#define FN_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FN_WIRE_MAJOR 7
#define FN_WIRE_MINOR 46 /* the newest minor version that the table knows */
#define FN_WIRE_IN_HEADER 40
#define FN_WIRE_OUT_HEADER 16
#define FN_WIRE_RESEND (1ull << 63) /* in unique: FUSE_UNIQUE_RESEND */

enum fn_dialect {
#define FN_WIRE_DIALECT(id, name, flag, what) FN_DIALECT_##id,
#include "wire/dialects.def"
#undef FN_WIRE_DIALECT
	FN_DIALECTS
};

struct fn_wire_dialect {
	uint8_t id;
	const char *name;
	uint64_t init_flag; /* INIT bit that negotiates remote fsnotify in it, 0: none */
	const char *what;
};

enum fn_wire_type { FN_U8, FN_U16, FN_U32, FN_U64, FN_S32, FN_S64, FN_ROOM };

/* How a field reads best. */
enum fn_wire_fmt {
	FN_FMT_UINT, /* plain decimal (signed for S32, S64) */
	FN_FMT_HEX,
	FN_FMT_OCT,
	FN_FMT_MODE,   /* st_mode */
	FN_FMT_FLAGS,  /* bits of .set */
	FN_FMT_FLAGS2, /* bits 32 … 63 of .set */
	FN_FMT_ENUM,   /* a value of .set */
	FN_FMT_NODE,   /* nodeid */
	FN_FMT_FH,
	FN_FMT_UNIQUE,
	FN_FMT_INO,
	FN_FMT_OFF,
	FN_FMT_LEN, /* a size or count of bytes or things in this message */
	FN_FMT_SEC,
	FN_FMT_NSEC,
	FN_FMT_TIME, /* nanoseconds since the epoch */
	FN_FMT_UID,
	FN_FMT_GID,
	FN_FMT_PID,
	FN_FMT_DEV,
	FN_FMT_ERRNO,
	FN_FMT_PAD, /* means nothing: padding, reserved, spare */
};

/* What follows the struct. */
enum fn_wire_tail {
	FN_TAIL_NONE,
	FN_TAIL_NAME,           /* name NUL */
	FN_TAIL_NAME_NEWNAME,   /* old name NUL, new name NUL */
	FN_TAIL_NAME_TARGET,    /* name NUL, link target NUL */
	FN_TAIL_NAME_DATA,      /* xattr name NUL, value (size in the struct) */
	FN_TAIL_NAMES,          /* any number of name NUL */
	FN_TAIL_TEXT,           /* bytes without NUL to the end */
	FN_TAIL_DATA,           /* bytes to the end */
	FN_TAIL_FORGETS,        /* struct forget_one[count] */
	FN_TAIL_MAPPINGS,       /* struct removemapping_one[count] */
	FN_TAIL_NODEIDS,        /* u64[count] */
	FN_TAIL_DIRENTS,        /* struct dirent, name, padding to 8; … */
	FN_TAIL_DIRENTSPLUS,    /* struct entry_out, then as above; … */
	FN_TAIL_NAMELEN,        /* namelen bytes */
	FN_TAIL_NAMELEN_NUL,    /* namelen bytes and a NUL that is not counted */
	FN_TAIL_NATIVE_NAMES,   /* name NUL, newname NUL, each only if its length is not 0 */
	FN_TAIL_NATIVE_RECORDS, /* struct native_record, struct native_out, names; … */
	FN_TAIL_ATTRS,          /* attributes of fn1 */
	FN_TAIL_ROOM,           /* bytes without meaning */
};

enum fn_wire_op_flags {
	FN_OP_NO_REPLY = 1 << 0,
	FN_OP_EXT = 1 << 1,          /* extensions may follow (secctx, groups) */
	FN_OP_SIZE_OR_DATA = 1 << 2, /* reply: the out struct if size was 0, else the tail alone */
	FN_OP_PRIVATE = 1 << 3,      /* not of a released mainline kernel */
	FN_OP_BSWAP = 1 << 4,        /* INIT seen from a host of the other byte order */
};

enum fn_wire_set_id {
	FN_SET_none,
#define FN_WIRE_SET(id, kind, prefix) FN_SET_##id,
#define FN_WIRE_VALUE(id, name, macro, value, since)
#define FN_WIRE_PLAIN(id, name, value, since)
#define FN_WIRE_SET_END(id)
#include "wire/flags.def"
#undef FN_WIRE_SET
#undef FN_WIRE_VALUE
#undef FN_WIRE_PLAIN
#undef FN_WIRE_SET_END
	FN_SETS
};

enum fn_wire_struct_id {
	FN_STRUCT_none,
#define FN_WIRE_STRUCT(id, since) FN_STRUCT_##id,
#define FN_WIRE_FIELD(id, member, type, offset, since, fmt, set)
#define FN_WIRE_ROOM(id, member, offset, bytes, since)
#define FN_WIRE_END(id)
#include "wire/structs.def"
#include "wire/dialect_structs.def"
#undef FN_WIRE_STRUCT
#undef FN_WIRE_FIELD
#undef FN_WIRE_ROOM
#undef FN_WIRE_END
	FN_STRUCTS
};

struct fn_wire_value {
	const char *name; /* without the prefix of its set */
	uint64_t value;
	uint8_t since;
};

struct fn_wire_set {
	const char *name, *prefix;
	bool bits; /* else an enumeration */
	uint8_t count;
	const struct fn_wire_value *values;
};

struct fn_wire_field {
	const char *name; /* as in the header: "attr.mode" */
	uint16_t offset, size;
	uint8_t type, fmt, set, since;
};

struct fn_wire_struct {
	const char *name; /* without fuse_ */
	uint8_t id, count, since;
	const struct fn_wire_field *fields;
};

struct fn_wire_op {
	uint32_t code;
	const char *name;
	uint8_t dialect, since;
	uint8_t in, out, out2; /* enum fn_wire_struct_id */
	uint8_t in_tail, out_tail, flags;
};

struct fn_wire_notify {
	uint32_t code;
	const char *name;
	uint8_t dialect, since, out, tail;
};

struct fn_wire_attr {
	uint16_t type;
	const char *name;
	uint8_t kind, set; /* enum fn_wire_attr_kind */
};
enum fn_wire_attr_kind { FN_ATTR_U32, FN_ATTR_U64, FN_ATTR_TEXT, FN_ATTR_OBJECT };

extern const struct fn_wire_struct fn_wire_structs[FN_STRUCTS];
extern const struct fn_wire_set fn_wire_sets[FN_SETS];
extern const struct fn_wire_dialect fn_wire_dialects[FN_DIALECTS];

/* What a number means in a dialect; NULL if nothing. */
const struct fn_wire_op *fn_wire_opcode(uint32_t code, enum fn_dialect dialect);
const struct fn_wire_notify *fn_wire_notify(uint32_t code, enum fn_dialect dialect);
const struct fn_wire_attr *fn_wire_attr(uint16_t type); /* of fn1 */

/* By name, case-blind, with or without FUSE_ (FUSE_NOTIFY_); of the dialect or of mainline. */
const struct fn_wire_op *fn_wire_op_named(const char *name, size_t len, enum fn_dialect dialect);
const struct fn_wire_notify *fn_wire_notify_named(const char *name, size_t len,
						  enum fn_dialect dialect);
const struct fn_wire_dialect *fn_wire_dialect_named(const char *name, size_t len);
/* A value of a set, with or without its prefix; false if unknown. */
bool fn_wire_value_named(enum fn_wire_set_id set, const char *name, size_t len, uint64_t *value);
/* The name of one value (one bit of a BITS set); NULL if it has none. */
const char *fn_wire_value_name(enum fn_wire_set_id set, uint64_t value);

/* Everything, for lists and dictionaries: index 0 … until NULL. */
const struct fn_wire_op *fn_wire_op_at(size_t i);
const struct fn_wire_notify *fn_wire_notify_at(size_t i);
const struct fn_wire_attr *fn_wire_attr_at(size_t i);

/* What two ends agreed on in INIT. */
struct fn_wire_conn {
	uint8_t dialect; /* enum fn_dialect */
	uint8_t minor;   /* negotiated; 0: not known, read as the newest */
	bool swap;       /* the bytes are of the other byte order than ours */
	uint64_t flags;  /* INIT flags of the reply (flags2 << 32 | flags), 0: not known */
};

/* Size of a struct between these two ends (NULL: at the newest minor); 0 for FN_STRUCT_none or one
 * that this minor does not have yet. Of an INIT message give the minor that it names. */
size_t fn_wire_struct_size(enum fn_wire_struct_id id, const struct fn_wire_conn *conn);

/* Numbers at any address. swap: of the other byte order. */
static inline uint16_t fn_get_u16(const void *p, bool swap)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap16(v) : v;
}
static inline uint32_t fn_get_u32(const void *p, bool swap)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap32(v) : v;
}
static inline uint64_t fn_get_u64(const void *p, bool swap)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap64(v) : v;
}
static inline void fn_put_u16(void *p, uint16_t v, bool swap)
{
	v = swap ? __builtin_bswap16(v) : v;
	memcpy(p, &v, sizeof(v));
}
static inline void fn_put_u32(void *p, uint32_t v, bool swap)
{
	v = swap ? __builtin_bswap32(v) : v;
	memcpy(p, &v, sizeof(v));
}
static inline void fn_put_u64(void *p, uint64_t v, bool swap)
{
	v = swap ? __builtin_bswap64(v) : v;
	memcpy(p, &v, sizeof(v));
}

/* The value of a field of the struct at base; S32 and S64 are sign-extended, ROOM is 0. The
 * caller has checked that the field lies within the message. */
static inline uint64_t fn_wire_get(const struct fn_wire_field *f, const void *base, bool swap)
{
	const uint8_t *p = (const uint8_t *)base + f->offset;

	switch (f->type) {
	case FN_U8:
		return *p;
	case FN_U16:
		return fn_get_u16(p, swap);
	case FN_U32:
		return fn_get_u32(p, swap);
	case FN_S32:
		return (uint64_t)(int64_t)(int32_t)fn_get_u32(p, swap);
	case FN_U64:
	case FN_S64:
		return fn_get_u64(p, swap);
	default:
		return 0;
	}
}
static inline void fn_wire_put(const struct fn_wire_field *f, void *base, uint64_t v, bool swap)
{
	uint8_t *p = (uint8_t *)base + f->offset;

	switch (f->type) {
	case FN_U8:
		*p = (uint8_t)v;
		break;
	case FN_U16:
		fn_put_u16(p, (uint16_t)v, swap);
		break;
	case FN_U32:
	case FN_S32:
		fn_put_u32(p, (uint32_t)v, swap);
		break;
	case FN_U64:
	case FN_S64:
		fn_put_u64(p, v, swap);
		break;
	default:
		break;
	}
}

/* A row of messages, requests or replies: both begin with their length. True when the one at p
 * lies whole within the rest bytes; fn_msg_next() steps over it (after fn_msg_ok()). */
static inline bool fn_msg_ok(const void *p, size_t rest, bool swap)
{
	uint32_t len;

	if (rest < FN_WIRE_OUT_HEADER)
		return false;
	len = fn_get_u32(p, swap);
	return len >= FN_WIRE_OUT_HEADER && len <= rest;
}
static inline const void *fn_msg_next(const void *p, size_t *rest, bool swap)
{
	uint32_t len = fn_get_u32(p, swap);

	*rest -= len;
	return (const uint8_t *)p + len;
}

/* A member of a struct by its name, or NULL. */
const struct fn_wire_field *fn_wire_member(enum fn_wire_struct_id id, const char *name);
/* Its value, 0 where the body is too short to have it. */
uint64_t fn_wire_member_get(enum fn_wire_struct_id id, const char *name, const void *body,
			    size_t len);
void fn_wire_member_put(enum fn_wire_struct_id id, const char *name, void *body, uint64_t value);

#endif
