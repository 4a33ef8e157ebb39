/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rename/join.h"

#include "rename/split.h"
#include "rename_test.h"

static struct out out;
static struct fn_join *j;
static bool both_answer;

static bool both(void *arg, const struct fn_event *rename)
{
	(void)arg, (void)rename;
	return both_answer;
}

static void start(bool locked, bool exchange)
{
	struct fn_join_opts o = {.max_halves = 3,
				 .max_held = 8,
				 .wait_ns = 100,
				 .locked = locked,
				 .exchange = exchange,
				 .both = both};

	fn_join_free(j);
	memset(&out, 0, sizeof(out));
	j = fn_join_new(&o);
}

static int push(uint64_t mask, const char *path, uint32_t cookie, int64_t now)
{
	struct fn_event ev = make(mask, path, cookie);

	return fn_join_push(j, &ev, now, take, &out);
}

static void adjacent(void)
{
	start(true, false);
	CHECK_INT(fn_join_due(j), -1);
	push(FN_CREATE, "a", 0, 0);
	OUT(&out, "create a");
	push(FN_MOVED_FROM, "d/a", 7, 10);
	OUT_NOTHING(&out);
	CHECK_INT(fn_join_due(j), 110);
	push(FN_MOVED_TO | FN_ISDIR, "b", 7, 11);
	OUT(&out, "rename,dir d/a -> b");
	CHECK_INT(fn_join_due(j), -1);
	CHECK_INT(fn_join_held(j), 0);
	CHECK_INT(fn_join_expired(j), 0);
}

static void others_between(void)
{
	start(false, false);
	push(FN_MOVED_FROM, "d/a", 1, 0);
	push(FN_MODIFY, "d/a", 0, 1);
	push(FN_MOVED_FROM, "e/a", 2, 2);
	push(FN_CREATE, "d/a", 0, 3);
	push(FN_MOVED_TO, "e/b", 2, 4);
	OUT_NOTHING(&out);
	push(FN_MOVED_TO, "d/b", 1, 5);
	OUT(&out, "rename d/a -> d/b", "modify d/a", "rename e/a -> e/b", "create d/a");
}

static void time_runs_out(void)
{
	start(false, false);
	push(FN_MOVED_FROM, "a", 1, 0);
	push(FN_CREATE, "b", 0, 50);
	fn_join_idle(j, 99, take, &out);
	OUT_NOTHING(&out);
	fn_join_idle(j, 100, take, &out);
	OUT(&out, "rename,partial a ->", "create b");
	CHECK_INT(fn_join_expired(j), 1);
	push(FN_MOVED_TO, "c", 1, 101); /* too late */
	OUT(&out, "rename,partial c");
	push(FN_MOVED_FROM, "a", 2, 200);
	push(FN_MOVED_FROM, "b", 3, 250);
	push(FN_CREATE, "x", 0, 320); /* any event lets time pass */
	OUT(&out, "rename,partial a ->");
	CHECK_INT(fn_join_due(j), 350);
	push(FN_MOVED_TO, "c", 3, 330);
	OUT(&out, "rename b -> c", "create x");
}

static void proof(void)
{
	start(true, false);
	push(FN_MOVED_FROM, "d/a", 1, 0);
	push(FN_MODIFY, "d/x", 0, 1); /* changes no name: proves nothing */
	push(FN_CREATE, "e/x", 0, 1); /* another directory */
	OUT_NOTHING(&out);
	push(FN_CREATE, "d/y", 0, 2);
	OUT(&out, "rename,partial d/a ->", "modify d/x", "create e/x", "create d/y");
	push(FN_MOVED_FROM, "d/a", 2, 3);
	push(FN_MOVED_FROM, "d/b", 3, 4);
	OUT(&out, "rename,partial d/a ->");
	push(FN_MOVED_TO, "d/c", 3, 5);
	OUT(&out, "rename d/b -> d/c");
	push(FN_MOVED_FROM, "q", 9, 6);
	fn_join_alone(j, 9);
	fn_join_idle(j, 7, take, &out);
	OUT(&out, "rename,partial q ->");
	CHECK_INT(fn_join_expired(j), 0);
}

