/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random changes, read at random moments; the events alone must rebuild the tree's names. */
#ifndef FN_TESTS_SOURCE_MODEL_H
#define FN_TESTS_SOURCE_MODEL_H

#include "source_test.h"

#define MODEL_MAX 4096
struct model {
	char *paths[MODEL_MAX]; /* relative; a directory ends in '/' */
	size_t n;
	size_t events;
	bool overflow; /* a neighbour filled the queue: the names are not known any more */
};

static unsigned model_seed;

static unsigned rnd(unsigned n)
{
	model_seed = model_seed * 1103515245u + 12345u;
	return (model_seed >> 16) % n;
}

static bool model_below(const char *path, const char *dir, size_t len)
{
	return !strncmp(path, dir, len) && (path[len] == '\0' || path[len] == '/');
}

static void model_remove(struct model *m, const char *path)
{
	size_t len = strlen(path), kept = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (model_below(m->paths[i], path, len))
			free(m->paths[i]);
		else
			m->paths[kept++] = m->paths[i];
	}
	m->n = kept;
}

static void model_add(struct model *m, const char *path, bool dir)
{
	char *copy = malloc(strlen(path) + 2);

	for (size_t i = 0; i < m->n; i++)
		if (model_below(m->paths[i], path, strlen(path)) &&
		    strlen(m->paths[i]) <= strlen(path) + 1) {
			free(copy);
			return; /* told of already */
		}
	sprintf(copy, "%s%s", path, dir ? "/" : "");
	if (m->n < MODEL_MAX)
		m->paths[m->n++] = copy;
}

/* Everything at or below `from` gets its prefix replaced. */
static void model_prefix(struct model *m, const char *from, const char *to)
{
	size_t len = strlen(from);

	for (size_t i = 0; i < m->n; i++) {
		char *path = m->paths[i], *moved;

		if (!model_below(path, from, len))
			continue;
		moved = malloc(strlen(to) + strlen(path) + 1);
		sprintf(moved, "%s%s", to, path + len);
		free(path);
		m->paths[i] = moved;
	}
}

static int model_event(const struct fn_event *ev, void *arg)
{
	struct model *m = arg;
	char path[4096], old[4096];
	bool dir = ev->mask & FN_ISDIR;

	m->events++;
	m->overflow |= ev->mask & FN_Q_OVERFLOW;
	snprintf(path, sizeof(path), "%.*s", (int)ev->path.len, ev->path.data ? ev->path.data : "");
	snprintf(old, sizeof(old), "%.*s", (int)ev->old_path.len,
		 ev->old_path.data ? ev->old_path.data : "");
	if (getenv("FN_MODEL_TRACE"))
		printf("#   event %s%s%s%s: %s -> %s\n",
		       fn_event_name(ev->mask & ~(uint64_t)FN_ISDIR), dir ? ",dir" : "",
		       ev->flags & FN_EV_EXCHANGE ? ",exchange" : "",
		       ev->flags & FN_EV_SYNTHETIC ? ",syn" : "", old, path);
	if (ev->mask & FN_CREATE) {
		model_add(m, path, dir);
	} else if (ev->mask & FN_DELETE) {
		model_remove(m, path);
	} else if (ev->flags & FN_EV_EXCHANGE) {
		model_prefix(m, old, "/x");
		model_prefix(m, path, old);
		model_prefix(m, "/x", path);
	} else if (ev->mask & FN_RENAME) {
		if (ev->path.data)
			model_remove(m, path);
		if (!ev->path.data)
			model_remove(m, old);
		else if (ev->old_path.data)
			model_prefix(m, old, path);
		else
			model_add(m, path, dir);
	}
	return 0;
}

static struct model *walk_into;

static int walk_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *rel = path + strlen(at("root"));

	(void)st, (void)ftw;
	if (*rel)
		model_add(walk_into, rel + 1, type == FTW_D);
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void model_compare(struct model *m)
{
	struct model real = {.n = 0};

	walk_into = &real;
	nftw(at("root"), walk_entry, 64, FTW_PHYS);
	qsort(m->paths, m->n, sizeof(char *), compare_paths);
	qsort(real.paths, real.n, sizeof(char *), compare_paths);
	for (size_t i = 0, k = 0; i < m->n || k < real.n;) {
		int c = i == m->n ? 1 : k == real.n ? -1 : strcmp(m->paths[i], real.paths[k]);

		if (c) {
			printf("# %s %s\n", c < 0 ? "told but not there:" : "there but not told:",
			       c < 0 ? m->paths[i] : real.paths[k]);
			unit_faults++;
		}
		i += c <= 0;
		k += c >= 0;
	}
	model_remove(&real, "");
	for (size_t i = 0; i < real.n; i++)
		free(real.paths[i]);
}

/* A small tree, so that names meet often. */
static void random_path(char *path, size_t size)
{
	int depth = 1 + (int)rnd(3);

	snprintf(path, size, "root");
	for (int i = 0; i < depth; i++)
		snprintf(path + strlen(path), size - strlen(path), "/%c", 'a' + (int)rnd(4));
}

/* What was done, if it could be. */
static void trace_change(const char *what, const char *a, const char *b)
{
	if (getenv("FN_MODEL_TRACE"))
		printf("# change %s %s %s\n", what, a, b);
}

