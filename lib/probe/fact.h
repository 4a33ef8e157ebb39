/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What fnprobe finds out: a list of facts, each with a state, a value where there is one, the
 * reason where the state needs one, and how it was found. Names come from facts.def, from
 * lib/wire's tables (INIT flags, opcodes) or from a probe itself.
 */
#ifndef FN_PROBE_FACT_H
#define FN_PROBE_FACT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fn_fact_state {
	FN_FACT_UNKNOWN, /* cannot tell: the reason says why */
	FN_FACT_NO,
	FN_FACT_YES,
	FN_FACT_OFFERED,    /* one side offers it */
	FN_FACT_WANTED,     /* the other side asks for it, and it was not offered */
	FN_FACT_NEGOTIATED, /* offered and taken */
};

#define FN_FACT_NAME_MAX 48

struct fn_fact {
	char name[FN_FACT_NAME_MAX];
	char group[16];
	enum fn_fact_state state;
	unsigned rank; /* where it stands in the order of facts */
	char *value;   /* NULL: none */
	char *reason;  /* NULL: none */
	char *how;     /* NULL: nothing was tried */
	bool declined; /* offered, and the other side did not take it */
};

struct fn_facts {
	struct fn_fact *list;
	size_t count, cap;
	bool failed; /* out of memory: the list is not complete */
};

void fn_facts_free(struct fn_facts *f);
void fn_facts_sort(struct fn_facts *f); /* by rank, then by name */
void fn_facts_drop(struct fn_facts *f, struct fn_fact *fact);
struct fn_fact *fn_facts_find(const struct fn_facts *f, const char *name);

/* What a probe says about one fact. Texts are copied; NULL is allowed for value, how and reason.
 * Saying it again replaces what was said. */
struct fn_fact_text {
	const char *value, *reason, *how;
};
struct fn_fact *fn_fact_put(struct fn_facts *f, const char *name, enum fn_fact_state state,
			    const struct fn_fact_text *text);
/* The common shapes of it. */
void fn_fact_yes(struct fn_facts *f, const char *name, const char *how);
void fn_fact_no(struct fn_facts *f, const char *name, const char *how, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void fn_fact_unknown(struct fn_facts *f, const char *name, const char *how, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void fn_fact_text(struct fn_facts *f, const char *name, const char *how, const char *value);
void fn_fact_u64(struct fn_facts *f, const char *name, const char *how, uint64_t value);
void fn_fact_hex(struct fn_facts *f, const char *name, const char *how, uint64_t value);
/* A call that gave 0 or -errno: yes, no (EINVAL, EOPNOTSUPP, ENOSYS, ENODEV, …) or unknown
 * (EPERM, EACCES, EMFILE, …: then this process may not find out). */
void fn_fact_result(struct fn_facts *f, const char *name, const char *how, int err);

/* Where a name belongs: its group, and its rank; facts without a description come last. */
struct fn_fact_desc {
	const char *name, *group, *probes, *what;
};
const struct fn_fact_desc *fn_fact_table(size_t *count);
/* Compares names as a user writes them: case-blind, '-' like '_', FUSE_ in front is ignored. */
bool fn_fact_name_is(const struct fn_fact *fact, const char *name, size_t len);

/* 1 it holds, 0 it does not, -1 cannot tell. */
int fn_fact_holds(const struct fn_fact *fact);
const char *fn_fact_state_name(enum fn_fact_state state);

/* Facts between processes: len bytes that fn_facts_merge() reads back. The bytes are checked. */
struct fn_buf;
void fn_fact_pack(struct fn_buf *b, const struct fn_fact *fact);
/* Takes all whole facts at data; how many bytes those were, or -EBADMSG. */
long fn_facts_unpack(struct fn_facts *f, const char *data, size_t len);

#endif
