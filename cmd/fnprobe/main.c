/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fnprobe: what a kernel, a mount, a FUSE server can really do. */
#include "fnprobe/fnprobe.h"
#include "probe/child.h"
#include "probe/peer.h"
#include "probe/tags.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static int run_kernel(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	(void)a;
	return fn_probe_kernel(f, timeout_ns);
}

static int run_server(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	return fn_probe_server(f, a->operands + 1, a->as, timeout_ns);
}

static int run_vhost_user(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	return fn_probe_vhost_user(f, a->operands[1], a->as, a->no_connect, timeout_ns);
}

static int run_mount(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	struct fn_probe_mount_opts opts = {.path = a->operands[1], .passive = a->passive};

	return fn_probe_mount(f, &opts, timeout_ns);
}

/* With --wait the first round waits; the tag is there then, or the time is over. */
static int run_tags(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	int r = a->wait ? fn_tags_wait(a->wait, timeout_ns) : 0;

	return r ? r : fn_probe_tags(f);
}

static int run_events(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	struct fn_probe_events_opts opts = {
		.path = a->operands[1], .backing = a->backing, .remote = a->remote};

	return fn_probe_events(f, &opts, timeout_ns);
}

static int run_trace(struct fn_facts *f, const struct args *a, int64_t timeout_ns)
{
	(void)timeout_ns;
	return fn_probe_trace(f, a->from_trace, a->as);
}

static const struct probe trace_probe = {"from-trace", 'r', 0, NULL, "protocol", SECOND, run_trace};

static const struct probe probes[] = {
	{"kernel", 'k', 0, NULL, "fuse", 2 * SECOND, run_kernel},
	{"mount", 'm', 1, "PATH", "answers", 2 * SECOND, run_mount},
	{"server", 's', -1, "COMMAND", "protocol", 2 * SECOND, run_server},
	{"vhost-user", 'v', 1, "SOCKET", "protocol", 2 * SECOND, run_vhost_user},
	{"events", 'e', 1, "PATH", "events", SECOND, run_events},
	{"tags", 't', 0, NULL, "tags", -1, run_tags},
};
#define NPROBES (sizeof(probes) / sizeof(probes[0]))

static int add_names(char **list, const char *value)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", *list ? *list : "", *list ? "," : "", value) < 0)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	free(*list);
	*list = joined;
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ",");

		if (len && !fact_name_known(p, len))
			return fn_usage("%.*s: no such fact, see --list", (int)len, p);
		p += len + (p[len] == ',');
	}
	return 0;
}

/* The last one counts. */
static int keep(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : fn_fail(FN_EXIT_FAIL, "out of memory");
}

