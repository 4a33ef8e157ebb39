/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A FUSE server whose every answer is the input: INIT, opcodes, and what travels between processes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/mountinfo.h"
#include "probe/peer.h"
#include "text/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_peer {
	struct fn_peer peer; /* first */
	const uint8_t *data;
	size_t size;
};

/* A byte chooses how: as it is, or made a good header for. */
static long answer(struct fn_peer *p, const void *req, size_t len, void *reply, bool noreply,
		   int64_t deadline_ns)
{
	struct fuzz_peer *f = (struct fuzz_peer *)p;
	size_t n;
	uint8_t how;

	(void)len;
	(void)deadline_ns;
	if (noreply)
		return 0;
	if (f->size < 2)
		return -EPIPE;
	how = f->data[0];
	n = f->data[1] * (how & 8 ? 16u : 1u);
	f->data += 2;
	f->size -= 2;
	n = n > f->size ? f->size : n;
	n = n > FN_PEER_BUF ? FN_PEER_BUF : n;
	memcpy(reply, f->data, n);
	f->data += n;
	f->size -= n;
	if (n < 16 || (how & 3) == 0)
		return (long)n;
	fn_put_u32(reply, (uint32_t)n, false);
	fn_put_u64((char *)reply + 8, fn_get_u64((const char *)req + 8, false), false);
	if (how & 4) {
		fn_put_u32((char *)reply + 4, 0, false);
		return (long)n;
	}
	fn_put_u32(reply, 16, false);
	fn_put_u32((char *)reply + 4, (uint32_t) - (how >> 4), false);
	return 16;
}

static void fuzz_peer(const uint8_t *data, size_t size)
{
	static const char *const as[] = {NULL, "7.31", "rfc-v1", "rfc-v2", "fn-native"};
	struct fuzz_peer p = {{.call = answer, .how = "fuzz"}, data + 1, size - 1};
	struct fn_init_offer offer;
	struct fn_facts f = {0};

	fn_peer_offer(&offer, as[data[0] % 5]);
	fn_peer_ask(&f, &p.peer, &offer, 0);
	fn_facts_sort(&f);
	for (size_t i = 0; i < f.count; i++)
		fn_fact_holds(&f.list[i]);
	fn_facts_free(&f);
}

static void fuzz_mountinfo(const char *text, size_t size)
{
	struct fn_mount *m = malloc(sizeof(*m));
	char *line = malloc(size + 1);

	if (m && line) {
		memcpy(line, text, size);
		line[size] = '\0';
		fn_mount_parse(m, line);
	}
	free(line);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fn_facts f = {0};
	struct fn_init_offer offer = {.dialect = FN_DIALECT_mainline};

	if (size < 2)
		return 0;
	fuzz_peer(data, size);
	fn_facts_unpack(&f, (const char *)data, size);
	fn_probe_init_offer(&f, &offer, data, size, "fuzz");
	fn_facts_free(&f);
	fuzz_mountinfo((const char *)data, size);
	return 0;
}
