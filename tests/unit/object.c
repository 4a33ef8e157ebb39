/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "object/object.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static void equality(void)
{
	struct fn_object a, b;

	fn_object_clear(&a);
	fn_object_clear(&b);
	CHECK(!fn_object_equal(&a, &b)); /* nothing known equals nothing */
	a.ino = b.ino = 7;
	a.has = b.has = FN_OBJ_INO;
	CHECK(!fn_object_equal(&a, &b)); /* a bare inode number is weak */
	CHECK(!fn_object_known(&a));
	fn_object_set_node(&a, 7, 1);
	fn_object_set_node(&b, 7, 2);
	CHECK(!fn_object_equal(&a, &b)); /* reused */
	fn_object_set_node(&b, 7, 1);
	CHECK(fn_object_equal(&a, &b));
	CHECK_INT(fn_object_hash(&a) == fn_object_hash(&b), true);
}

/* XFS: a 64-bit inode number and a generation, of the type that FUSE has. */
static void a_node_is_told_of_fuse_alone(void)
{
	const uint8_t bytes[12] = {0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0};
	struct fn_object o;

	fn_object_clear(&o);
	fn_object_set_handle(&o, FN_HANDLE_FUSE, bytes, sizeof(bytes));
	o.has |= FN_OBJ_FSID;
	o.fsid = 0x700;
	fn_object_learn_node(&o);
	CHECK(!(o.has & FN_OBJ_NODE));
	o.fsid = 0;
	fn_object_learn_node(&o);
	CHECK(o.has & FN_OBJ_NODE);
	CHECK_INT(o.nodeid, 5);
	CHECK_INT(o.generation, 2);
	fn_object_clear(&o);
	fn_object_set_handle(&o, 1, bytes, sizeof(bytes));
	fn_object_learn_node(&o);
	CHECK(!(o.has & FN_OBJ_NODE));
}

static void handles_are_binary(void)
{
	struct fn_object a, b;

	fn_object_clear(&a);
	fn_object_clear(&b);
	CHECK_INT(fn_object_set_handle(&a, 1, "ab\0cd\0ef", 8), 0);
	CHECK_INT(fn_object_set_handle(&b, 1, "ab\0cd\0eg", 8), 0);
	CHECK(!fn_object_equal(&a, &b));
	fn_object_set_handle(&b, 1, "ab\0cd\0ef", 8);
	CHECK(fn_object_equal(&a, &b));
	CHECK(fn_object_hash(&a) == fn_object_hash(&b));
	b.handle_type = 2;
	CHECK(!fn_object_equal(&a, &b));
	b.handle_type = 1;
	a.has |= FN_OBJ_FSID;
	b.has |= FN_OBJ_FSID;
	a.fsid = 1;
	b.fsid = 2;
	CHECK(!fn_object_equal(&a, &b)); /* the same handle of another file system */
	CHECK_INT(fn_object_set_handle(&a, 1, "", FN_HANDLE_MAX + 1), -EMSGSIZE);
}

static void fuse_handles(void)
{
	struct fn_object o, back;
	uint8_t bytes[12];

	fn_object_clear(&o);
	CHECK_INT(fn_object_to_fuse_handle(&o, bytes), -EINVAL);
	fn_object_set_node(&o, 0x123456789abcdef0u, 0x11223344);
	CHECK_INT(fn_object_to_fuse_handle(&o, bytes), 0);
	CHECK(!memcmp(bytes, (uint32_t[]){0x12345678, 0x9abcdef0, 0x11223344}, 12));
	fn_object_clear(&back);
	CHECK_INT(fn_object_from_fuse_handle(&back, bytes, 12), 0);
	CHECK(fn_object_equal(&o, &back));
	CHECK_INT(fn_object_from_fuse_handle(&back, bytes, 11), -EINVAL);
	fn_object_set_node(&o, 1, UINT64_C(1) << 32);
	CHECK_INT(fn_object_to_fuse_handle(&o, bytes), -ERANGE);
}

static void on_a_file_system(const char *base)
{
	char dir[64], path[80], moved[80];
	struct fn_object o, again, parent;
	struct stat st, now;
	int fd, dirfd;

	snprintf(dir, sizeof(dir), "%s/object.XXXXXX", base);
	CHECK(mkdtemp(dir) != NULL);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(moved, sizeof(moved), "%s/g", dir);
	CHECK_INT(mknod(path, S_IFREG | 0600, 0), 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(fn_object_at(&o, AT_FDCWD, path, 0), 0);
	CHECK_INT(fn_object_at(&again, dirfd, "f", 0), 0);
	CHECK(o.has & FN_OBJ_HANDLE && o.has & FN_OBJ_FSID);
	CHECK(fn_object_equal(&o, &again));
	CHECK_INT(fn_object_at(&parent, dirfd, "", AT_EMPTY_PATH), 0);
	CHECK(!fn_object_equal(&o, &parent));
	CHECK_INT(parent.fsid == o.fsid, true);
	CHECK_INT(rename(path, moved), 0);
	fd = geteuid() == 0 ? fn_object_open(&o, dirfd, O_RDONLY) : -1;
	if (geteuid() == 0)
		CHECK(fd >= 0 && fstat(fd, &now) == 0 && now.st_ino == st.st_ino);
	if (fd >= 0)
		close(fd);
	unlink(moved);
	CHECK_INT(mknod(moved, S_IFREG | 0600, 0), 0); /* likely the same inode number */
	CHECK_INT(fn_object_at(&again, dirfd, "g", 0), 0);
	CHECK(!fn_object_equal(&o, &again));
	if (geteuid() == 0)
		CHECK_INT(fn_object_open(&o, dirfd, O_RDONLY), -ESTALE);
	CHECK_INT(fn_object_at(&again, dirfd, "nothing", 0), -ENOENT);
	CHECK_INT(again.has, 0);
	unlink(moved);
	close(dirfd);
	rmdir(dir);
}

static void on_disk(void)
{
	on_a_file_system("/tmp");
}

static void on_tmpfs(void)
{
	on_a_file_system("/dev/shm");
}

static const struct unit_test tests[] = {
	{"equality needs a handle, or a nodeid with its generation", equality},
	{"handles are compared as bytes with a length", handles_are_binary},
	{"FUSE handles", fuse_handles},
	{"a node is told of FUSE alone, not of XFS", a_node_is_told_of_fuse_alone},
	{"objects of a disk file system", on_disk},
	{"objects of tmpfs", on_tmpfs},
};

UNIT_MAIN(tests)
