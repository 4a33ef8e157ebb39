/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "source_scenarios.h"

int main(void)
{
	static const struct kind kinds[] = {
		{"fanotify", fn_source_fanotify, FN_SOURCE_WHOLE_FS, "/tmp"},
		{"fanotify on tmpfs", fn_source_fanotify, FN_SOURCE_WHOLE_FS, "/dev/shm"},
		{"fanotify, inode marks", fn_source_fanotify, 0, "/tmp"},
	};

	return run_kinds(kinds, 3, NULL, 0);
}
