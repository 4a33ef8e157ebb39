/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/probe.h"
#include "probe/child.h"
#include "probe/peer.h"
#include "probe/sock_owner.h"
#include "probe/vhost_fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HOW_VHOST "vhost-user"
#define HOW_DIAG "NETLINK_SOCK_DIAG"

struct backend {
	struct fn_peer peer; /* first */
	struct fn_vhost_fs fs;
};

static long backend_call(struct fn_peer *p, const void *req, size_t len, void *reply, bool noreply,
			 int64_t deadline_ns)
{
	return fn_vhost_fs_call(&((struct backend *)p)->fs, req, len, reply, noreply, deadline_ns);
}

static void put_owner(struct fn_facts *f, const struct fn_sock_owner *o, int err)
{
	static const char *const names[] = {"socket_owner", "socket_owner_name",
					    "socket_connected"};

	if (err) {
		for (size_t i = 0; i < 3; i++)
			fn_fact_unknown(f, names[i], HOW_DIAG, "%s", strerror(-err));
		return;
	}
	if (!o->listener) {
		fn_fact_no(f, "socket_owner", HOW_DIAG, "nobody listens");
	} else if (!o->pid) {
		fn_fact_unknown(f, "socket_owner", HOW_DIAG,
				"no process that we may look into has it open");
	} else {
		fn_fact_u64(f, "socket_owner", HOW_DIAG, (uint64_t)o->pid);
		fn_fact_text(f, "socket_owner_name", HOW_DIAG, o->comm);
	}
	if (o->connected)
		fn_fact_u64(f, "socket_connected", HOW_DIAG, o->connected);
	else
		fn_fact_no(f, "socket_connected", HOW_DIAG, "no connection has been accepted");
}

static int connect_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	/* Not blocking: a backlog that is full must not hold us up. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static void put_bit(struct fn_facts *f, const char *name, uint64_t word, uint64_t bit)
{
	if (word & bit)
		fn_fact_yes(f, name, HOW_VHOST);
	else
		fn_fact_no(f, name, HOW_VHOST, "the back-end does not offer it");
}

static void put_backend(struct fn_facts *f, const struct fn_vhost_fs *v)
{
	char tag[sizeof(v->config.tag) + 1];

	if (!v->features)
		return;
	fn_fact_hex(f, "vhost_features", HOW_VHOST, v->features);
	fn_fact_hex(f, "vhost_protocol_features", HOW_VHOST, v->protocol_features);
	put_bit(f, "vhost_notification", v->features, FN_VIRTIO_FS_F_NOTIFICATION);
	put_bit(f, "vhost_config", v->protocol_features, FN_VHOST_PROTOCOL_F_CONFIG);
	if (v->queues)
		fn_fact_u64(f, "vhost_queues", HOW_VHOST, v->queues);
	snprintf(tag, sizeof(tag), "%.*s", (int)sizeof(v->config.tag), v->config.tag);
	if (*tag)
		fn_fact_text(f, "vhost_tag", HOW_VHOST, tag);
	else
		fn_fact_no(f, "vhost_tag", HOW_VHOST, "the back-end does not tell one");
}

static int talk(struct fn_facts *f, int fd, const struct fn_init_offer *offer, int64_t deadline_ns)
{
	struct backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->peer = (struct fn_peer){.call = backend_call, .how = HOW_VHOST, .shared = true};
	b->fs.fd = fd;
	b->fs.deadline_ns = deadline_ns;
	r = fn_vhost_fs_start(&b->fs);
	put_backend(f, &b->fs);
	if (r)
		fn_fact_unknown(f, "protocol", HOW_VHOST, "setting up the queues: %s",
				r == -EPIPE ? "the back-end hung up" : strerror(-r));
	else
		fn_peer_ask(f, &b->peer, offer, deadline_ns);
	fn_vhost_fs_stop(&b->fs);
	free(b);
	return 0;
}

int fn_probe_vhost_user(struct fn_facts *f, const char *path, const char *as, bool no_connect,
			int64_t timeout_ns)
{
	struct fn_init_offer offer;
	struct fn_sock_owner owner;
	const struct fn_fact *protocol;
	int r = fn_peer_offer(&offer, as), fd = -1;

	if (r)
		return r;
	r = fn_sock_owner(path, &owner);
	if (r == -ENOENT || r == -ENOTSOCK || r == -EACCES || r == -ENOTDIR)
		return r;
	put_owner(f, &owner, r);
	if (no_connect)
		fn_fact_unknown(f, "protocol", NULL, "not asked");
	else if (!r && owner.connected)
		fn_fact_unknown(f, "protocol", HOW_DIAG, "another front-end is connected");
	else if ((fd = connect_socket(path)) < 0)
		fn_fact_unknown(f, "protocol", "connect()", "%s", strerror(-fd));
	if (fd >= 0) {
		r = talk(f, fd, &offer, fn_mono_ns() + timeout_ns);
		close(fd);
	}
	protocol = fn_facts_find(f, "protocol");
	fn_peer_unseen(f, 'v',
		       protocol && protocol->reason ? protocol->reason : "not in this reply");
	return f->failed ? -ENOMEM : 0;
}
