/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctlflow DIRECTORY COUNT [WINDOW]: inject COUNT events over the control file of DIRECTORY's
 * mount and read them back over a second one, never more than WINDOW on the way (0: without end,
 * so that the server has to drop some). Each carries its number in its name. Prints "sent N seen N
 * lost N gaps N disordered N seconds S".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "source/control.h"

#define BATCH FN_CONTROL_BATCH

struct flow {
	struct fn_control_file *to, *from;
	uint64_t next_seq, gaps, disordered, seen, lost, sent;
	long last;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* What is there now; false: the connection is gone. */
static bool drain(struct flow *f)
{
	struct fn_event ev;
	int rc;

	while ((rc = fn_control_read(f->from, &ev)) > 0) {
		char number[32] = "";
		long n;

		f->gaps += fn1_seq_gap(&f->next_seq, &ev);
		if (ev.mask & FN_Q_OVERFLOW) {
			f->lost += ev.lost;
			continue;
		}
		memcpy(number, ev.name.data, ev.name.len < 31 ? ev.name.len : 31);
		n = atol(number);
		f->disordered += n <= f->last;
		f->last = n;
		f->seen++;
	}
	return rc == 0;
}

static int inject(struct flow *f, uint64_t upto)
{
	while (f->sent < upto) {
		static struct fn_event evs[BATCH];
		static char names[BATCH][32];
		struct fn_event *list[BATCH];
		int errs[BATCH], rc;
		size_t n = 0;

		for (; n < BATCH && f->sent < upto; n++) {
			int len = snprintf(names[n], sizeof(names[n]), "d/%lu",
					   (unsigned long)++f->sent);

			fn_event_clear(&evs[n]);
			evs[n].mask = FN_MODIFY;
			evs[n].path = (struct fn_str){names[n], (size_t)len};
			evs[n].name = (struct fn_str){names[n] + 2, (size_t)len - 2};
			list[n] = &evs[n];
		}
		rc = fn_control_inject_many(f->to, list, n, errs);
		for (size_t i = 0; i < n && !rc; i++)
			rc = errs[i];
		if (rc)
			return rc;
	}
	return 0;
}

static int run(struct flow *f, uint64_t count, uint64_t window)
{
	struct fn1_watch w = {.mask = FN_MODIFY, .path = {"", 0}, .flags = FN1_WATCH_RECURSIVE};
	double deadline = now() + 60;
	int rc = fn_control_watch(f->from, &w);

	while (!rc && f->seen + f->lost < count && now() < deadline) {
		uint64_t upto = window ? f->seen + window : count;

		rc = inject(f, upto < count ? upto : count);
		if (!rc && !drain(f))
			rc = -EPIPE;
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct flow f = {0};
	double start;
	int rc;

	if (argc < 3)
		return 2;
	rc = fn_control_open(&f.to, argv[1], true);
	if (!rc)
		rc = fn_control_open(&f.from, argv[1], true);
	start = now();
	if (!rc)
		rc = run(&f, strtoul(argv[2], NULL, 10),
			 argc > 3 ? strtoul(argv[3], NULL, 10) : 4096);
	printf("sent %lu seen %lu lost %lu gaps %lu disordered %lu seconds %.2f\n",
	       (unsigned long)f.sent, (unsigned long)f.seen, (unsigned long)f.lost,
	       (unsigned long)f.gaps, (unsigned long)f.disordered, now() - start);
	if (rc)
		fprintf(stderr, "ctlflow: %s\n", strerror(-rc));
	fn_control_close(f.to);
	fn_control_close(f.from);
	return rc != 0;
}
