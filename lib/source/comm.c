/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command names by pid. Kept only briefly: pids are used again, and exec changes the name. */
#include "source/source_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 64
#define KEEP_NS 1000000000

struct fn_comm_cache {
	struct {
		int pid;
		int64_t until;
		char comm[16];
	} slots[SLOTS];
};

struct fn_comm_cache *fn_comm_cache_new(void)
{
	return calloc(1, sizeof(struct fn_comm_cache));
}

void fn_comm_cache_free(struct fn_comm_cache *c)
{
	free(c);
}

static void read_comm(int pid, char comm[16])
{
	char path[32];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, 15);
		close(fd);
	}
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	comm[n > 0 ? n : 0] = '\0';
}

void fn_comm_cache_get(struct fn_comm_cache *c, int pid, int64_t mono_ns, char comm[16])
{
	unsigned i = (unsigned)pid % SLOTS;

	comm[0] = '\0';
	if (pid <= 0)
		return;
	/* A process that is gone keeps the name it had: better late than none. */
	if (c->slots[i].pid != pid || mono_ns >= c->slots[i].until) {
		read_comm(pid, comm);
		if (comm[0] || c->slots[i].pid != pid)
			memcpy(c->slots[i].comm, comm, 16);
		c->slots[i].pid = pid;
		c->slots[i].until = mono_ns + KEEP_NS;
	}
	memcpy(comm, c->slots[i].comm, 16);
}
