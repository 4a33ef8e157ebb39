/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "source_kinds.h"

int main(void)
{
	static const struct kind kinds[] = {
		{"inotify", fn_source_inotify, 0, "/tmp"},
		{"inotify on tmpfs", fn_source_inotify, 0, "/dev/shm"},
	};

	return run_kinds(kinds, 2, NULL, 0);
}
