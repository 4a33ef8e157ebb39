/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/init.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REMOTE_RANK 900
#define FLAG_RANK 1000 /* flags come after the other facts, by bit */
#define BIT(n) (UINT64_C(1) << (n))
#define INIT_EXT BIT(30)

static const struct fn_wire_value *flag_of(unsigned bit)
{
	const struct fn_wire_set *set = &fn_wire_sets[FN_SET_init];

	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].value == BIT(bit))
			return &set->values[i];
	return NULL;
}

static void lower(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] && i < size - 1; i++)
		to[i] = from[i] == '-' ? '_' : (char)tolower((unsigned char)from[i]);
	to[i] = '\0';
}

void fn_probe_flag_name(char name[FN_FACT_NAME_MAX], unsigned bit)
{
	const struct fn_wire_value *v = flag_of(bit);

	if (v)
		lower(name, FN_FACT_NAME_MAX, v->name);
	else
		snprintf(name, FN_FACT_NAME_MAX, "bit_%u", bit);
}

void fn_probe_op_name(char name[FN_FACT_NAME_MAX], const struct fn_wire_op *op)
{
	memcpy(name, "op_", 3);
	lower(name + 3, FN_FACT_NAME_MAX - 3, op->name);
}

void fn_probe_dialect_name(char name[FN_FACT_NAME_MAX], enum fn_dialect dialect)
{
	char id[24];

	lower(id, sizeof(id), fn_wire_dialects[dialect].name);
	snprintf(name, FN_FACT_NAME_MAX, "fsnotify_%s", id);
}

static unsigned dialect_bit(enum fn_dialect dialect)
{
	return (unsigned)__builtin_ctzll(fn_wire_dialects[dialect].init_flag);
}

const char *fn_probe_collision(enum fn_dialect dialect)
{
	const struct fn_wire_value *v = flag_of(dialect_bit(dialect));

	return v ? v->name : NULL;
}

void fn_probe_put_dialect(struct fn_facts *f, enum fn_dialect dialect, enum fn_fact_state state,
			  const char *reason, const char *how)
{
	char name[FN_FACT_NAME_MAX];
	struct fn_fact *fact;

	fn_probe_dialect_name(name, dialect);
	fact = fn_fact_put(f, name, state, &(struct fn_fact_text){NULL, reason, how});
	snprintf(fact->group, sizeof(fact->group), "remote");
	fact->rank = REMOTE_RANK + dialect;
}

static void put_flag(struct fn_facts *f, unsigned bit, enum fn_fact_state state, bool declined,
		     const char *reason, const char *how)
{
	char name[FN_FACT_NAME_MAX], value[16];
	struct fn_fact *fact;

	if (!flag_of(bit) && !reason)
		reason = "no name is known for this bit";
	snprintf(value, sizeof(value), "bit %u", bit);
	fn_probe_flag_name(name, bit);
	fact = fn_fact_put(f, name, state, &(struct fn_fact_text){value, reason, how});
	snprintf(fact->group, sizeof(fact->group), "init");
	fact->rank = FLAG_RANK + bit;
	fact->declined = declined;
}

void fn_probe_put_wanted(struct fn_facts *f, unsigned bit, const char *reason, const char *how)
{
	put_flag(f, bit, FN_FACT_WANTED, false, reason, how);
}

/* A bit without a name is shown only when somebody set it. */
static bool shown(unsigned bit, uint64_t set)
{
	return flag_of(bit) || (set & BIT(bit));
}

static void put_version(struct fn_facts *f, const char *name, const char *how, uint32_t major,
			uint32_t minor)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu32 ".%" PRIu32, major, minor);
	fn_fact_text(f, name, how, text);
}

/* Why a bit that is off may be off. */
static const char *age(unsigned bit, uint32_t minor, char reason[64])
{
	const struct fn_wire_value *v = flag_of(bit);

	if (!v || v->since <= minor)
		return NULL;
	snprintf(reason, 64, "it came with 7.%u, this is 7.%" PRIu32, v->since, minor);
	return reason;
}

/* Remote fsnotify by the flag alone: the RFCs' bits mean something else in mainline. */
static void offer_dialect(struct fn_facts *f, const struct fn_init_offer *offer,
			  enum fn_dialect dialect, const char *how)
{
	unsigned bit = dialect_bit(dialect);
	const struct fn_wire_value *v = flag_of(bit);
	char reason[128];

	if (!(offer->flags & BIT(bit))) {
		snprintf(reason, sizeof(reason), "bit %u is not offered", bit);
		fn_probe_put_dialect(f, dialect, FN_FACT_NO, reason, how);
	} else if (!v || dialect == offer->dialect) {
		fn_probe_put_dialect(f, dialect, FN_FACT_OFFERED, NULL, how);
	} else if (bit == 30 && !offer->extended) {
		/* INIT_EXT is the promise of a longer message. */
		fn_probe_put_dialect(f, dialect, FN_FACT_OFFERED,
				     "bit 30 in a message without flags2 is not INIT_EXT", how);
	} else {
		snprintf(reason, sizeof(reason), "bit %u is %s since 7.%u", bit, v->name, v->since);
		fn_probe_put_dialect(f, dialect, FN_FACT_NO, reason, how);
	}
}

