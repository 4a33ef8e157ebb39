/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/filter.h"
#include "event/event.h"

#include <stdlib.h>
#include <string.h>

int select_events(const char *list, uint64_t *mask, const char **bad, size_t *bad_len)
{
	uint64_t sum = list[0] == '!' ? FN_ALL_EVENTS : 0;
	const char *p = list;

	for (;;) {
		size_t len = strcspn(p, ","), negated = p[0] == '!';
		uint64_t bits = fn_event_mask_parse(p + negated, len - negated);

		if (!bits) {
			*bad = p;
			*bad_len = len;
			return -1;
		}
		sum = negated ? sum & ~bits : sum | bits;
		if (!p[len])
			break;
		p += len + 1;
	}
	*mask = sum;
	return 0;
}

int filter_add(struct filter *f, const char *regex, bool include, bool any_case, char *message,
	       size_t size)
{
	struct pattern *grown = realloc(f->patterns, (f->n + 1) * sizeof(*grown));
	int flags = REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0);
	int r = grown ? 0 : REG_ESPACE;

	if (grown) {
		f->patterns = grown;
		grown[f->n].include = include;
		r = regcomp(&grown[f->n].regex, regex, flags);
	}
	if (r) {
		regerror(r, grown ? &grown[f->n].regex : NULL, message, size);
		return -1;
	}
	f->n++;
	return 0;
}

void filter_free(struct filter *f)
{
	for (size_t i = 0; i < f->n; i++)
		regfree(&f->patterns[i].regex);
	free(f->patterns);
	free(f->dir);
	*f = (struct filter){0};
}

/* The last pattern that matches, or NULL. */
static const struct pattern *decider(const struct filter *f, const char *path)
{
	for (size_t i = f->n; i-- > 0;)
		if (!regexec(&f->patterns[i].regex, path, 0, NULL, 0))
			return &f->patterns[i];
	return NULL;
}

bool filter_keeps(const struct filter *f, const char *path)
{
	const struct pattern *p;

	if (!f->n)
		return true;
	p = decider(f, path);
	return p ? p->include : !f->patterns[0].include;
}

bool filter_prunes(const struct filter *f, const char *path)
{
	const struct pattern *p = decider(f, path);

	if (!p || p->include)
		return false;
	for (p++; p < f->patterns + f->n; p++)
		if (p->include)
			return false;
	return true;
}

/* Asks about each directory of path that is longer than the root. dir is a copy to cut up. */
static bool any_pruned(const struct filter *f, char *dir, size_t len, size_t root_len)
{
	for (size_t i = root_len + 1; i <= len; i++) {
		bool pruned;
		char saved = dir[i];

		if (saved != '/' && i != len)
			continue;
		dir[i] = '\0';
		pruned = filter_prunes(f, dir);
		dir[i] = saved;
		if (pruned)
			return true;
	}
	return false;
}

static bool dir_pruned(struct filter *f, const char *path, size_t len, size_t root_len)
{
	if (f->dir && f->dir_len == len && !memcmp(f->dir, path, len))
		return f->dir_pruned;
	if (len + 1 > f->dir_cap) {
		char *grown = realloc(f->dir, len + 1);

		if (!grown)
			return false;
		f->dir = grown;
		f->dir_cap = len + 1;
	}
	memcpy(f->dir, path, len);
	f->dir[len] = '\0';
	f->dir_len = len;
	f->dir_pruned = any_pruned(f, f->dir, len, root_len);
	return f->dir_pruned;
}

bool filter_shows(struct filter *f, const char *path, size_t len, size_t root_len)
{
	const char *slash;

	if (!f->n)
		return true;
	slash = memrchr(path, '/', len);
	if (slash && (size_t)(slash - path) > root_len &&
	    dir_pruned(f, path, (size_t)(slash - path), root_len))
		return false;
	return filter_keeps(f, path);
}

static bool is_pid(const char *text, int32_t *pid)
{
	char *end;
	long v = strtol(text, &end, 10);

	*pid = (int32_t)v;
	return *text >= '1' && *text <= '9' && !*end && v <= INT32_MAX;
}

int writers_add(struct writers *w, const char *text)
{
	int32_t pid;
	void *grown;

	if (is_pid(text, &pid)) {
		grown = realloc(w->pids, (w->npids + 1) * sizeof(*w->pids));
		if (!grown)
			return -1;
		w->pids = grown;
		w->pids[w->npids++] = pid;
		return 0;
	}
	grown = realloc(w->comms, (w->ncomms + 1) * sizeof(*w->comms));
	if (!grown)
		return -1;
	w->comms = grown;
	memset(w->comms[w->ncomms], 0, sizeof(*w->comms));
	memcpy(w->comms[w->ncomms++], text, strnlen(text, sizeof(*w->comms) - 1));
	return 0;
}

void writers_free(struct writers *w)
{
	free(w->comms);
	free(w->pids);
	*w = (struct writers){0};
}

bool writers_any(const struct writers *w)
{
	return w->ncomms || w->npids;
}

bool writers_has(const struct writers *w, int32_t pid, const char *comm)
{
	for (size_t i = 0; pid && i < w->npids; i++)
		if (w->pids[i] == pid)
			return true;
	for (size_t i = 0; comm[0] && i < w->ncomms; i++)
		if (!strncmp(w->comms[i], comm, sizeof(*w->comms)))
			return true;
	return false;
}
