/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuse3 takes /dev/fd/N as a mount point and uses that descriptor as if it were /dev/fuse. One
 * end of a SOCK_SEQPACKET pair keeps the messages apart as the device does.
 */
#include "probe/probe.h"
#include "probe/child.h"
#include "probe/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STALE_MAX 64 /* replies to nothing that we asked, before we call it nonsense */

struct server {
	struct fn_peer peer; /* first */
	int fd, log;         /* the server's standard error */
	pid_t pid;
};

/* Waits until the socket can be read or written. */
static int wait_for(int fd, short events, int64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int n = poll(&p, 1, fn_ms_left(deadline_ns));

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_message(int fd, const void *msg, size_t len, int64_t deadline_ns)
{
	while (send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		int r = -errno;

		if (r == -EAGAIN)
			r = wait_for(fd, POLLOUT, deadline_ns);
		if (r && r != -EINTR)
			return r;
	}
	return 0;
}

/* The next message with this unique. A server may send notifications in between. */
static long receive_reply(int fd, uint64_t unique, void *reply, int64_t deadline_ns)
{
	for (int stale = 0; stale < STALE_MAX; stale++) {
		int r = wait_for(fd, POLLIN, deadline_ns);
		ssize_t n = r ? r : recv(fd, reply, FN_PEER_BUF, MSG_DONTWAIT | MSG_TRUNC);

		if (r)
			return r;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EPIPE;
		if (n > FN_PEER_BUF || (n > 0 && n < FN_WIRE_OUT_HEADER))
			return -EBADMSG;
		if (n > 0 && fn_get_u64((char *)reply + 8, false) == unique)
			return n;
	}
	return -EBADMSG;
}

static long socket_call(struct fn_peer *p, const void *req, size_t len, void *reply, bool noreply,
			int64_t deadline_ns)
{
	struct server *s = (struct server *)p;
	int r = send_message(s->fd, req, len, deadline_ns);

	if (r || noreply)
		return r == -ECONNRESET ? -EPIPE : r;
	return receive_reply(s->fd, fn_get_u64((const char *)req + 8, false), reply, deadline_ns);
}

static _Noreturn void exec_server(char *const *command, int fd, int log, pid_t parent)
{
	size_t n = 0;
	char mount_point[32], **argv;
	bool placed = false;
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	while (command[n])
		n++;
	argv = calloc(n + 2, sizeof(*argv));
	if (!argv || null < 0)
		_exit(127);
	snprintf(mount_point, sizeof(mount_point), "/dev/fd/%d", fd);
	for (size_t i = 0; i < n; i++) {
		bool here = !strcmp(command[i], "{}");

		argv[i] = here ? mount_point : command[i];
		placed |= here;
	}
	if (!placed)
		argv[n] = mount_point;
	fcntl(fd, F_SETFD, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO); /* our own are for facts and for our messages */
	dup2(log, STDERR_FILENO);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int server_start(struct server *s, char *const *command)
{
	int fds[2], buf = 1 << 18;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));
	/* A server that goes to the background becomes our child when its parent ends. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	s->log = memfd_create("fnprobe-server", MFD_CLOEXEC);
	s->pid = fork();
	if (s->pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (s->pid == 0)
		exec_server(command, fds[1], s->log, parent);
	close(fds[1]);
	s->fd = fds[0];
	return 0;
}

/* The first child of ours that is still there, 0: none. */
static pid_t a_child(void)
{
	char path[64];
	int pid = 0;
	FILE *list;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	list = fopen(path, "re");
	if (!list)
		return 0;
	if (fscanf(list, "%d", &pid) != 1)
		pid = 0;
	fclose(list);
	return pid;
}

/* Closing the socket is what unmounting is to a server: most end by it. */
static void server_stop(struct server *s)
{
	struct timespec tick = {.tv_nsec = 2000000};
	pid_t pid;

	close(s->fd);
	if (s->log >= 0)
		close(s->log);
	for (int i = 0; (pid = a_child()) && i < 250; i++) {
		if (i == 50) {
			kill(-s->pid, SIGTERM);
			kill(pid, SIGTERM);
		}
		if (i > 100) {
			kill(-s->pid, SIGKILL);
			kill(pid, SIGKILL);
		}
		nanosleep(&tick, NULL);
	}
}

/* The last line that the server wrote, "" if none. */
static void last_line(const struct server *s, char *line, size_t size)
{
	char text[512];
	off_t end = lseek(s->log, 0, SEEK_END), from = end > 511 ? end - 511 : 0;
	ssize_t n = s->log < 0 ? 0 : pread(s->log, text, sizeof(text) - 1, from);
	char *start;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0'))
		n--;
	text[n > 0 ? n : 0] = '\0';
	start = strrchr(text, '\n');
	snprintf(line, size, "%s%.160s", n > 0 ? ": " : "", start ? start + 1 : text);
}

/* Why there is no answer: the server's own end says more than a closed socket. */
static void explain(struct fn_facts *f, const struct server *s)
{
	struct timespec tick = {.tv_nsec = 2000000};
	char line[200];
	int status, i;

	/* The socket closes a moment before the status is there. */
	for (i = 0; i < 100 && waitpid(s->pid, &status, WNOHANG) != s->pid; i++)
		nanosleep(&tick, NULL);
	if (i == 100)
		return;
	last_line(s, line, sizeof(line));
	if (WIFSIGNALED(status))
		fn_fact_unknown(f, "protocol", s->peer.how, "the server was ended by signal %d%s",
				WTERMSIG(status), line);
	else
		fn_fact_unknown(f, "protocol", s->peer.how, "the server ended with status %d%s",
				WEXITSTATUS(status), line);
}

static int ask_server(struct fn_facts *f, char *const *command, const struct fn_init_offer *offer,
		      bool quick, int64_t timeout_ns)
{
	struct server s = {
		.peer = {.call = socket_call, .how = "FUSE over a socket", .quick = quick}};
	int r = server_start(&s, command);

	if (r)
		return r;
	r = fn_peer_ask(f, &s.peer, offer, fn_mono_ns() + timeout_ns);
	if (r == -EPIPE || r == -ECONNRESET)
		explain(f, &s);
	server_stop(&s);
	return 0;
}

/* What the server would take beyond the kernel that it was asked as. */
static void put_wanted(struct fn_facts *f, char *const *command, int64_t timeout_ns)
{
	struct fn_init_offer all;
	struct fn_facts full = {0};

	fn_peer_offer(&all, NULL);
	if (ask_server(&full, command, &all, true, timeout_ns) == 0) {
		for (unsigned bit = 0; bit < 64; bit++) {
			char name[FN_FACT_NAME_MAX];
			const struct fn_fact *it;
			struct fn_fact *here;

			fn_probe_flag_name(name, bit);
			it = fn_facts_find(&full, name);
			here = fn_facts_find(f, name);
			if (it && here && it->state == FN_FACT_NEGOTIATED &&
			    here->state == FN_FACT_NO)
				fn_probe_put_wanted(f, bit, "taken where it is offered",
						    "FUSE over a socket");
		}
	}
	fn_facts_free(&full);
}

int fn_probe_server(struct fn_facts *f, char *const *command, const char *as, int64_t timeout_ns)
{
	struct fn_init_offer offer;
	const struct fn_fact *protocol;
	int r = fn_peer_offer(&offer, as);

	if (!r)
		r = ask_server(f, command, &offer, false, timeout_ns);
	if (r)
		return r;
	protocol = fn_facts_find(f, "protocol");
	if (protocol && protocol->state == FN_FACT_YES && as && offer.minor < FN_WIRE_MINOR)
		put_wanted(f, command, timeout_ns);
	fn_peer_unseen(f, 's',
		       protocol && protocol->reason ? protocol->reason : "not in this reply");
	return f->failed ? -ENOMEM : 0;
}
