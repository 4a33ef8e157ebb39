/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages from the table to an emitter. Every read is within what is there. */
#include <string.h>

#include "trace/decode.h"

static size_t left(const struct fn_decoder *d)
{
	return (size_t)(d->end - d->p);
}

void fn_decode_fault(struct fn_decoder *d, const char *what)
{
	/* A message that the source cut short is not the server's fault. */
	if (d->cut)
		return;
	d->faults++;
	d->emit->ops->fault(d->emit, (size_t)(d->p - d->seen->msg->data), what);
}

void fn_decode_fields(struct fn_decoder *d, const struct fn_wire_struct *s, size_t n)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct fn_wire_field *f = &s->fields[i];

		if (f->fmt == FN_FMT_PAD)
			continue;
		if ((size_t)f->offset + f->size > n)
			break;
		d->emit->ops->field_u(d->emit, f, fn_wire_get(f, d->p, d->wire->swap));
		if (f->fmt == FN_FMT_LEN)
			d->count = fn_wire_get(f, d->p, d->wire->swap);
	}
}

bool fn_decode_struct(struct fn_decoder *d, uint8_t id)
{
	size_t want = fn_wire_struct_size(id, d->wire), n = left(d);

	if (id == FN_STRUCT_none)
		return true;
	d->base = d->p;
	fn_decode_fields(d, &fn_wire_structs[id], n < want ? n : want);
	if (n < want) {
		fn_decode_fault(d, "struct cut short");
		d->p = d->end;
		return false;
	}
	d->p += want;
	return true;
}

/* A size that a struct field gave, by the field's name. */
static uint64_t struct_value(const struct fn_decoder *d, uint8_t id, const char *name)
{
	const struct fn_wire_struct *s = &fn_wire_structs[id];

	for (size_t i = 0; d->base && i < s->count; i++)
		if (!strcmp(s->fields[i].name, name) &&
		    s->fields[i].offset + (size_t)s->fields[i].size <= (size_t)(d->end - d->base))
			return fn_wire_get(&s->fields[i], d->base, d->wire->swap);
	return 0;
}

static void name_nul(struct fn_decoder *d, const char *name)
{
	const uint8_t *nul = left(d) ? memchr(d->p, '\0', left(d)) : NULL;
	size_t n = nul ? (size_t)(nul - d->p) : left(d);

	if (!nul && !left(d) && d->cut)
		return;
	d->emit->ops->field_str(d->emit, name, (const char *)d->p, n);
	d->p += n;
	if (nul)
		d->p++;
	else
		fn_decode_fault(d, "name without its NUL");
}

static void data(struct fn_decoder *d, const char *name)
{
	size_t all = d->seen->msg->len - (size_t)(d->p - d->seen->msg->data) - d->ext;

	d->emit->ops->field_data(d->emit, name, d->p, left(d), all);
	d->p = d->end;
}

static void sized_data(struct fn_decoder *d, uint8_t id, const char *field)
{
	uint64_t want = struct_value(d, id, field);
	size_t all = d->seen->msg->len - (size_t)(d->p - d->seen->msg->data) - d->ext;

	if (want != all)
		fn_decode_fault(d, "size does not match what follows");
	data(d, "data");
}

static void namelen(struct fn_decoder *d, uint8_t id, const char *field, const char *name, bool nul)
{
	uint64_t len = struct_value(d, id, field);
	size_t n = left(d);

	if (len > n || (nul && len + 1 > n)) {
		fn_decode_fault(d, "name longer than the message");
		len = len > n ? n : len;
	}
	d->emit->ops->field_str(d->emit, name, (const char *)d->p, (size_t)len);
	d->p += len;
	if (nul && left(d) && *d->p++)
		fn_decode_fault(d, "name without its NUL");
}

static void structs(struct fn_decoder *d, const char *name, uint8_t id)
{
	size_t size = fn_wire_struct_size(id, d->wire);
	uint64_t count = d->count;

	d->emit->ops->open_list(d->emit, name);
	for (; count && left(d) >= size; count--, d->p += size) {
		d->emit->ops->open_item(d->emit);
		fn_decode_fields(d, &fn_wire_structs[id], size);
		d->emit->ops->close_item(d->emit);
	}
	d->emit->ops->close_list(d->emit);
	if (count)
		fn_decode_fault(d, "fewer than its count says");
}

static void nodeids(struct fn_decoder *d)
{
	static const struct fn_wire_field f = {"nodeid", 0, 8, FN_U64, FN_FMT_NODE, 0, 0};
	uint64_t count = struct_value(d, FN_STRUCT_notify_prune_out, "count");

	d->emit->ops->open_list(d->emit, "nodeids");
	for (; count && left(d) >= 8; count--, d->p += 8) {
		d->emit->ops->open_item(d->emit);
		d->emit->ops->field_u(d->emit, &f, fn_get_u64(d->p, d->wire->swap));
		d->emit->ops->close_item(d->emit);
	}
	d->emit->ops->close_list(d->emit);
	if (count)
		fn_decode_fault(d, "fewer than its count says");
}

