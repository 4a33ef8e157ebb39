/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "text/escape.h"
#include "text/json.h"

static const char *done(struct fn_buf *b)
{
	fn_buf_char(b, '\0');
	return b->failed ? "failed" : b->data;
}

static void check_escape(const char *in, size_t len, const char *want)
{
	struct fn_buf b = {0}, back = {0};

	fn_escape(&b, in, len);
	CHECK_INT(fn_unescape(&back, b.data ? b.data : "", b.len), 0);
	CHECK(back.len == len && (len == 0 || !memcmp(back.data, in, len)));
	CHECK_STR(done(&b), want);
	fn_buf_free(&b);
	fn_buf_free(&back);
}

static void escapes(void)
{
	check_escape("", 0, "");
	check_escape("plain name", 10, "plain name");
	check_escape("a\nb\tc\rd\\e", 9, "a\\nb\\tc\\rd\\\\e");
	check_escape("\x01\x7f", 2, "\\001\\177");
	check_escape("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	check_escape("\xff\xfe", 2, "\\377\\376");
	check_escape("cut \xe2\x82", 6, "cut \\342\\202");
	check_escape("\xc2\x9b[2J", 5, "\\302\\233[2J");
}

static void bad_escapes(void)
{
	static const char *const bad[] = {"\\", "a\\", "\\x", "\\12", "\\400", "\\019", "\\9"};
	struct fn_buf b = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(fn_unescape(&b, bad[i], strlen(bad[i])) < 0);
	fn_buf_free(&b);
}

static void every_byte_pair_comes_back(void)
{
	struct fn_buf b = {0}, back = {0};

	for (unsigned v = 0; v < 65536; v++) {
		char in[2] = {(char)(v >> 8), (char)v};

		fn_buf_clear(&b);
		fn_buf_clear(&back);
		fn_escape(&b, in, 2);
		CHECK_INT(fn_unescape(&back, b.data, b.len), 0);
		CHECK(back.len == 2 && !memcmp(back.data, in, 2));
		CHECK(!memchr(b.data, '\n', b.len) && !memchr(b.data, '\t', b.len));
	}
	fn_buf_free(&b);
	fn_buf_free(&back);
}

static void utf8(void)
{
	CHECK(fn_utf8_ok("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8c", 10));
	CHECK(!fn_utf8_ok("\xc0\xaf", 2));         /* overlong */
	CHECK(!fn_utf8_ok("\xe0\x80\xaf", 3));     /* overlong */
	CHECK(!fn_utf8_ok("\xed\xa0\x80", 3));     /* surrogate */
	CHECK(!fn_utf8_ok("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
	CHECK(!fn_utf8_ok("\xe2\x82", 2));         /* cut */
	CHECK(!fn_utf8_ok("\x80", 1));
	CHECK(fn_utf8_ok("", 0));
}

static void json(void)
{
	struct fn_buf b = {0};
	struct fn_json j = {.out = &b};

	fn_json_open(&j, NULL, '{');
	fn_json_text(&j, "s", "a\"b\\\n\x01/");
	fn_json_bytes(&j, "path", "x\xff", 2);
	fn_json_bytes(&j, "ok", "\xc3\xa9", 2);
	fn_json_open(&j, "list", '[');
	fn_json_u64(&j, NULL, UINT64_MAX);
	fn_json_i64(&j, NULL, INT64_MIN);
	fn_json_close(&j, ']');
	fn_json_open(&j, "none", '[');
	fn_json_close(&j, ']');
	fn_json_bool(&j, "t", true);
	fn_json_null(&j, "n");
	fn_json_seconds(&j, "time", 1500000001);
	fn_json_seconds(&j, "neg", -5);
	fn_json_close(&j, '}');
	CHECK_STR(done(&b), "{\"s\":\"a\\\"b\\\\\\n\\u0001/\",\"path\":\"x\xef\xbf\xbd\","
			    "\"path_raw\":[120,255],\"ok\":\"\xc3\xa9\","
			    "\"list\":[18446744073709551615,-9223372036854775808],\"none\":[],"
			    "\"t\":true,\"n\":null,\"time\":1.500000001,\"neg\":-0.000000005}");
	fn_buf_free(&b);
}

static void buffer_grows(void)
{
	struct fn_buf b = {0};

	for (int i = 0; i < 1000; i++)
		fn_buf_str(&b, "0123456789");
	fn_buf_hex(&b, 0xabc, 8);
	fn_buf_hex_bytes(&b, "\x01\xff", 2);
	fn_buf_octal(&b, 0644);
	CHECK_INT(b.len, 10000 + 8 + 4 + 3);
	CHECK(!memcmp(b.data + 10000, "00000abc01ff644", 15));
	fn_buf_free(&b);
	CHECK(fn_buf_room(&b, SIZE_MAX) == NULL && b.failed);
	fn_buf_str(&b, "ignored after a failure");
	CHECK_INT(b.len, 0);
	fn_buf_free(&b);
}

static const struct unit_test tests[] = {
	{"C escapes", escapes},
	{"malformed escapes are refused", bad_escapes},
	{"every pair of bytes survives escaping", every_byte_pair_comes_back},
	{"UTF-8", utf8},
	{"JSON", json},
	{"a buffer grows, and fails for good", buffer_grows},
};
UNIT_MAIN(tests)