static void bounds(void)
{
	char path[8];

	start(false, false);
	for (uint32_t i = 1; i <= 4; i++) {
		snprintf(path, sizeof(path), "h%u", i);
		push(FN_MOVED_FROM, path, i, 0);
	}
	OUT(&out, "rename,partial h1 ->"); /* three halves at most */
	for (int i = 0; i < 5; i++)
		push(FN_MODIFY, "m", 0, 0);
	OUT_NOTHING(&out);
	push(FN_MODIFY, "m", 0, 0); /* nine events are one too many */
	OUT(&out, "rename,partial h2 ->");
	CHECK_INT(fn_join_held(j), 8);
	push(FN_MOVED_TO, "t", 4, 0);
	push(FN_MOVED_TO, "t", 3, 0);
	OUT(&out, "rename h3 -> t", "rename h4 -> t", "modify m", "modify m", "modify m",
	    "modify m", "modify m", "modify m");
}

static void no_cookies(void)
{
	start(false, false);
	push(FN_MOVED_FROM, "a", 0, 0);
	push(FN_MOVED_TO, "b", 0, 1);
	OUT(&out, "rename a -> b");
	push(FN_MOVED_FROM, "a", 0, 2);
	push(FN_CREATE, "x", 0, 3);
	push(FN_MOVED_TO, "b", 0, 4); /* not right after it: somebody else's */
	fn_join_idle(j, 200, take, &out);
	OUT(&out, "rename,partial a ->", "create x", "rename,partial b");
	push(FN_MOVED_TO, "only", 5, 201);
	OUT(&out, "rename,partial only");
}

static void exchange_by_state(void)
{
	start(true, true);
	for (int there = 0; there < 2; there++) {
		both_answer = there;
		push(FN_MOVED_FROM, "a", 1, 0);
		push(FN_MOVED_TO, "d/b", 1, 0);
		OUT_NOTHING(&out); /* its way back may follow */
		CHECK_INT(fn_join_due(j), 0);
		push(FN_MOVED_FROM | FN_ISDIR, "d/b", 2, 1);
		OUT_NOTHING(&out);
		CHECK_INT(fn_join_due(j), 101);
		push(FN_MOVED_TO | FN_ISDIR, "a", 2, 1);
		fn_join_idle(j, 1, take, &out);
		if (there)
			OUT(&out, "rename,exchange a -> d/b");
		else
			OUT(&out, "rename a -> d/b", "rename,dir d/b -> a");
	}
	push(FN_MOVED_FROM, "a", 3, 2);
	push(FN_MOVED_TO, "b", 3, 2);
	push(FN_MOVED_FROM, "c", 4, 2); /* not the way back */
	OUT(&out, "rename a -> b");
	push(FN_MOVED_TO, "d", 4, 2);
	fn_join_idle(j, 2, take, &out);
	OUT(&out, "rename c -> d");
	push(FN_MOVED_FROM, "a", 5, 3);
	push(FN_MOVED_TO, "b", 5, 3);
	push(FN_MODIFY, "a", 0, 3);
	OUT(&out, "rename a -> b", "modify a");
	push(FN_MOVED_FROM, "a", 6, 4);
	push(FN_MOVED_TO, "b", 6, 4);
	push(FN_MOVED_FROM, "b", 7, 4); /* its way is another, and nobody sees where to */
	fn_join_idle(j, 103, take, &out);
	OUT_NOTHING(&out);
	CHECK_INT(fn_join_due(j), 104);
	fn_join_idle(j, 104, take, &out);
	OUT(&out, "rename a -> b", "rename,partial b ->");
	CHECK_INT(fn_join_due(j), -1);
}

static void set_object(struct fn_event *ev, uint64_t id)
{
	fn_object_set_node(&ev->object, id, 1);
	fn_object_set_node(&ev->parent, 100, 1);
}

