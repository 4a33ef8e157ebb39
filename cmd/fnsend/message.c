/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fnsend/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "object/object.h"
#include "wire/dialects.h"
#include "wire/fn1.h"

int message_dialect(const struct settings *set, enum fn_dialect fallback, enum fn_dialect *d)
{
	const struct fn_wire_dialect *w;

	*d = fallback;
	if (!set->dialect)
		return 0;
	w = fn_wire_dialect_named(set->dialect, strlen(set->dialect));
	if (!w)
		return fn_usage("--dialect: '%s' is none that there is", set->dialect);
	*d = (enum fn_dialect)w->id;
	return 0;
}

static int node_at(const char *path, struct fn_object *o)
{
	int err = fn_object_at(o, AT_FDCWD, path, 0);

	if (!err && !(o->has & FN_OBJ_NODE))
		err = -EOPNOTSUPP;
	if (err == -EOPNOTSUPP)
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s: its node id cannot be told here", path);
	return err ? fn_fail(FN_EXIT_FAIL, "%s: %s", path, strerror(-err)) : 0;
}

int parse_node(const char *text, struct fn_object *o)
{
	uint64_t id, generation = 0;
	char *end;

	fn_object_clear(o);
	if (strchr(text, '/'))
		return node_at(text, o);
	id = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && *end == ':' && end[1])
		generation = strtoull(end + 1, &end, 0);
	if (*text < '0' || *text > '9' || *end)
		return fn_usage("'%s' is no node: a number, ID:GENERATION, or a path with a '/'",
				text);
	fn_object_set_node(o, id, generation);
	return 0;
}

static void begin(struct message *m, const struct fn_wire_notify *row)
{
	memset(m->data, 0, FN_WIRE_OUT_HEADER + 128);
	fn_put_u32(m->data + 4, row->code, false);
	m->len = FN_WIRE_OUT_HEADER + fn_wire_struct_size((enum fn_wire_struct_id)row->out, NULL);
}

static void finish(struct message *m)
{
	fn_put_u32(m->data, (uint32_t)m->len, false);
}

static void put(struct message *m, const struct fn_wire_notify *row, const char *name, uint64_t v)
{
	const struct fn_wire_struct *st = &fn_wire_structs[row->out];

	for (size_t i = 0; i < st->count; i++)
		if (!strcmp(st->fields[i].name, name))
			fn_wire_put(&st->fields[i], m->data + FN_WIRE_OUT_HEADER, v, false);
}

