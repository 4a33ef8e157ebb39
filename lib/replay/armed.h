/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations that a client has announced (fn1 ARM): a guest repeats on its share what happened
 * here, the stock virtiofsd between us passes it on, and it has to be recognised and swallowed.
 * All requests of that guest come from one process, so an operation is known by its name, by a
 * mark that it carries where it can, and by coming in time; it is used once.
 *
 * The law: nobody gets a result that he would not have got without replay. What the process is
 * doing tells a lookup that only serves the operation from one whose answer somebody sees:
 *
 *   openat(2)   somebody in the guest looks the name up. "It is not there" may be answered for the
 *               new name of a CREATE or RENAME: the client has made the guest's own entry fresh
 *               and holds it, so nobody but a creator asks, and what a creator then does for real
 *               is decided by the store. When that operation of his comes, nothing more is
 *               answered, for his failure makes the guest's entry stale.
 *               "It is there" is never answered, except with FN1_ARM_RISK.
 *   mknod …     the operation itself has begun; only its caller sees the answer.
 *   statx       the C daemon before unlinkat and renameat, by name; a guest's own stat is by
 *               descriptor.
 *
 * An operation that comes when it must not be answered any more (late, or the store says
 * otherwise by now) is refused, never passed on, until the client ends it: a guest may stand still
 * for hours between announcing and doing. CREATE and RENAME carry a mark, so what is refused is
 * the client's. unlink() can carry none: with DELETE armed, another's unlink() of the same name can
 * be refused, or succeed, in its place.
 *
 * No clock and no I/O of its own; any thread may call.
 */
#ifndef FN_REPLAY_ARMED_H
#define FN_REPLAY_ARMED_H

#include <sys/stat.h>
#include <sys/types.h>

#include "replay/shim.h"
#include "wire/fn1.h"

#define FN_ARMED_MAX 32
#define FN_ARM_DEADLINE_MAX_MS 1000

struct fn_armed;

struct fn_armed_world {
	void *ctx;
	/* Of a thread that waits for an answer: its process, and the number of its system call.
	 * 0 and -1 where that cannot be told. */
	pid_t (*tgid)(void *ctx, uint32_t pid);
	long (*syscall)(void *ctx, uint32_t pid);
	/* lstat() in the store: 0 or -errno. */
	int (*stat)(void *ctx, const char *path, struct stat *st);
};

int fn_armed_new(struct fn_armed **t, const struct fn_armed_world *world);
void fn_armed_free(struct fn_armed *t);

/* Where the names of an ARM are; old_parent is that of a rename. node: of what MODIFY or ATTRIB
 * is about. */
struct fn_arm_place {
	uint64_t parent, old_parent, node;
};

/* owner names the client: it has one operation at a time, a new one replaces the old. tgid: the
 * process that it works through. now, monotonic ns. 0, -EINVAL, -ENOSPC, or -ESTALE: the store is
 * not as the event says. */
int fn_armed_set(struct fn_armed *t, uint64_t owner, pid_t tgid, const struct fn1_arm *arm,
		 const struct fn_arm_place *place, int64_t now);
/* Nothing is armed any more; what came of it. False: there was nothing. */
bool fn_armed_end(struct fn_armed *t, uint64_t owner, struct fn1_arm *what);

/* True while anything is armed: cheap, for every request. */
bool fn_armed_any(const struct fn_armed *t);
/* What is to become of the server's reply. */
struct fn_armed_fx {
	bool brief;  /* its entry must not be kept by the kernel */
	bool opened; /* the request was a CREATE, and is to be answered as one */
};
/* Whether an entry of this name must not be kept by the kernel, whoever asks and whatever he is
 * answered: the kernel has to go on asking. */
bool fn_armed_name(struct fn_armed *t, uint64_t parent, const char *name, size_t len);
/* A request; *fx is all false before. */
enum fn_verdict fn_armed_request(struct fn_armed *t, struct fn_msg *msg, int64_t now,
				 struct fn_reply *reply, struct fn_armed_fx *fx);

#endif
