/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "\040" and its like, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = options; *p; p += *p == ',') {
		if (!strncmp(p, name, len) && (p[len] == ',' || !p[len]))
			return true;
		p += strcspn(p, ",");
	}
	return false;
}

int fn_mount_parse(struct fn_mount *m, const char *line)
{
	char flags[1024];
	const char *rest = strstr(line, " - ");

	if (!rest || sscanf(line, "%d %*d %u:%u %*s %4095s %1023s", &m->id, &m->major, &m->minor,
			    m->point, flags) != 5)
		return -EINVAL;
	m->options[0] = '\0';
	if (sscanf(rest + 3, "%63s %1023s %1023s", m->fstype, m->source, m->options) < 2)
		return -EINVAL;
	unescape(m->point);
	unescape(m->source);
	unescape(m->options);
	m->read_only = has_option(flags, "ro") || has_option(m->options, "ro");
	return 0;
}

static bool lies_on(const char *path, const char *point)
{
	size_t len = strlen(point);

	if (len == 1)
		return *path == '/';
	return !strncmp(path, point, len) && (path[len] == '/' || !path[len]);
}

int fn_mount_find(struct fn_mount *m, int id, const char *path)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct fn_mount *one = malloc(sizeof(*one));
	char *line = NULL;
	size_t size = 0, best = 0;

	while (f && one && getline(&line, &size, f) > 0) {
		if (fn_mount_parse(one, line))
			continue;
		/* Of mounts over one another the later line is on top. */
		if (id < 0 && lies_on(path, one->point) && strlen(one->point) >= best) {
			best = strlen(one->point);
			*m = *one;
		} else if (id >= 0 && one->id == id) {
			best = 1;
			*m = *one;
		}
	}
	free(line);
	free(one);
	if (f)
		fclose(f);
	return best ? 0 : -ENOENT;
}

int fn_mount_id(int fd)
{
	char path[64], line[128];
	int id = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (id < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %d", &id) != 1)
			id = -ENOENT;
	fclose(f);
	return id;
}
