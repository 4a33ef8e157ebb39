/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text/escape.h"

#include <errno.h>

static size_t utf8_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* The second byte has narrower bounds after some first bytes: no overlong form, no surrogate,
 * nothing above U+10FFFF. */
static bool second_ok(unsigned char first, unsigned char second)
{
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	return second >= low && second <= high;
}

size_t fn_utf8_step(const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t n = len ? utf8_length(p[0]) : 0;

	if (n == 0 || n > len)
		return 0;
	if (n > 1 && !second_ok(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool fn_utf8_ok(const char *data, size_t len)
{
	while (len) {
		size_t n = fn_utf8_step(data, len);

		if (!n)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

/* How many bytes from data stand for themselves, with backslash and quote as asked. */
static size_t plain_run(const char *data, size_t len, char quote)
{
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)data[i];
		size_t n = 1;

		if (c < 0x20 || c == 0x7f || c == '\\' || (quote && c == (unsigned char)quote))
			break;
		if (c >= 0x80)
			n = fn_utf8_step(data + i, len - i);
		/* C1 controls are UTF-8, but a terminal obeys them. */
		if (n == 0 || (c == 0xc2 && (unsigned char)data[i + 1] < 0xa0))
			break;
		i += n;
	}
	return i;
}

static void escape_byte(struct fn_buf *b, unsigned char c)
{
	static const char letters[] = "\nn\tt\rr\\\\";
	char oct[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
		       (char)('0' + (c & 7))};

	for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
		if ((unsigned char)letters[i] == c) {
			fn_buf_char(b, '\\');
			fn_buf_char(b, letters[i + 1]);
			return;
		}
	fn_buf_add(b, oct, sizeof(oct));
}

void fn_escape(struct fn_buf *b, const char *data, size_t len)
{
	while (len) {
		size_t n = plain_run(data, len, 0);

		fn_buf_add(b, data, n);
		if (n < len)
			escape_byte(b, (unsigned char)data[n++]);
		data += n;
		len -= n;
	}
}

static int unescape_one(const char *data, size_t len, size_t *used, char *c)
{
	static const char letters[] = "n\nt\tr\r\\\\\"\"";

	*used = 1;
	for (size_t i = 0; len && i + 1 < sizeof(letters); i += 2)
		if (letters[i] == data[0]) {
			*c = letters[i + 1];
			return 0;
		}
	if (len < 3 || data[0] < '0' || data[0] > '3')
		return -EINVAL;
	for (size_t i = 1; i < 3; i++)
		if (data[i] < '0' || data[i] > '7')
			return -EINVAL;
	*c = (char)((data[0] - '0') << 6 | (data[1] - '0') << 3 | (data[2] - '0'));
	*used = 3;
	return 0;
}

int fn_unescape(struct fn_buf *b, const char *data, size_t len)
{
	while (len) {
		const char *slash = memchr(data, '\\', len);
		size_t n = slash ? (size_t)(slash - data) : len, used;
		char c;

		fn_buf_add(b, data, n);
		if (!slash)
			break;
		data += n + 1;
		len -= n + 1;
		if (unescape_one(data, len, &used, &c))
			return -EINVAL;
		fn_buf_char(b, c);
		data += used;
		len -= used;
	}
	return b->failed ? -ENOMEM : 0;
}

static void json_byte(struct fn_buf *b, const char *data, size_t len, size_t *used)
{
	static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";
	unsigned char c = (unsigned char)data[0];
	size_t n = fn_utf8_step(data, len);

	*used = n ? n : 1;
	for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
		if ((unsigned char)letters[i] == c) {
			fn_buf_char(b, '\\');
			fn_buf_char(b, letters[i + 1]);
			return;
		}
	if (n == 0) {
		fn_buf_str(b, "\xef\xbf\xbd");
	} else if (n == 1) {
		fn_buf_str(b, "\\u");
		fn_buf_hex(b, c, 4);
	} else {
		fn_buf_add(b, data, n);
	}
}

void fn_escape_json(struct fn_buf *b, const char *data, size_t len)
{
	while (len) {
		size_t n = plain_run(data, len, '"'), used;

		fn_buf_add(b, data, n);
		data += n;
		len -= n;
		if (!len)
			break;
		json_byte(b, data, len, &used);
		data += used;
		len -= used;
	}
}