static void each_dialect(struct fn_facts *f, const struct fn_init_offer *offer, const char *how)
{
	for (int d = 0; d < FN_DIALECTS; d++)
		if (fn_wire_dialects[d].init_flag)
			offer_dialect(f, offer, (enum fn_dialect)d, how);
}

/* flags and flags2; flags2 counts only where INIT_EXT says so. */
static uint64_t init_flags(enum fn_wire_struct_id id, const void *body, size_t len)
{
	uint64_t flags = fn_wire_member_get(id, "flags", body, len);

	if (flags & INIT_EXT)
		flags |= fn_wire_member_get(id, "flags2", body, len) << 32;
	return flags;
}

int fn_probe_init_offer(struct fn_facts *f, struct fn_init_offer *offer, const void *msg,
			size_t len, const char *how)
{
	const uint8_t *body = (const uint8_t *)msg + FN_WIRE_IN_HEADER;
	size_t n = len - FN_WIRE_IN_HEADER;
	char reason[64];

	if (len < FN_WIRE_IN_HEADER + 16 || fn_get_u32(msg, false) != len)
		return -EBADMSG;
	offer->major = (uint32_t)fn_wire_member_get(FN_STRUCT_init_in, "major", body, n);
	offer->minor = (uint32_t)fn_wire_member_get(FN_STRUCT_init_in, "minor", body, n);
	offer->max_readahead =
		(uint32_t)fn_wire_member_get(FN_STRUCT_init_in, "max_readahead", body, n);
	offer->flags = init_flags(FN_STRUCT_init_in, body, n);
	offer->extended = n > 16;
	put_version(f, "protocol", how, offer->major, offer->minor);
	fn_fact_u64(f, "max_readahead", how, offer->max_readahead);
	fn_fact_hex(f, "init_flags", how, offer->flags);
	fn_fact_u64(f, "init_size", how, len);
	each_dialect(f, offer, how);
	for (unsigned bit = 0; bit < 64; bit++) {
		if (offer->flags & BIT(bit))
			put_flag(f, bit, FN_FACT_OFFERED, false, NULL, how);
		else if (shown(bit, 0))
			put_flag(f, bit, FN_FACT_NO, false, age(bit, offer->minor, reason), how);
	}
	return 0;
}

/* These are the names of flags too. */
static const char *member_fact(const char *member)
{
	static const char *const other[][2] = {
		{"max_pages", "request_pages"},
		{"map_alignment", "dax_alignment"},
		{"request_timeout", "server_timeout"},
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(other[i][0], member))
			return other[i][1];
	return member;
}

/* The reply's numbers: every member of the struct that facts.def has a fact for. */
static void put_members(struct fn_facts *f, const uint8_t *body, size_t len, const char *how)
{
	const struct fn_wire_struct *s = &fn_wire_structs[FN_STRUCT_init_out];
	size_t n;
	const struct fn_fact_desc *table = fn_fact_table(&n);

	for (size_t i = 0; i < s->count; i++) {
		const struct fn_wire_field *m = &s->fields[i];

		if ((size_t)m->offset + m->size > len || m->fmt == FN_FMT_PAD)
			continue;
		for (size_t k = 0; k < n; k++)
			if (!strcmp(table[k].name, member_fact(m->name)) &&
			    strchr(table[k].probes, 's'))
				fn_fact_u64(f, table[k].name, how, fn_wire_get(m, body, false));
	}
}

static void reply_flag(struct fn_facts *f, const struct fn_init_offer *offer, uint64_t flags,
		       unsigned bit, const char *how)
{
	bool offered = offer->flags & BIT(bit), taken = flags & BIT(bit);

	if (offered && taken)
		put_flag(f, bit, FN_FACT_NEGOTIATED, false, NULL, how);
	else if (taken)
		put_flag(f, bit, FN_FACT_WANTED, false, "the server asks for it unoffered", how);
	else if (offered)
		put_flag(f, bit, FN_FACT_OFFERED, true, "the server does not take it", how);
	else if (shown(bit, 0))
		put_flag(f, bit, FN_FACT_NO, false, "not offered, not wanted", how);
}

static void reply_dialect(struct fn_facts *f, const struct fn_init_offer *offer, uint64_t flags,
			  enum fn_dialect dialect, const char *how)
{
	unsigned bit = dialect_bit(dialect);
	const struct fn_wire_value *v = flag_of(bit);
	char reason[128];

