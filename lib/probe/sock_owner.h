/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who listens on a UNIX socket, by NETLINK_SOCK_DIAG. */
#ifndef FN_PROBE_SOCK_OWNER_H
#define FN_PROBE_SOCK_OWNER_H

#include <stdint.h>
#include <sys/types.h>

struct fn_sock_owner {
	uint32_t listener;  /* inode of the listening socket, 0: there is none */
	unsigned connected; /* connections that it has accepted */
	pid_t pid;          /* a process that has it open, 0: none that we may see */
	char comm[16];
};

/* 0 or -errno: it is no socket, or netlink does not answer. */
int fn_sock_owner(const char *path, struct fn_sock_owner *o);

#endif
