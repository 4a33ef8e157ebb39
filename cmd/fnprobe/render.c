/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnprobe/fnprobe.h"
#include "probe/matrix.h"
#include "text/escape.h"
#include "text/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define MAX_COLUMNS 12

static const char *const column_names[] = {"name", "group", "state", "value", "reason", "how"};
#define NCOLUMNS (sizeof(column_names) / sizeof(column_names[0]))

static const char *cell(const struct fn_fact *fact, size_t column)
{
	const char *cells[NCOLUMNS] = {fact->name,  fact->group,  fn_fact_state_name(fact->state),
				       fact->value, fact->reason, fact->how};

	return cells[column] ? cells[column] : "";
}

/* The columns of a comma list, or -1. */
static int parse_columns(const char *list, size_t columns[MAX_COLUMNS])
{
	int n = 0;

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ","), i;

		for (i = 0; i < NCOLUMNS; i++)
			if (strlen(column_names[i]) == len && !strncasecmp(column_names[i], p, len))
				break;
		if (i == NCOLUMNS || n == MAX_COLUMNS)
			return -1;
		columns[n++] = i;
		p += len + (p[len] == ',');
	}
	return n;
}

bool columns_ok(const char *columns)
{
	size_t parsed[MAX_COLUMNS];

	return parse_columns(columns, parsed) > 0;
}

/* One line of cells; width NULL: not aligned. Names may be hostile, so they are escaped. */
static void add_row(struct fn_buf *out, const char *const *cells, const size_t *width, int n)
{
	for (int i = 0; i < n; i++) {
		size_t start = out->len;

		fn_escape(out, cells[i], strlen(cells[i]));
		while (i < n - 1 && out->len - start < width[i] + 2 && !out->failed)
			fn_buf_char(out, ' ');
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	fn_buf_char(out, '\n');
}

static void fact_cells(const char *cells[MAX_COLUMNS], const struct fn_fact *fact,
		       const size_t *columns, int n)
{
	for (int c = 0; c < n; c++)
		cells[c] = cell(fact, columns[c]);
}

static void render_table(struct fn_buf *out, const struct fn_facts *f, const char *list)
{
	size_t columns[MAX_COLUMNS], width[MAX_COLUMNS] = {0};
	const char *cells[MAX_COLUMNS],
		*heads[] = {"NAME", "GROUP", "STATE", "VALUE", "REASON", "HOW"};
	int n = parse_columns(list, columns);

	for (int c = 0; c < n; c++) {
		width[c] = strlen(heads[columns[c]]);
		cells[c] = heads[columns[c]];
		for (size_t i = 0; i < f->count; i++) {
			size_t len = strlen(cell(&f->list[i], columns[c]));

			if (len > width[c] && len <= 40)
				width[c] = len;
		}
	}
	add_row(out, cells, width, n);
	for (size_t i = 0; i < f->count; i++) {
		fact_cells(cells, &f->list[i], columns, n);
		add_row(out, cells, width, n);
	}
}

/* The matrix of events: a line for each kind, a column for each watcher. */
static const char *matrix_cell(char *text, size_t size, const struct fn_facts *f,
			       const char *watcher, const char *kind)
{
	char name[FN_FACT_NAME_MAX];
	const struct fn_fact *fact, *us;

	snprintf(name, sizeof(name), "%s_%s", watcher, kind);
	fact = fn_facts_find(f, name);
	snprintf(name, sizeof(name), "%s_%s_us", watcher, kind);
	us = fn_facts_find(f, name);
	if (!fact)
		return "";
	if (us && us->value)
		snprintf(text, size, "%s %.1f ms", fact->value, strtod(us->value, NULL) / 1000);
	else if (fact->value)
		snprintf(text, size, "%s", fact->value);
	else
		snprintf(text, size, "%s: %s", fn_fact_state_name(fact->state),
			 fact->reason ? fact->reason : "");
	return text;
}

static void render_matrix(struct fn_buf *out, const struct fn_facts *f)
{
	static const size_t width[] = {12, 36, 36};
	const char *cells[] = {"KIND", "INOTIFY", "FANOTIFY"};
	size_t n;
	const struct fn_kind *kinds = fn_kinds(&n);

	add_row(out, cells, width, 3);
	for (size_t i = 0; i < n; i++) {
		char in[128], fan[128];

		cells[0] = kinds[i].name;
		cells[1] = matrix_cell(in, sizeof(in), f, "inotify", kinds[i].name);
		cells[2] = matrix_cell(fan, sizeof(fan), f, "fanotify", kinds[i].name);
		add_row(out, cells, width, 3);
	}
}

static bool is_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n && n < 16 && !s[n] && (*s != '0' || n == 1);
}

static void json_value(struct fn_json *j, const char *key, const char *value)
{
	if (!value)
		fn_json_null(j, key);
	else if (is_number(value))
		fn_json_u64(j, key, strtoull(value, NULL, 10));
	else
		fn_json_bytes(j, key, value, strlen(value));
}