static void append(struct message *m, const void *data, size_t len)
{
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void put_name(struct message *m, const struct fn_wire_notify *row, const char *field,
		     struct fn_str name)
{
	put(m, row, field, name.len);
	if (name.len)
		append(m, name.data, name.len);
	if (row->tail == FN_TAIL_NAMELEN_NUL)
		append(m, "", 1);
}

static int number(const char *text, int64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoll(text, &end, 0);
	if (end == text || *end || errno)
		return fn_usage("'%s' is not a number", text);
	return 0;
}

static int need(const struct settings *set, size_t min, size_t max, const char *what)
{
	if (set->noperands >= min && set->noperands <= max)
		return 0;
	return fn_usage("--notify %s needs: %s", set->notify, what);
}

static int nodes(const struct settings *set, size_t n, uint64_t *ids)
{
	struct fn_object o;
	int status = 0;

	for (size_t i = 0; !status && i < n; i++) {
		status = parse_node(set->operands[i], &o);
		ids[i] = o.nodeid;
	}
	return status;
}

static int build_inode(const struct settings *set, const struct fn_wire_notify *row,
		       struct message *m)
{
	uint64_t id;
	int64_t off = 0, len = 0;
	int status = need(set, 1, 3, "NODE [OFFSET LENGTH]");

	if (!status)
		status = nodes(set, 1, &id);
	if (!status && set->noperands > 1)
		status = number(set->operands[1], &off);
	if (!status && set->noperands > 2)
		status = number(set->operands[2], &len);
	if (status)
		return status;
	put(m, row, "ino", id);
	put(m, row, "off", (uint64_t)off);
	put(m, row, "len", (uint64_t)len);
	return 0;
}

static int build_entry(const struct settings *set, const struct fn_wire_notify *row,
		       struct message *m, bool expire)
{
	bool child = row->out == FN_STRUCT_notify_delete_out;
	uint64_t ids[2];
	int status = child ? need(set, 3, 3, "PARENT CHILD NAME") : need(set, 2, 2, "PARENT NAME");
	const char *name;

	if (!status)
		status = nodes(set, child ? 2 : 1, ids);
	if (status)
		return status;
	name = set->operands[child ? 2 : 1];
	if (strlen(name) > 4096)
		return fn_usage("a name that is too long");
	put(m, row, "parent", ids[0]);
	if (child)
		put(m, row, "child", ids[1]);
	put(m, row, "flags", expire);
	put_name(m, row, "namelen", (struct fn_str){name, strlen(name)});
	return 0;
}

static int build_store(const struct settings *set, const struct fn_wire_notify *row,
		       struct message *m)
{
	uint64_t id;
	int64_t off;
	int status = need(set, 3, 3, "NODE OFFSET DATA");
	size_t n;

	if (!status)
		status = nodes(set, 1, &id);
	if (!status)
		status = number(set->operands[1], &off);
	if (status)
		return status;
	n = strlen(set->operands[2]);
	if (n > 65536)
		return fn_usage("more than 64 KiB of data");
	put(m, row, "nodeid", id);
	put(m, row, "offset", (uint64_t)off);
	put(m, row, "size", n);
	append(m, set->operands[2], n);
	return 0;
}

static int build_prune(const struct settings *set, const struct fn_wire_notify *row,
		       struct message *m)
{
	uint64_t id;
	struct fn_object o;
	int status = need(set, 1, 4096, "NODE...");

	if (status)
		return status;
	put(m, row, "count", set->noperands);
	for (size_t i = 0; i < set->noperands; i++) {
		status = parse_node(set->operands[i], &o);
		if (status)
			return status;
		id = o.nodeid;
		append(m, &id, sizeof(id));
	}
	return 0;
}

/* fsnotify EVENT NODE [NAME [NEWNODE NEWNAME]]: NODE is the directory of NAME, if there is one. */
static int build_fsnotify(const struct settings *set, struct message *m, size_t *n)
{
	char **arg = set->operands;
	struct fn_event ev;
	int status = need(set, 2, 5, "EVENT NODE [NAME [NEWNODE NEWNAME]]");

	fn_event_clear(&ev);
	if (!status && !fn_mask_parse(arg[0], strlen(arg[0]), ',', &ev.mask))
		status = fn_usage("'%s' is no event", arg[0]);
	if (status)
		return status;
	if (set->noperands < 4) {
		status = parse_node(arg[1], set->noperands == 2 ? &ev.object : &ev.parent);
		if (!status && set->noperands == 3)
			ev.name = (struct fn_str){arg[2], strlen(arg[2])};
	} else {
		status = set->noperands == 5 ? parse_node(arg[1], &ev.old_parent)
					     : fn_usage("a rename needs both sides");
		if (!status)
			status = parse_node(arg[3], &ev.parent);
		if (!status) {
			ev.old_name = (struct fn_str){arg[2], strlen(arg[2])};
			ev.name = (struct fn_str){arg[4], strlen(arg[4])};
		}
	}
	return status ? status : message_event(&ev, m->dialect, m, n);
}

int message_notify(const struct settings *set, struct message *m, size_t *n)
{
	bool expire = !strcmp(set->notify, "expire-entry");
	const char *name = expire ? "inval-entry" : set->notify;
	char text[32];
	const struct fn_wire_notify *row;
	int status = message_dialect(set, FN_DIALECT_mainline, &m->dialect);

	*n = 1;
	if (status)
		return status;
	if (!strcmp(name, "fsnotify"))
		return m->dialect == FN_DIALECT_mainline
			       ? fn_usage("--notify fsnotify: in which --dialect?")
			       : build_fsnotify(set, m, n);
	strncpy(text, name, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (char *p = text; *p; p++)
		*p = *p == '-' ? '_' : *p;
	row = fn_wire_notify_named(text, strlen(text), FN_DIALECT_mainline);
	if (!row || row->code == 1 || row->code == 5)
		return fn_usage("--notify: '%s' is none of inval-inode, inval-entry, expire-entry, "
				"delete, store, resend, inc-epoch, prune, fsnotify",
				set->notify);
	begin(m, row);
	switch (row->out) {
	case FN_STRUCT_notify_inval_inode_out:
		status = build_inode(set, row, m);
		break;
	case FN_STRUCT_notify_inval_entry_out:
	case FN_STRUCT_notify_delete_out:
		status = build_entry(set, row, m, expire);
		break;
	case FN_STRUCT_notify_store_out:
		status = build_store(set, row, m);
		break;
	case FN_STRUCT_notify_prune_out:
		status = build_prune(set, row, m);
		break;
	default:
		status = need(set, 0, 0, "nothing");
	}
	finish(m);
	return status;
}

static int fn1_event(const struct fn_event *given, struct message *m)
{
	struct fn_event ev = *given;
	ssize_t n;

	ev.root = 0;
	n = fn1_put_inject(m->data, sizeof(m->data), 1, &ev);
	if (n < 0)
		return fn_fail(FN_EXIT_FAIL, "fn1 cannot say this: %s", strerror((int)-n));
	m->len = (size_t)n;
	return 0;
}

static size_t split(const uint8_t *from, size_t len, enum fn_dialect dialect, struct message *m)
{
	const void *p = from;
	size_t n = 0;

	for (; n < MESSAGES_MAX && fn_msg_ok(p, len, false); n++) {
		m[n].dialect = dialect;
		m[n].len = fn_get_u32(p, false);
		memcpy(m[n].data, p, m[n].len);
		p = fn_msg_next(p, &len, false);
	}
	return n;
}

int message_event(const struct fn_event *ev, enum fn_dialect dialect, struct message *m, size_t *n)
{
	uint8_t room[FN_DIALECT_EVENT_MAX];
	ssize_t len;

	*n = 1;
	m->dialect = dialect;
	if (dialect == FN_DIALECT_fn1)
		return fn1_event(ev, m);
	len = fn_dialect_put_event(dialect, room, sizeof(room), ev, false);
	if (len == -EOPNOTSUPP)
		return fn_fail(FN_EXIT_UNSUPPORTED, "%s has no words for this event",
			       fn_wire_dialects[dialect].name);
	if (len < 0)
		return fn_fail(FN_EXIT_FAIL, "%s: %s", fn_wire_dialects[dialect].name,
			       strerror((int)-len));
	*n = split(room, (size_t)len, dialect, m);
	return 0;
}

uint32_t message_code(const struct message *m)
{
	return m->len >= 8 ? fn_get_u32(m->data + 4, false) : 0;
}
