/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue before the replay thread: order, coalescing, loss. */
#include "replay/queue.h"
#include "unit.h"

static struct fn_item item(enum fn_op_kind kind, uint32_t mask, uint64_t parent, const char *name)
{
	return (struct fn_item){.kind = kind,
				.mask = mask,
				.parent = parent,
				.name = name,
				.name_len = (uint8_t)strlen(name),
				.old_name = ""};
}

static enum fn_push push(struct fn_queue *q, enum fn_op_kind kind, uint32_t mask, const char *name)
{
	struct fn_item i = item(kind, mask, 5, name);

	return fn_queue_push(q, &i);
}

static void pops(struct fn_queue *q, const char *name)
{
	struct fn_item *i = fn_queue_pop(q);

	CHECK(i != NULL);
	if (i)
		CHECK_STR(i->name, name);
	fn_item_free(i);
}

static void order(void)
{
	struct fn_queue *q = fn_queue_new(0);
	char name[] = "abc";

	CHECK(fn_queue_idle(q));
	CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, name), FN_PUSHED);
	name[0] = 'x'; /* it took a copy */
	CHECK_INT(push(q, FN_OP_DELETE, FN_DELETE, name), FN_PUSHED);
	CHECK(!fn_queue_idle(q));
	pops(q, "abc");
	pops(q, "xbc");
	CHECK(!fn_queue_pop(q));
	fn_queue_free(q);
}

static void coalescing(void)
{
	struct fn_queue *q = fn_queue_new(0);

	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "a"), FN_PUSHED);
	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "b"), FN_PUSHED);
	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "a"), FN_COALESCED);
	CHECK_INT(push(q, FN_OP_ATTR, FN_ATTRIB, "a"), FN_PUSHED);
	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "a"), FN_PUSHED); /* something was in between */
	CHECK_INT(push(q, FN_OP_OPEN, FN_CLOSE_WRITE, "b"), FN_PUSHED);
	CHECK_INT(push(q, FN_OP_OPEN, FN_CLOSE_WRITE, "b"), FN_PUSHED);
	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "b"), FN_PUSHED);
	while (!fn_queue_idle(q))
		fn_item_free(fn_queue_pop(q));
	CHECK_INT(push(q, FN_OP_ATTR, FN_MODIFY, "b"), FN_PUSHED); /* it was told already */
	fn_queue_free(q);
}

static void loss(void)
{
	struct fn_queue *q = fn_queue_new(16);
	const uint64_t dirs[] = {1, 7};
	char name[8];

	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, name), FN_PUSHED);
	}
	CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, "g"), FN_LOST);
	CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, "h"), FN_LOST);
	CHECK_INT(fn_queue_pop_lost(q), 5); /* one event for its directory */
	CHECK_INT(fn_queue_pop_lost(q), 0);
	pops(q, "f0");
	CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, "i"), FN_PUSHED);
	fn_queue_lose(q, dirs, 2);
	CHECK_INT(fn_queue_pop_lost(q) + fn_queue_pop_lost(q), 8);
	fn_queue_free(q);
}

static void many_directories(void)
{
	struct fn_queue *q = fn_queue_new(16);
	size_t n = 0;
	bool root = false;

	for (uint64_t d = 1; d < FN_QUEUE_LOST_MAX + 100; d++) {
		struct fn_item i = item(FN_OP_CREATE, FN_CREATE, d + 10, "f");

		fn_queue_push(q, &i);
	}
	for (uint64_t d; (d = fn_queue_pop_lost(q)); n++)
		root |= d == FUSE_ROOT_ID;
	CHECK_INT(n, FN_QUEUE_LOST_MAX);
	CHECK(root); /* it stands for the rest */
	fn_queue_free(q);
}

static void moves(void)
{
	struct fn_queue *q = fn_queue_new(0);

	CHECK_INT(fn_queue_moves(q), 0);
	push(q, FN_OP_RENAME, FN_RENAME, "file");
	CHECK_INT(fn_queue_moves(q), 0);
	push(q, FN_OP_RENAME, FN_RENAME | FN_ISDIR, "dir");
	CHECK_INT(fn_queue_moves(q), 1);
	fn_queue_moved(q);
	CHECK_INT(fn_queue_moves(q), 0);
	fn_queue_free(q);
}

static void closing(void)
{
	struct fn_queue *q = fn_queue_new(0);

	push(q, FN_OP_CREATE, FN_CREATE, "a");
	CHECK(fn_queue_wait(q));
	fn_queue_close(q);
	CHECK(!fn_queue_wait(q));
	CHECK(!fn_queue_pop(q));
	CHECK_INT(push(q, FN_OP_CREATE, FN_CREATE, "b"), FN_LOST);
	fn_queue_free(q);
}

static const struct unit_test tests[] = {
	{"order and copies", order},
	{"repeated changes coalesce", coalescing},
	{"what is lost is noted for its directory", loss},
	{"more directories than there is room for", many_directories},
	{"renames of directories are counted", moves},
	{"a closed queue", closing},
};
UNIT_MAIN(tests)
