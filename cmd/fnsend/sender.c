/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One root, one mount, the best means for it, and the account of how it went. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fnsend/sender.h"
#include "text/escape.h"

#define ECHO_NS 2000000000

static int open_nudge(struct sender *s)
{
	const struct fn_nudge_opts opts = {
		.degrade = s->set->degrade,
		.echo_ns = s->echoes ? ECHO_NS : 0,
	};

	return fn_nudge_new(&s->nudge, s->root_fd, &opts);
}

static int open_root(struct sender *s, const char *root)
{
	if (!realpath(root, s->root))
		return -errno;
	s->root_fd = open(s->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return -errno;
	return mount_of(s->root, s->mountpoint, sizeof(s->mountpoint), s->fstype, sizeof(s->fstype),
			&s->base);
}

struct sender *sender_open(struct settings *set, struct beat *beat, const char *root, int *status)
{
	struct sender *s = calloc(1, sizeof(*s));
	int err;

	*status = FN_EXIT_FAIL;
	if (!s) {
		fn_fail(FN_EXIT_FAIL, "out of memory");
		return NULL;
	}
	s->set = set;
	s->beat = beat;
	s->root_fd = -1;
	s->echoes = !set->keep_echoes && (set->follow || set->use_stdin);
	beat_begin(beat, root);
	err = open_root(s, root);
	if (!err)
		err = open_nudge(s);
	if (err)
		fn_fail(FN_EXIT_FAIL, "%s: %s", root, strerror(-err));
	else
		*status = choose_means(s);
	beat_end(beat);
	if (!err && !*status)
		return s;
	sender_close(s);
	return NULL;
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	close_means(s);
	fn_nudge_free(s->nudge);
	if (s->root_fd >= 0)
		close(s->root_fd);
	free(s);
}

struct tally *sender_tally(struct sender *s)
{
	return &s->tally;
}

const char *sender_root(const struct sender *s)
{
	return s->root;
}

void sender_no_echoes(struct sender *s)
{
	fn_nudge_free(s->nudge);
	s->nudge = NULL;
	s->echoes = false;
	open_nudge(s);
}

bool sender_exists(struct sender *s, const char *path)
{
	struct stat st;
	bool there;

	beat_begin(s->beat, path);
	there = !fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW);
	beat_end(s->beat);
	return there;
}

const char *event_text(uint64_t mask, char *text, size_t size)
{
	size_t n, used = 0;
	const struct fn_event_desc *t = fn_event_table(&n);

	*text = '\0';
	for (size_t i = 0; i < n && used < size; i++)
		if (mask & t[i].bit)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "",
						 t[i].name);
	if (!used)
		snprintf(text, size, "0x%" PRIx64, mask);
	return text;
}

/* Say the first of each kind; the rest is counted, unless everything is to be said. */
bool say_once(struct sender *s, enum complaint what)
{
	bool first = !(s->said & 1u << what);

	s->said |= 1u << what;
	if (!first && !s->set->verbose)
		s->unsaid++;
	return first || s->set->verbose;
}

/* The path as people know it, fit for a terminal; only for messages. */
const char *full_path(const struct sender *s, const struct fn_event *ev)
{
	static struct fn_buf text;
	struct fn_str p = ev->path.data ? ev->path : ev->old_path;

	fn_buf_clear(&text);
	fn_escape(&text, s->root, strlen(s->root));
	if (p.len && strcmp(s->root, "/"))
		fn_buf_char(&text, '/');
	fn_escape(&text, p.data ? p.data : "", p.len);
	fn_buf_char(&text, '\0');
	return text.failed ? s->root : text.data;
}

static void report_error(struct sender *s, const struct fn_event *ev, int err)
{
	const char *path = full_path(s, ev);

	switch (err) {
	case -ENOENT:
	case -ESTALE:
		s->tally.gone++;
		if (say_once(s, SAID_GONE))
			fn_warn("%s: no longer there", path);
		break;
	case -EROFS:
		s->tally.read_only++;
		if (say_once(s, SAID_READ_ONLY))
			fn_warn("%s: read-only: a nudge needs a mount that it may write to", path);
		break;
	case -EPERM:
	case -EACCES:
		s->tally.foreign++;
		if (say_once(s, SAID_FOREIGN))
			fn_warn("%s: somebody else's: a nudge needs its owner, or CAP_FOWNER",
				path);
		break;
	case -ENOSYS:
	case -EOPNOTSUPP:
		s->tally.missed++;
		if (say_once(s, SAID_REFUSED))
			fn_warn("%s: the file system's server has no such operation", path);
		break;
	case -EXDEV:
	case -ELOOP:
		s->tally.failed++;
		if (say_once(s, SAID_OUTSIDE))
			fn_warn("%s: leads outside of %s, or through a symlink", path, s->root);
		break;
	default:
		s->tally.failed++;
		if (say_once(s, SAID_FAILED))
			fn_warn("%s: %s", path,
				err == -EINVAL ? "no path that an event can have" : strerror(-err));
	}
}