static void json_fact(struct fn_json *j, const struct fn_fact *fact)
{
	int holds = fn_fact_holds(fact);

	fn_json_open(j, NULL, '{');
	fn_json_text(j, "name", fact->name);
	fn_json_text(j, "group", fact->group);
	fn_json_text(j, "state", fn_fact_state_name(fact->state));
	if (holds < 0)
		fn_json_null(j, "holds");
	else
		fn_json_bool(j, "holds", holds);
	json_value(j, "value", fact->value);
	if (fact->reason)
		fn_json_text(j, "reason", fact->reason);
	else
		fn_json_null(j, "reason");
	if (fact->how)
		fn_json_text(j, "how", fact->how);
	else
		fn_json_null(j, "how");
	fn_json_close(j, '}');
}

static void render_json(struct fn_buf *out, const struct fn_facts *f, const char *probe)
{
	struct fn_json j = {.out = out};

	fn_json_open(&j, NULL, '{');
	fn_json_u64(&j, "schema", SCHEMA);
	fn_json_text(&j, "probe", probe);
	fn_json_open(&j, "facts", '[');
	for (size_t i = 0; i < f->count; i++)
		json_fact(&j, &f->list[i]);
	fn_json_close(&j, ']');
	fn_json_close(&j, '}');
	fn_buf_char(out, '\n');
}

static void add_upper(struct fn_buf *out, const char *s)
{
	for (; *s; s++)
		fn_buf_char(out,
			    isalnum((unsigned char)*s) ? (char)toupper((unsigned char)*s) : '_');
}

static void render_shell(struct fn_buf *out, const struct fn_facts *f, const char *prefix)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct fn_fact *fact = &f->list[i];
		const char *v =
			fact->value && fn_fact_holds(fact) == 1 && strcmp(fact->group, "init")
				? fact->value
				: fn_fact_state_name(fact->state);

		fn_buf_str(out, prefix);
		add_upper(out, fact->name);
		fn_buf_str(out, "='");
		for (; *v; v++) {
			if (*v == '\'')
				fn_buf_str(out, "'\\''");
			else
				fn_buf_char(out, *v);
		}
		fn_buf_str(out, "'\n");
	}
}

/* A comment's text: nothing in it may end the comment. */
static void add_comment(struct fn_buf *out, const char *s)
{
	struct fn_buf safe = {0};

	fn_escape(&safe, s, strlen(s));
	for (size_t i = 0; i < safe.len; i++)
		fn_buf_char(out, safe.data[i] == '/' && i && safe.data[i - 1] == '*'
					 ? '|'
					 : safe.data[i]);
	fn_buf_free(&safe);
}

static void macro_absent(struct fn_buf *out, const struct fn_fact *fact, const char *prefix)
{
	fn_buf_str(out, "/* ");
	fn_buf_str(out, prefix);
	fn_buf_str(out, "HAVE_");
	add_upper(out, fact->name);
	fn_buf_str(out, ": ");
	fn_buf_str(out, fn_fact_state_name(fact->state));
	if (fact->reason) {
		fn_buf_str(out, ": ");
		add_comment(out, fact->reason);
	}
	fn_buf_str(out, " */\n");
}

static void macro_define(struct fn_buf *out, const struct fn_fact *fact, const char *prefix,
			 const char *infix, const char *value)
{
	fn_buf_str(out, "#define ");
	fn_buf_str(out, prefix);
	fn_buf_str(out, infix);
	add_upper(out, fact->name);
	fn_buf_char(out, ' ');
	fn_buf_str(out, value);
	fn_buf_char(out, '\n');
}

static void render_macros(struct fn_buf *out, const struct fn_facts *f, const char *prefix)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct fn_fact *fact = &f->list[i];

		if (fn_fact_holds(fact) != 1) {
			macro_absent(out, fact, prefix);
			continue;
		}
		macro_define(out, fact, prefix, "HAVE_", "1");
		if (fact->value && is_number(fact->value))
			macro_define(out, fact, prefix, "", fact->value);
	}
}

int render(const struct fn_facts *f, const struct probe *probe, const struct args *a)
{
	struct fn_buf out = {0};

	switch (a->rendering) {
	case RENDER_TABLE:
		if (a->columns)
			render_table(&out, f, a->columns);
		else if (probe->letter == 'e' && fn_fact_holds(fn_facts_find(f, "events")) == 1)
			render_matrix(&out, f);
		else
			render_table(&out, f, "name,state,value,reason");
		break;
	case RENDER_JSON:
		render_json(&out, f, probe->name);
		break;
	case RENDER_SHELL:
		render_shell(&out, f, a->prefix ? a->prefix : "FN_");
		break;
	case RENDER_MACROS:
		render_macros(&out, f, a->prefix ? a->prefix : "");
		break;
	}
	if (out.failed)
		return fn_fail(FN_EXIT_FAIL, "out of memory");
	fwrite(out.data, 1, out.len, stdout);
	fn_buf_free(&out);
	return fn_close_stdout(FN_EXIT_OK);
}
