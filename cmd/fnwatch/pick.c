/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnwatch/pick.h"
#include "event/event_json.h"

#include <string.h>

void pick_init(struct pick *p, struct watch_options *opts)
{
	bool joint = opts->style != STYLE_CSV &&
		     (opts->style != STYLE_FORMAT || format_joint(opts->format));

	/* Who asked for one half only gets that half of a joint rename. */
	*p = (struct pick){.opts = opts, .halves = !joint || !(opts->mask & FN_RENAME)};
}

void pick_free(struct pick *p)
{
	fn_buf_free(&p->path);
}

bool is_notice(const struct fn_event *ev)
{
	return ev->mask & (FN_Q_OVERFLOW | FN_UNMOUNT | FN_IGNORED) || ev->flags & FN_EV_GONE;
}

static const char *root_of(const struct pick *p, int root)
{
	return root >= 0 && (size_t)root < p->opts->nroots ? p->opts->roots[root] : "";
}

/* The path as it will be shown, NUL-terminated. */
static bool join(struct pick *p, const char *root, struct fn_str path)
{
	fn_buf_clear(&p->path);
	fn_path_join(&p->path, root, path);
	fn_buf_char(&p->path, '\0');
	return !p->path.failed;
}

static bool path_shown(struct pick *p, int root, struct fn_str path, struct fn_str name)
{
	const char *text = root_of(p, root);

	if (!p->opts->filter.n)
		return true;
	if (!join(p, text, path.data ? path : name))
		return true;
	return filter_shows(&p->opts->filter, p->path.data, p->path.len - 1, strlen(text));
}

bool pick_prunes(void *pick, int root, const char *path, size_t len)
{
	struct pick *p = pick;

	if (!p->opts->filter.n || !join(p, root_of(p, root), (struct fn_str){path, len}))
		return false;
	return filter_prunes(&p->opts->filter, p->path.data);
}

static bool passes(struct pick *p, const struct fn_event *ev)
{
	if (!(ev->mask & p->opts->mask))
		return false;
	if (path_shown(p, ev->root, ev->path, ev->name))
		return true;
	return record_is_rename(ev) && path_shown(p, ev->old_root ? ev->old_root - 1 : ev->root,
						  ev->old_path, ev->old_name);
}

struct half_sink {
	struct pick *pick;
	fn_event_cb sink;
	void *arg;
};

static int pick_half(const struct fn_event *ev, void *arg)
{
	struct half_sink *h = arg;

	return passes(h->pick, ev) ? h->sink(ev, h->arg) : 0;
}

static int pick_whole(struct pick *p, const struct fn_event *ev, fn_event_cb sink, void *arg)
{
	struct fn_event cut;

	if (!passes(p, ev))
		return 0;
	if (!(ev->mask & ~(p->opts->mask | FN_ISDIR)))
		return sink(ev, arg);
	cut = *ev;
	cut.mask &= p->opts->mask | FN_ISDIR; /* several events in one, not all asked for */
	return sink(&cut, arg);
}

int pick_event(struct pick *p, const struct fn_event *ev, fn_event_cb sink, void *arg)
{
	struct half_sink halves = {p, sink, arg};

	if (is_notice(ev))
		return sink(ev, arg);
	if (!record_is_rename(ev) || !p->halves)
		return pick_whole(p, ev, sink, arg);
	return fn_split_event(&p->split, ev, pick_half, &halves);
}