void report_missed(struct sender *s, const struct fn_event *ev, uint64_t missed, const char *why)
{
	char text[256];

	s->tally.missed++;
	if (say_once(s, SAID_MISSED))
		fn_warn("%s: %s: %s", full_path(s, ev), event_text(missed, text, sizeof(text)),
			why);
}

void settle(struct sender *s, const struct fn_event *ev, const char *means, int err)
{
	char text[256];

	if (err) {
		report_error(s, ev, err);
		return;
	}
	s->tally.raised++;
	if (s->set->verbose)
		fn_warn("%s: %s: raised %s", full_path(s, ev), means,
			event_text(ev->mask, text, sizeof(text)));
}

static void verbose_nudge(struct sender *s, const struct fn_event *ev,
			  const struct fn_nudge_result *r)
{
	const struct {
		const char *what;
		uint64_t bits;
	} parts[] = {{"raised ", r->raised},
		     {"with it ", r->extra},
		     {"in its place ", r->degraded},
		     {"not raised: ", r->missed}};
	char line[1024], text[256];
	size_t n = 0;

	if (!s->set->verbose)
		return;
	*line = '\0';
	for (size_t i = 0; i < 4; i++)
		if (parts[i].bits)
			n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s%s", n ? ", " : "",
					      parts[i].what,
					      event_text(parts[i].bits, text, sizeof(text)));
	fn_warn("%s: nudge: %s", full_path(s, ev), r->echo ? "an echo, passed over" : line);
}

void nudge_event(struct sender *s, const struct fn_event *ev, int64_t read_ns)
{
	struct fn_nudge_result r;
	int err = fn_nudge_event(s->nudge, ev, read_ns, &r);

	if (err) {
		report_error(s, ev, err);
		return;
	}
	verbose_nudge(s, ev, &r);
	s->tally.raised += !r.echo && r.raised && !r.missed;
	s->tally.echoes += r.echo;
	s->tally.degraded += r.degraded != 0;
	if (r.missed && !r.degraded)
		report_missed(
			s, ev, r.missed,
			s->set->degrade
				? "no system call raises this without doing it"
				: "no system call raises this without doing it (see --degrade)");
}

/* The source lost events: the directory-level truth is all that can be passed on. */
static void note_loss(struct sender *s, const struct fn_event *ev)
{
	s->tally.lost += ev->lost ? ev->lost : 1;
	if (!say_once(s, SAID_LOST))
		return;
	if (ev->lost)
		fn_warn("the source lost %" PRIu64 " events", ev->lost);
	else
		fn_warn("the source lost events");
}

void sender_event(struct sender *s, const struct fn_event *ev, int64_t read_ns)
{
	beat_begin(s->beat, full_path(s, ev));
	s->tally.events++;
	if (ev->mask & FN_Q_OVERFLOW && s->set->use_stdin)
		note_loss(s, ev);
	deliver(s, ev, read_ns);
	beat_end(s->beat);
}

int tally_status(const struct tally *t)
{
	if (t->lost)
		return FN_EXIT_LOST;
	if (t->cut)
		return FN_EXIT_GONE;
	if (t->missed || t->read_only || t->foreign)
		return FN_EXIT_UNSUPPORTED;
	return t->bad || t->gone || t->failed ? FN_EXIT_FAIL : FN_EXIT_OK;
}

void sender_report(struct sender *s)
{
	const struct tally *t = &s->tally;

	if (!s->set->stats && !s->unsaid)
		return;
	fn_warn("%" PRIu64 " events: %" PRIu64 " raised, %" PRIu64 " degraded, %" PRIu64
		" echoes, %" PRIu64 " that no call raises, %" PRIu64 " gone, %" PRIu64
		" read-only, %" PRIu64 " of other owners, %" PRIu64 " failed, %" PRIu64
		" cut off, %" PRIu64 " lines not read, %" PRIu64 " lost",
		t->events, t->raised, t->degraded, t->echoes, t->missed, t->gone, t->read_only,
		t->foreign, t->failed, t->cut, t->bad, t->lost);
}
