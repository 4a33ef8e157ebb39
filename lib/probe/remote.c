/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/remote.h"
#include "event/event.h"
#include "source/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOW "HELLO"

static const char *const names[] = {"remote_version",     "remote_mask",        "remote_features",
				    "remote_max_watches", "remote_max_message", "remote_server",
				    "repeat_name",        "repeat_delete"};

static void put_mask(struct fn_facts *f, uint64_t mask)
{
	char text[256] = "";
	size_t n, len = 0;
	const struct fn_event_desc *table = fn_event_table(&n);

	for (size_t i = 0; i < n && len < sizeof(text); i++)
		if (mask & table[i].bit)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? "," : "", table[i].name);
	fn_fact_text(f, "remote_mask", HOW, text);
}

static void put_features(struct fn_facts *f, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} features[] = {{FN1_HELLO_NONBLOCK, "nonblock"},
			{FN1_HELLO_SHORT, "short"},
			{FN1_HELLO_MAY_INJECT, "may-inject"},
			{FN1_HELLO_MAY_ARM, "may-arm"}};
	char text[64] = "";

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (flags & features[i].flag)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 *text ? "," : "", features[i].name);
	fn_fact_text(f, "remote_features", HOW, text);
}

/* What fnsend --follow repeats here: see --allow there. */
static void put_repeats(struct fn_facts *f, uint32_t flags)
{
	if (flags & FN1_HELLO_MAY_ARM)
		fn_fact_yes(f, "repeat_name", HOW);
	else
		fn_fact_no(f, "repeat_name", HOW, "the server swallows no operations");
	fn_fact_no(f, "repeat_delete", HOW,
		   flags & FN1_HELLO_MAY_ARM
			   ? "an unlink carries no mark; fnsend --allow=delete accepts that"
			   : "the server swallows no operations");
}

static void put_limit(struct fn_facts *f, const char *name, uint32_t limit)
{
	if (limit)
		fn_fact_u64(f, name, HOW, limit);
	else
		fn_fact_unknown(f, name, HOW, "no limit, or the server does not say");
}

static void put_hello(struct fn_facts *f, const struct fn1_hello *h)
{
	char server[129];

	fn_fact_yes(f, "remote_watch", HOW);
	fn_fact_u64(f, "remote_version", HOW, h->version);
	put_mask(f, h->mask);
	put_features(f, h->flags);
	put_repeats(f, h->flags);
	put_limit(f, "remote_max_watches", h->max_watches);
	put_limit(f, "remote_max_message", h->max_message);
	snprintf(server, sizeof(server), "%.*s", (int)(h->server.len > 128 ? 128 : h->server.len),
		 h->server.data ? h->server.data : "");
	fn_fact_text(f, "remote_server", HOW, server);
}

void fn_probe_remote(struct fn_report *r, const char *path)
{
	struct fn_control_file *file;
	int err;

	fn_report_doing(r, HOW);
	err = fn_control_open(&file, path, true);
	if (!err) {
		put_hello(&r->facts, fn_control_hello(file));
		fn_control_close(file);
		return;
	}
	if (err == -EOPNOTSUPP)
		fn_fact_no(&r->facts, "remote_watch", HOW, "there is no control file");
	else
		fn_fact_unknown(&r->facts, "remote_watch", HOW, "%s", strerror(-err));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (err == -EOPNOTSUPP)
			fn_fact_no(&r->facts, names[i], HOW, "there is no control file");
		else
			fn_fact_unknown(&r->facts, names[i], HOW, "%s", strerror(-err));
	}
}
