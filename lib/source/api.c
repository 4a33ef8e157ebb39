/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public face of the sources. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fnotify.h"
#include "source/control.h"
#include "source/source.h"
#include "wire/message.h"

struct fn_listener {
	atomic_uint refs;
	struct fn_source *src;
	struct fn_message *event; /* what a round brought */
	int error;
};

static int open_source(struct fn_source **src, const struct fn_source_opts *opts, unsigned flags,
		       int *bad)
{
	int rc = -EOPNOTSUPP;

	if (!(flags & FN_LISTEN_LOCAL))
		rc = fn_source_control(src, opts, bad);
	if (rc != -EOPNOTSUPP || flags & FN_LISTEN_REMOTE)
		return rc;
	return fn_source_local(src, opts, bad);
}

int fn_listener_new(struct fn_listener **out, const char *const *paths, size_t n, uint64_t mask,
		    unsigned flags, int *bad)
{
	struct fn_source_opts opts = {.mask = mask ? mask : FN_CHANGE_EVENTS,
				      .flags = FN_SOURCE_WHOLE_FS | FN_SOURCE_COMM,
				      .roots = paths,
				      .nroots = n};
	struct fn_listener *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	if (flags & FN_LISTEN_RECURSIVE)
		opts.flags |= FN_SOURCE_RECURSIVE;
	if (flags & FN_LISTEN_NO_SELF)
		opts.flags |= FN_SOURCE_NO_SELF;
	rc = n ? open_source(&w->src, &opts, flags, bad) : -EINVAL;
	if (rc) {
		free(w);
		return rc;
	}
	atomic_init(&w->refs, 1);
	*out = w;
	return 0;
}

struct fn_listener *fn_listener_ref(struct fn_listener *w)
{
	if (w)
		atomic_fetch_add(&w->refs, 1);
	return w;
}

void fn_listener_unref(struct fn_listener *w)
{
	if (!w || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	fn_source_close(w->src);
	free(w);
}

const char *fn_listener_source(const struct fn_listener *w)
{
	return fn_source_name(w->src);
}

int fn_listener_fd(const struct fn_listener *w)
{
	return fn_source_fd(w->src);
}

int fn_listener_timeout(const struct fn_listener *w)
{
	return fn_source_timeout(w->src);
}

/* One event a round: the source keeps the rest. */
static int take(const struct fn_event *ev, void *arg)
{
	struct fn_listener *w = arg;

	w->error = fn_message_of_event(&w->event, ev);
	return 1;
}

int fn_listener_read(struct fn_listener *w, struct fn_message **event)
{
	int rc;

	w->event = NULL;
	w->error = 0;
	rc = fn_source_dispatch(w->src, take, w);
	if (w->error)
		return w->error;
	if (!w->event)
		return rc < 0 ? rc : 0;
	*event = w->event;
	return 1;
}

int fn_inject(const char *path, const struct fn_message *event)
{
	struct fn_control_file *f;
	struct fn_event ev;
	int rc = fn_message_to_event(event, &ev);

	if (!rc)
		rc = fn_control_open(&f, path, true);
	if (rc)
		return rc;
	rc = fn_control_inject(f, &ev);
	fn_control_close(f);
	return rc;
}
