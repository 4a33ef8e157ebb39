/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is neither struct nor name: extensions of a request, attributes of fn1. */
#include <string.h>

#include "trace/decode.h"

#define EXT_MAX_SECCTX 31
#define EXT_GROUPS 32

static size_t left(const struct fn_decoder *d)
{
	return (size_t)(d->end - d->p);
}

static size_t pad8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* nr security contexts: struct secctx, name NUL, value; each padded to 8. */
static void secctx(struct fn_decoder *d, uint32_t nr)
{
	while (nr-- && left(d) >= 8) {
		uint32_t size = fn_get_u32(d->p, d->wire->swap);
		const uint8_t *nul = memchr(d->p + 8, '\0', left(d) - 8), *start = d->p;
		size_t room, step;

		if (!nul)
			break;
		d->emit->ops->open_item(d->emit);
		d->emit->ops->field_str(d->emit, "secctx.name", (const char *)d->p + 8,
					(size_t)(nul - d->p - 8));
		room = (size_t)(d->end - nul - 1);
		if (size > room) {
			fn_decode_fault(d, "security context longer than its extension");
			size = (uint32_t)room;
		}
		d->emit->ops->field_data(d->emit, "secctx.value", nul + 1, size, size);
		d->emit->ops->close_item(d->emit);
		step = pad8((size_t)(nul + 1 + size - start));
		d->p += step < left(d) ? step : left(d);
	}
}

static void groups(struct fn_decoder *d)
{
	static const struct fn_wire_field f = {"gid", 0, 4, FN_U32, FN_FMT_GID, 0, 0};
	uint32_t n;

	if (left(d) < 4)
		return;
	n = fn_get_u32(d->p, d->wire->swap);
	d->p += 4;
	if (n > left(d) / 4)
		fn_decode_fault(d, "more groups than the extension holds");
	for (; n && left(d) >= 4; n--, d->p += 4) {
		d->emit->ops->open_item(d->emit);
		d->emit->ops->field_u(d->emit, &f, fn_get_u32(d->p, d->wire->swap));
		d->emit->ops->close_item(d->emit);
	}
}

static void extension(struct fn_decoder *d, uint32_t type)
{
	if (type <= EXT_MAX_SECCTX) {
		d->emit->ops->open_list(d->emit, "secctx");
		secctx(d, type);
		d->emit->ops->close_list(d->emit);
	} else if (type == EXT_GROUPS) {
		d->emit->ops->open_list(d->emit, "groups");
		groups(d);
		d->emit->ops->close_list(d->emit);
	} else {
		d->emit->ops->field_data(d->emit, "extension", d->p, left(d), left(d));
	}
}

/* {u32 size, u32 type}: type is an extension's, or the number of security contexts. */
void fn_decode_extensions(struct fn_decoder *d, const uint8_t *end)
{
	d->end = end;
	while (left(d) >= 8) {
		uint32_t size = fn_get_u32(d->p, d->wire->swap);
		uint32_t type = fn_get_u32(d->p + 4, d->wire->swap);

		if (size < 8 || size > left(d)) {
			fn_decode_fault(d, "extension longer than the message");
			break;
		}
		d->end = d->p + size;
		d->p += 8;
		extension(d, type);
		d->p = d->end;
		d->end = end;
	}
	d->p = d->end;
}

/* The attributes are little-endian whatever the connection is. */
static bool big_host(void)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

static void attr_value(struct fn_decoder *d, const struct fn_wire_attr *a, const uint8_t *p,
		       size_t n)
{
	struct fn_wire_field f = {a->name, 0, 8, FN_U64, FN_FMT_UINT, a->set, 0};

	if (a->set != FN_SET_none)
		f.fmt = fn_wire_sets[a->set].bits ? FN_FMT_FLAGS : FN_FMT_ENUM;
	if (a->kind == FN_ATTR_TEXT)
		d->emit->ops->field_str(d->emit, a->name, (const char *)p, n);
	else if (a->kind == FN_ATTR_U32 && n == 4)
		d->emit->ops->field_u(d->emit, &f, fn_get_u32(p, big_host()));
	else if (a->kind == FN_ATTR_U64 && n == 8)
		d->emit->ops->field_u(d->emit, &f, fn_get_u64(p, big_host()));
	else if (a->kind == FN_ATTR_OBJECT)
		d->emit->ops->field_data(d->emit, a->name, p, n, n);
	else
		fn_decode_fault(d, "attribute of a wrong size");
}

void fn_decode_attrs(struct fn_decoder *d)
{
	while (left(d) >= 4) {
		size_t len = fn_get_u16(d->p, big_host());
		const struct fn_wire_attr *a =
			fn_wire_attr(fn_get_u16(d->p + 2, big_host()) & 0x3fff);
		size_t step = (len + 3) & ~(size_t)3;

		if (len < 4 || len > left(d)) {
			fn_decode_fault(d, "attribute longer than the message");
			break;
		}
		if (a)
			attr_value(d, a, d->p + 4, len - 4);
		else
			d->emit->ops->field_data(d->emit, "attribute", d->p, len, len);
		d->p += step < left(d) ? step : left(d);
	}
	d->p = d->end;
}
