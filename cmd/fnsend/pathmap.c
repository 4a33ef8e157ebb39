/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnsend/pathmap.h"

#include <string.h>

/* What is left of path below dir; false if it is not below it. */
static bool below(struct fn_str path, const char *dir, struct fn_str *rest)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	if (path.len < n || memcmp(path.data, dir, n) || (path.len > n && path.data[n] != '/'))
		return false;
	*rest = (struct fn_str){path.data + n, path.len - n};
	while (rest->len && *rest->data == '/') {
		rest->data++;
		rest->len--;
	}
	return true;
}

static void skip_dot(struct fn_str *p)
{
	while (p->len >= 2 && p->data[0] == '.' && p->data[1] == '/') {
		p->data += 2;
		p->len -= 2;
	}
	if (p->len == 1 && p->data[0] == '.')
		p->len = 0;
}

static bool add(char *out, size_t size, size_t *used, const char *data, size_t len)
{
	bool slash = *used && len && out[*used - 1] != '/';

	if (*used + slash + len >= size)
		return false;
	if (slash)
		out[(*used)++] = '/';
	if (len)
		memcpy(out + *used, data, len);
	*used += len;
	out[*used] = '\0';
	return true;
}

/* Without --strip an absolute path has to be one of ours. */
static bool strip(const struct mapping *m, struct fn_str *path, bool rooted)
{
	if (m->strip)
		return below(*path, m->strip, path);
	if (rooted || !path->len || *path->data != '/')
		return true;
	return below(*path, m->root, path) || below(*path, m->given, path);
}

const char *map_path(const struct mapping *m, struct fn_str path, struct fn_str source_root,
		     char *out, size_t size, struct fn_str *mapped)
{
	static char full[8192];
	size_t used = 0;

	*mapped = (struct fn_str){NULL, 0};
	if (!path.data)
		return NULL;
	if (m->strip && source_root.data) {
		if (!add(full, sizeof(full), &used, source_root.data, source_root.len) ||
		    !add(full, sizeof(full), &used, path.data, path.len))
			return "a path that is too long";
		path = (struct fn_str){full, used};
	}
	if (!strip(m, &path, source_root.data != NULL))
		return m->strip ? "a path outside of what --strip removes"
				: "a path outside of the root (see --strip)";
	skip_dot(&path);
	used = 0;
	*out = '\0';
	if ((m->prefix && !add(out, size, &used, m->prefix, strlen(m->prefix))) ||
	    !add(out, size, &used, path.data, path.len))
		return "a path that is too long";
	while (used && out[used - 1] == '/')
		out[--used] = '\0';
	if (!fn_path_ok(out, used))
		return "a path that no event can have";
	*mapped = (struct fn_str){out, used};
	return NULL;
}
