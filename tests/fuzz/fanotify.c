/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as read from a fanotify descriptor, and from an inotify one. */
#include "source/fanotify_parse.h"
#include "source/inotify_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const struct fn_fan_fid *fid)
{
	struct fn_object o;
	size_t sum = 0;

	fn_fan_object(&o, fid);
	for (size_t i = 0; fid->present && i < fid->name.len; i++)
		sum += (unsigned char)fid->name.data[i];
	return sum + fn_object_hash(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile size_t sum = 0;
	struct fn_fan_record rec;
	struct in_raw raw;

	for (size_t at = 0; at < size;) {
		int n = fn_fan_parse(data + at, size - at, &rec);

		if (n <= 0)
			break;
		sum += touch(&rec.object) + touch(&rec.dir) + touch(&rec.old_dir);
		while (fn_fan_next_bit(&rec.mask, size & 1))
			sum++;
		at += (size_t)n;
	}
	for (size_t at = 0; in_parse(data + at, size - at, &raw); at += raw.size)
		for (size_t i = 0; i < raw.name.len; i++)
			sum += (unsigned char)raw.name.data[i];
	return 0;
}
