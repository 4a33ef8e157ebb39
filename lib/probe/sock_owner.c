/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/sock_owner.h"
#include "probe/sysfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* include/net/tcp_states.h: sock_diag names the states of all families by these. */
#define STATE_ESTABLISHED 1
#define STATE_LISTEN 10

struct search {
	struct stat st;
	struct fn_sock_owner *owner;
};

static int take_vfs(const struct nlattr *attr, void *data)
{
	const struct unix_diag_vfs **vfs = data;

	if (mnl_attr_get_type(attr) == UNIX_DIAG_VFS &&
	    mnl_attr_get_payload_len(attr) >= sizeof(**vfs))
		*vfs = mnl_attr_get_payload(attr);
	return MNL_CB_OK;
}

/* The kernel's device numbers have 20 bits of minor. A socket that was accepted is shown with its
 * listener's address, and has an inode only then. */
static int take_socket(const struct nlmsghdr *nlh, void *data)
{
	struct search *s = data;
	const struct unix_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	const struct unix_diag_vfs *vfs = NULL;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*m), take_vfs, &vfs);
	if (!vfs || vfs->udiag_vfs_ino != (uint32_t)s->st.st_ino ||
	    vfs->udiag_vfs_dev != (major(s->st.st_dev) << 20 | minor(s->st.st_dev)))
		return MNL_CB_OK;
	if (m->udiag_state == STATE_LISTEN)
		s->owner->listener = m->udiag_ino;
	else if (m->udiag_state == STATE_ESTABLISHED && m->udiag_ino)
		s->owner->connected++;
	return MNL_CB_OK;
}

static int dump_sockets(struct mnl_socket *nl, struct search *s)
{
	char buf[16384];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct unix_diag_req *req;
	unsigned seq = 1;
	ssize_t n;
	int r;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = AF_UNIX;
	req->udiag_states = 1u << STATE_LISTEN | 1u << STATE_ESTABLISHED;
	req->udiag_show = UDIAG_SHOW_VFS;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		r = n < 0 ? -1
			  : mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), take_socket,
				       s);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

static bool has_socket(const char *pid, uint32_t inode)
{
	char path[300], want[32], link[32];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	snprintf(want, sizeof(want), "socket:[%u]", inode);
	while (!found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		found = n > 0 && !strncmp(link, want, (size_t)n) && !want[n];
	}
	closedir(dir);
	return found;
}

static void find_process(struct fn_sock_owner *o)
{
	char path[300];
	struct dirent *e;
	DIR *dir = opendir("/proc");

	while (dir && !o->pid && (e = readdir(dir))) {
		if (!isdigit((unsigned char)*e->d_name) || !has_socket(e->d_name, o->listener))
			continue;
		o->pid = atoi(e->d_name);
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (fn_sysfile_read(AT_FDCWD, path, o->comm, sizeof(o->comm)))
			*o->comm = '\0';
	}
	if (dir)
		closedir(dir);
}

int fn_sock_owner(const char *path, struct fn_sock_owner *o)
{
	struct search s = {.owner = o};
	struct mnl_socket *nl;
	int r;

	*o = (struct fn_sock_owner){0};
	if (stat(path, &s.st))
		return -errno;
	if (!S_ISSOCK(s.st.st_mode))
		return -ENOTSOCK;
	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	r = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : dump_sockets(nl, &s);
	mnl_socket_close(nl);
	if (!r && o->listener)
		find_process(o);
	return r;
}