/* One entry of a directory; false when the rest holds no whole one. */
static bool dirent(struct fn_decoder *d, size_t entry)
{
	size_t n = left(d), len, step;

	if (n < entry + 24)
		return false;
	len = fn_get_u32(d->p + entry + 16, d->wire->swap);
	step = entry + 24 + ((len + 7) & ~(size_t)7);
	if (len > n - entry - 24)
		return false;
	d->emit->ops->open_item(d->emit);
	d->emit->ops->field_str(d->emit, "name", (const char *)d->p + entry + 24, len);
	if (entry)
		fn_decode_fields(d, &fn_wire_structs[FN_STRUCT_entry_out], entry);
	d->p += entry;
	fn_decode_fields(d, &fn_wire_structs[FN_STRUCT_dirent], 24);
	d->emit->ops->close_item(d->emit);
	d->p += step - entry < left(d) ? step - entry : left(d);
	return true;
}

static void dirents(struct fn_decoder *d, bool plus)
{
	size_t entry = plus ? fn_wire_struct_size(FN_STRUCT_entry_out, d->wire) : 0;

	d->emit->ops->open_list(d->emit, "entries");
	while (dirent(d, entry))
		;
	d->emit->ops->close_list(d->emit);
	if (left(d))
		fn_decode_fault(d, "directory entry cut short");
	d->p = d->end;
}

static void names(struct fn_decoder *d)
{
	d->emit->ops->open_list(d->emit, "names");
	while (left(d)) {
		d->emit->ops->open_item(d->emit);
		name_nul(d, "name");
		d->emit->ops->close_item(d->emit);
	}
	d->emit->ops->close_list(d->emit);
}

static void native_names(struct fn_decoder *d)
{
	const uint8_t *base = d->base;

	if (struct_value(d, FN_STRUCT_native_out, "namelen"))
		namelen(d, FN_STRUCT_native_out, "namelen", "name", true);
	d->base = base;
	if (struct_value(d, FN_STRUCT_native_out, "newnamelen"))
		namelen(d, FN_STRUCT_native_out, "newnamelen", "newname", true);
}

static void native_records(struct fn_decoder *d)
{
	const uint8_t *end = d->end;

	d->emit->ops->open_list(d->emit, "events");
	while (left(d) >= 8) {
		uint64_t size = fn_get_u64(d->p, d->wire->swap);

		d->p += 8;
		if (size < 8 || size - 8 > (size_t)(end - d->p)) {
			fn_decode_fault(d, "record longer than the message");
			break;
		}
		d->end = d->p + (size - 8);
		d->emit->ops->open_item(d->emit);
		if (fn_decode_struct(d, FN_STRUCT_native_out))
			native_names(d);
		d->emit->ops->close_item(d->emit);
		d->p = d->end;
		d->end = end;
	}
	d->emit->ops->close_list(d->emit);
	d->p = d->end;
}

/* A range of bytes that a struct's size gives, or all there is. */
static void text(struct fn_decoder *d)
{
	d->emit->ops->field_str(d->emit, "text", (const char *)d->p, left(d));
	d->p = d->end;
}

static void name_then(struct fn_decoder *d, const char *second)
{
	name_nul(d, "name");
	if (left(d) || !d->cut)
		name_nul(d, second);
}

static void name_data(struct fn_decoder *d, uint8_t id)
{
	uint64_t want = struct_value(d, id, "size");

	name_nul(d, "name");
	if (left(d) != want)
		fn_decode_fault(d, "size does not match what follows");
	data(d, "value");
}

static void tail_data(struct fn_decoder *d, uint8_t id)
{
	if (id == FN_STRUCT_write_in || id == FN_STRUCT_notify_store_out ||
	    id == FN_STRUCT_notify_retrieve_in)
		sized_data(d, id, "size");
	else if (left(d) || d->cut || id == FN_STRUCT_none)
		data(d, "data");
}

void fn_decode_tail(struct fn_decoder *d, uint8_t tail, uint8_t id)
{
	switch ((enum fn_wire_tail)tail) {
	case FN_TAIL_NONE:
		break;
	case FN_TAIL_NAME:
		name_nul(d, "name");
		break;
	case FN_TAIL_NAME_NEWNAME:
		name_then(d, "newname");
		break;
	case FN_TAIL_NAME_TARGET:
		name_then(d, "target");
		break;
	case FN_TAIL_NAME_DATA:
		name_data(d, id);
		break;
	case FN_TAIL_NAMES:
		names(d);
		break;
	case FN_TAIL_TEXT:
		text(d);
		break;
	case FN_TAIL_DATA:
		tail_data(d, id);
		break;
	case FN_TAIL_FORGETS:
		structs(d, "forgets", FN_STRUCT_forget_one);
		break;
	case FN_TAIL_MAPPINGS:
		structs(d, "mappings", FN_STRUCT_removemapping_one);
		break;
	case FN_TAIL_NODEIDS:
		nodeids(d);
		break;
	case FN_TAIL_DIRENTS:
		dirents(d, false);
		break;
	case FN_TAIL_DIRENTSPLUS:
		dirents(d, true);
		break;
	case FN_TAIL_NAMELEN:
		namelen(d, id, "namelen", "name", false);
		break;
	case FN_TAIL_NAMELEN_NUL:
		namelen(d, id, "namelen", "name", true);
		break;
	case FN_TAIL_NATIVE_NAMES:
		native_names(d);
		break;
	case FN_TAIL_NATIVE_RECORDS:
		native_records(d);
		break;
	case FN_TAIL_ATTRS:
		fn_decode_attrs(d);
		break;
	case FN_TAIL_ROOM:
		d->p = d->end;
		break;
	}
}
