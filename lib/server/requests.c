/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients write: framing and rate at once, the rest by the control thread. */
#include "server/control_impl.h"

#include <errno.h>
#include <string.h>

static struct fn1_hello our_hello(const struct fn_client *c)
{
	const struct fn_control_conf *conf = &c->ctl->conf;
	bool owner = c->creds.uid == 0 || c->creds.uid == conf->owner;

	return (struct fn1_hello){
		.version = FN1_VERSION,
		.flags = (owner && conf->inject ? FN1_HELLO_MAY_INJECT : 0) |
			 (owner && conf->arm ? FN1_HELLO_MAY_ARM : 0),
		.mask = conf->mask,
		.max_watches = conf->max_watches,
		.max_queue = conf->max_queue,
		.max_message = FN1_MESSAGE_MAX,
		.max_rate = conf->max_rate,
		.server = {conf->server, conf->server ? strlen(conf->server) : 0},
	};
}

static void reply_error(struct fn_client *c, uint64_t unique, int error)
{
	_Alignas(8) uint8_t buf[FN_WIRE_OUT_HEADER];

	fn1_put_reply(buf, sizeof(buf), unique, error);
	fn_client_reply(c, buf, sizeof(buf));
}

/* At once, by who serves the write: a client that asked not to be blocked is not, from then on. */
static void hello(struct fn_client *c, const struct fn1_msg *msg)
{
	_Alignas(8) uint8_t buf[FN_REPLY_MAX];
	struct fn1_hello h, ours = our_hello(c);
	ssize_t n;

	if (fn1_get_hello(msg, &h)) {
		reply_error(c, msg->unique, -EBADMSG);
		return;
	}
	if (h.version < FN1_VERSION) {
		reply_error(c, msg->unique, -EPROTONOSUPPORT);
		return;
	}
	ours.flags |= h.flags & (FN1_HELLO_NONBLOCK | FN1_HELLO_SHORT);
	if (ours.server.len > 128)
		ours.server.len = 128;
	pthread_mutex_lock(&c->lock);
	c->greeted = true;
	c->hello_flags = ours.flags;
	pthread_mutex_unlock(&c->lock);
	n = fn1_put_hello(buf, sizeof(buf), FN1_REPLY, msg->unique, &ours);
	if (n > 0)
		fn_client_reply(c, buf, (size_t)n);
}

/* A second of requests may come at once. */
static bool take_token(struct fn_client *c)
{
	int64_t now = fn_control_now();
	double rate = c->ctl->conf.max_rate;

	c->tokens += (double)(now - c->tokens_at) * rate / 1e9;
	c->tokens_at = now;
	if (c->tokens > rate)
		c->tokens = rate;
	if (c->tokens < 1)
		return false;
	c->tokens -= 1;
	return true;
}

/* How many messages these bytes are; -errno. Filler at the end is none. */
static int count_messages(const uint8_t *p, size_t len)
{
	struct fn1_msg msg;
	int n = 0;

	while (!fn1_rest_is_filler(p, len)) {
		if (fn1_parse(p, len, &msg))
			return -EINVAL; /* a write is whole messages */
		if (msg.kind == FN1_REPLY || (msg.kind == FN1_NOTIFY && msg.code != NOTIFY_FN1_PAD))
			return -EINVAL;
		n += msg.kind == FN1_REQUEST;
		p += msg.len;
		len -= msg.len;
	}
	return n;
}