static void random_change(void)
{
	char a[64], b[64], c[64];
	unsigned what;

	random_path(a, sizeof(a));
	random_path(b, sizeof(b));
	what = rnd(8);
	snprintf(c, sizeof(c), "out/%c", what == 5 || what == 6 ? 'a' + (int)rnd(4) : 'a');
	/* Many fail, by design. */
	if (what < 2 && mkdir(at("%s", a), 0755) == 0)
		trace_change("mkdir", a, "");
	else if (what == 2 && mknod(at("%s", a), S_IFREG | 0644, 0) == 0)
		trace_change("mknod", a, "");
	else if (what == 3 && remove(at("%s", a)) == 0)
		trace_change("remove", a, "");
	else if (what == 4 &&
		 renameat2(AT_FDCWD, at("%s", a), AT_FDCWD, at("%s", b), RENAME_EXCHANGE) == 0)
		trace_change("exchange", a, b);
	else if (what == 5 && rename(at("%s", a), at("%s", c)) == 0)
		trace_change("rename", a, c);
	else if (what == 6 && rename(at("%s", c), at("%s", a)) == 0)
		trace_change("rename", c, a);
	else if (what == 7 && rename(at("%s", a), at("%s", b)) == 0)
		trace_change("rename", a, b);
}

static bool model_has(const struct model *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->paths[i], path))
			return true;
	return false;
}

/* Until the last change is told and nothing more comes of it. The queue itself is hardly ever
 * empty where others change the same file system. */
static void drain_model(struct fn_source *src, struct model *m, int quiet_ms)
{
	struct pollfd p = {fn_source_fd(src), POLLIN, 0};
	int64_t end = 0, limit = ms_now() + 10000;
	size_t before;

	make_node(at("root/end"));
	for (int still = 0; ms_now() < limit;) {
		int timeout = fn_source_timeout(src);

		if (still > 3 && ms_now() >= end && model_has(m, "end"))
			return;
		before = m->events;
		poll(&p, 1, timeout < 0 || timeout > 10 ? 10 : timeout);
		CHECK(fn_source_dispatch(src, model_event, m) == 0);
		still = m->events == before ? still + 1 : 0;
		if (!still || !end)
			end = ms_now() + quiet_ms;
	}
}

/* The changes read at random moments, always the same ones. */
static void change_and_read(struct fn_source *src, struct model *m)
{
	for (int i = 0; i < 300; i++) {
		random_change();
		if (rnd(10) == 0) {
			trace_change("read", "", "");
			fn_source_dispatch(src, model_event, m);
		}
	}
}

static void change_a_lot(void)
{
	for (int i = 0; i < 1000; i++)
		random_change();
	_exit(0);
}

/* The changes of another process, read while they happen. */
static void change_meanwhile(struct fn_source *src, struct model *m)
{
	pid_t pid = fork();

	if (pid == 0)
		change_a_lot();
	while (waitpid(pid, NULL, WNOHANG) == 0)
		CHECK(fn_source_dispatch(src, model_event, m) == 0);
}

/* Is the tree that was told the one that is there? */
static bool random_round(int seed, void (*changes)(struct fn_source *src, struct model *m))
{
	struct model m = {.n = 0};
	struct watch w;
	int before = unit_faults;
	bool right;

	model_seed = (unsigned)seed;
	if (getenv("FN_MODEL_TRACE"))
		printf("# seed %d begins\n", seed);
	tree_begin();
	if (watch_tree(&w, NAMES) == 0) {
		changes(w.src, &m);
		drain_model(w.src, &m, 20);
		if (!m.overflow)
			model_compare(&m);
	}
	right = unit_faults == before;
	if (!right)
		printf("# %s: seed %d\n", kind->name, seed);
	for (size_t i = 0; i < m.n; i++)
		free(m.paths[i]);
	tree_end(&w);
	return right;
}

/* FN_MODEL_SEED and FN_MODEL_ROUNDS: others than these, and nothing else; FN_MODEL_KIND: of this
 * kind of source alone. How many went wrong. */
static size_t random_rounds(const int *seeds, size_t n,
			    void (*changes)(struct fn_source *src, struct model *m))
{
	const char *rounds = getenv("FN_MODEL_ROUNDS"), *first = getenv("FN_MODEL_SEED");
	size_t wrong = 0;

	if (first)
		for (int i = 0; i < (rounds ? atoi(rounds) : 1); i++)
			wrong += !random_round(atoi(first) + i, changes);
	else
		for (size_t i = 0; i < n; i++)
			wrong += !random_round(seeds[i], changes);
	return wrong;
}

static void random_changes(void)
{
	/* Each has found a fault. */
	static const int fanotify[] = {14,  25,  58,  101, 105, 164, 171,
				       205, 271, 288, 328, 344, 381, 388};
	static const int inotify[] = {6, 73, 83, 102, 111, 393, 466};

	if (kind->open == fn_source_fanotify)
		random_rounds(fanotify, sizeof(fanotify) / sizeof(fanotify[0]), change_and_read);
	else
		random_rounds(inotify, sizeof(inotify) / sizeof(inotify[0]), change_and_read);
}

/* What two processes do at once is never the same twice, and a name may be taken and given back
 * in the very moment between two looks at it: one round in some hundreds. */
static void random_meanwhile(void)
{
	static const int seeds[] = {1, 2, 3, 11, 13, 15, 28, 292};
	int before = unit_faults;

	if (kind->open != fn_source_fanotify && !getenv("FN_MODEL_SEED"))
		return;
	if (random_rounds(seeds, sizeof(seeds) / sizeof(seeds[0]), change_meanwhile) < 3 &&
	    !getenv("FN_MODEL_SEED"))
		unit_faults = before;
}

#endif
