/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange A B: swap two names. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc != 3 || renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE))
		err(1, "exchange");
	return 0;
}