static void exchange_by_object(void)
{
	for (uint64_t second = 1; second <= 2; second++) {
		struct fn_event ev[4] = {make(FN_MOVED_FROM, "a", 1), make(FN_MOVED_TO, "b", 1),
					 make(FN_MOVED_FROM, "b", 2), make(FN_MOVED_TO, "a", 2)};

		start(true, true);
		both_answer = second == 1; /* not asked: the objects tell */
		for (int i = 0; i < 4; i++) {
			set_object(&ev[i], i < 2 ? 1 : second);
			fn_join_push(j, &ev[i], 0, take, &out);
		}
		fn_join_idle(j, 0, take, &out);
		if (second == 2)
			OUT(&out, "rename,exchange a -> b");
		else
			OUT(&out, "rename a -> b", "rename b -> a");
	}
}

static int copy_event(const struct fn_event *ev, void *arg)
{
	*(struct fn_event *)arg = *ev;
	return 0;
}

static void fields(void)
{
	struct fn_event from = make(FN_MOVED_FROM, "a", 1), to = make(FN_MOVED_TO, "b", 1), got;

	start(false, false);
	from.root = 2;
	from.mono_ns = 5;
	to.mono_ns = 6;
	to.pid = 9;
	fn_object_set_node(&from.object, 11, 1);
	fn_object_set_node(&from.parent, 22, 1);
	fn_object_set_node(&to.target, 33, 1);
	fn_join_push(j, &from, 0, copy_event, &got);
	fn_join_push(j, &to, 0, copy_event, &got);
	CHECK_INT(got.mask, FN_RENAME);
	CHECK_INT(got.root, 0);
	CHECK_INT(got.old_root, 3);
	CHECK_INT(got.mono_ns, 5);
	CHECK_INT(got.cookie, 0);
	CHECK_INT(got.pid, 9);
	CHECK_INT(got.object.nodeid, 11);
	CHECK_INT(got.old_parent.nodeid, 22);
	CHECK_INT(got.target.nodeid, 33);
	CHECK(!fn_object_known(&got.parent));
}

static void stop_and_flush(void)
{
	start(false, false);
	out.stop_at = 1;
	push(FN_MOVED_FROM, "a", 1, 0);
	push(FN_CREATE, "b", 0, 0);
	CHECK_INT(push(FN_MOVED_TO, "c", 1, 0), 1);
	OUT(&out, "rename a -> c");
	CHECK_INT(fn_join_due(j), 0); /* the rest waits for the next call */
	out.stop_at = 0;
	fn_join_idle(j, 0, take, &out);
	OUT(&out, "create b");
	push(FN_MOVED_FROM, "x", 2, 0);
	push(FN_CREATE, "y", 0, 0);
	fn_join_flush(j, take, &out);
	OUT(&out, "rename,partial x ->", "create y");
	push(FN_MOVED_FROM, "held", 3, 0); /* freed with the joiner */
}

/*
 * Against a model: random operations on a small tree, split into halves, shuffled as far as the
 * kernel may shuffle them (other directories' events between two halves), joined again: the
 * joined events, replayed, make the same tree, and nothing is left half.
 */
#define NAMES 12
struct model {
	int at[NAMES]; /* which object has this name, 0: none */
};

static unsigned seed;
static struct model joined;
static struct fn_event pending_half;
static bool have_pending;
static char pending_path[16], pending_name[16];

