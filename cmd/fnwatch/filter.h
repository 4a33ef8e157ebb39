/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which events to show: by name, by path, by who did it. */
#ifndef FNWATCH_FILTER_H
#define FNWATCH_FILTER_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "move,!access" -> bits. 0, or -1 with *bad the word at fault. */
int select_events(const char *list, uint64_t *mask, const char **bad, size_t *bad_len);

struct pattern {
	regex_t regex;
	bool include;
};

/* Ordered patterns; the last that matches decides. */
struct filter {
	struct pattern *patterns;
	size_t n;
	/* The directory asked about last: events come in runs. */
	char *dir;
	size_t dir_len, dir_cap;
	bool dir_pruned;
};

/* 0, or -1 with the reason in message. */
int filter_add(struct filter *f, const char *regex, bool include, bool any_case, char *message,
	       size_t size);
void filter_free(struct filter *f);
/* path is a NUL-terminated string of len bytes. */
bool filter_keeps(const struct filter *f, const char *path);
/* A directory that is excluded, with no include behind that could bring something back. */
bool filter_prunes(const struct filter *f, const char *path);
/* filter_keeps(), and no directory on the way from the root's end on is pruned. */
bool filter_shows(struct filter *f, const char *path, size_t len, size_t root_len);

/* Processes whose doings are not shown. */
struct writers {
	char (*comms)[16];
	size_t ncomms;
	int32_t *pids;
	size_t npids;
};

int writers_add(struct writers *w, const char *text); /* 0 or -1 when out of memory */
void writers_free(struct writers *w);
bool writers_any(const struct writers *w);
bool writers_has(const struct writers *w, int32_t pid, const char *comm);

#endif
