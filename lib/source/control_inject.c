/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many injections for the price of two calls on the control file. */
#include <errno.h>
#include <time.h>

#include "source/control_impl.h"

/* A write is one FUSE request, of which virtiofsd passes 64 KiB at most. */
#define WRITE_MAX 61440

/* Not answered yet, within errs; no errno is that large. */
#define WAITING 100000

static bool refused(int err)
{
	return err == -EAGAIN || err == -EBUSY || err == WAITING;
}

/* Those that have to be sent (again), as many as one write takes. The unique of event i is
 * first + i. The bytes, 0: none is left. */
static size_t build(uint8_t *buf, struct fn_event *const *evs, size_t n, int *errs, uint64_t first)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		ssize_t k;

		if (!refused(errs[i]))
			continue;
		k = fn1_put_inject(buf + len, WRITE_MAX - len, first + i, evs[i]);
		if (k == -EMSGSIZE && len)
			break;
		errs[i] = k < 0 ? (int)k : WAITING;
		len += k > 0 ? (size_t)k : 0;
	}
	return len;
}

static size_t count_sent(const uint8_t *buf, size_t len)
{
	const void *p = buf;
	size_t n = 0;

	for (; fn_msg_ok(p, len, false); n++)
		p = fn_msg_next(p, &len, false);
	return n;
}

static int await_all(struct fn_control_file *f, uint64_t first, size_t n, int *errs, size_t sent)
{
	int64_t deadline = fn_control_now_ms() + ANSWER_MS;
	struct fn1_msg msg;
	int rc;

	while (sent) {
		rc = fn_control_reply(f, deadline, &msg);
		if (rc)
			return rc;
		if (msg.unique - first < n) {
			errs[msg.unique - first] = msg.error;
			sent--;
		}
	}
	return 0;
}

static size_t count_refused(const int *errs, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += refused(errs[i]);
	return k;
}

/* One write and its answers. */
static int round_trip(struct fn_control_file *f, const uint8_t *buf, size_t len, uint64_t first,
		      size_t n, int *errs)
{
	int rc = fn_control_send(f, buf, len);

	return rc ? rc : await_all(f, first, n, errs, count_sent(buf, len));
}

int fn_control_inject_many(struct fn_control_file *f, struct fn_event *const *evs, size_t n,
			   int *errs)
{
	_Alignas(8) uint8_t buf[WRITE_MAX];
	int64_t deadline = fn_control_now_ms() + ANSWER_MS;
	uint64_t first = f->unique + 1;
	size_t len, left = n;

	if (n > FN_CONTROL_BATCH)
		return -EINVAL;
	f->unique += n;
	for (size_t i = 0; i < n; i++)
		errs[i] = WAITING;
	while ((len = build(buf, evs, n, errs, first))) {
		int rc = round_trip(f, buf, len, first, n, errs);

		if (rc)
			return rc;
		if (count_refused(errs, n) < left)
			deadline = fn_control_now_ms() + ANSWER_MS;
		else if (fn_control_now_ms() > deadline)
			return -ETIMEDOUT;
		else
			nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
		left = count_refused(errs, n);
	}
	return 0;
}