/* Room for the replies of all requests under way, and for these. */
static int admit(struct fn_client *c, int n)
{
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	if (c->replies.used + ((size_t)n + c->under_way) * FN_REPLY_MAX > c->replies.max / 2)
		rc = -EAGAIN;
	for (int i = 0; i < n && !rc; i++)
		if (!take_token(c))
			rc = -EAGAIN;
	if (!rc) {
		c->under_way += (unsigned)n;
		c->inject_full = false;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static void done(struct fn_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->under_way--;
	pthread_mutex_unlock(&c->lock);
}

/* For the control thread: the handle, then the message. False: its queue is full. */
static bool hand_over(struct fn_client *c, const struct fn1_msg *msg, const uint8_t *p)
{
	struct fn_control *ctl = c->ctl;
	uint8_t *room;

	pthread_mutex_lock(&ctl->lock);
	room = fn_ring_room(&ctl->requests, sizeof(c->fh) + msg->len);
	if (room) {
		memcpy(room, &c->fh, sizeof(c->fh));
		memcpy(room + sizeof(c->fh), p, msg->len);
		fn_ring_commit(&ctl->requests, sizeof(c->fh) + msg->len);
		pthread_cond_signal(&ctl->work);
	}
	pthread_mutex_unlock(&ctl->lock);
	return room != NULL;
}

/* False: there was no room for it. */
static bool take_in(struct fn_client *c, const struct fn1_msg *msg, const uint8_t *p)
{
	bool greeted;

	pthread_mutex_lock(&c->lock);
	greeted = c->greeted;
	pthread_mutex_unlock(&c->lock);
	if (msg->code == FN1_HELLO)
		hello(c, msg);
	else if (!greeted)
		reply_error(c, msg->unique, -EPROTO);
	else if (hand_over(c, msg, p))
		return true;
	else
		return false;
	done(c);
	return true;
}

/* Nothing that follows in the same write may overtake what was refused. */
static void refuse(struct fn_client *c, const struct fn1_msg *msg)
{
	reply_error(c, msg->unique, -EBUSY);
	done(c);
}

int fn_client_write(struct fn_client *c, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	struct fn1_msg msg;
	int n = count_messages(p, len), rc;
	bool room = true;

	if (n < 0)
		return n;
	rc = admit(c, n);
	if (rc)
		return rc;
	for (; !fn1_rest_is_filler(p, len); p += msg.len, len -= msg.len) {
		if (fn1_parse(p, len, &msg))
			break;
		if (msg.kind != FN1_REQUEST)
			continue;
		room = room && take_in(c, &msg, p);
		if (!room)
			refuse(c, &msg);
	}
	fn_client_wake(c);
	return 0;
}

/* The path of what a WATCH names. */
static int watch_path(struct fn_client *c, const struct fn1_watch *w, char *buf, size_t *len)
{
	const struct fn_control_conf *conf = &c->ctl->conf;
	int rc;

	if (w->path.data) {
		memcpy(buf, w->path.data, w->path.len);
		*len = w->path.len;
		return 0;
	}
	if (!fn_object_known(&w->object))
		return -EINVAL;
	if (!conf->path)
		return -EOPNOTSUPP;
	rc = conf->path(conf->ctx, &w->object, buf, FN1_PATH_MAX);
	if (rc)
		return rc;
	*len = strlen(buf);
	return fn_path_ok(buf, *len) ? 0 : -ESTALE;
}

static int watch_remove(struct fn_client *c, struct fn_watch *watch, struct fn1_watch *answer)
{
	if (!watch)
		return -ENOENT;
	answer->watch = watch->id;
	answer->mask = 0;
	fn_watches_take(&c->watches, watch);
	watch->mask = FN_IGNORED;
	fn_client_gone(c, watch);
	return 0;
}

static int watch_set(struct fn_client *c, const char *path, size_t len, const struct fn1_watch *w,
		     struct fn1_watch *answer)
{
	uint64_t mask = w->mask & c->ctl->conf.mask & FN_ALL_EVENTS;
	struct fn_watch *watch;
	int rc;

	if (!mask)
		return -EOPNOTSUPP;
	rc = fn_access_watch(c, path, len);
	if (rc)
		return rc;
	if (c->watches.count >= c->ctl->conf.max_watches &&
	    !fn_watches_find(&c->watches, path, len))
		return -ENOSPC;
	rc = fn_watches_set(&c->watches, path, len, mask, w->flags, &watch);
	if (rc)
		return rc;
	/* Before the answer: what the client does next may be what it waits for. */
	atomic_fetch_or(&c->ctl->wanted, mask | FN_WANTED_ANYWAY);
	answer->watch = watch->id;
	answer->mask = mask;
	answer->flags = watch->flags;
	return 0;
}

static int watch(struct fn_client *c, const struct fn1_msg *msg, struct fn1_watch *answer)
{
	char path[FN1_PATH_MAX];
	struct fn1_watch w;
	size_t len = 0;
	int rc = fn1_get_watch(msg, &w);

	if (rc)
		return rc;
	if (w.flags & FN1_WATCH_BY_ID) {
		struct fn_watch *old = fn_watches_by_id(&c->watches, w.watch);

		if (!old)
			return -ENOENT;
		if (!w.mask)
			return watch_remove(c, old, answer);
		memcpy(path, old->path, old->len);
		return watch_set(c, path, old->len, &w, answer);
	}
	rc = watch_path(c, &w, path, &len);
	if (rc)
		return rc;
	if (!w.mask)
		return watch_remove(c, fn_watches_find(&c->watches, path, len), answer);
	return watch_set(c, path, len, &w, answer);
}

/* While there is no room, nothing of the same write goes in: the client sends it again. */
static int inject_in_order(struct fn_client *c, const struct fn_event *ev)
{
	struct fn_control *ctl = c->ctl;
	bool full;
	int rc;

	pthread_mutex_lock(&c->lock);
	full = c->inject_full;
	pthread_mutex_unlock(&c->lock);
	rc = full ? -EAGAIN : ctl->conf.inject(ctl->conf.ctx, ev);
	if (rc != -EAGAIN || full)
		return rc;
	pthread_mutex_lock(&c->lock);
	c->inject_full = true;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int inject(struct fn_client *c, const struct fn1_msg *msg)
{
	struct fn_control *ctl = c->ctl;
	struct fn_event ev;
	int rc;

	if (!ctl->conf.inject)
		return -EOPNOTSUPP;
	if (c->creds.uid != 0 && c->creds.uid != ctl->conf.owner)
		return -EPERM;
	rc = fn1_get_event(msg, &ev);
	if (rc)
		return rc;
	if (!(ev.mask & FN_ALL_EVENTS) || ev.mask & ~(uint64_t)(FN_ALL_EVENTS | FN_ISDIR))
		return -EINVAL;
	ev.flags = (ev.flags | FN_EV_REMOTE) & ~(uint32_t)(FN_EV_LOCAL | FN_EV_GONE);
	ev.seq = 0;
	return inject_in_order(c, &ev);
}

static ssize_t arm(struct fn_client *c, const struct fn1_msg *msg, void *buf, size_t size)
{
	const struct fn_control_conf *conf = &c->ctl->conf;
	struct fn1_arm what;
	int rc;

	if (!conf->arm)
		return -EOPNOTSUPP;
	if (c->creds.uid != 0 && c->creds.uid != conf->owner)
		return -EPERM;
	rc = fn1_get_arm(msg, &what);
	if (!rc)
		rc = conf->arm(conf->ctx, c->fh, c->creds.tgid, &what);
	return rc ? rc : fn1_put_arm(buf, size, FN1_REPLY, msg->unique, &what);
}

static ssize_t carry_out(struct fn_client *c, const struct fn1_msg *msg, void *buf, size_t size)
{
	struct fn1_watch answer = {0};
	uint64_t token;
	int rc;

	switch (msg->code) {
	case FN1_WATCH:
		rc = watch(c, msg, &answer);
		return rc ? rc : fn1_put_watch(buf, size, FN1_REPLY, msg->unique, &answer);
	case FN1_INJECT:
		rc = inject(c, msg);
		return rc ? rc : fn1_put_reply(buf, size, msg->unique, 0);
	case FN1_ARM:
		return arm(c, msg, buf, size);
	case FN1_PING:
		rc = fn1_get_ping(msg, &token);
		return rc ? rc : fn1_put_ping(buf, size, FN1_REPLY, msg->unique, token);
	default:
		return -ENOSYS;
	}
}

void fn_client_request(struct fn_client *c, const void *buf, size_t len)
{
	_Alignas(8) uint8_t reply[FN_REPLY_MAX];
	struct fn1_msg msg;
	ssize_t n;

	if (fn1_parse(buf, len, &msg))
		return; /* fn_client_write() looked */
	n = carry_out(c, &msg, reply, sizeof(reply));
	if (n < 0)
		n = fn1_put_reply(reply, sizeof(reply), msg.unique, (int)n);
	fn_client_reply(c, reply, (size_t)n);
	done(c);
}
