/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs.h"

#include <stddef.h>
#include <stdint.h>
#include <linux/magic.h>

static const uint32_t remote_magic[] = {
	FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC,
	SMB2_SUPER_MAGIC, V9FS_MAGIC,      AFS_SUPER_MAGIC, CEPH_SUPER_MAGIC,
	CODA_SUPER_MAGIC, 0x0bd00bd0, /* Lustre */
};

bool fs_is_local(const struct statfs *fs)
{
	for (size_t i = 0; i < sizeof(remote_magic) / sizeof(remote_magic[0]); i++)
		if ((uint32_t)fs->f_type == remote_magic[i])
			return false;
	return true;
}