	if (!(flags & BIT(bit))) {
		snprintf(reason, sizeof(reason), "the server does not take bit %u", bit);
		fn_probe_put_dialect(f, dialect, FN_FACT_NO, reason, how);
	} else if (dialect == offer->dialect && !v) {
		fn_probe_put_dialect(f, dialect, FN_FACT_NEGOTIATED, NULL, how);
	} else if (dialect == offer->dialect) {
		snprintf(reason, sizeof(reason), "bit %u is taken, but may be meant as %s", bit,
			 v->name);
		fn_probe_put_dialect(f, dialect, FN_FACT_UNKNOWN, reason, how);
	} else if (v) {
		snprintf(reason, sizeof(reason), "bit %u is %s since 7.%u", bit, v->name, v->since);
		fn_probe_put_dialect(f, dialect, FN_FACT_NO, reason, how);
	} else {
		fn_probe_put_dialect(f, dialect,
				     offer->flags & BIT(bit) ? FN_FACT_NEGOTIATED : FN_FACT_WANTED,
				     NULL, how);
	}
}

int fn_probe_init_reply(struct fn_facts *f, const struct fn_init_offer *offer, uint64_t *flags,
			const void *msg, size_t len, const char *how)
{
	const uint8_t *body = (const uint8_t *)msg + FN_WIRE_OUT_HEADER;
	size_t n = len - FN_WIRE_OUT_HEADER;
	int32_t err;

	*flags = 0;
	if (len < FN_WIRE_OUT_HEADER || fn_get_u32(msg, false) != len)
		return -EBADMSG;
	err = (int32_t)fn_get_u32((const uint8_t *)msg + 4, false);
	if (err)
		return err < 0 && err > -4096 ? err : -EBADMSG;
	if (n < 8)
		return -EBADMSG;
	*flags = init_flags(FN_STRUCT_init_out, body, n);
	put_version(f, "protocol_peer", how, offer->major, offer->minor);
	put_members(f, body, n, how);
	put_version(f, "protocol", how, fn_get_u32(body, false), fn_get_u32(body + 4, false));
	fn_fact_hex(f, "init_flags", how, *flags);
	fn_fact_u64(f, "init_size", how, len);
	for (unsigned bit = 0; bit < 64; bit++)
		reply_flag(f, offer, *flags, bit, how);
	for (int d = 0; d < FN_DIALECTS; d++)
		if (fn_wire_dialects[d].init_flag)
			reply_dialect(f, offer, *flags, (enum fn_dialect)d, how);
	return 0;
}

void fn_probe_init_unseen(struct fn_facts *f, const char *reason)
{
	char name[FN_FACT_NAME_MAX];

	for (unsigned bit = 0; bit < 64; bit++) {
		fn_probe_flag_name(name, bit);
		if (flag_of(bit) && !fn_facts_find(f, name))
			put_flag(f, bit, FN_FACT_UNKNOWN, false, reason, NULL);
	}
	for (int d = 0; d < FN_DIALECTS; d++) {
		fn_probe_dialect_name(name, (enum fn_dialect)d);
		if (fn_wire_dialects[d].init_flag && !fn_facts_find(f, name))
			fn_probe_put_dialect(f, (enum fn_dialect)d, FN_FACT_UNKNOWN, reason, NULL);
	}
}

void fn_init_offer_default(struct fn_init_offer *offer, uint32_t minor, enum fn_dialect dialect)
{
	const struct fn_wire_set *set = &fn_wire_sets[FN_SET_init];
	/* INIT_RESERVED must never be set; splice and io_uring we do not speak. */
	const uint64_t not_ours = BIT(7) | BIT(8) | BIT(9) | BIT(31) | BIT(41) | BIT(43);

	*offer = (struct fn_init_offer){.major = FN_WIRE_MAJOR,
					.minor = minor,
					.max_readahead = 131072,
					.extended = minor >= 36,
					.dialect = dialect};
	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].since <= minor)
			offer->flags |= set->values[i].value & ~not_ours;
	offer->flags |= fn_wire_dialects[dialect].init_flag;
	/* The first RFC came before INIT was extended. */
	if (fn_wire_dialects[dialect].init_flag == INIT_EXT)
		offer->extended = false;
	if (!offer->extended)
		offer->flags &= 0x7fffffff;
}

size_t fn_init_request(unsigned char msg[FN_INIT_REQUEST_MAX], const struct fn_init_offer *offer,
		       uint64_t unique)
{
	unsigned char *body = msg + FN_WIRE_IN_HEADER;
	size_t len = FN_WIRE_IN_HEADER + (offer->extended ? 64 : 16);

	memset(msg, 0, FN_INIT_REQUEST_MAX);
	fn_wire_member_put(FN_STRUCT_in_header, "len", msg, len);
	fn_wire_member_put(FN_STRUCT_in_header, "opcode", msg, 26);
	fn_wire_member_put(FN_STRUCT_in_header, "unique", msg, unique);
	fn_wire_member_put(FN_STRUCT_init_in, "major", body, offer->major);
	fn_wire_member_put(FN_STRUCT_init_in, "minor", body, offer->minor);
	fn_wire_member_put(FN_STRUCT_init_in, "max_readahead", body, offer->max_readahead);
	fn_wire_member_put(FN_STRUCT_init_in, "flags", body, (uint32_t)offer->flags);
	if (offer->extended)
		fn_wire_member_put(FN_STRUCT_init_in, "flags2", body, offer->flags >> 32);
	return len;
}
