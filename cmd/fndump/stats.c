/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -c and --histogram. Latencies are counted in buckets of 1/16 of a power of two, so that
 * percentiles are within 6 % whatever the number of messages, in constant memory.
 */
#include "fndump/fndump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"
#include "trace/map.h"

#define SUB 16
#define BUCKETS (64 * SUB)
#define MAX_OPS 512

struct row {
	struct fn_map_key key; /* the opcode; 1 << 32 and the code for notifications */
	const struct fn_wire_op *op;
	const struct fn_wire_notify *notify;
	uint64_t requests, replies, errors, in, out, timed;
	uint64_t total_ns;
	int64_t max_ns;
	uint32_t *buckets;
};

struct stats {
	struct fn_map rows;
	uint64_t orphans;
};

struct stats *stats_new(void)
{
	struct stats *st = calloc(1, sizeof(*st));

	if (st)
		fn_map_init(&st->rows, sizeof(struct row));
	return st;
}

void stats_free(struct stats *st)
{
	if (!st)
		return;
	for (struct row *r = NULL; (r = fn_map_next(&st->rows, r));)
		free(r->buckets);
	fn_map_free(&st->rows);
	free(st);
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned exp;

	if (ns < SUB)
		return (unsigned)ns;
	exp = 63 - (unsigned)__builtin_clzll(ns);
	return (exp - 3) * SUB + (unsigned)((ns >> (exp - 4)) & (SUB - 1));
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned b)
{
	unsigned exp;

	if (b < SUB)
		return b;
	exp = b / SUB + 3;
	return (UINT64_C(1) << exp) + ((uint64_t)(b % SUB) << (exp - 4)) +
	       ((UINT64_C(1) << (exp - 4)) >> 1);
}

static struct row *row_of(struct stats *st, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	uint64_t id = m->kind == FN_MSG_REQUEST  ? m->opcode
		      : m->kind == FN_MSG_NOTIFY ? UINT64_C(1) << 32 | (uint32_t)m->error
						 : seen->req->opcode;
	struct row *r = fn_map_get(&st->rows, 0, id);

	if (r || st->rows.count >= MAX_OPS)
		return r;
	r = fn_map_add(&st->rows, 0, id);
	if (r) {
		r->op = seen->op;
		r->notify = seen->notify;
	}
	return r;
}

static void add_latency(struct row *r, int64_t ns)
{
	if (ns < 0)
		return;
	if (!r->buckets)
		r->buckets = calloc(BUCKETS, sizeof(*r->buckets));
	if (!r->buckets)
		return;
	r->buckets[bucket_of((uint64_t)ns)]++;
	r->timed++;
	r->total_ns += (uint64_t)ns;
	if (ns > r->max_ns)
		r->max_ns = ns;
}

void stats_add(struct stats *st, const struct fn_seen *seen)
{
	const struct fn_trace_msg *m = seen->msg;
	struct row *r;

	if (m->kind == FN_MSG_REPLY && !seen->req) {
		st->orphans++;
		return;
	}
	r = row_of(st, seen);
	if (!r)
		return;
	if (m->kind == FN_MSG_REQUEST) {
		r->requests++;
		r->in += m->len;
		return;
	}
	r->replies++;
	r->out += m->len;
	r->errors += m->kind == FN_MSG_REPLY && m->error != 0;
	if (seen->latency != FN_TIME_NONE)
		add_latency(r, seen->latency);
}

static int64_t percentile(const struct row *r, unsigned per_mille)
{
	uint64_t rank = (r->timed * per_mille + 999) / 1000, seen = 0;

	for (unsigned b = 0; r->buckets && b < BUCKETS; b++) {
		seen += r->buckets[b];
		if (seen >= rank)
			return (int64_t)bucket_value(b) < r->max_ns ? (int64_t)bucket_value(b)
								    : r->max_ns;
	}
	return r->max_ns;
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	if (x->requests + x->replies != y->requests + y->replies)
		return x->requests + x->replies < y->requests + y->replies ? 1 : -1;
	return x->key.id < y->key.id ? -1 : 1;
}

static void row_name(const struct row *r, char name[40])
{
	if (r->key.id >> 32)
		snprintf(name, 40, r->notify ? "NOTIFY_%s" : "NOTIFY_%.0s%u",
			 r->notify ? r->notify->name : "", (unsigned)r->key.id);
	else if (r->op)
		snprintf(name, 40, "%s", r->op->name);
	else
		snprintf(name, 40, "OP_%u", (unsigned)r->key.id);
}

