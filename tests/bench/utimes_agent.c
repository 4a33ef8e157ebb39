/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utimes_agent ROOT < paths: what an agent in a guest does today for each path that changed on the
 * host: stat(), then set both times to the time of modification. For comparison only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	int root = argc == 2 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	char line[4200];
	unsigned failed = 0;

	if (root < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		struct timespec ts[2];
		struct stat st;

		line[strcspn(line, "\n")] = '\0';
		if (fstatat(root, line, &st, 0)) {
			failed++;
			continue;
		}
		ts[0] = ts[1] = st.st_mtim;
		failed += utimensat(root, line, ts, 0) != 0;
	}
	if (failed)
		fprintf(stderr, "utimes_agent: %u paths failed\n", failed);
	return failed != 0;
}