static int take_prefix(struct args *a, const char *value)
{
	for (const char *p = value; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return fn_usage("--prefix: '%s' is not the beginning of a name", value);
	return keep(&a->prefix, value);
}

static int take_columns(struct args *a, const char *value)
{
	if (!columns_ok(value))
		return fn_usage("--columns: '%s': only name, group, state, value, reason, how",
				value);
	return keep(&a->columns, value);
}

static int take_flag(struct args *a, int id)
{
	switch (id) {
	case OPT_JSON:
		a->rendering = RENDER_JSON;
		break;
	case OPT_SHELL:
		a->rendering = RENDER_SHELL;
		break;
	case OPT_MACROS:
		a->rendering = RENDER_MACROS;
		break;
	case OPT_LIST:
		a->list = true;
		break;
	case OPT_PASSIVE:
		a->passive = true;
		break;
	case OPT_NO_CONNECT:
		a->no_connect = true;
		break;
	}
	return 0;
}

static int take_option(int id, const char *value, void *arg)
{
	struct args *a = arg;

	switch (id) {
	case OPT_PREFIX:
		return take_prefix(a, value);
	case OPT_COLUMNS:
		return take_columns(a, value);
	case OPT_REQUIRE:
		return add_names(&a->require, value);
	case OPT_REQUIRE_NOT:
		return add_names(&a->require_not, value);
	case OPT_WAIT:
		return keep(&a->wait, value);
	case OPT_TIMEOUT:
		return fn_parse_duration("--timeout", value, &a->timeout_ns) ? FN_EXIT_USAGE : 0;
	case OPT_AS:
		return keep(&a->as, value);
	case OPT_BACKING:
		return keep(&a->backing, value);
	case OPT_REMOTE:
		return keep(&a->remote, value);
	case OPT_FROM_TRACE:
		return keep(&a->from_trace, value);
	default:
		return take_flag(a, id);
	}
}

static const struct probe *find_probe(const char *name)
{
	for (size_t i = 0; name && i < NPROBES; i++)
		if (!strcmp(probes[i].name, name))
			return &probes[i];
	return NULL;
}

/* What only some probes take must not be passed over in silence. */
static int check_operands(const struct probe *p, const struct args *a)
{
	struct fn_init_offer offer;
	int n = 0;

	while (a->operands[0] && a->operands[n + 1])
		n++;
	if (p->operands < 0 ? n < 1 : n != p->operands)
		return p->operand ? fn_usage("%s: %s is missing, or too much is given", p->name,
					     p->operand)
				  : fn_usage("%s takes no operand", p->name);
	if (a->as && !strchr("svr", p->letter))
		return fn_usage("--as is for server, vhost-user and --from-trace");
	if (a->as && fn_peer_offer(&offer, a->as))
		return fn_usage("--as: '%s' is neither a version 7.N nor a dialect", a->as);
	if ((a->backing || a->remote) && p->letter != 'e')
		return fn_usage("--backing and --remote are for events");
	if (a->backing && a->remote)
		return fn_usage("--backing and --remote are one too many");
	if (a->passive && p->letter != 'm')
		return fn_usage("--passive is for mount");
	if (a->no_connect && p->letter != 'v')
		return fn_usage("--no-connect is for vhost-user");
	return 0;
}

/* 1 met, 0 not, -1 cannot tell. Without requirements the probe's principal fact speaks. */
static int verdict(const struct fn_facts *f, const struct probe *p, const struct args *a, int err)
{
	const struct fn_fact *fact;

	if (err)
		return -1;
	if (a->require || a->require_not)
		return requirements(f, a);
	fact = fn_facts_find(f, a->no_connect ? "socket_owner" : p->principal);
	return fact ? fn_fact_holds(fact) : 1;
}

static int probe_once(struct fn_facts *f, const struct probe *p, const struct args *a)
{
	int err;

	fn_facts_free(f);
	err = p->run(f, a, a->timeout_ns ? a->timeout_ns : p->timeout_ns);
	fn_facts_sort(f);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue; /* what a probe left to end by itself */
	return err;
}

/* Between two looks: longer and longer, at most a second. */
static void pause_between(int round, int64_t deadline_ns)
{
	int64_t ns = round < 6 ? SECOND / 64 << round : SECOND, left = deadline_ns - fn_mono_ns();
	struct timespec t;

	if (ns > left)
		ns = left > 0 ? left : 0;
	t = (struct timespec){ns / SECOND, ns % SECOND};
	nanosleep(&t, NULL);
}

static const char *subject(const struct probe *p, const struct args *a)
{
	if (a->from_trace)
		return a->from_trace;
	return a->operands[0] && a->operands[1] ? a->operands[1] : p->name;
}

static int report_error(const struct probe *p, const struct args *a, int err)
{
	const char *operand = subject(p, a);

	if (err == -ETIMEDOUT && a->wait)
		return fn_fail(FN_EXIT_TIMEOUT, "%s: not there in time", a->wait);
	return fn_fail(err == -ENOMEM ? FN_EXIT_FAIL : FN_EXIT_UNSUPPORTED, "%s: %s", operand,
		       strerror(-err));
}

static int report(const struct fn_facts *f, const struct probe *p, const struct args *a, int err,
		  int met)
{
	const struct fn_fact *fact = fn_facts_find(f, p->principal);
	bool silent = a->require || a->require_not;
	int status = met > 0 ? FN_EXIT_OK : met == 0 ? FN_EXIT_FAIL : FN_EXIT_UNSUPPORTED;
	int r;

	if (err)
		return report_error(p, a, err);
	if (silent)
		return status;
	r = render(f, p, a);
	if (r == FN_EXIT_OK && met < 0 && fact && fact->reason)
		fn_warn("%s: cannot tell: %s", subject(p, a), fact->reason);
	return r ? r : status;
}

static int run(const struct probe *p, const struct args *a)
{
	int64_t deadline_ns = fn_mono_ns() + a->wait_ns;
	struct fn_facts f = {0};
	int err, met, status;

	for (int round = 0;; round++) {
		err = probe_once(&f, p, a);
		met = verdict(&f, p, a, err);
		if (met == 1 || met == -2 || !a->wait_ns)
			break;
		if (fn_mono_ns() >= deadline_ns) {
			fn_facts_free(&f);
			return fn_fail(FN_EXIT_TIMEOUT, "%s: not so within %s", p->name, a->wait);
		}
		pause_between(round, deadline_ns);
	}
	status = met == -2 ? FN_EXIT_USAGE : report(&f, p, a, err, met);
	fn_facts_free(&f);
	return status;
}

static int start(struct args *a)
{
	const struct probe *p = find_probe(a->operands[0]);
	int status;

	if (a->operands[0] && (!p || a->from_trace))
		return fn_usage("%s: %s", a->operands[0],
				p ? "not with --from-trace" : "no such probe");
	if (a->from_trace)
		p = &trace_probe;
	if (a->list)
		return list_facts(p ? p->letter : '\0');
	if (!p)
		return fn_usage("what is to be probed?");
	status = check_operands(p, a);
	if (status)
		return status;
	if (a->wait && p->letter != 't' && fn_parse_duration("--wait", a->wait, &a->wait_ns))
		return FN_EXIT_USAGE;
	/* Other signals may end us: nothing is left behind by whoever is killed. */
	signal(SIGPIPE, SIG_IGN);
	return run(p, a);
}

static void args_free(struct args *a)
{
	char *all[] = {a->prefix, a->columns, a->require, a->require_not, a->wait,
		       a->as,     a->backing, a->remote,  a->from_trace};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	fn_operands_free(a->operands);
}

int main(int argc, char **argv)
{
	struct args a = {0};
	int status;

	if (!fn_options_parse(&fnprobe_command, argc, argv, take_option, &a, &a.operands, &status))
		status = start(&a);
	args_free(&a);
	return status;
}