static void us(struct fn_buf *out, int64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), " %9.1f", (double)ns / 1000);
	fn_buf_str(out, text);
}

static void print_row(const struct row *r, struct fn_buf *out)
{
	char text[160], name[40];

	row_name(r, name);
	snprintf(text, sizeof(text), "%-20s %9llu %7llu %11llu %11llu", name,
		 (unsigned long long)(r->key.id >> 32 ? r->replies : r->requests),
		 (unsigned long long)r->errors, (unsigned long long)r->in,
		 (unsigned long long)r->out);
	fn_buf_str(out, text);
	if (r->timed) {
		us(out, percentile(r, 500));
		us(out, percentile(r, 950));
		us(out, percentile(r, 990));
		us(out, r->max_ns);
	}
	fn_buf_char(out, '\n');
}

static void print_json(const struct row *r, struct fn_buf *out)
{
	struct fn_json j = {out, false};
	char name[40];

	row_name(r, name);
	fn_json_open(&j, NULL, '{');
	fn_json_text(&j, "op", name);
	fn_json_u64(&j, "requests", r->requests);
	fn_json_u64(&j, "replies", r->replies);
	fn_json_u64(&j, "errors", r->errors);
	fn_json_u64(&j, "bytes_in", r->in);
	fn_json_u64(&j, "bytes_out", r->out);
	if (r->timed) {
		fn_json_seconds(&j, "p50", percentile(r, 500));
		fn_json_seconds(&j, "p95", percentile(r, 950));
		fn_json_seconds(&j, "p99", percentile(r, 990));
		fn_json_seconds(&j, "max", r->max_ns);
		fn_json_seconds(&j, "total", (int64_t)r->total_ns);
	}
	fn_json_close(&j, '}');
	fn_buf_char(out, '\n');
}

/* A line for each power of two between the smallest and the largest. */
static void print_histogram(const struct row *r, struct fn_buf *out)
{
	uint64_t power[64] = {0}, most = 0;
	int first = 64, last = -1;
	char text[128], name[40];

	if (!r->timed)
		return;
	for (unsigned b = 0; b < BUCKETS; b++) {
		uint64_t v = bucket_value(b);
		int e = v ? 63 - __builtin_clzll(v) : 0;

		if (!r->buckets[b])
			continue;
		power[e] += r->buckets[b];
		first = e < first ? e : first;
		last = e > last ? e : last;
		most = power[e] > most ? power[e] : most;
	}
	row_name(r, name);
	fn_buf_str(out, name);
	fn_buf_char(out, '\n');
	for (int e = first; e <= last; e++) {
		snprintf(text, sizeof(text), "  %12.3f us %9llu |%.*s\n",
			 (double)(UINT64_C(1) << e) / 1000, (unsigned long long)power[e],
			 (int)(power[e] * 40 / most), "****************************************");
		fn_buf_str(out, text);
	}
}

static void print_text(struct row *const *rows, size_t n, struct fn_buf *out)
{
	char text[160];

	snprintf(text, sizeof(text), "%-20s %9s %7s %11s %11s %9s %9s %9s %9s\n", "operation",
		 "count", "errors", "bytes in", "bytes out", "p50 us", "p95 us", "p99 us",
		 "max us");
	fn_buf_str(out, text);
	for (size_t i = 0; i < n; i++)
		print_row(rows[i], out);
}

void stats_print(const struct stats *st, bool json, bool summary, bool histogram,
		 struct fn_buf *out)
{
	struct row *rows[MAX_OPS];
	size_t n = 0;

	for (struct row *r = NULL; (r = fn_map_next(&st->rows, r)) && n < MAX_OPS;)
		rows[n++] = r;
	qsort(rows, n, sizeof(rows[0]), by_time);
	if (summary && !json)
		print_text(rows, n, out);
	for (size_t i = 0; i < n; i++) {
		if (summary && json)
			print_json(rows[i], out);
		if (histogram)
			print_histogram(rows[i], out);
	}
	if (st->orphans && summary && !json) {
		fn_buf_str(out, "replies without a request: ");
		fn_buf_u64(out, st->orphans);
		fn_buf_char(out, '\n');
	}
}
