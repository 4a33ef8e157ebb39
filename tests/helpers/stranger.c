/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program of somebody else does with the public header alone.
 * stranger listen DIRECTORY COUNT: print that many events, "source NAME" first.
 * stranger inject DIRECTORY MASK PATH [OLDPATH]: tell the server of the mount.
 */
#include <fnotify.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_event(const struct fn_message *m)
{
	static const char *const paths[] = {"old_path", "path"};
	uint64_t mask = 0, seq = 0;

	fn_message_number(m, "mask", &mask);
	fn_message_number(m, "seq", &seq);
	printf("%s %lu %#lx", fn_message_name(m), (unsigned long)seq, (unsigned long)mask);
	for (int i = 0; i < 2; i++) {
		const void *data;
		size_t len;

		if (!fn_message_bytes(m, paths[i], &data, &len))
			printf(" %s", (const char *)data);
	}
	putchar('\n');
}

static int listen_to(const char *path, int count)
{
	struct fn_listener *l;
	int rc = fn_listener_new(&l, &path, 1, 0, FN_LISTEN_RECURSIVE, NULL);

	if (rc)
		return rc;
	printf("source %s\n", fn_listener_source(l));
	fflush(stdout);
	while (count > 0 && rc >= 0) {
		struct pollfd p = {fn_listener_fd(l), POLLIN, 0};
		struct fn_message *m;

		poll(&p, 1, fn_listener_timeout(l));
		while (count > 0 && (rc = fn_listener_read(l, &m)) > 0) {
			print_event(m);
			fn_message_unref(m);
			count--;
		}
		fflush(stdout);
	}
	fn_listener_unref(l);
	return rc < 0 ? rc : 0;
}

static int inject(const char *path, char **arg)
{
	struct fn_message *m;
	int rc = fn_message_new(&m, "fn1", FN_MESSAGE_REQUEST, "FN1_INJECT");

	if (rc)
		return rc;
	rc = fn_message_set_number(m, "mask", strtoul(arg[0], NULL, 0));
	if (!rc)
		rc = fn_message_set_bytes(m, "path", arg[1], strlen(arg[1]));
	if (!rc && arg[2])
		rc = fn_message_set_bytes(m, "old_path", arg[2], strlen(arg[2]));
	if (!rc)
		rc = fn_inject(path, m);
	fn_message_unref(m);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "listen"))
		rc = listen_to(argv[2], atoi(argv[3]));
	else if (argc > 4)
		rc = inject(argv[2], argv + 3);
	if (rc)
		fprintf(stderr, "stranger: %s\n", strerror(-rc));
	return rc != 0;
}
