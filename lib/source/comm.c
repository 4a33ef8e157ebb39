/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command names by pid. A name can be asked for only while the process lives (or is not waited
 * for yet), so it is remembered: what one event told is known with the next, although the process
 * is gone. exec changes the name and pids are used again, so a name is never taken from memory
 * while there is a process with that pid, but once for all events of one moment.
 */
#include "source/source_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 1024u
#define KEEP_NS (10 * INT64_C(1000000000)) /* of a process that is gone */

struct slot {
	int pid;
	int64_t asked, seen; /* mono_ns of the last question and of the last answer */
	char comm[16];
};

struct fn_comm_cache {
	struct slot slots[SLOTS];
};

struct fn_comm_cache *fn_comm_cache_new(void)
{
	return calloc(1, sizeof(struct fn_comm_cache));
}

void fn_comm_cache_free(struct fn_comm_cache *c)
{
	free(c);
}

bool fn_comm_read(int pid, char comm[16])
{
	char path[32];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, 16);
		close(fd);
	}
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	if (n < 0 || n > 15)
		n = n < 0 ? 0 : 15;
	memset(comm + n, 0, 16 - (size_t)n);
	return n > 0;
}

static void ask(struct slot *s, int pid, int64_t mono_ns)
{
	char comm[16];

	if (fn_comm_read(pid, comm)) {
		memcpy(s->comm, comm, sizeof(comm));
		s->seen = mono_ns;
	} else if (s->pid != pid || mono_ns - s->seen > KEEP_NS) {
		s->comm[0] = '\0';
	}
	s->pid = pid;
	s->asked = mono_ns;
}

void fn_comm_cache_get(struct fn_comm_cache *c, int pid, int64_t mono_ns, char comm[16])
{
	struct slot *s = &c->slots[(unsigned)pid % SLOTS];

	comm[0] = '\0';
	if (pid <= 0)
		return;
	if (s->pid != pid || s->asked != mono_ns)
		ask(s, pid, mono_ns);
	memcpy(comm, s->comm, 16);
}