static unsigned rnd(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static const char *path_of(int i)
{
	static char ring[4][16];
	static int k;
	char *p = ring[k++ % 4];

	snprintf(p, 16, "d%d/n%d", i / 3, i);
	return p;
}

static int index_of(struct fn_str path)
{
	return atoi(memchr(path.data, 'n', path.len) ? (char *)memchr(path.data, 'n', path.len) + 1
						     : "0");
}

static int replay(const struct fn_event *ev, void *arg)
{
	int new = ev->path.data ? index_of(ev->path) : -1;
	int old = ev->old_path.data ? index_of(ev->old_path) : -1, was;

	(void)arg;
	CHECK(!(ev->flags & FN_EV_PARTIAL));
	if (ev->mask & FN_CREATE) {
		joined.at[new] = (int)ev->object.nodeid;
	} else if (ev->mask & FN_DELETE) {
		joined.at[new] = 0;
	} else if (ev->mask & FN_RENAME && old >= 0) {
		CHECK_INT(joined.at[old], ev->object.nodeid);
		was = joined.at[new];
		joined.at[new] = joined.at[old];
		joined.at[old] = ev->flags & FN_EV_EXCHANGE ? was : 0;
	}
	return 0;
}

/* A half may be overtaken by one event of a directory that the rename does not touch. */
static int feed(const struct fn_event *ev, void *arg)
{
	int64_t *now = arg;

	++*now;
	if (ev->mask & FN_MOVED_TO && !have_pending && rnd(4) == 0) {
		pending_half = *ev;
		snprintf(pending_path, 16, "%.*s", (int)ev->path.len, ev->path.data);
		snprintf(pending_name, 16, "%.*s", (int)ev->name.len, ev->name.data);
		pending_half.path = str(pending_path);
		pending_half.name = str(pending_name);
		have_pending = true;
		return 0;
	}
	return fn_join_push(j, ev, *now, replay, NULL);
}

static void feed_pending(int64_t *now)
{
	if (have_pending)
		fn_join_push(j, &pending_half, ++*now, replay, NULL);
	have_pending = false;
}

static void random_op(struct model *m, struct fn_split *sp, int64_t *now, int *next)
{
	int a = (int)rnd(NAMES), b = (int)rnd(NAMES), was;
	struct fn_event ev = make(m->at[a] ? FN_RENAME : FN_CREATE, path_of(m->at[a] ? b : a), 0);

	if (have_pending) { /* only what is in no directory of the tree may come between */
		struct fn_event other = make(FN_MODIFY, "elsewhere/n0", 0);

		fn_join_push(j, &other, ++*now, replay, NULL);
		feed_pending(now);
	}
	if (!m->at[a]) {
		m->at[a] = ++*next;
	} else if (a == b) {
		ev = make(FN_DELETE, path_of(a), 0);
		m->at[a] = 0;
	} else {
		ev.old_path = str(path_of(a));
		ev.old_name = str(last_component(ev.old_path.data));
		was = m->at[b];
		if (was && rnd(2)) {
			ev.flags |= FN_EV_EXCHANGE;
			fn_object_set_node(&ev.target, (uint64_t)was, 1);
		}
		fn_object_set_node(&ev.object, (uint64_t)m->at[a], 1);
		m->at[b] = m->at[a];
		m->at[a] = ev.flags & FN_EV_EXCHANGE ? was : 0;
	}
	if (ev.mask & FN_CREATE)
		fn_object_set_node(&ev.object, (uint64_t)m->at[a], 1);
	fn_split_event(sp, &ev, feed, now);
}

static void against_a_model(void)
{
	for (seed = 1; seed < 60; seed += 1) {
		struct fn_join_opts o = {.wait_ns = 1000, .exchange = true};
		unsigned first = seed;
		struct model m = {{0}};
		struct fn_split sp = {0};
		int64_t now = 0;
		int next = 0;

		fn_join_free(j);
		j = fn_join_new(&o);
		memset(&joined, 0, sizeof(joined));
		for (int i = 0; i < 400; i++)
			random_op(&m, &sp, &now, &next);
		feed_pending(&now);
		fn_join_idle(j, now, replay, NULL);
		CHECK_INT(fn_join_held(j), 0);
		CHECK(memcmp(&m, &joined, sizeof(m)) == 0);
		seed = first;
	}
	fn_join_free(j);
	j = NULL;
}

static const struct unit_test tests[] = {
	{"halves that follow each other", adjacent},
	{"other events between the halves keep their order", others_between},
	{"a half whose time is up is partial", time_runs_out},
	{"a change of a name in the same directory is proof", proof},
	{"halves and held events are bounded", bounds},
	{"without cookies only neighbours join", no_cookies},
	{"an exchange, told by what is there", exchange_by_state},
	{"an exchange, told by the objects", exchange_by_object},
	{"what the joined event takes from which half", fields},
	{"a callback that stops, and the end", stop_and_flush},
	{"random operations against a model", against_a_model},
};

UNIT_MAIN(tests)
