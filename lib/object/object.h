/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Object identity. An object is named by its file handle within a file system, or by a FUSE
 * nodeid with its generation; a bare inode number is weak and equals nothing by itself.
 */
#ifndef FN_OBJECT_OBJECT_H
#define FN_OBJECT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FN_HANDLE_MAX 128 /* MAX_HANDLE_SZ of <linux/exportfs.h> */

enum fn_object_has {
	FN_OBJ_HANDLE = 1 << 0,
	FN_OBJ_FSID = 1 << 1,
	FN_OBJ_NODE = 1 << 2, /* nodeid and generation */
	FN_OBJ_INO = 1 << 3,  /* weak */
};

struct fn_object {
	uint8_t has;
	uint8_t handle_len;
	int32_t handle_type;
	uint64_t fsid;
	uint64_t nodeid;
	uint64_t generation;
	uint64_t ino;
	uint8_t handle[FN_HANDLE_MAX];
};

static inline bool fn_object_known(const struct fn_object *o)
{
	return o->has & (FN_OBJ_HANDLE | FN_OBJ_NODE);
}

void fn_object_clear(struct fn_object *o); /* O(1): does not touch the handle bytes */
void fn_object_copy(struct fn_object *to, const struct fn_object *from);
int fn_object_set_handle(struct fn_object *o, int type, const void *bytes, size_t len);
void fn_object_set_node(struct fn_object *o, uint64_t nodeid, uint64_t generation);
bool fn_object_equal(const struct fn_object *a, const struct fn_object *b);
uint64_t fn_object_hash(const struct fn_object *o);

/* The kernel's FUSE handle (FILEID_INO64_GEN, type 0x81: u32 nodeid high, nodeid low, generation).
 */
#define FN_HANDLE_FUSE 0x81
int fn_object_to_fuse_handle(const struct fn_object *o, uint8_t bytes[12]);
int fn_object_from_fuse_handle(struct fn_object *o, const uint8_t *bytes, size_t len);
/* The node of an object whose handle and fsid the kernel reported. XFS and erofs use the type 0x81
 * for handles of their own; FUSE is told from them by having no fsid. */
void fn_object_learn_node(struct fn_object *o);

/* name_to_handle_at(dirfd, name): fills the handle and fsid; AT_HANDLE_FID is used where the
 * kernel has it. flags: AT_EMPTY_PATH, AT_SYMLINK_FOLLOW. 0 or -errno. */
int fn_object_at(struct fn_object *o, int dirfd, const char *name, int flags);
/* The handle alone (no fsid), and the mount it was seen on, if mount_id is not NULL. */
int fn_object_handle_at(struct fn_object *o, int dirfd, const char *name, int flags, int *mount_id);
/* open_by_handle_at(); mount_fd is any descriptor of the file system. A descriptor or -errno. */
int fn_object_open(const struct fn_object *o, int mount_fd, int flags);
/* st_fsid of a descriptor, as fanotify reports it. */
int fn_object_fsid(int fd, uint64_t *fsid);

#endif
