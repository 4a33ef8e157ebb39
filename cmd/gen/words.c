/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gen/gen.h"

#include <stdlib.h>
#include <string.h>

#include "event/event.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t gen_event_words(const char **words)
{
	size_t n, count = 0, kept = 0;
	const struct fn_event_desc *t = fn_event_table(&n);

	for (size_t i = 0; i < n; i++) {
		words[count++] = t[i].name;
		if (*t[i].group)
			words[count++] = t[i].group;
	}
	words[count++] = "all";
	words[count++] = "change";
	qsort(words, count, sizeof(*words), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || strcmp(words[kept - 1], words[i]))
			words[kept++] = words[i];
	return kept;
}
